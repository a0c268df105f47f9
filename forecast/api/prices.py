"""Prices into the store: from a source, or from a DataFrame of one's own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from forecast.api.arguments import symbols_of, workspace_of
from forecast.api.price_files import FileOptions, PriceFiles, reading_options
from forecast.api.progress import ShowProgress, progress_display
from forecast.workspace import Workspace
from pipelines.errors import ConfigError, ForecastError

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.ingestion import IngestionResult
    from pipelines.store.store import Method, Store

SOURCES = ("yahoo", "csv", "sample")
_COLUMNS = ("symbol", "kind", "interval", "rows", "first", "last", "currency", "calendar", "actions", "notes")


@dataclass(frozen=True, kw_only=True)
class FetchRequest:
    """What is fetched. method: whether rows of files are merged into those stored, or replace those between them."""

    source: str
    interval: str = "1d"
    start: date | None = None
    end: date | None = None
    calendar: str | None = None
    max_dropped: float = 0.01
    method: "Method" = "merge"

    def __post_init__(self) -> None:
        if not isinstance(self.interval, str):
            raise ConfigError(f"Expected interval as text such as 1d or 5m, got {self.interval!r:.60}.")
        share = self.max_dropped
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
            raise ConfigError(f"Expected max_dropped as a number from 0 to 1, got {share!r:.60}.")
        if self.start and self.end and self.start > self.end:
            raise ConfigError(f"Expected start before end, got {self.start} after {self.end}.")


def fetch(
    symbols: str | Sequence[str],
    *,
    source: str = "yahoo",
    file: "str | Path | Sequence[str | Path]" = (),
    interval: str = "1d",
    start: date | str | None = None,
    end: date | str | None = None,
    calendar: str | None = None,
    max_dropped: float = 0.01,
    replace: bool = False,
    progress: ShowProgress = True,
    workspace: Workspace | None = None,
    **about: Unpack[FileOptions],
) -> "pd.DataFrame":
    """Bring prices into the store: the sample that ships with forecast, files of your own, or Yahoo.

    Prices are stored as traded, with dividends and splits beside them. Rows that cannot be prices are dropped, counted
    and named. The same data a second time change nothing.

    Parameters
    ----------
    symbols
        One symbol or several.
    source
        "yahoo", "csv" (files of any kind, see `file`) or "sample".
    file
        A file of bars, trades or quotes, a folder of them, a name with ``{symbol}`` in it, or several.
    interval
        Interval of the bars: "1d", "1h", "5m".
    start, end
        First and last session, both included; None: all.
    calendar
        The exchange's calendar, "XNYS" or "24/7"; None: by the symbol or the file.
    max_dropped
        Share of bad rows that may be dropped before the prices are refused.
    replace
        Whether stored rows between those of the file are removed.
    progress
        True: notes on stderr. False: nothing. Or an object of your own, see `Progress`.
    workspace
        Where the store lies; None: `Workspace.default`.
    **about
        What a file does not show by itself, see `FileOptions`: tz, columns, where, time_format, ...

    Returns
    -------
    pandas.DataFrame
        One row a symbol: what was written, and notes about it.

    Raises
    ------
    ForecastError
        Prices that cannot be read, or had; what came before is kept.

    Examples
    --------
    >>> import forecast as fc
    >>> fc.fetch("AAPL", source="sample", progress=False)[["symbol", "rows", "first"]].to_dict("records")
    [{'symbol': 'AAPL', 'rows': 3270, 'first': '2000-03-01'}]
    """
    names, place = symbols_of(symbols), workspace_of(workspace)
    paths = [file] if isinstance(file, str | Path) else list(file)
    request = FetchRequest(
        source=source,
        interval=interval,
        start=_day(start, "start"),
        end=_day(end, "end"),
        calendar=calendar,
        max_dropped=max_dropped,
        method="replace" if replace else "merge",
    )
    check_files(source, paths)
    files = price_files(names, paths, request, about) if source == "csv" else None
    with progress_display(progress) as display:
        results, failed = fetch_each(names, request, files=files, workspace=place, note=display.note)
    if failed:
        raise failure(results, failed, symbols=names, reasons="; ".join(map(str, failed.values())))
    return table_of(results)


def check_files(source: str, paths: Sequence[object]) -> None:
    """Whether there is such a source, and files are named where it is files, and only there."""
    if source not in SOURCES:
        raise ConfigError(f"Expected source out of {', '.join(SOURCES)}, got {source!r:.60}.")
    if source == "csv" and not paths:
        raise ConfigError("Expected file with source csv, got none. Name it, for example --file prices.csv.")
    if source != "csv" and paths:
        raise ConfigError(f"Expected file with source csv only, got source {source}. Leave file out.")


def price_files(
    symbols: Sequence[str], paths: Sequence[str | Path], request: FetchRequest, about: FileOptions
) -> PriceFiles:
    """The files of these symbols."""
    if unknown := sorted(set(about) - set(FileOptions.__annotations__)):
        raise ConfigError(
            f"Expected what is said about files out of {', '.join(FileOptions.__annotations__)}, "
            f"got {', '.join(unknown)}. Correct its name."
        )
    options = reading_options(
        interval=request.interval,
        calendar=request.calendar,
        start=request.start,
        end=request.end,
        max_dropped=request.max_dropped,
        about=about,
    )
    return PriceFiles(symbols, [Path(path) for path in paths], options)


def fetch_each(
    symbols: Sequence[str],
    request: FetchRequest,
    *,
    files: PriceFiles | None,
    workspace: Workspace,
    note: Callable[[str], None],
    begun: Callable[[str, int, int], None] = lambda symbol, number, total: None,
) -> "tuple[list[IngestionResult], dict[str, ForecastError]]":
    """Symbol after symbol from their source into the store: what was written, and why the others were not.

    begun: is told of each symbol when it begins, its number from 0, and how many there are.
    """
    from pipelines.errors import RateLimitedError
    from pipelines.store.provenance import remember
    from pipelines.store.store import Store

    store, client = Store(workspace.store), new_client() if request.source == "yahoo" else None
    results: list[IngestionResult] = []
    failed: dict[str, ForecastError] = {}
    for number, symbol in enumerate(symbols):
        begun(symbol, number, len(symbols))
        try:
            result = _bring(store, symbol, request, client=client, files=files, workspace=workspace, note=note)
        except ForecastError as error:
            failed[symbol] = error
            if len(symbols) > 1:
                note(f"{symbol}: {error}")
            if isinstance(error, RateLimitedError):
                break  # it will not answer for the others either
            continue
        results.append(result)
        details: dict[str, Any] = {}
        if request.source == "yahoo":
            details = {"calendar": request.calendar, "max_dropped": request.max_dropped}
        remember(workspace.origins, result.symbol, result.interval, source=request.source, **details)
        if result.report.dropped or result.report.notes:
            note(f"{result.symbol}: {result.report.summary()}.")
    return results, failed


def failure(
    results: "Sequence[IngestionResult]", failed: dict[str, ForecastError], *, symbols: Sequence[str], reasons: str
) -> ForecastError:
    """What to raise where some symbols could not be fetched."""
    if len(symbols) == 1:
        return next(iter(failed.values()))
    fetched = {result.symbol for result in results}
    missing = [symbol for symbol in symbols if symbol.strip().upper() not in fetched]
    return ForecastError(
        f"Fetched {len(results)} of {len(symbols)} symbols, not {', '.join(missing)} ({reasons}). "
        "The others are kept; the same command resumes there."
    )


def new_client() -> Any:
    """What asks Yahoo, one for all symbols."""
    from pipelines.sources.yahoo.client import Client

    return Client()


def _bring(
    store: "Store",
    symbol: str,
    request: FetchRequest,
    *,
    client: Any,
    files: PriceFiles | None,
    workspace: Workspace,
    note: Callable[[str], None],
) -> "IngestionResult":
    """One symbol from its source into the store; only that source is imported."""
    from pipelines.ingestion import ingest, update, within
    from pipelines.market.types import check_symbol

    symbol = check_symbol(symbol)
    dates = request.start, request.end
    if request.source == "yahoo":
        from pipelines.sources.yahoo import source as yahoo

        return update(
            store,
            symbol,
            interval=request.interval,
            start=request.start,
            read=lambda start: yahoo.read(
                symbol,
                start=start,
                client=client,
                interval=request.interval,
                end=request.end,
                calendar=request.calendar,
                max_dropped=request.max_dropped,
            ),
        )
    if files is not None:
        from forecast.api.tick_files import bring_tick_files

        ticks = bring_tick_files(
            store, symbol, files, dates=dates, method=request.method, workspace=workspace, note=note
        )
        return ticks or ingest(store, within(files.deliver(symbol), *dates), method=request.method)
    from pipelines.sources import sample

    return ingest(store, within(sample.read(symbol), *dates))


def _day(value: object, name: str) -> date | None:
    """A date, of a date or its text."""
    if value is None or (isinstance(value, date) and not isinstance(value, datetime)):
        return value
    try:
        if isinstance(value, datetime) and value.time() == datetime.min.time():
            return value.date()
        if isinstance(value, str):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise ConfigError(f"Expected --{name} as a date like 2020-12-31, got {value!r:.60}.")


def table_of(results: "Sequence[IngestionResult]") -> "pd.DataFrame":
    """One row a symbol: what was written."""
    import pandas as pd

    rows = [{**vars(result), "notes": result.report.summary()} for result in results]
    return pd.DataFrame(rows, columns=list(_COLUMNS))
