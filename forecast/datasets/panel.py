"""Many symbols as one: a single matrix of features on disk, memory-mapped, and windows into it by index.

A panel is Windows like any other, in the order of its decisions in real time, so folds, purging and the engine take it
as it is: one set of networks learns from all symbols at once. Features have no unit; each symbol keeps a scaler of its
own, fitted on its training rows of the fold. A fold's boundaries are the same moments for all symbols, and no row of
any symbol is learned from whose label was not known before the first decision of the fold's test, whichever symbol
makes it. Scaled over the panel, one scaler is fitted on the training rows of all.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecast.config.experiment import Experiment
from forecast.datasets.dataset import Dataset, walk_forward_folds
from pipelines.errors import ConfigError, TooFewBarsError
from pipelines.market.types import Bars, Floats, Times
from pipelines.preprocessing import labels, sample_weights, scaling, walk_forward
from pipelines.preprocessing.choices import ACROSS_SYMBOLS
from pipelines.preprocessing.scaling import Scaler
from pipelines.preprocessing.walk_forward import FEWEST_ROWS, Fold
from pipelines.preprocessing.windows import PER_WINDOW, Rows, Windows


@dataclass(frozen=True, kw_only=True, eq=False)
class Panel:
    """Windows of several symbols in the order of their decisions; of: each window's symbol as its number in symbols.

    windows.values: all symbols' rows one after another, memory-mapped, shape (rows, features). No window crosses from
    one symbol to the next. begins: the row at which each symbol's rows begin, and the end, shape (symbols + 1,). of:
    shape (windows,).
    """

    symbols: tuple[str, ...]
    windows: Windows
    begins: Rows
    of: NDArray[np.int32]

    def rows(self, symbol: str) -> Rows:
        """The numbers of a symbol's windows, ascending."""
        return np.flatnonzero(self.of == self.symbols.index(symbol))

    def part(self, symbol: str) -> Windows:
        """A symbol's own windows; their values are a view on the matrix."""
        place, rows = self.symbols.index(symbol), self.rows(symbol)
        first, last = (int(begin) for begin in self.begins[place : place + 2])
        arrays = {name: getattr(self.windows, name)[rows] for name in PER_WINDOW}
        arrays["ends"] = arrays["ends"] - first
        return Windows(steps=self.windows.steps, values=self.windows.values[first:last], **arrays)

    def fold_of(self, symbol: str, fold: Fold) -> Fold:
        """A fold of the panel as rows of the symbol's own windows."""
        symbol_rows = self.rows(symbol)
        parts = {name: _among(symbol_rows, getattr(fold, name)) for name in ("train", "validation", "test")}
        return Fold(number=fold.number, weights=fold.weights[symbol_rows], **parts)


def _among(subset: Rows, rows: Rows) -> Rows:
    """The places in `subset` of those rows that are among them; both ascending."""
    if not len(rows):
        return rows
    place = np.minimum(np.searchsorted(rows, subset), len(rows) - 1)
    return np.flatnonzero(rows[place] == subset)


def taking_part(panel: Panel, fold: Fold, *, validated: int = 0, teaching: NDArray[np.bool_] | None = None) -> Fold:
    """The fold without the symbols that have too few training rows in it to be scaled on their own.

    validated: validation rows that a symbol must have. teaching: the rows that count, shape (windows,); None: all.

    Raises:
        TooFewBarsError: no row is left to train, validate or test on.
    """
    count = np.ones(len(panel.of), dtype=np.bool_) if teaching is None else teaching
    train, checked = (
        np.bincount(panel.of[rows[count[rows]]], minlength=len(panel.symbols)) for rows in (fold.train, fold.validation)
    )
    enough = (train >= FEWEST_ROWS["train"]) & (checked >= validated)
    parts = {name: (rows := getattr(fold, name))[enough[panel.of[rows]]] for name in ("train", "validation", "test")}
    if not all(map(len, parts.values())):
        raise TooFewBarsError(
            f"Expected symbols with {FEWEST_ROWS['train']} training rows or more in every fold, got none in fold "
            f"{fold.number}. Fetch more history, lower --folds or shorten --window."
        )
    return replace(fold, **parts)


