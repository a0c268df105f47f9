"""A panel's newest windows through the members of the last fold, whose answers are checked against what is stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from forecast.compute.network_process import PredictionLibrary
from forecast.compute.task import Task
from forecast.config.experiment import Experiment
from forecast.datasets.dataset import members
from forecast.runs.checkpoints import PROBABILITY_TOLERANCE, Checkpoint, open_member, panel_scalers
from forecast.runs.run import Run
from pipelines.errors import RunError
from pipelines.market import calendars
from pipelines.market.times import moment_of, utc, zoned
from pipelines.market.types import Bars, Floats, Times
from pipelines.preprocessing import features, windows
from pipelines.preprocessing.scaling import Scaler
from pipelines.preprocessing.windows import Rows

_CHECKED = 3  # decisions of the run per symbol that are made again, to see that nothing has changed


@dataclass(frozen=True, kw_only=True, eq=False)
class DecisionRows:
    """A symbol's bars, its features, and the bars at which decisions are asked for: the run's last ones, then new ones.

    fresh: how many of them the run has not made.
    """

    prices: Bars
    matrix: Floats
    ends: Rows
    fresh: int


@dataclass(frozen=True, kw_only=True, eq=False)
class MemberGroup:
    """Members of one fold, and the symbols that they are asked about: all of a panel, or one with its own."""

    members: Sequence[Checkpoint]
    symbols: tuple[str, ...]


def decision_rows_of(prices: Bars, experiment: Experiment, *, last: pd.Timestamp | None) -> DecisionRows:
    """Where a symbol is asked for decisions."""
    if not len(prices):
        raise RunError(f"{experiment.symbol}: no bar up to then.")
    matrix = features.compute(prices, names=experiment.columns)
    first = windows.first_end(matrix, steps=experiment.window)
    since = 0 if last is None else int(np.searchsorted(prices.closed_at, moment_of(last), side="right"))
    start = len(prices) - 1 if last is None else since  # a symbol that the run never tested is asked today alone
    ends = np.arange(max(first, start - _CHECKED), len(prices), dtype=np.int64)
    days = calendars.session_of(prices.closed_at[ends], prices.calendar)
    ends = ends[members(days, experiment.membership, prices.symbol)]
    return DecisionRows(prices=prices, matrix=matrix, ends=ends, fresh=int((ends >= max(first, start)).sum()))


def member_groups(run: Run, experiment: Experiment, *, fold: int) -> tuple[list[MemberGroup], dict[str, Scaler]]:
    """The members of a fold with the symbols that each set of them is asked of, and each symbol's scaler there."""
    tasks = [(model, fold, seed) for model in experiment.models for seed in range(experiment.seeds)]
    if not experiment.local_models:
        members = [open_member(run, experiment, task, panel=True) for task in tasks]
        scalers = panel_scalers(run, members[0].task, features=len(experiment.columns))
        return [MemberGroup(members=members, symbols=tuple(scalers))], scalers
    groups, scalers = [], {}
    for symbol in experiment.panel:
        part = run.of_symbol(symbol)
        if part.member(*tasks[0]).exists():  # it has members in this fold
            members = [open_member(part, experiment, task) for task in tasks]
            groups.append(MemberGroup(members=members, symbols=(symbol,)))
            scalers[symbol] = members[0].scaler
    return groups, scalers


def fresh_predictions(
    symbol_rows: Mapping[str, DecisionRows],
    groups: Sequence[MemberGroup],
    scalers: Mapping[str, Scaler],
    past: pd.DataFrame,
    *,
    library: PredictionLibrary,
    fold: int,
) -> tuple[list[pd.DataFrame], float]:
    """Rows of the decisions that the run has not made, and how far those that it has made are from what it stored."""
    frames, apart = [], 0.0
    for group in groups:
        decisions = _decisions(symbol_rows, group.symbols, scalers, steps=group.members[0].architecture.steps)
        if decisions is None:
            continue
        recorded = past[(past["fold"] == fold) & past["symbol"].isin(group.symbols)]
        for member in group.members:
            probability = _probability(member, decisions, library=library)
            frames.append(decisions.fresh_rows(member.task, probability))
            apart = max(apart, decisions.distance(recorded, member.task, probability))
    if apart > PROBABILITY_TOLERANCE:
        raise RunError(
            f"The networks no longer give the probabilities that the run stored (by up to {apart:.2g}): other bars in "
            "the store, or another version. Train it again: --overwrite."
        )
    return frames, apart


