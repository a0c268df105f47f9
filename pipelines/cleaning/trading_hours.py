"""Rows while the exchange is closed: extended hours are left out or kept, a wrong calendar or zone is refused."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipelines.cleaning.report import RowFilter
from pipelines.errors import BadPricesError, counted
from pipelines.market import calendars
from pipelines.market.types import Times

Mask = NDArray[np.bool_]
Hours = Literal["regular", "extended"]

MAX_CLOSED = 0.05
"""The share of rows off the calendar above which the calendar is taken for the wrong one."""

_BEFORE, _AFTER = np.timedelta64(330, "m"), np.timedelta64(240, "m")  # New York: 04:00 to 20:00
_NIGHT = 0.005  # of all rows beyond extended hours: it is another market
_SLOTS = 12
_LEAST_BARS = 10  # before anything is said of their stamps
_LIKELY = ("CMES", "24/5", "XLON", "XETR", "XTKS", "XHKG", "XSHG", "XBOM", "XTSE", "XASX", "BVMF", "XNYS")


def drop_closed(
    rows: RowFilter,
    times: Times,
    calendar: str,
    *,
    daily: bool,
    symbol: str,
    assumed: bool,
    hours: Hours,
    max_dropped: float,
    ends: bool = False,
) -> None:
    """Drops the rows while the exchange is closed. ends: whether a time at the close is still open (a trade).

    Raises:
        BadPricesError: more than a few percent of the rows, and no extended hours: the wrong calendar or time zone.
    """
    remaining = np.flatnonzero(rows.kept)
    is_open = calendars.is_session if daily else calendars.is_open if ends else calendars.starts_open
    open_then = is_open(times[remaining], calendar)
    if np.all(open_then):
        return
    closed = np.zeros(len(times), np.bool_)
    closed[remaining[~open_then]] = True
    why = f"not a session of {calendar}" if daily else f"outside the hours of {calendar}"
    many = _many(closed, len(remaining), max_dropped)
    if not daily and (many or hours == "extended"):
        extended, night = _extended(times, closed, calendar)
        if hours == "extended":
            closed &= ~extended
            rows.note(f"{counted(np.count_nonzero(extended), 'row')} of extended hours kept")
        elif night <= _NIGHT * len(remaining) and _covered(times[remaining[open_then]], calendar):
            rows.drop(f"{why} (extended hours; --hours extended keeps them)", closed, counts=False)
            return
        many = _many(closed, len(remaining), max_dropped)
    if many:
        raise _refusal(rows, times, closed, len(remaining), calendar, daily=daily, symbol=symbol, assumed=assumed)
    rows.drop(why, closed, counts=False)


def stamps_at_the_other_end(opened: Times, step: np.timedelta64, calendar: str) -> str:
    """A warning where most sessions have a bar that would begin at their close and none has one that begins at their
    open: the times are the bars' ends; and the same the other way round. "" where neither holds."""
    schedule = calendars.schedule(calendar)
    if len(opened) < _LEAST_BARS:
        return ""
    first, last = np.searchsorted(schedule.close, [opened.min(), opened.max()])
    opens, closes = (ends[first : last + 1] for ends in (schedule.open, schedule.close))
    at_open, at_close, before_open, before_close = (
        np.count_nonzero(np.isin(moments, opened)) for moments in (opens, closes, opens - step, closes - step)
    )
    for many, none, where, stamp in (
        (at_close, at_open, "a bar at the close and none has one at the open", "end"),
        (before_open, before_close, "a bar before the open and none has the last one", "start"),
    ):
        if none == 0 and 2 * many > len(opens) > 1:
            advice = f"--stamp {stamp} if times are the {stamp}s of bars"
            return f"warning: {many} of {len(opens)} sessions have {where}: {advice}"
    return ""


def _many(closed: Mask, count: int, max_dropped: float) -> bool:
    """Most rows, or more than a few percent; a single row of a short file is an odd row, not the wrong calendar."""
    number = int(np.count_nonzero(closed))
    return 2 * number > count or (number > 1 and number > max(MAX_CLOSED, max_dropped) * count)


def _extended(times: Times, closed: Mask, calendar: str) -> tuple[Mask, int]:
    """The closed rows shortly before an open or after a close, and how many others there are."""
    schedule = calendars.schedule(calendar)
    moments = times[closed]
    after = np.searchsorted(schedule.open, moments, side="right")
    opens = schedule.open[np.minimum(after, len(schedule.open) - 1)]
    closes = schedule.close[np.maximum(after - 1, 0)]
    near = ((opens >= moments) & (opens - moments <= _BEFORE)) | ((closes <= moments) & (moments - closes <= _AFTER))
    extended = np.zeros(len(times), np.bool_)
    extended[np.flatnonzero(closed)[near]] = True
    return extended, int(np.count_nonzero(~near))


def _covered(moments: Times, calendar: str) -> bool:
    """Whether there are rows in all parts of the sessions: with a wrong zone, hours are missing at one end."""
    schedule = calendars.schedule(calendar)
    row = np.clip(np.searchsorted(schedule.open, moments, side="right") - 1, 0, None)
    length = (schedule.close[row] - schedule.open[row]).astype(np.float64)
    place = (moments - schedule.open[row]).astype(np.float64) / np.maximum(length, 1.0)
    counts = np.bincount(np.clip((place * _SLOTS).astype(np.int64), 0, _SLOTS - 1), minlength=_SLOTS)
    return bool(np.count_nonzero(counts) >= _SLOTS - 1 and counts[0] > 0 and counts[-1] > 0)


def _refusal(
    rows: RowFilter, times: Times, closed: Mask, count: int, calendar: str, *, daily: bool, symbol: str, assumed: bool
) -> BadPricesError:
    first = int(np.argmax(closed))
    share = np.count_nonzero(closed) / count
    likely = _likely(times[rows.kept], calendar, daily=daily, share=share)
    which = f"{calendar}, which is taken where --calendar names none" if assumed else calendar
    moment = str(times[first].astype("datetime64[D]")) if daily else f"{times[first].astype('datetime64[m]')} UTC"
    if likely and (daily or likely == "24/7"):
        advice = f"The rows fit {likely}: --calendar {likely}"
    elif likely:
        advice = f"Name the right zone with --tz, or the right calendar: the rows fit --calendar {likely}"
    elif daily:
        advice = "Name the right calendar with --calendar, for example 24/7 for crypto"
    else:
        advice = "Name the right calendar with --calendar (24/7 for crypto), and the right zone with --tz"
    return BadPricesError(
        f"{symbol}: Expected times at which the exchange trades ({which}), but it is closed at "
        f"{np.count_nonzero(closed):,} of {count:,} rows ({share:.0%}; first: {rows.place(first)}, {moment}). {advice}."
    )


def _likely(times: Times, calendar: str, *, daily: bool, share: float) -> str:
    """The calendar that the rows fit, "" where none of the usual ones does."""
    weekday = (times.astype("datetime64[D]").astype(np.int64) + 3) % 7  # Monday is 0
    if np.mean(weekday == 5) > 0.02 and np.mean(weekday == 6) > 0.02:
        return "24/7"
    best, least = "", min(0.02, share / 2)
    sample = times[:: max(1, len(times) // 20_000)]
    for name in _LIKELY:
        if name == calendar:
            continue
        is_open = calendars.is_session if daily else calendars.starts_open
        closed = float(np.mean(~is_open(sample, name)))
        if closed < least:
            best, least = name, closed
        if closed == 0:
            break
    return best
