"""Cleaned ticks of one large file, kept on disk until all of the file has been read: a bad file writes nothing."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from pipelines.cleaning.report import CleaningReport
from pipelines.files import temporary_folder
from pipelines.market.types import Quotes, Ticks
from pipelines.sources.base import Delivery

_COLUMNS = {Ticks: ("time", "price", "size"), Quotes: ("time", "bid", "ask", "bid_size", "ask_size")}


def give_memory_back() -> None:
    """What Arrow and the C library keep of freed memory: from piece to piece it would grow by fragments."""
    import ctypes

    import pyarrow as pa

    pa.default_memory_pool().release_unused()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


class TickSpool:
    """Pieces of a tape in a temporary folder, which is removed at the end.

    first, last: times of all pieces, nanoseconds since 1970. empty: the reports of pieces of which nothing was left.
    """

    def __init__(self, pieces: Iterable[Delivery]) -> None:
        self._open = ExitStack()
        self._folder = self._open.enter_context(temporary_folder("ticks"))
        self._bare: list[Delivery] = []
        self.empty: list[CleaningReport] = []
        self.first, self.last = np.iinfo(np.int64).max, np.iinfo(np.int64).min
        try:
            for piece in pieces:
                self._add(piece)
                del piece
                give_memory_back()
        except BaseException:
            self._open.close()
            raise

    def __enter__(self) -> "TickSpool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def __len__(self) -> int:
        return len(self._bare)

    def __iter__(self) -> Iterator[Delivery]:
        """The pieces, in order of time; read from disk one at a time."""
        for number, bare in enumerate(self._bare):
            quotes = None if bare.quotes is None else self._read(number, "quotes", bare.quotes)
            yield replace(bare, prices=self._read(number, "prices", bare.prices), quotes=quotes)
            give_memory_back()

    def _add(self, piece: Delivery) -> None:
        if not len(piece.prices):  # quotes that change nothing
            self.empty.append(piece.report)
            return
        number = len(self._bare)
        parts = {"prices": piece.prices} | ({} if piece.quotes is None else {"quotes": piece.quotes})
        for name, part in parts.items():
            columns = {column: getattr(part, column) for column in _COLUMNS[type(part)]}
            for column, values in columns.items():
                np.save(self._path(number, name, column), values)
            if len(part):
                times = columns["time"].view(np.int64)
                self.first, self.last = min(self.first, int(times[0])), max(self.last, int(times[-1]))
        none = np.zeros(0, np.int64)  # row numbers copy: a slice would keep all of the piece in memory
        quotes = None if piece.quotes is None else piece.quotes.rows(none)
        self._bare.append(replace(piece, prices=piece.prices.rows(none), quotes=quotes))

    def _read(self, number: int, name: str, bare: Any) -> Any:
        columns = _COLUMNS[type(bare)]
        arrays = {column: np.load(self._path(number, name, column), allow_pickle=False) for column in columns}
        return replace(bare, **arrays)

    def _path(self, number: int, name: str, column: str) -> Path:
        return self._folder / f"{number}-{name}-{column}.npy"
