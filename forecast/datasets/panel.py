"""Many symbols as one: a single matrix of features on disk, memory-mapped, and windows into it by index.

A panel is Windows like any other, so folds, scalers and the engine take it as it is: that is the pooled model, which
learns from all symbols at once. A model per symbol is `forecast train A B C`: runs of their own that share the workers.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import ConfigError
from pipelines.preprocessing.scaling import Scaler
from pipelines.preprocessing.walk_forward import FEWEST_ROWS, Fold
from pipelines.preprocessing.windows import Rows, Windows

_PER_WINDOW = (
    "ends", "targets", "label_weights", "forward_return", "held", "decided_at", "entry_at", "exit_at",
)  # fmt: skip


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
        first, last = (int(each) for each in self.begins[place : place + 2])
        mine = {name: getattr(self.windows, name)[rows] for name in _PER_WINDOW}
        mine["ends"] = mine["ends"] - first
        return Windows(steps=self.windows.steps, values=self.windows.values[first:last], **mine)

    def fold_of(self, symbol: str, fold: Fold) -> Fold:
        """A fold of the panel as rows of the symbol's own windows."""
        mine = self.rows(symbol)
        parts = {name: _among(mine, getattr(fold, name)) for name in ("train", "validation", "test")}
        return Fold(number=fold.number, weights=fold.weights[mine], **parts)


def _among(mine: Rows, rows: Rows) -> Rows:
    """The places in `mine` of those rows that are among them; both ascending."""
    if not len(rows):
        return rows
    place = np.minimum(np.searchsorted(rows, mine), len(rows) - 1)
    return np.flatnonzero(rows[place] == mine)


def taking_part(panel: Panel, fold: Fold) -> Fold:
    """The fold without the symbols that have too few rows in it to be scaled, or to be tested, on their own."""
    train, validation, test = (
        np.bincount(panel.of[rows], minlength=len(panel.symbols)) for rows in (fold.train, fold.validation, fold.test)
    )
    enough = (train >= FEWEST_ROWS["train"]) & ((test == 0) | (validation >= FEWEST_ROWS["validation"]))
    parts = {name: (rows := getattr(fold, name))[enough[panel.of[rows]]] for name in ("train", "validation", "test")}
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
    kept: dict[str, list[NDArray[np.generic]]] = {name: [] for name in _PER_WINDOW}
    shape: tuple[int, int] | None = None
    rows = 0
    begins = [0]
    with raw.open("wb") as file:
        for symbol, windows in parts:
            found = (windows.steps, windows.values.shape[1])
            if symbol in symbols or found != (shape or found):
                raise ConfigError(f"Need each symbol once and windows of {shape}, got {symbol} with {found}.")
            shape = found
            np.ascontiguousarray(windows.values, dtype=np.float32).tofile(file)
            for name in _PER_WINDOW:
                kept[name].append(getattr(windows, name) + (rows if name == "ends" else 0))
            rows += len(windows.values)
            begins.append(rows)
            symbols.append(symbol)
    if shape is None:
        raise ConfigError("Need one symbol or more for a panel, got none.")
    joined = {name: np.concatenate(arrays) for name, arrays in kept.items()}
    of = np.repeat(np.arange(len(symbols), dtype=np.int32), [len(ends) for ends in kept["ends"]])
    order = np.lexsort((of, joined["decided_at"]))
    values = np.memmap(raw, dtype=np.float32, mode="r", shape=(rows, shape[1]))
    windows = Windows(steps=shape[0], values=values, **{name: array[order] for name, array in joined.items()})
    return Panel(symbols=tuple(symbols), windows=windows, begins=np.array(begins, dtype=np.int64), of=of[order])