def write_scaled(path: Path, panel: Panel, scalers: Mapping[str, Scaler]) -> Windows:
    """The panel with each symbol's values scaled by its own scaler of one fold, in a matrix of its own on disk.

    Rows of a symbol without a scaler are 0: no window of the fold ends there.
    """
    values = panel.windows.values
    scaled = np.memmap(path, dtype=np.float32, mode="w+", shape=values.shape)
    for place, symbol in enumerate(panel.symbols):
        if symbol in scalers:
            rows = slice(panel.begins[place], panel.begins[place + 1])
            scaled[rows] = scalers[symbol].apply(values[rows])
    scaled.flush()
    return replace(panel.windows, values=np.memmap(path, dtype=np.float32, mode="r", shape=values.shape))


def write_panel(folder: Path, parts: Iterable[tuple[str, Windows]]) -> Panel:
    """Joins the symbols' windows: only one symbol's features are in memory at a time.

    parts: (symbol, its windows), all with the same steps and features. folder: where values.raw is written.

    Raises:
        ConfigError: no symbol, one that comes twice, or windows of another shape.
    """
    folder.mkdir(parents=True, exist_ok=True)
    raw = folder / "values.raw"
    symbols: list[str] = []
    arrays_by_name: dict[str, list[NDArray[np.generic]]] = {name: [] for name in PER_WINDOW}
    shape: tuple[int, int] | None = None
    rows = 0
    begins = [0]
    with raw.open("wb") as file:
        for symbol, windows in parts:
            size = (windows.steps, windows.values.shape[1])
            if symbol in symbols or size != (shape or size):
                raise ConfigError(f"Expected each symbol once and windows of {shape}, got {symbol} with {size}.")
            shape = size
            np.ascontiguousarray(windows.values, dtype=np.float32).tofile(file)
            for name in PER_WINDOW:
                arrays_by_name[name].append(getattr(windows, name) + (rows if name == "ends" else 0))
            rows += len(windows.values)
            begins.append(rows)
            symbols.append(symbol)
    if shape is None:
        raise ConfigError("Expected one symbol or more for a panel, got none.")
    joined = {name: np.concatenate(arrays) for name, arrays in arrays_by_name.items()}
    of = np.repeat(np.arange(len(symbols), dtype=np.int32), [len(ends) for ends in arrays_by_name["ends"]])
    order = np.lexsort((of, joined["decided_at"]))
    values = np.memmap(raw, dtype=np.float32, mode="r", shape=(rows, shape[1]))
    windows = Windows(steps=shape[0], values=values, **{name: array[order] for name, array in joined.items()})
    return Panel(symbols=tuple(symbols), windows=windows, begins=np.array(begins, dtype=np.int64), of=of[order])


@dataclass(frozen=True, kw_only=True, eq=False)
class PanelDataset:
    """Everything that the members of a panel's run share.

    folds: common to all symbols. scalers: of each fold, by symbol; a symbol that takes no part in a fold has none.
    targets: what is learned where it follows from all symbols of a moment, shape (windows,); None: each symbol's own.
    """

    panel: Panel
    folds: tuple[Fold, ...]
    scalers: tuple[Mapping[str, Scaler], ...]
    targets: Floats | None = None

    @property
    def windows(self) -> Windows:
        """Those of all symbols, with what is learned as their targets."""
        return self.panel.windows if self.targets is None else replace(self.panel.windows, targets=self.targets)

    def symbols_of(self, rows: Rows) -> NDArray[np.object_]:
        """The symbol of each of these windows."""
        return np.asarray(np.array(self.panel.symbols, dtype=object)[self.panel.of[rows]])

    def describe_scaler(self, number: int) -> dict[str, Any]:
        """JSON-ready: the scaler of each symbol that takes part in a fold."""
        return {symbol: scaler.to_json() for symbol, scaler in self.scalers[number].items()}

    def tested(self) -> list[str]:
        """The symbols that one fold or more tests."""
        rows = np.concatenate([fold.test for fold in self.folds])
        return [self.panel.symbols[place] for place in np.unique(self.panel.of[rows])]

    def of_symbol(self, symbol: str, prices: Bars) -> Dataset:
        """A symbol's own part of the panel; a fold without it has a scaler of nothing."""
        nothing = Scaler(mean=np.zeros(0), scale=np.zeros(0))
        return Dataset(
            bars=prices,
            windows=self.panel.part(symbol),
            folds=tuple(self.panel.fold_of(symbol, fold) for fold in self.folds),
            scalers=tuple(scalers.get(symbol, nothing) for scalers in self.scalers),
        )


