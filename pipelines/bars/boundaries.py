"""Where bars start and end in the ticks, one function a kind of bar.

Each takes ticks that start with a bar, and what is carried over from the ticks before; so a stream of chunks, each
begun with the unfinished rows of the one before, is cut at the same rows as one piece.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil

import numpy as np
from numpy.typing import NDArray

from pipelines.bars import trade_signing
from pipelines.market import calendars
from pipelines.market.types import Floats, Ticks, Times

PAUSE = np.timedelta64(30, "m").astype("timedelta64[ns]")
"""No trade for so long (a night, a halt) closes a bar that is counted in trades."""

_LEARNING = 0.05


@dataclass(frozen=True, kw_only=True)
class BoundaryState:
    """What is known from before the first row. total: the running sum so far. price, sign: of the trade before, the
    sign by the tick rule. expected: the imbalance, or the run, at which a bar ends, 0 before the first.
    """

    total: float = 0.0
    price: float = 0.0
    sign: float = 0.0
    expected: float = 0.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Boundaries:
    """Where bars lie in the ticks: bar i holds rows starts[i] to starts[i + 1], the last one to end.

    starts: shape (bars,). opened_at, closed_at: UTC, shape (bars,). state: what is known before row end.
    """

    starts: NDArray[np.int64]
    end: int
    opened_at: Times
    closed_at: Times
    state: BoundaryState


def signs(
    price: Floats, state: BoundaryState, *, bid: Floats | None = None, ask: Floats | None = None
) -> trade_signing.Signs:
    """Who started each trade, by its quote where one is known, else by the tick rule; shape (ticks,)."""
    return trade_signing.signs(price, bid=bid, ask=ask, last_price=state.price, last_sign=state.sign)


def by_trades(ticks: Ticks, count: float, state: BoundaryState) -> Boundaries:
    """A new bar after count trades, and after each pause."""
    step = int(count)
    first = _after_pauses(ticks)
    after = np.append(first[1:], len(ticks))
    bars = -(-(after - first) // step)  # rounded up
    offset = np.arange(bars.sum()) - np.repeat(np.cumsum(bars) - bars, bars)
    starts = np.repeat(first, bars) + offset * step
    return _counted(ticks, starts, full=np.diff(starts, append=len(ticks)) == step, state=state)


def by_volume(ticks: Ticks, amount: float, state: BoundaryState) -> Boundaries:
    """A new bar after the trade with which its volume reaches the amount, and after each pause."""
    return _by_sum(ticks, ticks.size, amount, state)


def by_dollars(ticks: Ticks, amount: float, state: BoundaryState) -> Boundaries:
    """A new bar after the trade with which price x size reaches the amount, and after each pause."""
    return _by_sum(ticks, ticks.price * ticks.size, amount, state)


def by_imbalance(ticks: Ticks, count: float, state: BoundaryState) -> Boundaries:
    """A new bar when rising trades outnumber falling ones, or the other way round, by more than expected.

    Tick-imbalance bars after López de Prado (2018, ch. 2): a bar ends when |sum of signs| reaches what is expected of
    a bar. His expectation, mean length x mean sign of the bars before, runs away to ever longer or shorter bars. Here
    it is learned so that bars are about count trades long: the sum spreads with the root of the length, so after a
    bar of n trades the expected imbalance is multiplied by (count / n) to the power of a twentieth; first root(count).
    """
    height = _heights(signs(ticks.price, state, bid=ticks.bid, ask=ticks.ask))

    def end_of(row: int, last: int, expected: float) -> int:
        return _first_far(height, row, last, ceil(expected), int(count))

    return _by_expectation(ticks, count, state, first=float(np.sqrt(count)), end_of=end_of)


def by_run(ticks: Ticks, count: float, state: BoundaryState) -> Boundaries:
    """A new bar when the trades of one side, of buyers or of sellers, come to more than expected of a bar.

    Tick-run bars after López de Prado (2018, ch. 2): a bar ends when the larger of the two counts reaches what is
    expected, here learned as in by_imbalance so that bars are about count trades long; first half of count.
    """
    side = signs(ticks.price, state, bid=ticks.bid, ask=ticks.ask)
    buys, sells = (_heights((side == sign).astype(np.int8)).astype(np.int64) for sign in (1, -1))

    def end_of(row: int, last: int, expected: float) -> int:
        length = ceil(expected)
        ends = [int(np.searchsorted(total, total[row] + length)) for total in (buys, sells)]
        return min(*ends, last + 1)

    return _by_expectation(ticks, count, state, first=max(1.0, count / 2), end_of=end_of)


def by_time(ticks: Ticks, nanoseconds: float, state: BoundaryState) -> Boundaries:
    """A new bar at equal times from the open of the session; none across its close, none that is empty."""
    opened, closed, after_close = _intervals(ticks, int(nanoseconds))
    time = ticks.time.view(np.int64)
    # the trade at the very close belongs to the session's last bar
    row = np.where(after_close, np.searchsorted(time, opened, "right"), np.searchsorted(time, opened))
    traded = np.flatnonzero(np.diff(row, append=len(ticks)) > 0)
    closed_rows = traded[:-1]
    end = int(row[traded[-1]]) if len(traded) else 0
    return Boundaries(
        starts=row[closed_rows],
        end=end,
        opened_at=opened[closed_rows].view("datetime64[ns]"),
        closed_at=closed[closed_rows].view("datetime64[ns]"),
        state=state_at(ticks.price, end, state),
    )


KINDS: dict[str, Callable[[Ticks, float, BoundaryState], Boundaries]] = {
    "tick": by_trades,
    "volume": by_volume,
    "dollar": by_dollars,
    "imbalance": by_imbalance,
    "runs": by_run,
    "time": by_time,
}


def _by_sum(ticks: Ticks, amounts: Floats, amount: float, state: BoundaryState) -> Boundaries:
    total = _running(amounts, state.total)
    bounds = np.append(_after_pauses(ticks), len(ticks))
    many = len(ticks) and (total[-1] - total[0]) / amount > len(ticks) / 100
    ends = np.searchsorted(total, total[:-1] + amount).tolist() if many else None  # of a bar that starts at each row
    find = total.searchsorted
    starts: list[int] = []
    full: list[bool] = []
    for first, last in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        row = first
        while row < last:
            end = ends[row] if ends is not None else int(find(total[row] + amount))
            starts.append(row)
            full.append(end <= last)
            row = end if end < last else last
    cuts = _counted(ticks, np.array(starts, np.int64), full=np.array(full, np.bool_), state=state)
    return replace(cuts, state=replace(cuts.state, total=float(total[cuts.end])))


def _by_expectation(
    ticks: Ticks, count: float, state: BoundaryState, *, first: float, end_of: Callable[[int, int, float], int]
) -> Boundaries:
    """Bars that end at an expectation, which is multiplied by (count / length) to the power of a twentieth after each.

    first: the expectation of the first bar. end_of: (row, last, expected) -> the row after the bar that starts at row,
    last + 1 where it does not end by then.
    """
    bounds = np.append(_after_pauses(ticks), len(ticks))
    expected = carried = state.expected or first
    starts: list[int] = []
    full: list[bool] = []
    for begin, last in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        row = begin
        while row < last:
            end = end_of(row, last, expected)
            starts.append(row)
            full.append(end <= last)
            carried, end = expected, min(end, last)
            if full[-1]:
                expected = max(1.0, expected * (count / (end - row)) ** _LEARNING)
            row = end
    cuts = _counted(ticks, np.array(starts, np.int64), full=np.array(full, np.bool_), state=state)
    carried = expected if full and full[-1] else carried
    return replace(cuts, state=replace(cuts.state, expected=carried))


def _running(amounts: Floats, before: float) -> Floats:
    """The sum before each row and after the last, shape (ticks + 1,), added up one by one as in a stream."""
    total = np.empty(len(amounts) + 1)
    total[0] = before
    total[1:] = amounts
    np.cumsum(total, out=total)
    return total


def _heights(steps: NDArray[np.int8]) -> NDArray[np.uint32]:
    """The sum of the steps before each row and after the last, shape (ticks + 1,); only differences count."""
    height = np.zeros(len(steps) + 1, np.int32)
    np.cumsum(steps, dtype=np.int32, out=height[1:])
    return height.view(np.uint32)


def _first_far(height: NDArray[np.uint32], row: int, last: int, distance: int, width: int) -> int:
    """The first row after `row` before which the sum has moved by so much, or last + 1. width: where it may well be."""
    bottom = (int(height[row]) - distance + 1) & 0xFFFFFFFF
    start = row + 1
    while start <= last:
        far = height[start : min(start + width, last + 1)] - bottom > 2 * distance - 2  # what lies below wraps around
        nearest = int(far.argmax())
        if far[nearest]:
            return start + nearest
        start, width = start + width, 2 * width
    return last + 1


def _after_pauses(ticks: Ticks) -> NDArray[np.int64]:
    """Row 0 and the rows that come after a pause."""
    if not len(ticks):
        return np.array([], np.int64)
    step = np.diff(ticks.time.view(np.int64))
    return np.concatenate([[0], np.flatnonzero(step >= PAUSE.astype(np.int64)) + 1])


def _counted(ticks: Ticks, starts: NDArray[np.int64], *, full: NDArray[np.bool_], state: BoundaryState) -> Boundaries:
    """The cuts of bars that end with a trade, or, where not full, by the timeout after it.

    starts: of every bar, also of the last one of the ticks, which is left out unless it is full; shape (bars,).
    """
    count = len(starts) if len(starts) and full[-1] else max(len(starts) - 1, 0)
    end = len(ticks) if count == len(starts) else int(starts[count])
    last = np.append(starts[1:], len(ticks))[:count] - 1
    closed_at = ticks.time[last] + np.where(full[:count], np.timedelta64(0, "ns"), PAUSE)
    return Boundaries(
        starts=starts[:count],
        end=end,
        opened_at=ticks.time[starts[:count]],
        closed_at=closed_at,
        state=state_at(ticks.price, end, state),
    )


def state_at(price: Floats, end: int, state: BoundaryState) -> BoundaryState:
    """The price and the sign of the trade before row end."""
    if end == 0:
        return state
    price = price[:end]
    for near in (price[-1000:], price):  # the last change of price is seldom far
        different = np.flatnonzero(near != near[-1])
        if len(different):
            return replace(state, price=float(near[-1]), sign=float(np.sign(near[-1] - near[different[-1]])))
    before = state.price or float(price[0])
    return replace(state, price=float(price[-1]), sign=float(np.sign(price[-1] - before)) or state.sign)


def _intervals(ticks: Ticks, length: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Every interval between the first and the last trade, in order: start, end, whether it follows a close.

    The time between two sessions is cut from the coming open backwards.
    """
    if not len(ticks):
        return np.array([], np.int64), np.array([], np.int64), np.array([], np.bool_)
    days = calendars.session_of(ticks.time[[0, -1]], ticks.calendar)
    sessions = calendars.sessions_between(days[0] - 14, days[1] + 14, ticks.calendar)
    opens, closes = (times.view(np.int64) for times in calendars.daily_times(sessions, ticks.calendar))
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
