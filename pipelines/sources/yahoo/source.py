"""Daily and intraday bars from Yahoo Finance, brought back to prices as traded.

Yahoo's prices, volumes and dividends are in shares of the day they are asked for: every split up to then is applied
to all earlier rows. The store keeps prices as traded, so later splits are undone here, and actions are always asked
for up to now, whatever the last session that is wanted.
"""

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.cleaning import cleaning
from pipelines.errors import ConfigError, SourceError, TooFewBarsError, counted
from pipelines.market import calendars
from pipelines.market.adjustments import undo_splits, with_gains
from pipelines.market.types import Actions, Bars, Times
from pipelines.sources.base import Delivery
from pipelines.sources.yahoo.client import Client
from pipelines.sources.yahoo.exchanges import calendar_of

if TYPE_CHECKING:
    import pandas as pd

SETTLED = np.timedelta64(30, "m")
"""Quotes are up to 20 minutes late: a bar is final this long after its close."""

_LIMITS = {  # interval -> days a request, days back
    "1m": (7, 29),
    "2m": (59, 59),
    "5m": (59, 59),
    "15m": (59, 59),
    "30m": (59, 59),
    "90m": (59, 59),
    "1h": (729, 729),
}
INTERVALS = ("1d", *_LIMITS)
_NAMES = {"Open": "open", "High": "high", "Low": "low", "Close": "close", "Volume": "volume"}
_LATE = np.timedelta64(10, "D")


def read(
    symbol: str,
    *,
    interval: str = "1d",
    start: date | None = None,
    end: date | None = None,
    calendar: str | None = None,
    max_dropped: float = cleaning.MAX_DROPPED,
    client: Client | None = None,
    now: datetime | None = None,
) -> Delivery:
    """Finished bars of the sessions from start to end (None: all there are), raw as traded, and all actions since.

    Raises:
        ConfigError: an interval that Yahoo does not have.
        UnknownSymbolError, RateLimitedError, SourceError: see Client.history.
        TooFewBarsError: no finished bar in that time.
    """
    if interval not in INTERVALS:
        raise ConfigError(f"Expected an interval of {', '.join(INTERVALS)} with Yahoo, got {interval!r}.")
    client, now = client or Client(), now or datetime.now(UTC)
    frame, meta, notes = _frame(client, symbol, interval, start, end, now)
    events = frame
    if interval != "1d":
        first = frame.index[0].date() if len(frame) else start
        events, _ = client.history(symbol, interval="1d", **_span(first))
    market = calendar or calendar_of(meta)
    actions = _actions(symbol, events, market)
    finished, more = _finished(frame, interval=interval, calendar=market, end=end, now=now)
    if not len(finished):
        raise TooFewBarsError(
            f"{symbol}: need finished {interval} bars from {start or 'the start'} to {end or 'now'}, Yahoo has none."
        )
    bars, report = cleaning.bars(
        finished,
        symbol=symbol,
        interval=interval,
        calendar=market,
        currency=str(meta.get("currency") or ""),
        max_dropped=max_dropped,
    )
    bars, actions, late = _as_traded(bars, actions)
    since = None if start is None else np.datetime64(start, "ns")
    until = np.datetime64(now.replace(tzinfo=None), "ns")
    return Delivery(
        prices=bars,
        actions=actions,
        report=report.noting((*notes, *more, *late)),
        actions_since=since if since is not None else np.datetime64("1900-01-01", "ns"),
        actions_until=until,
    )


def _span(start: date | None) -> dict[str, Any]:
    return {"period": "max"} if start is None else {"start": start.isoformat()}


def _frame(
    client: Client, symbol: str, interval: str, start: date | None, end: date | None, now: datetime
) -> "tuple[pd.DataFrame, dict[str, Any], tuple[str, ...]]":
    """One request for daily bars, up to now for the sake of the actions; as many as it takes for shorter ones."""
    import pandas as pd

    if interval == "1d":
        frame, meta = client.history(symbol, interval=interval, **_span(start))
        return frame, meta, ()
    days, back = _LIMITS[interval]
    earliest = now.date() - timedelta(days=back)
    last = min(end or now.date(), now.date())
    if last < earliest:
        raise SourceError(
            f"{symbol}: Yahoo keeps {interval} bars for {back} days, back to {earliest}; got --end {end}."
        )
    first = max(start or earliest, earliest)
    notes = (f"Yahoo keeps {interval} bars for {back} days: nothing before {first}",) if start and start < first else ()
    parts, meta = [], {}
    while first <= last:
        until = min(first + timedelta(days=days), last + timedelta(days=1))
        part, meta = client.history(symbol, interval=interval, start=first.isoformat(), end=until.isoformat())
        parts.append(part)
        first = until
    return pd.concat([part for part in parts if len(part)] or parts[:1]), meta, notes


