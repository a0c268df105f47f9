"""Prices into the store: from a source, or from a DataFrame of one's own."""

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from forecast.api.arguments import symbols_of, texts_of, workspace_of
from forecast.api.price_files import FileOptions, PriceFiles, file_config, reading_options
from forecast.api.progress import ShowProgress, progress_display
from forecast.config.prices import FetchConfig, FileConfig
from forecast.workspace import Workspace
from pipelines.errors import ConfigError, ForecastError, listed_by_reason

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.ingestion import IngestionResult
    from pipelines.store.store import Store

_COLUMNS = ("symbol", "kind", "interval", "rows", "first", "last", "currency", "calendar", "actions", "notes")


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
    paths = texts_of(file, name="file", example='file="prices.csv"')
    request = FetchConfig(
        source=source,
        interval=interval,
        start=start,
        end=end,
        calendar=calendar,
        max_dropped=max_dropped,
        replace=replace,
    )
    check_files(source, paths)
    files = price_files(names, paths, request, file_config(about)) if source == "csv" else None
    with progress_display(progress) as display:
        results, failed = fetch_each(names, request, files=files, workspace=place, note=display.note)
    if failed:
        raise failure(results, failed, symbols=names)
    return table_of(results)


def check_files(source: str, paths: Sequence[object]) -> None:
    """Whether files are named where the source is files, and only there."""
    if source == "csv" and not paths:
        raise ConfigError("Expected file with source csv, got none. Name it, for example --file prices.csv.")
    if source != "csv" and paths:
        raise ConfigError(f"Expected file with source csv only, got source {source}. Leave file out.")


def price_files(
    symbols: Sequence[str], paths: Sequence[str | Path], request: FetchConfig, about: FileConfig
) -> PriceFiles:
    """The files of these symbols."""
    return PriceFiles(symbols, [Path(path) for path in paths], reading_options(request, about))


def fetch_each(
    symbols: Sequence[str],
    request: FetchConfig,
    *,
    files: PriceFiles | None,
    workspace: Workspace,
    note: Callable[[str], None],
    begun: Callable[[str, int, int], None] = lambda symbol, number, total: None,
    refused: Callable[[str, ForecastError], None] = lambda symbol, error: None,
) -> "tuple[list[IngestionResult], dict[str, ForecastError]]":
    """Symbol after symbol from their source into the store: what was written, and why the others were not.

    begun: is told of each symbol when it begins, its number from 0, and how many there are. refused: of each that fails
    and why.
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
            refused(symbol, error)
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
    results: "Sequence[IngestionResult]", failed: dict[str, ForecastError], *, symbols: Sequence[str]
) -> ForecastError:
    """What to raise where some symbols could not be fetched."""
    if len(symbols) == 1:
        return next(iter(failed.values()))
    fetched = {result.symbol for result in results}
    missing = [symbol for symbol in symbols if symbol.strip().upper() not in fetched]
    reasons = listed_by_reason({symbol: failed.get(symbol, "not asked any more") for symbol in missing})
    return ForecastError(
        f"Fetched {len(results)} of {len(symbols)} symbols, not {reasons}. "
        "The others are kept; the same command resumes there."
    )


def new_client() -> Any:
    """What asks Yahoo, one for all symbols."""
    from pipelines.sources.yahoo.client import Client

    return Client()


def _bring(
    store: "Store",
    symbol: str,
    request: FetchConfig,
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
    if request.source == "yahoo":
        from pipelines.sources.yahoo import source as yahoo

        return update(
            store,
            symbol,
            interval=request.interval,
            start=request.dates[0],
            read=lambda start: yahoo.read(
                symbol,
                start=start,
                client=client,
                interval=request.interval,
                end=request.dates[1],
                calendar=request.calendar,
                max_dropped=request.max_dropped,
            ),
        )
    if files is not None:
        from forecast.api.tick_files import bring_tick_files

        ticks = bring_tick_files(
            store, symbol, files, dates=request.dates, method=request.method, workspace=workspace, note=note
        )
        return ticks or ingest(store, within(files.deliver(symbol), *request.dates), method=request.method)
    from pipelines.sources import sample

    return ingest(store, within(sample.read(symbol), *request.dates))


def table_of(results: "Sequence[IngestionResult]") -> "pd.DataFrame":
    """One row a symbol: what was written."""
    import pandas as pd

    rows = [{**vars(result), "notes": result.report.summary()} for result in results]
    return pd.DataFrame(rows, columns=list(_COLUMNS))
