"""A run -> all that its networks can be asked about memory, as tables; and those tables on disk."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits  # comes with scikit-learn

from forecast.diagnostics import gates, gradients, occlusion
from forecast.diagnostics.loader import Member, RunUnderStudy, members, spread
from forecast.diagnostics.numpy_cells import forward, logits
from forecast.runs.io import write_json, write_parquet
from pipelines.errors import RunError
from pipelines.market.types import Floats
from pipelines.preprocessing.windows import Rows

TRADE_REACH = 10  # decisions before and after a change of mind
_START_WINDOWS = 200  # of a fold, for the gates before training
_SAME = 1e-4  # probabilities in float32, computed in another order, differ by 1e-6; other weights by far more


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


def inspect(subject: RunUnderStudy, *, at: np.datetime64 | None = None, tell: Callable[[str], None]) -> Inspection:
    """Looks into every member of a run.

    at: the chosen window is the last one decided at or before this time; the newest when None. tell: one line now and
    then for a person.

    Raises:
        RunError: damaged weights, or ones that do not give the probabilities that the run has stored.
    """
    with threadpool_limits(1):  # many small matrices: more threads would only wait for one another
        return _inspect(subject, at=at, tell=tell)


def save(inspection: Inspection, subject: RunUnderStudy, *, pictures: dict[str, Any]) -> None:
    """Writes `<run>/inspection/*.parquet`, what the report shows of it, and, last, inspection.json."""
    folder = subject.run.place("inspection")
    (folder / "inspection.json").unlink(missing_ok=True)
    for name, table in inspection.tables().items():
        write_parquet(folder / f"{name}.parquet", table)
    write_json(folder / "pictures.json", pictures)
    write_json(folder / "inspection.json", inspection.facts)


def _inspect(subject: RunUnderStudy, *, at: np.datetime64 | None, tell: Callable[[str], None]) -> Inspection:
    stored = subject.run.predictions().set_index(["model", "fold", "seed"]).sort_index()["probability"]
    chosen = _chosen(subject, at)
    rows = np.concatenate([fold.test for fold in subject.data.folds])
    calm = np.searchsorted(np.quantile(spread := gates.volatility(subject, rows), [1 / 3, 2 / 3]), spread)
    parts: dict[str, list[pd.DataFrame]] = {}
    observations: dict[tuple[int, int], gates.Gates] = {}
    apart = 0.0
    for (fold, model), group in groupby(members(subject), key=lambda member: (member.fold, member.model)):
        ensemble = list(group)
        for member in ensemble:
            curves, memory = gradients.measure(subject, member)
            _keep(parts, curves=curves, memory=memory)
            if model == "lstm":
                regime = calm[np.searchsorted(rows, subject.data.folds[fold].test)]
                observed = observations[fold, member.seed] = _into_gates(subject, member, parts, regime=regime)
                probability = observed.probability
                if chosen[0] == fold:
                    _keep(parts, window=_window(subject, member, chosen[1]))
            else:
                probability = _probabilities(subject, member)
            apart = max(apart, _compare(subject, member, probability, stored))
        _keep(parts, occlusion=occlusion.measure(subject, ensemble))
        tell(f"Looked into {model} of fold {fold}, {len(ensemble)} {'seed' if len(ensemble) == 1 else 'seeds'}.")
    if observations:
        _keep(parts, trades=_trades(subject, observations))
    facts = _facts(subject, chosen=chosen, rows=len(rows), apart=apart)
    facts["integrity"] = subject.integrity.to_json()
    return Inspection(**{name: pd.concat(frames, ignore_index=True) for name, frames in parts.items()}, facts=facts)


def _into_gates(
    subject: RunUnderStudy, member: Member, parts: dict[str, list[pd.DataFrame]], *, regime: Rows
) -> gates.Gates:
    """An LSTM member over all its test rows; regime: 0 to 2 for each of them."""
    test = subject.data.folds[member.fold].test
    observed = gates.observe(member.trained, gates.batches(subject, member, test))
    start = gates.observe(member.initial, [subject.windows(member, spread(test, most=_START_WINDOWS))])
    _keep(
        parts,
        averages=gates.averages(member, observed),
        units=gates.constants(member, {"initial": start.forget, "trained": observed.forget}),
        regimes=gates.regimes(member, observed, regime=regime),
    )
    return observed


def _probabilities(subject: RunUnderStudy, member: Member) -> Floats:
    """A member's chances of a rise at its test rows."""
    batches = gates.batches(subject, member, subject.data.folds[member.fold].test)
    last = [logits(member.trained, forward(member.trained, batch).h[-1]) for batch in batches]
    return np.asarray(1 / (1 + np.exp(-np.concatenate(last))))


