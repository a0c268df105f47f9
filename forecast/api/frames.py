"""DataFrames of one's own into the store, read, checked and cleaned as files are."""

from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from forecast.api.arguments import check_type, workspace_of
from forecast.api.price_files import FileOptions, file_config
from forecast.api.prices import price_files, table_of
from forecast.api.progress import ShowProgress, progress_display
from forecast.config.prices import FetchConfig
from forecast.workspace import Workspace
from pipelines.errors import BadFileError, ForecastError
from pipelines.files import temporary_folder

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.sources.base import Delivery

_SOURCE = "frame"


def add_bars(
    symbol: str,
    frame: "pd.DataFrame",
    *,
    interval: str = "1d",
    calendar: str | None = None,
    max_dropped: float = 0.01,
    replace: bool = False,
    progress: ShowProgress = True,
    workspace: Workspace | None = None,
    **about: Unpack[FileOptions],
) -> "pd.DataFrame":
    """Bring the bars of a DataFrame into the store.

    They are read, checked and cleaned as those of a file: columns are told by their names in any case and order, times
    may stand in a column or in the index, with or without a zone. Rows that cannot be prices are dropped, counted and
    named; too many of them, and nothing is written. The same bars a second time change nothing.

    Parameters
    ----------
    symbol
        The name under which they are stored.
    frame
        One row a bar: its time, open, high, low, close, and, where there are any, volume, dividends and splits.
    interval
        "1d", "1h", "5m", ...
    calendar
        The exchange's calendar; None: "XNYS". "24/7" for what is always traded.
    max_dropped
        Share of bad rows that may be dropped before the bars are refused.
    replace
        Whether stored bars between these are removed; otherwise they stay.
    progress
        True: notes on stderr. False: nothing. Or an object of your own, see `Progress`.
    workspace
        Where the store lies; None: `Workspace.default`.
    **about
        What the frame does not show by itself, see `FileOptions`: tz, currency, columns, stamp, adjusted, ...

    Returns
    -------
    pandas.DataFrame
        One row: what was written, and notes about it.

    Raises
    ------
    ForecastError
        A frame that holds no bars, or bars that cannot be right; nothing is written then.

    Examples
    --------
    >>> import pandas as pd
    >>> import forecast as fc
    >>> days = pd.to_datetime(["2024-01-02", "2024-01-03", "2024-01-04"])
    >>> prices = {"Open": [10.0, 10.2, 10.1], "High": [10.4, 10.3, 10.5], "Low": [9.9, 10.0, 10.1]}
    >>> frame = pd.DataFrame({**prices, "Close": [10.2, 10.1, 10.4], "Volume": [900, 800, 950]}, index=days)
    >>> fc.add_bars("ACME", frame, currency="USD")[["symbol", "rows", "last"]].to_dict("records")
    [{'symbol': 'ACME', 'rows': 3, 'last': '2024-01-04'}]
    """
    request = FetchConfig(source="csv", interval=interval, calendar=calendar, max_dropped=max_dropped, replace=replace)
    return _add(symbol, frame, request, about, kind="bars", progress=progress, workspace=workspace)


def add_ticks(
    symbol: str,
    frame: "pd.DataFrame",
    *,
    calendar: str | None = None,
    max_dropped: float = 0.01,
    replace: bool = False,
    progress: ShowProgress = True,
    workspace: Workspace | None = None,
    **about: Unpack[FileOptions],
) -> "pd.DataFrame":
    """Bring the trades or quotes of a DataFrame into the store.

    Parameters
    ----------
    symbol
        The name under which they are stored.
    frame
        One row a trade (time, price, size) or a quote (time, bid, ask and their sizes), or both together.
    calendar, max_dropped, replace, progress, workspace, **about
        As `add_bars` has them; times without a zone need ``tz``.

    Returns
    -------
    pandas.DataFrame
        One row: what was written, and notes about it.

    Raises
    ------
    ForecastError
        A frame that holds no trades or quotes, or such as cannot be right; nothing is written then.

    Examples
    --------
    >>> import pandas as pd
    >>> import forecast as fc
    >>> times = pd.date_range("2024-01-02 14:30", periods=3, freq="s", tz="UTC")
    >>> trades = pd.DataFrame({"time": times, "price": [100.0, 100.1, 100.0], "size": [5, 2, 3]})
    >>> fc.add_ticks("COIN", trades, calendar="24/7", progress=False)[["kind", "rows"]].to_dict("records")
    [{'kind': 'ticks', 'rows': 3}]
    """
    request = FetchConfig(source="csv", calendar=calendar, max_dropped=max_dropped, replace=replace)
    return _add(symbol, frame, request, about, kind="ticks", progress=progress, workspace=workspace)


