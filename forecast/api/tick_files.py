"""Several files of ticks, brought into the store one by one; of a folder only those that are new."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forecast.workspace import Workspace

if TYPE_CHECKING:
    from forecast.api.price_files import PriceFiles
    from pipelines.ingestion import IngestionResult
    from pipelines.sources.base import Delivery
    from pipelines.store.store import Method, Store
    from pipelines.tick_ingestion import Progress
    from pipelines.tick_spool import TickSpool

_NOTES = 10  # of progress


def bring_tick_files(
    store: "Store",
    symbol: str,
    files: "PriceFiles",
    *,
    dates: tuple[Any, Any],
    method: "Method",
    workspace: Workspace,
    note: Callable[[str], None],
) -> "IngestionResult | None":
    """Each file by itself, if there are several and they hold ticks; else None.

    dates: the first and the last session that are kept. A file of a folder that was read as it is now, with the same
    options, is left out.
    """
    from pipelines.ingestion import within
    from pipelines.sources.csv import archives
    from pipelines.store.file_log import FileLog
    from pipelines.tick_ingestion import ingest_tick_files

    paths = files.paths(symbol)
    large = {path for path in paths if method == "merge" and files.is_large(symbol, path)}
    if len(paths) < 2 and not large:
        return None
    log = FileLog(workspace.origins, symbol, options=str(files.options()), origin=archives.origin)
    catalogue = store.catalogue()
    series = catalogue[(catalogue["symbol"] == symbol) & catalogue["kind"].isin(["ticks", "quotes"])]
    stored = series[series["kind"] == "ticks"] if (series["kind"] == "ticks").any() else series
    skip = {
        path: entry
        for path in files.of_folders(symbol)
        if len(series) and method == "merge" and (entry := log.unchanged(path)) is not None
    }
    if skip:
        note(f"{symbol}: {len(skip):,} of {len(paths):,} files are in the store already.")
    if len(skip) == len(paths):
        return _nothing_new(symbol, stored.iloc[-1])
    return ingest_tick_files(
        store,
        paths,
        read=lambda path: within(files.deliver_one(symbol, path), *dates),
        method=method,
        log=log,
        skip=skip,
        progress=_progress(note),
        read_pieces=lambda path: _in_pieces(files, symbol, path, dates, note) if path in large else None,
    )


def _in_pieces(
    files: "PriceFiles", symbol: str, path: Path, dates: tuple[Any, Any], note: Callable[[str], None]
) -> "TickSpool | None":
    """A large file in flat memory; None where it has to be read as a whole."""
    from pipelines.errors import TooFewBarsError
    from pipelines.ingestion import within
    from pipelines.sources.csv.pieces import NotInPiecesError
    from pipelines.tick_spool import TickSpool

    size, tenth = path.stat().st_size, 0

    def watch(position: int) -> None:
        nonlocal tenth
        if (tenths := 10 * position // size) > tenth and tenths < 10:
            tenth = tenths
            note(f"Read {tenths * 10} % of {path.name}.")

    def pieces() -> "Iterator[Delivery]":
        for piece in files.pieces(symbol, path, watch):
            try:
                yield within(piece, *dates)
            except TooFewBarsError:
                continue

    try:
        spool = TickSpool(pieces())
    except NotInPiecesError:
        note(f"{path.name} is read as a whole: it takes the memory of all its rows.")
        return None
    return spool if len(spool) else None


def _nothing_new(symbol: str, stored: Any) -> "IngestionResult":
    """stored: the symbol's row of the catalogue."""
    from pipelines.cleaning.report import CleaningReport
    from pipelines.ingestion import IngestionResult

    return IngestionResult(
        symbol=symbol,
        kind=str(stored["kind"]),
        interval="",
        rows=0,
        first=str(stored["first"]),
        last=str(stored["last"]),
        currency=str(stored["currency"]),
        calendar=str(stored["calendar"]),
        actions=0,
        report=CleaningReport.all_kept(0),
    )


def _progress(note: Callable[[str], None]) -> "Callable[[Progress], None]":
    def show(progress: "Progress") -> None:
        if progress.done == progress.total or progress.done % max(1, progress.total // _NOTES) == 0:
            note(f"Stored {progress.done} of {progress.total} files, last {progress.name}.")

    return show
