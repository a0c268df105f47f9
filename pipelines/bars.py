"""Ticks to bars. Each kind of bar says at which rows its bars start; one aggregator does the rest."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines import calendars
from pipelines.errors import ConfigError
from pipelines.market import Bars, Ticks, Times

PAUSE = np.timedelta64(30, "m").astype("timedelta64[ns]")
"""No trade for so long (a night, a halt) closes a bar that is counted in trades."""

_UNITS = {"s": 1_000_000_000, "m": 60_000_000_000, "h": 3_600_000_000_000}


@dataclass(frozen=True, kw_only=True, eq=False)
class Cuts:
    """Where bars lie in the ticks: bar i holds rows starts[i] to starts[i + 1], the last one to end.

    starts: shape (bars,). opened_at, closed_at: UTC, shape (bars,).
    """

    starts: NDArray[np.int64]
    end: int
    opened_at: Times
    closed_at: Times


def from_ticks(ticks: Ticks, kind: str) -> Bars:
    """Bars of the given kind; cutting the ticks off anywhere never changes a bar that was complete before.

    kind: "tick:500" bars of 500 trades. closed_at is the time of the last trade. A pause of 30 minutes without a trade
    closes a bar early, at last trade + 30 minutes, when that is known without the future; the last bar of the data,
    if unfinished, is left out.
    "time:15m" (s, m, h): aligned to the open of the exchange's session, cut at its close, none that is empty.
    closed_at is the end of the interval. The last interval is left out: no later trade shows that it is over.

    Raises:
        ConfigError: a kind that does not exist.
    """
    name, size = _parse(kind)
    cuts = _KINDS[name](ticks, size)
    return _aggregate(ticks, cuts, interval=kind.removeprefix("time:"))


def pauses(time: Times) -> NDArray[np.int64]:
    """The rows that come after a pause, shape (pauses,)."""
    step = np.diff(time.view(np.int64))
    return np.flatnonzero(step >= PAUSE.astype(np.int64)) + 1


def _aggregate(ticks: Ticks, cuts: Cuts, *, interval: str) -> Bars:
    """First, highest, lowest and last price and the sum of the sizes of each bar's rows."""
    starts, end = cuts.starts, cuts.end
    last = np.append(starts[1:], end)[: len(starts)] - 1
    price, size = ticks.price[:end], ticks.size[:end]
    some = len(starts) > 0
    return Bars(
        symbol=ticks.symbol,
        interval=interval,
        opened_at=cuts.opened_at,
        closed_at=cuts.closed_at,
        open=price[starts],
        high=np.maximum.reduceat(price, starts) if some else price[:0],
        low=np.minimum.reduceat(price, starts) if some else price[:0],
        close=price[last],
        volume=np.add.reduceat(size, starts) if some else size[:0],
        currency=ticks.currency,
        calendar=ticks.calendar,
    )


def _by_trades(ticks: Ticks, count: int) -> Cuts:
    """A new bar after count trades, and after each pause."""
    first = np.concatenate([[0], pauses(ticks.time)]).astype(np.int64)
    after = np.append(first[1:], len(ticks))
    bars = -(-(after - first) // count)  # rounded up
    offset = np.arange(bars.sum()) - np.repeat(np.cumsum(bars) - bars, bars)
    starts = np.repeat(first, bars) + offset * count
    return counted_cuts(ticks, starts, full=np.diff(starts, append=len(ticks)) == count)


def counted_cuts(ticks: Ticks, starts: NDArray[np.int64], *, full: NDArray[np.bool_]) -> Cuts:
    """The cuts of bars that end with a trade, or, where not full, by the timeout after it.

    starts: of every bar, also of the last one of the ticks, which is left out unless it is full; shape (bars,).
    """
    kept = len(starts) if len(starts) and full[-1] else max(len(starts) - 1, 0)
    end = len(ticks) if kept == len(starts) else int(starts[kept])
    last = np.append(starts[1:], len(ticks))[:kept] - 1
    closed_at = ticks.time[last] + np.where(full[:kept], np.timedelta64(0, "ns"), PAUSE)
    return Cuts(starts=starts[:kept], end=end, opened_at=ticks.time[starts[:kept]], closed_at=closed_at)


def _by_time(ticks: Ticks, length: int) -> Cuts:
    """A new bar every length nanoseconds from the open of the session."""
    opened, closed, after_close = _intervals(ticks, length)
    time = ticks.time.view(np.int64)
    # the trade at the very close belongs to the session's last bar
    row = np.where(after_close, np.searchsorted(time, opened, "right"), np.searchsorted(time, opened))
    traded = np.flatnonzero(np.diff(row, append=len(ticks)) > 0)
    kept = traded[:-1]
    return Cuts(
        starts=row[kept],
        end=int(row[traded[-1]]) if len(traded) else 0,
        opened_at=opened[kept].view("datetime64[ns]"),
        closed_at=closed[kept].view("datetime64[ns]"),
    )


def _intervals(ticks: Ticks, length: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Every interval between the first and the last trade, in order: start, end, whether it follows a close.

    The time between two sessions is cut from the coming open backwards.
    """
    if not len(ticks):
        return np.array([], np.int64), np.array([], np.int64), np.array([], np.bool_)
    days = calendars.session_of(ticks.time[[0, -1]], ticks.calendar)
    sessions = calendars.sessions_between(days[0] - 14, days[1] + 14, ticks.calendar)
    opens, closes = (each.view(np.int64) for each in calendars.daily_times(sessions, ticks.calendar))
    first, last = ticks.time.view(np.int64)[[0, -1]]
    near = np.flatnonzero((closes[1:] >= first) & (closes[:-1] <= last)) + 1
    starts = [_starts(before=closes[row - 1], opened=opens[row], closed=closes[row], length=length) for row in near]
    edge = np.concatenate(starts)
    until = np.append(edge[1:], closes[near[-1]])
    return edge, until, np.isin(edge, closes) & ~np.isin(edge, opens)


def _starts(*, before: int, opened: int, closed: int, length: int) -> NDArray[np.int64]:
    """Where the intervals of one session and of the time before it start, from the close before."""
    regular = np.arange(opened, closed, length)
    early = np.arange(opened - length, before - length, -length) if opened > before else regular[:0]
    return np.concatenate([np.maximum(early[::-1], before), regular])


def _parse(kind: str) -> tuple[str, int]:
    found = re.fullmatch(r"(?:(tick):([1-9]\d{0,8})|(time):([1-9]\d{0,5})([smh]))", kind)
    if found is None:
        raise ConfigError(f"Need bars such as tick:500 or time:15m (s, m or h), got {kind!r}.")
    if found[1]:
        return found[1], int(found[2])
    return found[3], int(found[4]) * _UNITS[found[5]]


_KINDS: dict[str, Callable[[Ticks, int], Cuts]] = {"tick": _by_trades, "time": _by_time}