@dataclass(frozen=True, kw_only=True, eq=False)
class _Decisions:
    """Windows that members are asked about. matrix: scaled features of the symbols one after another.

    ends: the row at which each window ends. symbol, decided_at, new: whose it is, when it decides, and whether the run
    has not; all of shape (windows,).
    """

    matrix: "np.ndarray[Any, np.dtype[np.float32]]"
    ends: Rows
    symbol: "np.ndarray[Any, np.dtype[np.object_]]"
    decided_at: Times
    new: "np.ndarray[Any, np.dtype[np.bool_]]"

    def fresh_rows(self, task: Task, probability: Floats) -> pd.DataFrame:
        """The new decisions as rows of predictions.parquet."""
        model, fold, seed = task
        times = zoned(self.decided_at[self.new])
        return pd.DataFrame(
            {"symbol": self.symbol[self.new], "model": model, "fold": fold, "seed": seed, "decided_at": times,
             "entry_at": times, "exit_at": times, "probability": probability[self.new], "target": 0,
             "forward_return": 0.0}
        )  # fmt: skip

    def distance(self, stored: pd.DataFrame, task: Task, probability: Floats) -> float:
        """How far the decisions that the run has made, made again, are from what it stored of them."""
        model, _, seed = task
        rows = stored[(stored["model"] == model) & (stored["seed"] == seed)]
        before = pd.Series(rows["probability"].to_numpy(), index=[rows["symbol"], utc(rows["decided_at"])])
        again = pd.Series(probability[~self.new], index=[self.symbol[~self.new], self.decided_at[~self.new]])
        both = before.reindex(again.index).to_numpy(np.float64)
        return float(np.nanmax(np.abs(both - again.to_numpy()), initial=0.0))


def _decisions(
    symbol_rows: Mapping[str, DecisionRows], symbols: Sequence[str], scalers: Mapping[str, Scaler], *, steps: int
) -> _Decisions | None:
    """What is asked of these symbols, None where nothing is."""
    values, ends, offset = [], [], 0
    named = [(name, symbol_rows[name]) for name in symbols if name in symbol_rows and len(symbol_rows[name].ends)]
    if not named:
        return None
    for name, symbol in named:
        first = int(symbol.ends[0]) - steps + 1
        values.append(scalers[name].apply(symbol.matrix[first:].astype(np.float32)))
        ends.append(symbol.ends - first + offset)
        offset += len(values[-1])
    return _Decisions(
        matrix=np.concatenate(values),
        ends=np.concatenate(ends),
        symbol=np.concatenate([np.full(len(symbol.ends), name, dtype=object) for name, symbol in named]),
        decided_at=np.concatenate([symbol.prices.closed_at[symbol.ends] for _, symbol in named]),
        new=np.concatenate([np.arange(len(symbol.ends)) >= len(symbol.ends) - symbol.fresh for _, symbol in named]),
    )


def _probability(member: Checkpoint, decisions: _Decisions, *, library: PredictionLibrary) -> Floats:
    """What a member says of each window."""
    if member.diverged:
        return np.full(len(decisions.ends), 0.5)
    width = decisions.matrix.shape[1]
    probability: Floats = library.predict(
        decisions.matrix,
        ends=decisions.ends,
        scaler=Scaler(mean=np.zeros(width), scale=np.ones(width)),  # the matrix is scaled
        architecture=member.architecture,
        parameters=library.load(member.weights, architecture=member.architecture),
    )
    return probability
