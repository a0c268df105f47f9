"""The times of bars: which date a daily bar is of, and whether the bars are as far apart as --interval says."""

import re
from typing import Literal

import numpy as np

from pipelines.cleaning import cleaning
from pipelines.errors import BadFileError, ConfigError
from pipelines.market import calendars
from pipelines.market.types import Times
from pipelines.sources.csv.cells import Column, quoted
from pipelines.sources.csv.times.times import Stamps, check_zone, on_clock, to_utc

_DAY = np.timedelta64(1, "D")
_LAST = np.timedelta64(999, "ms")
_LEAST = 3  # steps, before anything is said of the usual one
_ZONES = {
    15: "Asia/Tokyo",
    16: "Asia/Shanghai",
    18: "Asia/Kolkata",
    21: "Europe/Athens",
    22: "Europe/Athens",
    23: "Europe/Berlin",
}


def canonical(interval: str) -> str:
    """1440m, 24h and 1D as 1d, 60m as 1h: one name for one length.

    Raises:
        ConfigError: no interval.
    """
    if interval.lower() in ("1d", "1day", "d", "daily"):
        return "1d"
    seconds = int(cleaning.length(interval) / np.timedelta64(1, "s"))
    if seconds == 86_400:
        return "1d"
    if seconds > 86_400:
        raise ConfigError(f"Expected an interval up to 1d, got {interval!r}. Fetch daily bars or shorter ones.")
    for size, letter in ((3600, "h"), (60, "m")):
        if seconds % size == 0:
            return f"{seconds // size}{letter}"
    return f"{seconds}s"


def daily(stamps: Stamps, *, tz: str | None, calendar: str, where: Column) -> tuple[Times, tuple[str, ...]]:
    """The date of each daily bar, as datetime64[ns]; with what a person should know.

    A midnight on the file's own clock is a date. Another moment has its date on the clock of tz, or on the file's own
    where it names no zone; of a moment late in the day of UTC the calendar decides whether it begins the next day.

    Raises:
        ConfigError: bars closer together or wider apart than a day, or a zone that has to be named.
    """
    _check_daily(stamps.wall if stamps.utc is None else stamps.utc, where)
    if tz is not None:
        check_zone(tz)
    if stamps.midnight:
        return stamps.wall, ()
    if stamps.utc is None:
        return _dates(stamps.wall), ("times of day of daily bars left away",)
    if _ends_of_days(stamps.utc):
        return _dates(stamps.utc), ("times at the end of the day in UTC taken as its date",)
    if tz is not None:
        return _dates(on_clock(stamps.utc, tz)), (f"dates on the clock of {tz}",)
    filled = stamps.utc[~np.isnat(stamps.utc)]
    hours = (filled - filled.astype("datetime64[D]")).astype("timedelta64[h]").astype(np.int64)
    hour = int(np.median(hours)) if len(hours) else 0
    today = _dates(stamps.utc)
    if hour < 12:
        return today, ("dates of daily bars in UTC",)
    days, after = (day[~np.isnat(day)].astype("datetime64[D]") for day in (today, today + _DAY))
    closed, closed_after = (np.count_nonzero(~calendars.is_session(day, calendar)) for day in (days, after))
    if closed < closed_after:
        return today, (f"times about {hour}:00 UTC taken as the dates on which they lie, which {calendar} trades on",)
    if closed_after < closed:
        return today + _DAY, (
            f"times about {hour}:00 UTC taken as the start of the next date, which {calendar} trades on",
        )
    raise ConfigError(
        f"{quoted(where.path)}: Expected dates for daily bars, got times about {hour}:00 UTC, which may belong to "
        "that date or to the next. Name the zone on whose clock they are dates, for example "
        f"--tz {_ZONES.get(hour, 'America/New_York')}."
    )


def _ends_of_days(utc: Times) -> bool:
    """Whether all are the last minute of a day: 23:59:59.999."""
    filled = utc[~np.isnat(utc)]
    return bool(len(filled) and np.all(filled - filled.astype("datetime64[D]") >= np.timedelta64(86_340, "s")))


def intraday(stamps: Stamps, *, interval: str, tz: str | None, where: Column) -> Times:
    """The times of bars of an interval, UTC.

    Raises:
        ConfigError: dates alone, no time zone, or bars that are usually wider apart than the interval.
    """
    filled = stamps.wall[~np.isnat(stamps.wall)]
    if stamps.midnight and len(filled):
        steps = np.diff(np.unique(filled))
        if not len(steps) or np.median(steps) >= _DAY:
            raise ConfigError(
                f"{quoted(where.path)}: Expected times of day for bars of {interval}, got dates alone. "
                "Use --interval 1d."
            )
    utc = stamps.utc if stamps.utc is not None else to_utc(stamps.wall, stamps.zone or tz, where=where)
    step, share = _usual_step(utc)
    if step is not None and share >= 0.95 and step > cleaning.length(interval):
        raise ConfigError(
            f"{quoted(where.path)}: Expected bars {interval} apart, got bars usually {named(step)} apart. "
            f"Name the interval, for example --interval {named(step)}."
        )
    return utc


