"""From the store to what a run trains on: bars adjusted forward, windows, folds, and one scaler a fold."""

import hashlib
from dataclasses import dataclass

import numpy as np

from forecast.experiment import Experiment
from pipelines import adjust, bars, features, labels, windows
from pipelines.calendars import session_of, sessions_per_year
from pipelines.market import Bars
from pipelines.scaling import Scaler, fit_scaler
from pipelines.splits import Fold, walk_forward
from pipelines.store import Store
from pipelines.windows import Windows


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """Everything that the members of a run share; scalers: one a fold, fitted on its training rows."""

    bars: Bars
    windows: Windows
    folds: tuple[Fold, ...]
    scalers: tuple[Scaler, ...]


def load_bars(store: Store, experiment: Experiment) -> tuple[Bars, float]:
    """The experiment's bars, adjusted forward from the first, and the factor that makes the last price as traded.

    Forward, because a dividend or split that comes later then changes no number of an earlier bar.
    """
    if experiment.bars is not None:
        ticks = store.read_ticks(experiment.symbol, start=experiment.start, end=experiment.end)
        return bars.from_ticks(ticks, experiment.bars), 1.0
    raw = store.read_bars(experiment.symbol, interval=experiment.interval, start=experiment.start, end=experiment.end)
    adjusted = adjust.adjust(raw, store.read_actions(experiment.symbol), base="forward")
    return adjusted, float(raw.close[-1] / adjusted.close[-1])


def prepare(prices: Bars, experiment: Experiment) -> Dataset:
    """Windows, folds and scalers of an experiment.

    Raises:
        TooFewBarsError: too little history for the windows and folds.
    """
    matrix = features.compute(prices, names=experiment.features)
    known = labels.next_open_direction(prices, horizon=experiment.horizon)
    ready = windows.build(matrix, known, steps=experiment.window)
    folds = tuple(walk_forward(ready, folds=experiment.folds, split=experiment.split, embargo=experiment.embargo))
    scalers = tuple(fit_scaler(ready, rows=fold.train) for fold in folds)
    return Dataset(bars=prices, windows=ready, folds=folds, scalers=scalers)


def bars_per_year(prices: Bars) -> float:
    """Sessions a year of the exchange x bars a session in this history."""
    sessions = np.unique(session_of(prices.closed_at, prices.calendar))
    return sessions_per_year(prices.calendar) * len(prices) / len(sessions)


def fingerprint(prices: Bars) -> str:
    """sha256 over times, prices and volumes."""
    digest = hashlib.sha256(f"{prices.symbol} {prices.interval} {prices.adjusted}".encode())
    for array in (
        prices.opened_at,
        prices.closed_at,
        prices.open,
        prices.high,
        prices.low,
        prices.close,
        prices.volume,
    ):
        digest.update(array.tobytes())
    return digest.hexdigest()
