"""A run -> all that its networks can be asked about memory, as tables; and those tables on disk."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits  # comes with scikit-learn

from forecast.diagnostics import gates, gradients, occlusion
from forecast.diagnostics.loader import Member, RunUnderStudy, members, spread
from forecast.runs.checkpoints import PROBABILITY_TOLERANCE
from forecast.runs.io import write_json, write_parquet
from pipelines.errors import RunError
from pipelines.market.types import Floats
from pipelines.preprocessing.windows import Rows

TRADE_REACH = 10  # decisions before and after a change of mind
_START_WINDOWS = 200  # of a fold, for the gates before training


@dataclass(frozen=True, kw_only=True, eq=False)
class Inspection:
    """Everything the page shows. Tables as described in docs/memory.md; window: the chosen one, with its time."""

    curves: pd.DataFrame
    memory: pd.DataFrame
    occlusion: pd.DataFrame
    averages: pd.DataFrame = field(default_factory=pd.DataFrame)
    units: pd.DataFrame = field(default_factory=pd.DataFrame)
    regimes: pd.DataFrame = field(default_factory=pd.DataFrame)
    trades: pd.DataFrame = field(default_factory=pd.DataFrame)
    window: pd.DataFrame = field(default_factory=pd.DataFrame)
    facts: dict[str, Any]

    def tables(self) -> dict[str, pd.DataFrame]:
        names = ("curves", "memory", "occlusion", "averages", "units", "regimes", "trades", "window")
        return {name: table for name in names if len(table := getattr(self, name))}


Step = Callable[[str, int, int], None]
"""Is told of each thing that is begun: its name, its number from 0, and how many there are."""


def inspect(subject: RunUnderStudy, *, at: np.datetime64 | None = None, step: Step) -> Inspection:
    """Looks into every member of a run.

    at: the chosen window is the last one decided at or before this time; the newest when None. step: of each network
    of each fold.

    Raises:
        RunError: damaged weights, or ones that do not give the probabilities that the run has stored.
    """
    with threadpool_limits(1):  # many small matrices: more threads would only wait for one another
        return _inspect(subject, at=at, step=step)


def save(inspection: Inspection, subject: RunUnderStudy, *, pictures: dict[str, Any]) -> None:
    """Writes `<run>/inspection/*.parquet`, what the report shows of it, and, last, inspection.json."""
    folder = subject.run.place("inspection")
    (folder / "inspection.json").unlink(missing_ok=True)
    for name, table in inspection.tables().items():
        write_parquet(folder / f"{name}.parquet", table)
    write_json(folder / "pictures.json", pictures)
    write_json(folder / "inspection.json", inspection.facts)


def _inspect(subject: RunUnderStudy, *, at: np.datetime64 | None, step: Step) -> Inspection:
    predictions = subject.run.predictions().sort_values(["decided_at", "symbol"], kind="stable")
    stored = predictions.set_index(["model", "fold", "seed"]).sort_index(kind="stable")["probability"]
    chosen = _chosen(subject, at)
    rows = subject.tested
    calm = np.searchsorted(np.quantile(spread := gates.volatility(subject, rows), [1 / 3, 2 / 3]), spread)
    parts: dict[str, list[pd.DataFrame]] = {}
    observations: dict[str, dict[tuple[int, int], gates.Gates]] = {}
    cells: dict[str, str] = {}
    apart = 0.0
    groups = groupby(members(subject), key=lambda member: (member.fold, member.model))
    for number, ((fold, model), group) in enumerate(groups):
        step(f"{model}, fold {fold}", number, len(subject.data.folds) * len(subject.models))
        ensemble = list(group)
        test = subject.data.folds[fold].test
        for member in ensemble:
            curves, memory = gradients.measure(subject, member)
            _keep(parts, curves=curves, memory=memory)
            if cell := gates.cell_of(member.trained):
                cells[model] = cell
                observed = _into_gates(subject, member, parts, regime=calm[np.searchsorted(rows, test)])
                observations.setdefault(model, {})[fold, member.seed] = observed
                probability = observed.probability
                if chosen[0] == fold:
                    _keep(parts, window=_window(subject, member, chosen[1]))
            else:
                probability = gates.probability(member.trained, gates.batches(subject, member, test))
            apart = max(apart, _compare(subject, member, probability, stored))
        _keep(parts, occlusion=occlusion.measure(subject, ensemble))
    for model, by_member in observations.items():
        if len(turns := _trades(subject, by_member)):
            _keep(parts, trades=turns.assign(model=model))
    facts = _facts(subject, chosen=chosen, rows=len(rows), apart=apart)
    facts |= {"gated": cells, "integrity": subject.integrity.to_json()}
    return Inspection(**{name: pd.concat(tables, ignore_index=True) for name, tables in parts.items()}, facts=facts)


def _into_gates(
    subject: RunUnderStudy, member: Member, parts: dict[str, list[pd.DataFrame]], *, regime: Rows
) -> gates.Gates:
    """A member with gates over all its test rows; regime: 0 to 2 for each of them."""
    test = subject.data.folds[member.fold].test
    observed = gates.observe(member.trained, gates.batches(subject, member, test))
    start = gates.observe(member.initial, [subject.windows(member, spread(test, most=_START_WINDOWS))])
    _keep(
        parts,
        averages=gates.by_unit(member, observed.average, layer=observed.layer),
        units=gates.constants(member, {"initial": start, "trained": observed}),
        regimes=gates.regimes(member, observed, regime=regime),
    )
    return observed


def _keep(parts: dict[str, list[pd.DataFrame]], **tables: pd.DataFrame) -> None:
    for name, table in tables.items():
        parts.setdefault(name, []).append(table)


def _chosen(subject: RunUnderStudy, at: np.datetime64 | None) -> tuple[int, int]:
    """Fold and window number of the window to show."""
    rows, decided = subject.tested, subject.data.windows.decided_at
    place = len(rows) if at is None else int(np.searchsorted(decided[rows], at, side="right"))
    if place == 0:
        raise RunError(
            f"Expected a moment from {str(decided[rows[0]])[:10]} to {str(decided[rows[-1]])[:10]}, the run's test "
            f"rows, got {str(at)[:10]}."
        )
    row = int(rows[place - 1])
    return next((fold.number, row) for fold in subject.data.folds if row <= fold.test[-1])


def _window(subject: RunUnderStudy, member: Member, row: int) -> pd.DataFrame:
    """Every gate and state of every unit, bar by bar, in one window."""
    arrays, layer, _ = gates.look(member.trained, subject.windows(member, np.array([row])))
    return gates.by_unit(member, {name: values[:, 0] for name, values in arrays.items()}, layer=layer)


def _compare(subject: RunUnderStudy, member: Member, probability: Floats, stored: "pd.Series[float]") -> float:
    """The largest difference from what the run stored: the networks looked into are the networks that predicted."""
    key = (member.model, member.fold, member.seed)
    before = stored.loc[[key]].to_numpy() if key in stored.index else np.empty(0)
    apart = float(np.abs(before - probability).max()) if before.shape == probability.shape else np.inf
    if not apart < PROBABILITY_TOLERANCE:
        raise RunError(
            f"The weights of {member.model} fold {member.fold} seed {member.seed} of run {subject.run.name} do not "
            "give the probabilities that are stored. Train it again: forecast train --overwrite."
        )
    return apart


def _trades(subject: RunUnderStudy, observations: Mapping[tuple[int, int], gates.Gates]) -> pd.DataFrame:
    """Mean gates around the decisions at which one network's ensemble's chance of a rise crossed one half."""
    folds, seeds = range(len(subject.data.folds)), range(subject.experiment.seeds)
    names = next(iter(observations.values())).decision
    joined = {
        name: np.concatenate(
            [np.mean([observations[fold, seed].decision[name] for seed in seeds], axis=0) for fold in folds]
        )
        for name in names
    }
    chance = np.concatenate(
        [np.mean([observations[fold, seed].probability for seed in seeds], axis=0) for fold in folds]
    )
    symbols = subject.data.symbols_of(subject.tested).astype(str)
    by_symbol = [np.flatnonzero(symbols == symbol) for symbol in np.unique(symbols)]
    parts = []
    for side, sign in (("buy", 1), ("sell", -1)):
        for name, values in joined.items():
            events = np.concatenate(
                [
                    gates.around(values[rows], np.flatnonzero(_turns(chance[rows]) == sign), reach=TRADE_REACH)
                    for rows in by_symbol
                ]
            )
            if len(events) > 1:
                error = events.std(axis=0, ddof=1) / np.sqrt(len(events))
                columns = {"offset": np.arange(-TRADE_REACH, TRADE_REACH + 1), "mean": events.mean(axis=0)}
                parts.append(
                    pd.DataFrame({"side": side, "gate": name, **columns, "error": error, "events": len(events)})
                )
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _turns(chance: Floats) -> Rows:
    """1 where the chance of a rise crosses one half upwards, -1 downwards, else 0."""
    above = (chance > 0.5).astype(np.int64)
    return np.asarray(np.diff(above, prepend=above[0]), dtype=np.int64)


def _facts(subject: RunUnderStudy, *, chosen: tuple[int, int], rows: int, apart: float) -> dict[str, Any]:
    tests = [len(fold.test) for fold in subject.data.folds]
    return {
        "run": subject.run.name,
        "symbol": subject.run.symbol,
        "panel": subject.run.is_panel,
        "window": subject.experiment.window,
        "test_rows": rows,
        "gradient_windows": sum(min(gradients.WINDOWS, rows_of_fold) for rows_of_fold in tests),
        "jacobian_windows": sum(min(gradients.JACOBIANS, rows_of_fold) for rows_of_fold in tests),
        "occlusion_windows": sum(min(occlusion.WINDOWS, rows_of_fold) for rows_of_fold in tests),
        "decided_at": str(subject.data.windows.decided_at[chosen[1]])[:16],
        "window_of": str(subject.data.symbols_of(np.array([chosen[1]]))[0]),
        "largest_difference_from_stored_probabilities": apart,
    }
