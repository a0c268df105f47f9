"""What the benchmarks work on: windows made of a seeded random walk, and the sample's daily shares."""

from pathlib import Path

import numpy as np

from forecast.compute.shared_data import SharedData
from forecast.config.experiment import Experiment
from forecast.datasets.dataset import Dataset, load, make_bars, prepare
from forecast.datasets.panel import write_panel
from pipelines.preprocessing.scaling import fit_scaler
from pipelines.preprocessing.walk_forward import walk_forward
from pipelines.preprocessing.windows import Windows
from pipelines.sources import sample
from pipelines.store.store import Store

SHAPES = ((30, 8, 32, 128), (60, 16, 64, 256))  # steps, features, units, batch
CELLS = ("lstm", "simple_rnn")


def windows(*, bars: int, steps: int, features: int, seed: int = 0) -> Windows:
    """Random features of a market that cannot be forecast."""
    rng = np.random.default_rng(seed)
    ends = np.arange(steps - 1, bars - 2)
    at = np.datetime64("2000-01-01", "ns") + np.arange(bars) * np.timedelta64(1, "D")
    returns = rng.normal(size=len(ends))
    return Windows(
        steps=steps,
        values=rng.normal(size=(bars, features)).astype(np.float32),
        ends=ends,
        targets=(returns > 0).astype(np.float64),
        label_weights=np.ones(len(ends)),
        forward_return=returns,
        held=np.ones(len(ends), dtype=np.int64),
        decided_at=at[ends],
        entry_at=at[ends + 1],
        exit_at=at[ends + 2],
    )


def shared(*, bars: int, steps: int = 30, features: int = 8) -> SharedData:
    """Windows of that many bars with one fold and its scaler."""
    return _with_folds(windows(bars=bars, steps=steps, features=features))


def panel(folder: Path, *, symbols: int, bars: int) -> SharedData:
    """The same of so many symbols in one matrix on disk, one fold for all."""
    parts = ((f"S{seed}", windows(bars=bars, steps=30, features=8, seed=seed)) for seed in range(symbols))
    return _with_folds(write_panel(folder, parts).windows)


def _with_folds(windows: Windows) -> SharedData:
    chosen = tuple(walk_forward(windows, folds=1))
    return SharedData(
        windows=windows, folds=chosen, scalers=tuple(fit_scaler(windows, rows=fold.train) for fold in chosen)
    )


def store(folder: Path) -> Store:
    """A store with the sample's daily shares of Apple, 3,270 bars."""
    price_store = Store(folder)
    if not folder.exists():
        sample.fetch(price_store, "AAPL")
    return price_store


def daily(folder: Path, *, epochs: int) -> Dataset:
    """The comparison of row (a): 6 folds, 3 seeds, 2 networks on the sample."""
    experiment = Experiment(symbol="AAPL", epochs=epochs, patience=0, models=("simple_rnn", "lstm"))
    return prepare(make_bars(load(store(folder), experiment), experiment), experiment)


def series_of_peers(folder: Path, file: Path, *, epochs: int) -> Path:
    """What tests.benchmarks.peers works on: the feature's values, standardised, and the folds as bars.

    folds: of each the bars to train on, its first and its last bar that a forecast is made for, shape (folds, 3).
    """
    dataset = daily(folder, epochs=epochs)
    windows = dataset.windows
    folds = [(windows.ends[fold.validation[-1]] + 1, *windows.ends[fold.test[[0, -1]]]) for fold in dataset.folds]
    values = np.nan_to_num(dataset.scalers[0].apply(windows.values))  # the first bar has no return
    np.savez(file, values=values, steps=windows.steps, folds=np.array(folds))
    return file
