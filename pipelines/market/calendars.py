"""When exchanges trade: sessions, their hours in UTC, and how many of them a year has.

The hours come from exchange_calendars (half days and holidays included). Its import takes most of a second, so it
happens inside the functions. Where a calendar records no holidays (Tokyo before 1997, any year before 1960),
every weekday counts as a session with the hours of the first recorded one.
"""

import difflib
import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import BadPricesError, ConfigError
from pipelines.market.times import utc
from pipelines.market.types import Times

Dates = NDArray[np.datetime64]  # datetime64[D], a session's date as the exchange names it

_EARLIEST = "1960-01-04"
_LEAST_END = "2027-11-01"  # a clock that is behind would take sessions away that were long ago
_ALWAYS = "24/7"


@dataclass(frozen=True, kw_only=True, eq=False)
class Schedule:
    """Every session of one calendar: date, open and close in UTC, each of shape (sessions,), in order."""

    date: Dates
    open: Times
    close: Times
    zone: str


def sessions_per_year(calendar: str) -> float:
    """The mean number of sessions in a year, over the 20 years 2005 to 2024 (365.25 for "24/7")."""
    dates = schedule(calendar).date
    first, after = np.datetime64("2005-01-01", "D"), np.datetime64("2025-01-01", "D")
    return float(np.count_nonzero((dates >= first) & (dates < after))) / 20


def is_session(dates: Dates, calendar: str) -> NDArray[np.bool_]:
    """Whether the exchange trades on each date, shape (dates,)."""
    days = np.asarray(dates, "datetime64[D]")
    sessions = schedule(calendar)
    row = np.minimum(np.searchsorted(sessions.date, days), len(sessions.date) - 1)  # np.isin would sort them each time
    listed = sessions.date[row] == days
    before = days < sessions.date[0]
    trades: NDArray[np.bool_] = listed | (before & np.is_busday(days))
    return trades


def sessions_between(first: Any, last: Any, calendar: str) -> Dates:
    """The dates on which the exchange trades, from first to last, both included. Takes dates, datetime64 or text."""
    start, end = np.datetime64(first, "D").astype(np.int64), np.datetime64(last, "D").astype(np.int64)
    days = np.arange(start, end + 1).astype("datetime64[D]")
    return days[is_session(days, calendar)]


def daily_times(dates: Dates, calendar: str) -> tuple[Times, Times]:
    """Open and close of each session in UTC, half days as they were.

    Raises:
        BadPricesError: a date on which the exchange does not trade.
    """
    days = np.asarray(dates, "datetime64[D]")
    if not np.all(trades := is_session(days, calendar)):
        holiday = days[~trades][0]
        raise BadPricesError(
            f"Expected dates on which {calendar} trades, got {holiday}. Clean the rows first, or name another "
            "--calendar."
        )
    table = schedule(calendar)
    before = days < table.date[0]
    row = np.searchsorted(table.date, days)
    row[before] = 0
    opened, closed = table.open[row], table.close[row]
    if np.any(before):
        shift = _local_shift(days[before], table)
        opened[before] += shift
        closed[before] += shift
    return opened, closed


def session_of(times: Times, calendar: str) -> Dates:
    """The session that each time belongs to, shape (times,): the first one whose close is not before it.

    So a bar's closed_at belongs to the session that it ends, a trade before the open to the session to come, and a
    trade after the close to the next session.
    """
    sessions = schedule(calendar)
    moments = np.asarray(times, "datetime64[ns]")
    row = np.minimum(np.searchsorted(sessions.close, moments), len(sessions.date) - 1)
    days: Dates = sessions.date[row]
    early = moments <= sessions.open[0]
    if np.any(early):
        days = days.copy()
        local = moments[early] + (sessions.date[0] - sessions.open[0].astype("datetime64[D]"))
        days[early] = np.busday_offset(local.astype("datetime64[D]"), 0, roll="forward")
    return days


def is_open(times: Times, calendar: str) -> NDArray[np.bool_]:
    """Whether each time lies within trading hours, open and close included, shape (times,)."""
    sessions = schedule(calendar)
    moments = np.asarray(times, "datetime64[ns]")
    row = np.minimum(np.searchsorted(sessions.close, moments), len(sessions.date) - 1)
    inside = (sessions.open[row] <= moments) & (moments <= sessions.close[row])
    open_then: NDArray[np.bool_] = inside | (moments < sessions.open[0])
    return open_then