def _add(
    symbol: str,
    frame: "pd.DataFrame",
    request: FetchConfig,
    about: FileOptions,
    *,
    kind: str,
    progress: ShowProgress,
    workspace: Workspace | None,
) -> "pd.DataFrame":
    from pipelines.ingestion import ingest
    from pipelines.market.types import check_symbol
    from pipelines.store.provenance import remember
    from pipelines.store.store import Store

    place, symbol = workspace_of(workspace), check_symbol(check_type(symbol, str, name="symbol", example='"ACME"'))
    with progress_display(progress) as display:
        delivery = read_frame(symbol, frame, request, about)
        if (actual := "bars" if type(delivery.prices).__name__ == "Bars" else "ticks") != kind:
            raise BadFileError(f"Expected {kind} in the frame, got {actual}. Use forecast.add_{actual} for them.")
        result = ingest(Store(place.store), delivery, method=request.method)
        remember(place.origins, result.symbol, result.interval, source=_SOURCE)
        if result.report.dropped or result.report.notes:
            display.note(f"{result.symbol}: {result.report.summary()}.")
    return table_of([result])


def read_frame(symbol: str, frame: "pd.DataFrame", request: FetchConfig, about: FileOptions) -> "Delivery":
    """The bars, trades or quotes of a frame, cleaned: it is written to a Parquet file, which is read as any other.

    Raises
    ------
    ForecastError
        What `forecast fetch` says of such a file.
    """
    from pipelines.sources.csv.cells import quoted as shortened

    table = _columns_of(frame)
    with temporary_folder("frame") as folder:
        path = folder / "frame.parquet"
        _write(table, path)
        try:
            return price_files([symbol], [path], request, file_config(about)).deliver(symbol)
        except ForecastError as error:
            message = str(error)
            for name in (str(path), shortened(path), path.name):
                message = message.replace(name, "the frame")
            raise type(error)(message[:1].upper() + message[1:]) from error


def _columns_of(frame: "pd.DataFrame") -> "pd.DataFrame":
    """The frame with texts as column names, and its index as a column where it is more than a count of rows."""
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        raise BadFileError(
            f"Expected a pandas DataFrame of prices, got {type(frame).__name__}. "
            "Make one: pandas.DataFrame(...), or frame.to_pandas() of other libraries."
        )
    if not len(frame):
        raise BadFileError("Expected rows of prices, got an empty frame. Check how it was made.")
    table = frame.copy(deep=False)
    if isinstance(table.columns, pd.MultiIndex):
        several = [
            level for level in range(table.columns.nlevels) if table.columns.get_level_values(level).nunique() > 1
        ]
        if len(several) != 1:
            raise BadFileError(
                f"Expected one row of column names, got {table.columns.nlevels}. Choose one symbol's columns first: "
                'frame.xs("AAPL", axis=1, level=1).'
            )
        table.columns = table.columns.get_level_values(several[0])
    table.columns = pd.Index([str(name) for name in table.columns])
    if isinstance(table.index, pd.MultiIndex):
        raise BadFileError(
            f"Expected one time a row, got an index of {table.index.nlevels} levels. Choose one symbol's rows first: "
            'frame.xs("AAPL", level=0), or frame.reset_index().'
        )
    if isinstance(table.index, pd.PeriodIndex):
        table.index = table.index.to_timestamp()
    if not pd.api.types.is_integer_dtype(table.index.dtype):
        name = str(table.index.name or "time")
        if name not in table.columns:
            table.insert(0, name, table.index)
    if duplicates := sorted(set(table.columns[table.columns.duplicated()])):
        raise BadFileError(f"Expected each column once, got {', '.join(duplicates)} again. Drop or rename one.")
    return table


def _write(table: "pd.DataFrame", path: Path) -> None:
    import pyarrow as pa

    try:
        table.to_parquet(path, index=False)
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        reason = " ".join(": ".join(map(str, error.args)).split())[:200]
        raise BadFileError(
            f"Expected columns of one type each (times, numbers, texts), got {reason}. Convert them with astype()."
        ) from error