def _keep(parts: dict[str, list[pd.DataFrame]], **tables: pd.DataFrame) -> None:
    for name, table in tables.items():
        parts.setdefault(name, []).append(table)


def _chosen(subject: RunUnderStudy, at: np.datetime64 | None) -> tuple[int, int]:
    """Fold and window number of the window to show."""
    first, last = subject.data.folds[0].test[0], subject.data.folds[-1].test[-1]
    decided = subject.data.windows.decided_at
    row = int(last) if at is None else int(np.searchsorted(decided, at, side="right")) - 1
    if not first <= row <= last:
        raise RunError(
            f"Expected a moment from {str(decided[first])[:10]} to {str(decided[last])[:10]}, the run's test rows, "
            f"got {str(at)[:10]}."
        )
    return next((fold.number, row) for fold in subject.data.folds if row <= fold.test[-1])


def _window(subject: RunUnderStudy, member: Member, row: int) -> pd.DataFrame:
    """Every gate and state of every unit, bar by bar, in one window."""
    trace = forward(member.trained, subject.windows(member, np.array([row])))
    steps, _, units = trace.h.shape
    lag, unit = np.meshgrid(np.arange(steps)[::-1], np.arange(units), indexing="ij")
    columns = {name: values[:, 0].ravel() for name, values in gates.by_name(trace).items()}
    return pd.DataFrame({"fold": member.fold, "seed": member.seed, "unit": unit.ravel(), "lag": lag.ravel(), **columns})


def _compare(subject: RunUnderStudy, member: Member, probability: Floats, stored: "pd.Series[float]") -> float:
    """The largest difference from what the run stored: the networks looked into are the networks that predicted."""
    key = (member.model, member.fold, member.seed)
    before = stored.loc[[key]].to_numpy() if key in stored.index else np.empty(0)
    apart = float(np.abs(before - probability).max()) if before.shape == probability.shape else np.inf
    if not apart < _SAME:
        raise RunError(
            f"The weights of {member.model} fold {member.fold} seed {member.seed} of run {subject.run.name} do not "
            "give the probabilities that are stored. Train it again: forecast train --overwrite."
        )
    return apart


def _trades(subject: RunUnderStudy, observations: dict[tuple[int, int], gates.Gates]) -> pd.DataFrame:
    """Mean gates around the decisions at which the LSTM ensemble's chance of a rise crossed one half."""
    folds, seeds = range(len(subject.data.folds)), range(subject.experiment.seeds)
    joined = {
        name: np.concatenate(
            [np.mean([observations[fold, seed].decision[name] for seed in seeds], axis=0) for fold in folds]
        )
        for name in gates.ARRAYS
    }
    chance = np.concatenate(
        [np.mean([observations[fold, seed].probability for seed in seeds], axis=0) for fold in folds]
    )
    turned = np.diff((chance > 0.5).astype(int), prepend=int(chance[0] > 0.5))
    parts = []
    for side, sign in (("buy", 1), ("sell", -1)):
        for name, values in joined.items():
            events = gates.around(values, np.flatnonzero(turned == sign), reach=TRADE_REACH)
            if len(events) > 1:
                error = events.std(axis=0, ddof=1) / np.sqrt(len(events))
                columns = {"offset": np.arange(-TRADE_REACH, TRADE_REACH + 1), "mean": events.mean(axis=0)}
                parts.append(
                    pd.DataFrame({"side": side, "gate": name, **columns, "error": error, "events": len(events)})
                )
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _facts(subject: RunUnderStudy, *, chosen: tuple[int, int], rows: int, apart: float) -> dict[str, Any]:
    tests = [len(fold.test) for fold in subject.data.folds]
    return {
        "run": subject.run.name,
        "symbol": subject.experiment.symbol,
        "window": subject.experiment.window,
        "test_rows": rows,
        "gradient_windows": sum(min(gradients.WINDOWS, count) for count in tests),
        "jacobian_windows": sum(min(gradients.JACOBIANS, count) for count in tests),
        "occlusion_windows": sum(min(occlusion.WINDOWS, count) for count in tests),
        "decided_at": str(subject.data.windows.decided_at[chosen[1]])[:16],
        "largest_difference_from_stored_probabilities": apart,
    }