def starts_open(times: Times, calendar: str) -> NDArray[np.bool_]:
    """Whether the exchange trades just after each time: within hours, close not included, shape (times,)."""
    nanoseconds = np.asarray(times, "datetime64[ns]").view(np.int64)
    return is_open((nanoseconds + 1).view("datetime64[ns]"), calendar)


def next_open(times: Times, calendar: str) -> Times:
    """The first open of a session after each time, shape (times,); the time itself where none is recorded."""
    return _next(schedule(calendar).open, times)


def next_close(times: Times, calendar: str) -> Times:
    """The first close after each time, shape (times,); the time itself where none is recorded."""
    return _next(schedule(calendar).close, times)


def _next(ends: Times, times: Times) -> Times:
    moments = np.asarray(times, "datetime64[ns]")
    row = np.searchsorted(ends, moments, side="right")
    following: Times = np.where(row < len(ends), ends[np.minimum(row, len(ends) - 1)], moments)
    return following


def last_closed(calendar: str, *, now: np.datetime64) -> np.datetime64:
    """The last session that was over at that time, UTC."""
    sessions = schedule(calendar)
    date: np.datetime64 = sessions.date[max(int(np.searchsorted(sessions.close, now, side="right")) - 1, 0)]
    return date


@lru_cache(maxsize=16)
def schedule(calendar: str) -> Schedule:
    """All sessions of a calendar, from 1960 (or its first recorded year) to a year from now, by whatever clock.

    Raises:
        ConfigError: a name that exchange_calendars does not know.
    """
    table, zone = _load(calendar)
    arrays = {
        "date": table.index.to_numpy().astype("datetime64[D]"),
        "open": utc(table["open"]),
        "close": utc(table["close"]),
    }
    for array in arrays.values():
        array.flags.writeable = False
    return Schedule(zone=zone, **arrays)


def _load(calendar: str) -> tuple[Any, str]:
    import exchange_calendars
    from exchange_calendars.calendar_utils import global_calendar_dispatcher
    from exchange_calendars.errors import InvalidCalendarName

    with warnings.catch_warnings():
        # exchange_calendars 4.13 reads Series.values of times, which pandas 3.1 warns about
        warnings.simplefilter("ignore")
        try:
            name = global_calendar_dispatcher.resolve_alias(calendar)
            factory = global_calendar_dispatcher._calendar_factories[name]
            start = max(filter(None, (factory.bound_min(), _timestamp(_EARLIEST))))
            end = max(factory.default_end(), min(filter(None, (factory.bound_max(), _timestamp(_LEAST_END)))))
            exchange = exchange_calendars.get_calendar(name, start=start, end=end)
        except (InvalidCalendarName, KeyError):
            names = exchange_calendars.get_calendar_names()
            near = difflib.get_close_matches(calendar.upper(), names, n=3, cutoff=0.4)
            raise ConfigError(
                f"Expected the name of an exchange's calendar, got {calendar!r}. "
                f"Use {' or '.join(near or ['XNYS', 'XLON', '24/7'])} (--calendar)."
            ) from None
        except MemoryError:
            raise
        except Exception as error:  # rules of 71 exchanges, read by another package: anything may come out of them
            reason = " ".join(str(error).split())[:120]
            raise ConfigError(
                f"Expected to build the calendar {calendar}, got {type(error).__name__}: {reason}. "
                f"Its rules and pandas {_pandas_version()} do not go together: `pip install 'pandas>=3.0,<3.1'`."
            ) from error
        return exchange.schedule, str(exchange.tz)


def _pandas_version() -> str:
    import pandas

    return str(pandas.__version__)


def _timestamp(text: str) -> Any:
    import pandas

    return pandas.Timestamp(text)


def _local_shift(days: Dates, sessions: Schedule) -> NDArray[np.timedelta64]:
    """From the first recorded session to each earlier day, at the same time on the exchange's clock."""
    import pandas

    first = pandas.Timestamp(sessions.open[0], tz="UTC").tz_convert(sessions.zone)
    moved = pandas.DatetimeIndex(days.astype("datetime64[ns]")) + (
        first.tz_localize(None) - pandas.Timestamp(sessions.date[0])
    )
    utc = moved.tz_localize(
        sessions.zone, nonexistent="shift_forward", ambiguous=np.ones(len(moved), np.bool_)
    ).tz_convert(None)
    shift: NDArray[np.timedelta64] = utc.to_numpy().astype("datetime64[ns]") - sessions.open[0]
    return shift
