"""Many symbols as one: a single matrix of features on disk, memory-mapped, and windows into it by index.

A panel is Windows like any other, so folds, scalers and the engine take it as it is: that is the pooled model, which
learns from all symbols at once. A model per symbol is `forecast train A B C`: runs of their own that share the workers.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import ConfigError
from pipelines.windows import Windows

_PER_WINDOW = (
    "ends", "targets", "label_weights", "forward_return", "held", "decided_at", "entry_at", "exit_at",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class Panel:
    """Windows of several symbols in the order of their decisions; of: each window's symbol as its number in symbols.

    windows.values: all symbols' rows one after another, memory-mapped, shape (rows, features). No window crosses from
    one symbol to the next. of: shape (windows,).
    """

    symbols: tuple[str, ...]
    windows: Windows
    of: NDArray[np.int32]

    def rows(self, symbol: str) -> NDArray[np.int64]:
        """The numbers of a symbol's windows, ascending."""
        return np.flatnonzero(self.of == self.symbols.index(symbol))


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
            symbols.append(symbol)
    if shape is None:
        raise ConfigError("Need one symbol or more for a panel, got none.")
    joined = {name: np.concatenate(arrays) for name, arrays in kept.items()}
    of = np.repeat(np.arange(len(symbols), dtype=np.int32), [len(ends) for ends in kept["ends"]])
    order = np.lexsort((of, joined["decided_at"]))
    values = np.memmap(raw, dtype=np.float32, mode="r", shape=(rows, shape[1]))
    windows = Windows(steps=shape[0], values=values, **{name: array[order] for name, array in joined.items()})
    return Panel(symbols=tuple(symbols), windows=windows, of=of[order])