def idle_symbols(panel: Panel, folds: Sequence[Fold]) -> list[str]:
    """The symbols that no fold learns from or tests."""
    rows = np.concatenate([part for fold in folds for part in (fold.train, fold.test)])
    busy = set(np.unique(panel.of[rows]).tolist())
    return [symbol for place, symbol in enumerate(panel.symbols) if place not in busy]


def lay_out(
    panel: Panel, experiment: Experiment, *, planned: int | None = None, newest: Rows | None = None
) -> tuple[tuple[Fold, ...], Floats | None]:
    """Folds common to all symbols, and the targets that follow from all symbols, None where there are none.

    planned: as walk_forward takes it. newest: rows that one fold is to test, which learns from all known before them.

    Raises:
        TooFewBarsError: too little history for the folds.
    """
    windows = learned = panel.windows
    targets = None
    if experiment.label in ACROSS_SYMBOLS:
        targets = labels.across_symbols(windows.forward_return, windows.decided_at, kind=experiment.label)
        ranked = np.where(names_beside(windows) > 1, windows.label_weights, 0.0)  # alone, a return is its own median
        learned = replace(windows, targets=targets, label_weights=ranked)
        windows = replace(windows, exit_at=known_at(windows))
    if newest is None:
        laid_out = walk_forward_folds(windows, experiment, planned=planned)
    else:
        laid_out = [walk_forward.newest(windows, split=experiment.split, embargo=experiment.embargo, test=newest)]
    if experiment.local_models:
        teaching, validated = learned.label_weights > 0, FEWEST_ROWS["validation"]
        laid_out = [taking_part(panel, fold, validated=validated, teaching=teaching) for fold in laid_out]
    elif experiment.scaling == "symbol":
        laid_out = [taking_part(panel, fold) for fold in laid_out]
    return tuple(sample_weights.weigh(learned, fold, kind=experiment.weights) for fold in laid_out), targets


def pool(
    panel: Panel, experiment: Experiment, *, planned: int | None = None, newest: Rows | None = None
) -> PanelDataset:
    """Folds common to all symbols, and each symbol's scalers. planned, newest: as lay_out takes them.

    Raises:
        TooFewBarsError: too little history for the folds.
    """
    folds, targets = lay_out(panel, experiment, planned=planned, newest=newest)
    if experiment.scaling == "panel":
        common = [scaling.fit_scaler(panel.windows, rows=fold.train) for fold in folds]
        shared = tuple(dict.fromkeys(panel.symbols, scaler) for scaler in common)
        return PanelDataset(panel=panel, folds=folds, scalers=shared, targets=targets)
    scalers: tuple[dict[str, Scaler], ...] = tuple({} for _ in folds)
    for symbol in panel.symbols:
        part = panel.part(symbol)
        for fold, symbol_scalers in zip(folds, scalers, strict=True):
            if len(rows := panel.fold_of(symbol, fold).train):
                symbol_scalers[symbol] = scaling.fit_scaler(part, rows=rows)
    return PanelDataset(panel=panel, folds=folds, scalers=scalers, targets=targets)


def names_beside(windows: Windows) -> Rows:
    """How many symbols decide at each window's moment, itself included, shape (windows,)."""
    _, moment, count = np.unique(windows.decided_at, return_inverse=True, return_counts=True)
    return np.asarray(count[moment], dtype=np.int64)


def known_at(windows: Windows) -> Times:
    """When the returns of all symbols of a window's moment are known: the last exit of them, shape (windows,)."""
    _, moment = np.unique(windows.decided_at, return_inverse=True)
    last = np.zeros(int(moment.max(initial=-1)) + 1, dtype=np.int64)
    np.maximum.at(last, moment, windows.exit_at.astype("datetime64[ns]").view(np.int64))
    return np.asarray(last[moment].view("datetime64[ns]"))


def scaled_fold(path: Path, dataset: PanelDataset, number: int) -> tuple[Windows, tuple[Fold, ...], tuple[Scaler, ...]]:
    """Windows, folds and scalers of one fold whose values are scaled symbol by symbol already; others are empty."""
    values = write_scaled(path, replace(dataset.panel, windows=dataset.windows), dataset.scalers[number])
    features = values.values.shape[1]
    none = np.zeros(0, dtype=np.int64)
    empty = replace(dataset.folds[number], train=none, validation=none, test=none)
    folds = tuple(fold if fold.number == number else replace(empty, number=fold.number) for fold in dataset.folds)
    scaled = Scaler(mean=np.zeros(features), scale=np.ones(features))
    return values, folds, tuple(scaled for _ in folds)
