"""Many files of ticks into the store, one at a time: memory is that of the largest file, not of all."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from pipelines.cleaning.report import CleaningReport
from pipelines.errors import BadPricesError, ForecastError, counted
from pipelines.ingestion import IngestionResult, ingest
from pipelines.market.types import Bars, Quotes, Ticks
from pipelines.sources.base import Delivery
from pipelines.store.file_log import FileEntry, FileLog
from pipelines.store.store import Method, Store
from pipelines.tick_spool import TickSpool

Tape = TypeVar("Tape", Ticks, Quotes)
_NOTES = 4  # of all files, in one line
_COUNT = re.compile(r"(\d[\d,]*)")
Read = Callable[[Path], Delivery]


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far it is: so many of all files, and the name of the one that was written last."""

    done: int
    total: int
    name: str


def ingest_tick_files(
    store: Store,
    files: Sequence[Path],
    *,
    read: Read,
    method: Method,
    log: FileLog,
    skip: Mapping[Path, FileEntry],
    progress: Callable[[Progress], None],
    read_pieces: Callable[[Path], TickSpool | None] = lambda path: None,
) -> IngestionResult | None:
    """Reads and writes each file by itself. None where they hold bars, which are read together.

    method: as pipelines.ingestion.ingest takes it. skip: files whose rows are in the store already. Files with times
    in common are written together, so that none takes the place of another's rows. An error leaves the files before it
    in the store, and in the log. read_pieces: all of a large file, None of one that read() takes.

    Raises:
        ForecastError: a file that cannot be read, with its name.
    """
    entries = dict(skip)
    results: list[IngestionResult] = []
    coming = [path for path in files if path not in skip]
    for number, path in enumerate(coming):
        try:
            spool = read_pieces(path)
            if spool is not None:
                with spool:
                    entry = log.entry(path, first=spool.first, last=spool.last)
                    if not _touching(entry, entries):
                        parts = [ingest(store, piece, method=method) for piece in spool]  # one at a time
                        results.append(
                            replace(
                                _summed(parts), report=sum_of_pieces([*spool.empty, *(part.report for part in parts)])
                            )
                        )
                        entries[path] = entry
                        log.record(path, entry)
                        progress(Progress(done=number + 1, total=len(coming), name=path.name))
                        continue
            delivery = read(path)
        except ForecastError as error:
            stored = f" The store has {counted(number, 'file')} before it; the same command resumes there." * bool(
                number
            )
            name = "" if str(path) in str(error) else f"{path}: "
            raise type(error)(f"{name}{error}{stored}") from error
        if isinstance(delivery.prices, Bars):
            return None
        entry = log.entry(path, first=_first(delivery), last=_last(delivery))
        others = _touching(entry, entries)
        for other in others:
            delivery = _together(delivery, read(other))
        results.append(ingest(store, delivery, method=method))
        entries[path] = entry
        log.record(path, entry)
        progress(Progress(done=number + 1, total=len(coming), name=path.name))
    return _summed(results) if results else None


def _touching(entry: FileEntry, entries: Mapping[Path, FileEntry]) -> list[Path]:
    """The files whose times overlap these, and those that overlap them in turn, by name."""
    group: set[Path] = set()
    while True:
        members = [entry, *(entries[path] for path in group)]
        more = {path for path, other in entries.items() if any(other.overlaps(member) for member in members)}
        if more == group:
            return sorted(group)
        group = more


def _first(delivery: Delivery) -> int:
    return min(int(part.time.view(np.int64)[0]) for part in _tapes(delivery))


def _last(delivery: Delivery) -> int:
    return max(int(part.time.view(np.int64)[-1]) for part in _tapes(delivery))


def _tapes(delivery: Delivery) -> list[Ticks | Quotes]:
    parts = (delivery.prices, delivery.quotes)
    return [part for part in parts if isinstance(part, Ticks | Quotes) and len(part)]


def _together(first: Delivery, second: Delivery) -> Delivery:
    """Trades and quotes of both in order of time; of equal times those of the first before."""
    tapes = [part for delivery in (first, second) for part in _tapes(delivery)]
    ticks = [part for part in tapes if isinstance(part, Ticks)]
    quotes = [part for part in tapes if isinstance(part, Quotes)]
    merged = _in_order(quotes, ("bid", "ask", "bid_size", "ask_size")) if quotes else None
    prices = _in_order(ticks, ("price", "size")) if ticks else merged
    if prices is None:
        raise BadPricesError("Expected trades or quotes in the files, got none. Name other files.")
    report = _sum_of([first.report, second.report])
    return Delivery(prices=prices, actions=None, report=report, quotes=merged if ticks else None)


def _in_order(parts: Sequence[Tape], names: tuple[str, ...]) -> Tape:
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in ("time", *names)}
    order = np.argsort(columns["time"], kind="stable")
    arrays: dict[str, Any] = {name: column[order] for name, column in columns.items()}
    return replace(parts[0], **arrays)


def _sum_of(reports: Sequence[CleaningReport]) -> CleaningReport:
    notes = list(dict.fromkeys(note for report in reports for note in report.notes))
    dropped: Counter[str] = Counter()
    for report in reports:
        dropped.update(report.dropped)
    return CleaningReport(
        rows_in=sum(report.rows_in for report in reports),
        rows_out=sum(report.rows_out for report in reports),
        dropped=dict(dropped),
        first_row={why: row for report in reversed(reports) for why, row in report.first_row.items()},
        notes=(*notes[:_NOTES], *((f"{len(notes) - _NOTES:,} notes more",) if len(notes) > _NOTES else ())),
    )


def sum_of_pieces(reports: Sequence[CleaningReport]) -> CleaningReport:
    """One report of the pieces of one file: notes that differ in their numbers alone become one, numbers added."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for note in (note for report in reports for note in report.notes):
        groups.setdefault(tuple(_COUNT.split(note)[::2]), []).append(note)
    return replace(_sum_of(reports), notes=tuple(map(_added, groups.values())))


def _added(notes: Sequence[str]) -> str:
    if len(set(notes)) == 1:
        return notes[0]
    texts = [_COUNT.split(note) for note in notes]
    total = list(texts[0])
    for place in range(1, len(total), 2):
        if not total[place - 1].endswith("row "):  # the first row stays
            total[place] = f"{sum(int(text[place].replace(',', '')) for text in texts):,}"
    return "".join(total)


def _summed(results: Sequence[IngestionResult]) -> IngestionResult:
    return replace(
        results[0],
        rows=sum(result.rows for result in results),
        first=min(result.first for result in results),
        last=max(result.last for result in results),
        report=_sum_of([result.report for result in results]),
    )
