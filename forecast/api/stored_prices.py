"""The store -> DataFrames: which series there are, their rows, and whether they can be trusted."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from forecast.api.arguments import check_type, workspace_of
from forecast.config.prices import SeriesConfig
from forecast.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.cleaning.quality_checks import Finding
    from pipelines.store.store import Store

TICKS = "ticks"


def catalogue(workspace: Workspace | None = None) -> "pd.DataFrame":
    """Every series in the store.

    Parameters
    ----------
    workspace
        Where the store lies; None: `Workspace.default`.

    Returns
    -------
    pandas.DataFrame
        One row a series: symbol, kind, interval, rows, first and last session, currency, calendar.

    Raises
    ------
    ForecastError
        A store that cannot be read.

    Examples
    --------
    >>> import forecast as fc
    >>> fc.catalogue()[["symbol", "interval", "rows"]].head(1).to_dict("records")
    [{'symbol': 'AAPL', 'interval': '1d', 'rows': 3270}]
    """
    from pipelines.store.store import Store

    return Store(workspace_of(workspace).store).catalogue()


def prices(
    symbol: str, *, interval: str | None = None, adjust: str = "raw", workspace: Workspace | None = None
) -> "pd.DataFrame":
    """A symbol's stored bars or ticks.

    Parameters
    ----------
    symbol
        Its name in the store.
    interval
        "1d", "5m", ..., or "ticks"; None: "1d", or what the store has where it has one series.
    adjust
        "raw": as traded. "forward", "back": adjusted for splits and dividends from the first or to the last bar.
    workspace
        Where the store lies; None: `Workspace.default`.

    Returns
    -------
    pandas.DataFrame
        open, high, low, close and volume by session (daily bars) or time of close (UTC); of ticks price and
        size by time (UTC). `add_bars` and `judge` take such a frame
        (of intraday bars with ``stamp="end"``).

    Raises
    ------
    ForecastError
        No such series in the store.

    Examples
    --------
    >>> import forecast as fc
    >>> fc.prices("AAPL").loc["2013-03-01", ["open", "close"]].tolist()
    [438.0, 430.47]
    """
    from pipelines.store.store import Store

    name = check_type(symbol, str, name="symbol", example='"AAPL"')
    series = SeriesConfig(interval=interval, adjust=adjust)
    store = Store(workspace_of(workspace).store)
    chosen = series.interval or only_series(store, name)
    return _ticks(store, name) if chosen == TICKS else _bars(store, name, chosen, series.adjust)


def actions(symbol: str, *, workspace: Workspace | None = None) -> "pd.DataFrame":
    """A symbol's stored dividends and splits.

    Parameters
    ----------
    symbol
        Its name in the store.
    workspace
        Where the store lies; None: `Workspace.default`.

    Returns
    -------
    pandas.DataFrame
        dividend (per share, as paid) and split (new shares for an old one) by ex date.

    Examples
    --------
    >>> import forecast as fc
    >>> fc.actions("AAPL").loc["2005-02-28", "split"].item()
    2.0
    """
    import pandas as pd

    from pipelines.store.store import Store

    paid = Store(workspace_of(workspace).store).read_actions(check_type(symbol, str, name="symbol", example='"AAPL"'))
    days = pd.DatetimeIndex(paid.ex_at.astype("datetime64[D]"), name="ex_date")
    return pd.DataFrame({"dividend": paid.dividend, "split": paid.split}, index=days)


def check_prices(symbol: str, *, interval: str | None = None, workspace: Workspace | None = None) -> "pd.DataFrame":
    """Gaps, bad prints, stale prices and suspicious returns of a stored series.

    Parameters
    ----------
    symbol
        Its name in the store.
    interval
        As `prices` has it.
    workspace
        Where the store lies; None: `Workspace.default`.

    Returns
    -------
    pandas.DataFrame
        One row a finding: its session, kind and size, and the repair that ``forecast data check --repair`` would make,
        "" where a person has to judge.

    Raises
    ------
    ForecastError
        No such series in the store.

    Examples
    --------
    >>> import forecast as fc
    >>> fc.check_prices("AAPL").columns.tolist()
    ['kind', 'session', 'size', 'repair']
    """
    import pandas as pd

    from pipelines.store.store import Store

    store = Store(workspace_of(workspace).store)
    name = check_type(symbol, str, name="symbol", example='"AAPL"')
    findings = check_series(store, name, SeriesConfig(interval=interval).interval).findings
    return pd.DataFrame([asdict(finding) for finding in findings], columns=["kind", "session", "size", "repair"])


@dataclass(frozen=True, kw_only=True)
class SeriesCheck:
    """What was found in so many rows of a series."""

    symbol: str
    rows: int
    findings: "list[Finding]"


def check_series(store: "Store", symbol: str, interval: str | None) -> SeriesCheck:
    """Checks bars, or trades piece by piece."""
    from pipelines.cleaning import quality_checks, tick_checks

    interval = interval or only_series(store, symbol)
    if interval == TICKS:
        rows, findings = tick_checks.check(store.scan_matched(symbol))
        return SeriesCheck(symbol=symbol.strip().upper(), rows=rows, findings=findings)
    bars, paid = store.read_bars(symbol, interval=interval), store.read_actions(symbol)
    return SeriesCheck(symbol=bars.symbol, rows=len(bars), findings=quality_checks.check(bars, paid))


def only_series(store: "Store", symbol: str) -> str:
    """Daily bars where there are any, else the one series of the symbol, else daily bars, whose absence is said."""
    from pipelines.market.types import check_symbol

    stored = store.catalogue()
    intervals = [str(text) or TICKS for text in stored[stored["symbol"] == check_symbol(symbol)]["interval"]]
    kinds = list(dict.fromkeys(intervals))
    return kinds[0] if len(kinds) == 1 else "1d"


def _bars(store: "Store", symbol: str, interval: str, adjust: str) -> "pd.DataFrame":
    import pandas as pd

    from pipelines.market import adjustments, calendars

    bars = store.read_bars(symbol, interval=interval)
    if adjust != "raw":
        base: Any = adjust
        bars = adjustments.adjust(bars, store.read_actions(symbol), base=base)
    if interval == "1d":
        index = pd.DatetimeIndex(calendars.session_of(bars.closed_at, bars.calendar), name="date")
    else:
        index = pd.DatetimeIndex(bars.closed_at, name="time").tz_localize("UTC")
    columns = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    return pd.DataFrame(columns, index=index)


def _ticks(store: "Store", symbol: str) -> "pd.DataFrame":
    import pandas as pd

    ticks = store.read_ticks(symbol)
    index = pd.DatetimeIndex(ticks.time, name="time").tz_localize("UTC")
    return pd.DataFrame({"price": ticks.price, "size": ticks.size}, index=index)
