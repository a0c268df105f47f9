"""The store -> DataFrames: which series there are, their rows, and whether they can be trusted."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from forecast.api.arguments import check_type, workspace_of
from forecast.config.prices import SeriesConfig
from forecast.workspace import Workspace
from pipelines.errors import ConfigError

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
    return _store(workspace).catalogue()


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
    name = check_type(symbol, str, name="symbol", example='"AAPL"')
    series = SeriesConfig(interval=interval, adjust=adjust)
    store = _store(workspace)
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

    paid = _store(workspace).read_actions(check_type(symbol, str, name="symbol", example='"AAPL"'))
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

    store = _store(workspace)
    name = check_type(symbol, str, name="symbol", example='"AAPL"')
    findings = check_series(store, name, SeriesConfig(interval=interval).interval).findings
    return pd.DataFrame([asdict(finding) for finding in findings], columns=["kind", "session", "size", "repair"])


def repair_prices(symbol: str, *, interval: str | None = None, workspace: Workspace | None = None) -> int:
    """Apply the repairs that `check_prices` suggests; real crashes are suspicious and never repaired.

    Parameters
    ----------
    symbol
        Its name in the store.
    interval
        Of the bars, as `prices` has it; trades are not repaired.
    workspace
        Where the store lies; None: `Workspace.default`.

    Returns
    -------
    int
        The version of the store before it, with which `restore_prices` takes the repair back.

    Raises
    ------
    ForecastError
        No such bars in the store.

    Examples
    --------
    >>> import forecast as fc
    >>> before = fc.repair_prices("AAPL")
    >>> fc.restore_prices("AAPL", before)
    3270
    """
    store = _store(workspace)
    return repair_series(store, *_of_bars(store, symbol, interval))


def restore_prices(
    symbol: str, version: int, *, interval: str | None = None, workspace: Workspace | None = None
) -> int:
    """Bring a symbol's bars, dividends and splits back as they were in an earlier version of the store.

    Parameters
    ----------
    symbol
        Its name in the store.
    version
        As `repair_prices` and `remove_prices` return it.
    interval
        Of the bars; None: as `prices` has it.
    workspace
        Where the store lies; None: `Workspace.default`.

    Returns
    -------
    int
        How many bars there are again.

    Raises
    ------
    ForecastError
        No such version, or no such bars in it.

    Examples
    --------
    >>> import forecast as fc
    >>> before = fc.remove_prices("AAPL")
    >>> fc.restore_prices("AAPL", before)
    3270
    """
    back = SeriesConfig(undo=version).undo
    if back is None:
        raise ConfigError("Expected version as a whole number from 0, got None.")
    store = _store(workspace)
    name, series = _of_bars(store, symbol, interval)
    return store.undo(back, name, interval=series)


def remove_prices(symbol: str, *, workspace: Workspace | None = None) -> int:
    """Remove all of a symbol: bars, dividends and splits, trades and quotes. Its runs stay.

    Parameters
    ----------
    symbol
        Its name in the store.
    workspace
        Where the store lies; None: `Workspace.default`.

    Returns
    -------
    int
        The version of the store before it, with which `restore_prices` brings the bars back; trades do not come back.

    Raises
    ------
    ForecastError
        No such symbol in the store.

    Examples
    --------
    >>> import forecast as fc
    >>> before = fc.remove_prices("AAPL")
    >>> "AAPL" in set(fc.catalogue()["symbol"]), fc.restore_prices("AAPL", before)
    (False, 3270)
    """
    store = _store(workspace)
    name = check_type(symbol, str, name="symbol", example='"AAPL"')
    before = store.version()
    store.remove(name)
    return before


def compact_prices(workspace: Workspace | None = None) -> int:
    """Merge the small files of many updates into large ones. Earlier versions stay readable.

    Parameters
    ----------
    workspace
        Where the store lies; None: `Workspace.default`.

    Returns
    -------
    int
        How many files fewer there are.

    Raises
    ------
    ForecastError
        A store that cannot be read or written.

    Examples
    --------
    >>> import forecast as fc
    >>> fc.compact_prices() >= 0
    True
    """
    return _store(workspace).compact()


def _store(workspace: Workspace | None) -> "Store":
    from pipelines.store.store import Store

    return Store(workspace_of(workspace).store)


def _of_bars(store: "Store", symbol: str, interval: str | None) -> tuple[str, str]:
    """The symbol and the interval of the bars that are meant."""
    name = check_type(symbol, str, name="symbol", example='"AAPL"')
    series = SeriesConfig(interval=interval).interval or only_series(store, name)
    if series == TICKS:
        raise ConfigError(f"Expected bars of {name} to repair or restore, got ticks. Fetch the trades again.")
    return name, series


def repair_series(store: "Store", symbol: str, interval: str) -> int:
    """Repairs bars, and returns the version of the store before it."""
    from pipelines.cleaning import quality_checks

    before = store.version()
    if any(finding.repair for finding in check_series(store, symbol, interval).findings):
        store.write(*quality_checks.repaired(store.read_bars(symbol, interval=interval), store.read_actions(symbol)))
    return before


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
    from pipelines.market.times import zoned

    bars = store.read_bars(symbol, interval=interval)
    if adjust != "raw":
        base: Any = adjust
        bars = adjustments.adjust(bars, store.read_actions(symbol), base=base)
    if interval == "1d":
        index = pd.DatetimeIndex(calendars.session_of(bars.closed_at, bars.calendar), name="date")
    else:
        index = zoned(bars.closed_at).rename("time")
    columns = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    return pd.DataFrame(columns, index=index)


def _ticks(store: "Store", symbol: str) -> "pd.DataFrame":
    import pandas as pd

    from pipelines.market.times import zoned

    ticks = store.read_ticks(symbol)
    index = zoned(ticks.time).rename("time")
    return pd.DataFrame({"price": ticks.price, "size": ticks.size}, index=index)