def _actions(symbol: str, frame: "pd.DataFrame", calendar: str) -> Actions:
    """Splits, and dividends as Yahoo gives them: in shares of today. Capital gains of a fund are paid out likewise."""
    if not len(frame):
        return Actions.none(symbol)
    dividend = frame["Dividends"].fillna(0).to_numpy(dtype=np.float64)
    if "Capital Gains" in frame:
        gains = frame["Capital Gains"].fillna(0).to_numpy(dtype=np.float64)
        close, adjusted = (frame[name].to_numpy(dtype=np.float64) for name in ("Close", "Adj Close"))
        dividend = with_gains(dividend, gains, close=close, adjusted=adjusted)
    split = frame["Stock Splits"].fillna(0).to_numpy(dtype=np.float64)
    split = np.where(split > 0, split, 1.0)
    happened = (dividend > 0) | (split != 1)
    days = np.array([stamp.date() for stamp in frame.index[happened]], "datetime64[D]")
    sessions = calendars.sessions_between(days[0], days[-1] + 10, calendar) if len(days) else days
    ex_at, _ = calendars.daily_times(sessions[np.searchsorted(sessions, days)], calendar)
    ex_at, row = np.unique(ex_at, return_index=True)
    return Actions(symbol=symbol, ex_at=ex_at, dividend=dividend[happened][row], split=split[happened][row])


def _finished(
    frame: "pd.DataFrame", *, interval: str, calendar: str, end: date | None, now: datetime
) -> "tuple[pd.DataFrame, tuple[str, ...]]":
    """The rows with prices of bars that are over, up to end, with `date` or `opened_at`."""
    import pandas as pd

    notes: list[str] = []
    table = frame.rename(columns=_NAMES)[list(_NAMES.values())]
    empty = table[["open", "high", "low", "close"]].isna().all(axis=1).to_numpy()
    volume = table["volume"].to_numpy(dtype=np.float64, na_value=np.nan)
    for which, rows in (("", empty & ~(volume > 0)), (" but with a volume", empty & (volume > 0))):
        if np.any(rows):
            dates = ", ".join(str(stamp.date()) for stamp in frame.index[rows][:5])
            more = ", ..." if rows.sum() > 5 else ""
            notes.append(f"{counted(np.count_nonzero(rows), 'row')} without prices{which} at Yahoo ({dates}{more})")
    days = np.array([stamp.date() for stamp in frame.index], "datetime64[D]")
    table = table.reset_index(drop=True)
    if interval == "1d":
        table["date"] = days.astype("datetime64[ns]")
        trades = calendars.is_session(days, calendar)
        over = np.full(len(days), np.datetime64("1900-01-01", "ns"))
        over[trades] = calendars.daily_times(days[trades], calendar)[1]
    else:
        opened: Times = pd.DatetimeIndex(frame.index).tz_convert(None).to_numpy().astype("datetime64[ns]")
        table["opened_at"] = opened
        over = np.array(opened + cleaning.length(interval), "datetime64[ns]")
    final = over + SETTLED <= np.datetime64(now.astimezone(UTC).replace(tzinfo=None), "ns")
    if not np.all(final):
        notes.append(f"{np.count_nonzero(~final)} unfinished left for the next time")
    inside = np.ones(len(days), np.bool_) if end is None else days <= np.datetime64(end, "D")
    return table[final & inside & ~empty], tuple(notes)


def _as_traded(bars: Bars, actions: Actions) -> tuple[Bars, Actions, tuple[str, ...]]:
    """Undoes all later splits; a split of the last days that the prices do not show yet is not undone."""
    notes: tuple[str, ...] = ()
    applied = np.ones(len(actions), np.bool_)
    for row in np.flatnonzero((actions.split != 1) & (actions.ex_at > bars.closed_at[-1] - _LATE)):
        after = int(np.searchsorted(bars.closed_at, actions.ex_at[row], side="right"))
        if 0 < after < len(bars):
            jump = np.log(bars.close[after - 1] / bars.open[after])
            applied[row] = abs(jump) < abs(jump - np.log(actions.split[row]))
        if not applied[row]:
            notes += (f"the split of {actions.ex_at[row].astype('datetime64[D]')} is not in Yahoo's prices yet",)
    return *undo_splits(bars, actions, applied=actions.rows(applied)), notes
