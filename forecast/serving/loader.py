"""A finished run, ready to be asked: its members of one fold loaded, and what the store holds for it now."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from forecast.compute import backend
from forecast.compute.network_process import PredictionLibrary
from forecast.config.experiment import Experiment
from forecast.datasets.dataset import Source, bars_alone, load, load_covariates
from forecast.datasets.tick_history import TickHistory
from forecast.runs.checkpoints import Checkpoint, open_member
from forecast.runs.integrity import Integrity, open_trained
from forecast.runs.run import Run
from pipelines.errors import RunError, TooFewBarsError
from pipelines.market import calendars
from pipelines.market.times import moment_of
from pipelines.market.types import Floats, Ticks
from pipelines.preprocessing.windows import Rows
from pipelines.store.store import Store


@dataclass(frozen=True, kw_only=True, eq=False)
class LoadedRun:
    """Members of one fold of a run. parameters: one entry a member, as `library` loaded them.

    integrity: whether the run's files are as they were written.
    """

    run: Run
    described: Mapping[str, Any]
    experiment: Experiment
    members: tuple[Checkpoint, ...]
    parameters: tuple[Any, ...]
    library: PredictionLibrary
    integrity: Integrity = Integrity(verified=True)

    def ask(self, matrix: Floats, ends: Rows) -> dict[str, Floats]:
        """Each network's probabilities, shape (seeds, ends), for the windows that end at these bars of the features."""
        values = matrix.astype(np.float32)
        probabilities: dict[str, list[Floats]] = {}
        for member, parameters in zip(self.members, self.parameters, strict=True):
            if member.diverged:
                probabilities.setdefault(member.task[0], []).append(np.full(len(ends), 0.5))
                continue
            probability = self.library.predict(
                values,
                ends=ends,
                scaler=member.scaler,
                architecture=member.architecture,
                parameters=parameters,
                deviation=member.deviation,
            )
            probabilities.setdefault(member.task[0], []).append(probability)
        return {model: np.stack(seed_probabilities) for model, seed_probabilities in probabilities.items()}


def open_experiment(run: Run) -> tuple[Mapping[str, Any], Experiment]:
    """The description of a finished run of one symbol, and its experiment without an end.

    Raises:
        RunError, ConfigError: a panel, or as forecast.runs.integrity.open_trained().
    """
    run.refuse_panel()
    opened = open_trained(run)
    return opened.described, opened.ongoing


def last_fold(described: Mapping[str, Any]) -> int:
    """The newest fold that has test rows of the run's symbol."""
    return max(int(description["number"]) for description in described["folds"])


def load_members(run: Run, *, fold: int | None = None) -> LoadedRun:
    """The members of a fold, the last one by default: their files are checked before the network library is loaded.

    Raises:
        RunError: damaged files (see forecast.runs.checkpoints), or no such fold.
        ConfigError: features, networks or a backend that are not here.
    """
    run.refuse_panel()
    opened = open_trained(run)
    described, experiment = opened.described, opened.ongoing
    number = last_fold(described) if fold is None else fold
    if number not in (numbers := [int(description["number"]) for description in described["folds"]]):
        raise RunError(f"Expected a fold from {numbers[0]} to {numbers[-1]}, got {number}.")
    tasks = [(model, number, seed) for model in experiment.models for seed in range(experiment.seeds)]
    members = tuple(open_member(run, experiment, task) for task in tasks)
    library = PredictionLibrary(name=described.get("backend", backend.DEFAULT))
    return LoadedRun(
        run=run,
        described=described,
        experiment=experiment,
        members=members,
        parameters=tuple(library.load(member.weights, architecture=member.architecture) for member in members),
        library=library,
        integrity=opened.integrity,
    )


def source_now(run: Run, experiment: Experiment, store: Store) -> Source:
    """What the store holds from the run's own first bar on: prices are adjusted from there, as they were for the run.

    Raises:
        TooFewBarsError: nothing from then on.
    """
    return source_since(
        store,
        experiment,
        first=run.bars()["opened_at"].iloc[0],
        covariates=covariates_now(run.describe(), experiment, store),
    )


def covariates_now(described: Mapping[str, Any], experiment: Experiment, store: Store) -> dict[str, Source]:
    """What the store holds of a run's covariates, each from its own first bar on.

    Raises:
        TooFewBarsError: nothing from then on.
    """
    firsts = {
        symbol: pd.Timestamp(description["opened"]) for symbol, description in described.get("covariates", {}).items()
    }
    return {
        symbol: _since(source, first=firsts[symbol]) for symbol, source in load_covariates(store, experiment).items()
    }


def source_since(
    store: Store, experiment: Experiment, *, first: pd.Timestamp, covariates: Mapping[str, Source]
) -> Source:
    """What the store holds of the experiment's symbol from the open of that bar on. covariates: as they are.

    Raises:
        TooFewBarsError: nothing from then on.
    """
    return _since(load(store, experiment, covariates=covariates), first=first)


def _since(source: Source, *, first: pd.Timestamp) -> Source:
    raw, since = source.raw, moment_of(first)
    if isinstance(raw, TickHistory):
        raw = raw.since(since).collect()
        source = replace(source, raw=raw)
    recent = (raw.time if isinstance(raw, Ticks) else raw.opened_at) >= since
    if not recent.any():
        raise TooFewBarsError(
            f"Expected prices of {raw.symbol} from {first:%Y-%m-%d} on in the store, got older ones only."
        )
    return replace(source, raw=raw.rows(recent))


def late_covariates(
    covariates: Mapping[str, Source], experiment: Experiment, *, decided_at: np.datetime64
) -> tuple[str, ...]:
    """A note for each covariate that lacks a session that had closed at the decision."""
    notes = []
    for symbol, covariate in covariates.items():
        prices = bars_alone(covariate, experiment)
        newest = calendars.session_of(prices.closed_at[-1:], prices.calendar)[0]
        if newest < calendars.last_closed(prices.calendar, now=decided_at):
            age = int((decided_at - prices.closed_at[-1]) / np.timedelta64(1, "D"))
            old = f", {age:,} days old," if age > 1 else ""
            notes.append(f"{symbol} has no bar of the newest session: its values of {newest}{old} are taken.")
    return tuple(notes)
