"""Each trade with the quote that was in force before it.

That is the last quote with an earlier time stamp: one at the very time of a trade may already be what the trade left
behind, and would name its side after the fact. Lee and Ready (1991) took quotes at least five seconds old for the same
reason, at a time when quotes were recorded ahead of trades; with time stamps from one clock no delay is needed. A quote
is in force until the end of its session.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.bars import order_flow
from pipelines.market import calendars
from pipelines.market.types import Floats, Quotes, Ticks

_COLUMNS = ("time", "bid", "ask", "bid_size", "ask_size")


def matched(ticks: Ticks, quotes: Quotes) -> Ticks:
    """The trades with the quote before each and the order flow since the trade before."""
    return next(match_chunks([ticks], [quotes]))


def match_chunks(ticks: Iterable[Ticks], quotes: Iterable[Quotes]) -> Iterator[Ticks]:
    """The same for pieces that follow each other in time, to the last digit; few of them are in memory at once."""
    coming = iter(quotes)
    waiting: Quotes | None = next(coming, None)
    for part in ticks:
        while waiting is not None and len(part) and not (len(waiting) and waiting.time[-1] >= part.time[-1]):
            following = next(coming, None)
            if following is None:
                break
            waiting = _joined(waiting, following)
        yield part if waiting is None else _match(part, waiting)
        if waiting is not None and len(part):
            used = int(np.searchsorted(waiting.time, part.time[-1]))  # the last one used may still be in force
            waiting = waiting.rows(slice(max(used - 1, 0), None))


def _match(ticks: Ticks, quotes: Quotes) -> Ticks:
    place = np.searchsorted(quotes.time, ticks.time) - 1  # the last quote with an earlier time
    count, number = len(ticks), len(quotes)
    nothing = np.full(count, np.nan)
    if not number or not count:
        return replace(ticks, bid=nothing, ask=nothing, bid_size=nothing, ask_size=nothing, order_flow=np.zeros(count))
    quoted, traded = (_sessions(table.time, ticks.calendar) for table in (quotes, ticks))
    stands = (place >= 0) & (quoted[np.maximum(place, 0)] == traded)

    def in_force(values: Floats) -> Floats:
        return np.where(stands, values[np.maximum(place, 0)], np.nan)

    flow = order_flow.events(quotes)
    flow[1:][quoted[1:] != quoted[:-1]] = 0.0  # nothing flows from one session's last quote to the next one's first
    trade_after = np.searchsorted(ticks.time, quotes.time, side="right")
    flow[0] = 0.0  # of the first piece there is nothing before, of a later one it was counted
    return replace(
        ticks,
        bid=in_force(quotes.bid),
        ask=in_force(quotes.ask),
        bid_size=in_force(quotes.bid_size),
        ask_size=in_force(quotes.ask_size),
        order_flow=np.bincount(trade_after, weights=flow, minlength=count + 1)[:count].astype(np.float64),
    )


def _sessions(time: NDArray[np.datetime64], calendar: str) -> NDArray[np.datetime64]:
    return calendars.session_of(time, calendar)


def _joined(first: Quotes, second: Quotes) -> Quotes:
    arrays: dict[str, Any] = {name: np.concatenate([getattr(first, name), getattr(second, name)]) for name in _COLUMNS}
    return replace(first, **arrays)