def opens(
    moments: Times, *, step: np.timedelta64, stamp: Literal["start", "end"], named_ends: bool, where: Column
) -> Times:
    """When bars begin that are stamped so. A time in the last millisecond of a second (Binance's close time) is the
    end of that second.

    Raises:
        ConfigError: ends of bars, by the name of their column or by that last millisecond, taken for starts.
    """
    seconds = moments.astype("datetime64[s]")
    last = moments - seconds >= _LAST
    ends = bool(np.any(last) and np.all(last | np.isnat(moments)))
    if stamp == "start" and (named_ends or ends):
        raise ConfigError(
            f"{quoted(where.path)}: Expected times at which bars begin, got those of their ends in column "
            f"{quoted(where.name)!r}. Say --stamp end."
        )
    if stamp == "start":
        return moments
    if ends:
        moments = (seconds + np.timedelta64(1, "s")).astype("datetime64[ns]")
    return moments - step


def check_clock(stamps: Stamps, *, kind: str, where: Column) -> None:
    """Whether times of day can be what they seem.

    Raises:
        BadFileError: trades or quotes with dates alone; hours from 1 to 12 that begin again after noon.
    """
    if kind != "bars" and stamps.midnight and np.count_nonzero(~np.isnat(stamps.wall)) > 1:
        raise BadFileError(
            f"{quoted(where.path)}: Expected times of day of {'trades' if kind == 'ticks' else kind}, got dates alone "
            f"in column {quoted(where.name)!r}. Closes of days are no trades: fetch a file with open, high, low, close."
        )
    if stamps.utc is not None:
        return
    for wall in (stamps.wall[:: max(1, len(stamps.wall) // 1_000)], stamps.wall):  # some of them decide of most files
        days = wall.astype("datetime64[D]")
        hours = (wall - days).astype("timedelta64[h]").astype(np.int64)
        filled = hours[~np.isnat(wall)]
        if not len(filled) or filled.min() < 1 or filled.max() > 12:
            return
    again = (hours[:-1] == 12) & (hours[1:] == 1) & (days[:-1] == days[1:])
    if np.any(again):
        row = int(np.argmax(again)) + 1
        raise where.bad(
            row,
            np.datetime_as_string(wall[row], unit="m"),
            expected="times that rise through the day (or AM and PM beside them)",
            hint="After 12 it begins with 1 again: write the times from 0 to 24 hours.",
        )


def _check_daily(moments: Times, where: Column) -> None:
    steps = np.diff(np.unique(moments[~np.isnat(moments)]))
    if not len(steps):
        return
    median = np.median(steps)
    if median < np.timedelta64(12, "h"):
        step, _ = _usual_step(moments)
        name = named(np.timedelta64(int(median), "ns") if step is None else step)
        minutes = int(median / np.timedelta64(1, "m"))
        raise ConfigError(
            f"{quoted(where.path)}: Expected dates for daily bars, got times of day about {minutes} minutes apart. "
            f"Name the interval, for example --interval {name}."
        )
    near = (steps > 0.8 * median) & (steps < 1.25 * median)
    if len(steps) >= _LEAST and median > 4 * _DAY and np.mean(near) >= 0.8:
        days = int(np.round(median / _DAY))
        kind = {6: "weekly", 7: "weekly", 8: "weekly"}.get(days, "monthly" if 27 <= days <= 33 else f"{days}-day")
        raise ConfigError(
            f"{quoted(where.path)}: Expected bars 1d apart, got {kind} bars (usually {days} days apart). "
            "Fetch the daily bars: bars of a week or longer are not read."
        )


def _usual_step(moments: Times) -> tuple[np.timedelta64 | None, float]:
    """The commonest step between different times, and the share of the steps that are multiples of it."""
    steps = np.diff(np.unique(moments[~np.isnat(moments)].astype("datetime64[s]"))).astype(np.int64)
    if len(steps) < _LEAST:
        return None, 0.0
    values, counts = np.unique(steps[steps > 0], return_counts=True)
    if not len(values):
        return None, 0.0
    step = int(values[np.argmax(counts)])
    return np.timedelta64(step, "s"), float(np.mean(steps % step == 0))


def named(step: np.timedelta64) -> str:
    """A length as --interval takes it."""
    seconds = max(int(step / np.timedelta64(1, "s")), 1)
    return canonical(f"{seconds}s") if seconds <= 86_400 else "1d"


def day_in_name(pattern: str, name: str) -> str | None:
    """The date in a file's name as YYYY-MM-DD, None where there is none."""
    match = re.search(pattern, name)
    if match is None:
        return None
    digits = match[1].replace("-", "")
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:]}"


def _dates(wall: Times) -> Times:
    dates: Times = wall.astype("datetime64[D]").astype("datetime64[ns]")
    return dates
