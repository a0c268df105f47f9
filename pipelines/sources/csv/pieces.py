"""A large file of trades or quotes in pieces: memory is that of a piece, whatever the size of the file.

A piece ends between two times, so that all rows of one time stand together. Whatever cannot be decided from a piece
alone (rows far out of order, several symbols, another way of writing, too many bad rows) is left to the reader of
whole files, which has the last word.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import ForecastError, TooFewBarsError
from pipelines.files import temporary_folder
from pipelines.market.types import Quotes, Ticks
from pipelines.sources.base import Delivery
from pipelines.sources.csv import conventions, file, lobster, source
from pipelines.sources.csv.formats import compression
from pipelines.sources.csv.layout.plan import plan_file
from pipelines.sources.csv.options import Options
from pipelines.sources.csv.part import FilePart

if TYPE_CHECKING:
    import pandas as pd

LARGE = 8 << 20
"""Bytes from which on a file is read in pieces."""

ROWS = 1 << 19
"""Rows of a piece, about."""

_BEFORE = 200  # trades that the next piece's outliers are measured by
_WRITTEN = 0.9  # of a piece's rows; the others wait for the next one, since rows may be a little out of order


class NotInPiecesError(Exception):
    """The file has to be read as a whole."""


def is_large(path: Path, options: Options) -> bool:
    """Whether a file holds trades or quotes and is large; False also where it cannot be read."""
    try:
        if path.stat().st_size < LARGE or lobster.book_file(path) is not None:
            return False
        return plan_file(path, options).columns.kind != "bars"
    except (ForecastError, OSError, *compression.DAMAGED):
        return False


def read(
    path: Path,
    symbol: str,
    options: Options,
    *,
    rows: int = ROWS,
    watch: Callable[[int], None] = lambda position: None,
) -> Iterator[Delivery]:
    """One symbol's trades or quotes, cleaned, piece by piece in order of time.

    watch: is told how many bytes of the file have been read.

    Raises:
        NotInPiecesError: what the file holds needs all of it.
    """
    before: Ticks | None = None
    last: Quotes | None = None
    empty = True
    try:
        for piece in _between_times(_oldest_first(file.read_parts(path, options, rows=rows, watch=watch))):
            try:
                delivery = source.deliver(source.joined([piece], options), symbol, before=before)
            except TooFewBarsError:
                continue  # before --start or after --end
            delivery, last = _without_repeat(delivery, last)
            if isinstance(delivery.prices, Ticks):
                before = delivery.prices.rows(slice(-_BEFORE, None))
            empty = False
            yield delivery
    except ForecastError as error:
        raise NotInPiecesError from error
    if empty:
        raise NotInPiecesError


def _oldest_first(parts: Iterator[FilePart]) -> Iterator[FilePart]:
    """The parts of a file whose newest row is first, from its end to its beginning; those of any other as they come."""
    import pyarrow as pa
    from pyarrow import feather

    first = next(parts, None)
    if first is None:
        return
    parts, newest_first = chain([first], parts), conventions.is_newest_first(first.frame["at"].to_numpy())
    del first
    if not newest_first:
        yield from parts
        return
    with temporary_folder("newest-first") as folder:
        bare: list[FilePart] = []
        for number, part in enumerate(parts):
            if any(not isinstance(value, str) for value in part.identities.values()):
                raise NotInPiecesError
            feather.write_feather(pa.Table.from_pandas(part.frame, preserve_index=False), folder / str(number))
            bare.append(replace(part, frame=part.frame.iloc[:0].copy()))
            del part
        notes: tuple[str, ...] = ("rows were stored newest first: reversed",)
        for number in reversed(range(len(bare))):
            frame = feather.read_table(folder / str(number), memory_map=False).to_pandas()
            (folder / str(number)).unlink()
            yield replace(bare[number], frame=frame[::-1].reset_index(drop=True), notes=(*bare[number].notes, *notes))
            notes = ()


def _between_times(parts: Iterator[FilePart]) -> Iterator[FilePart]:
    """The same rows, each piece at later times than the one before."""
    import pandas as pd

    waiting: pd.DataFrame | None = None
    first: FilePart | None = None
    since = np.datetime64("NaT", "ns")
    for part in parts:
        first = first or part
        if any(not isinstance(value, str) for value in part.identities.values()):
            raise NotInPiecesError
        if (dict(part.identities), part.labels, part.kind) != (dict(first.identities), first.labels, first.kind):
            raise NotInPiecesError
        if (part.reading.times, part.reading.zone) != (first.reading.times, first.reading.zone):
            raise NotInPiecesError
        frame = part.frame if waiting is None else pd.concat([waiting, part.frame], ignore_index=True)
        times = frame["at"].to_numpy()
        if np.any(times < since):
            raise NotInPiecesError
        until = np.max(times[: max(1, int(_WRITTEN * len(times)))])  # NaT where one is: a missing time
        ready = times < until
        if np.isnat(until) or not np.any(ready):
            if len(frame) > 2 * max(1, len(part.frame)):
                raise NotInPiecesError
            waiting = frame
            continue
        yield replace(part, frame=_rows(frame, ready))
        waiting, since = _rows(frame, ~ready), until
    if first is not None and waiting is not None and len(waiting):
        yield replace(first, frame=waiting, notes=())


def _rows(frame: "pd.DataFrame", chosen: NDArray[np.bool_]) -> "pd.DataFrame":
    count = int(np.count_nonzero(chosen))
    if np.all(chosen[:count]):
        return frame.iloc[:count]
    if np.all(chosen[len(chosen) - count :]):
        return frame.iloc[len(chosen) - count :].reset_index(drop=True)
    return frame[chosen].reset_index(drop=True)


def _without_repeat(delivery: Delivery, last: Quotes | None) -> tuple[Delivery, Quotes | None]:
    """Without a first quote that changes nothing since the piece before; and the last quote."""
    quotes = delivery.quotes if isinstance(delivery.prices, Ticks) else delivery.prices
    if not isinstance(quotes, Quotes) or not len(quotes):
        return delivery, last
    if any("the best of" in note for note in delivery.report.notes):
        raise NotInPiecesError  # quotes of several exchanges stand from piece to piece
    rest = quotes
    if last is not None and all(
        np.array_equal(getattr(last, name), getattr(quotes, name)[:1], equal_nan=True)
        for name in ("bid", "ask", "bid_size", "ask_size")
    ):
        rest = quotes.rows(slice(1, None))
    last = quotes.rows(slice(-1, None))
    if isinstance(delivery.prices, Ticks):
        return replace(delivery, quotes=rest), last
    return replace(delivery, prices=rest), last
