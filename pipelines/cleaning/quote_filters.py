"""From the quotes of each exchange to the best quote of all, and from all quotes to those that change something."""

import numpy as np
from numpy.typing import NDArray

from pipelines.market import calendars
from pipelines.market.types import Floats, Times


def consolidated(
    time: Times,
    exchange: NDArray[np.integer],
    *,
    bid: Floats,
    ask: Floats,
    bid_size: Floats,
    ask_size: Floats,
    calendar: str,
) -> dict[str, Floats]:
    """The highest bid and the lowest ask of all exchanges after each row, with what is offered there in all.

    exchange: its number, 0 or more. An exchange's quote stands until its next one, or the end of its session; a price
    of 0 takes it back. time: in order. Each array has shape (rows,); a side that nobody quotes is 0.
    """
    sessions = calendars.session_of(time, calendar)
    rows = np.arange(len(time))
    begins = np.maximum.accumulate(np.where(np.append(True, sessions[1:] != sessions[:-1]), rows, 0))
    best = {"bid": np.zeros(len(time)), "ask": np.full(len(time), np.inf)}
    sizes = {"bid": np.zeros(len(time)), "ask": np.zeros(len(time))}
    for number in np.unique(exchange):
        last = np.maximum.accumulate(np.where(exchange == number, rows, -1))
        stands = last >= begins
        for side, price, size in (("bid", bid, bid_size), ("ask", ask, ask_size)):
            quoted = np.where(stands & (price[last] > 0), price[last], 0.0 if side == "bid" else np.inf)
            better = quoted > best[side] if side == "bid" else quoted < best[side]
            at_best = (quoted == best[side]) & (quoted > 0) & (quoted < np.inf)
            sizes[side] = np.where(better, size[last], np.where(at_best, sizes[side] + size[last], sizes[side]))
            best[side] = np.where(better, quoted, best[side])
    return {
        "bid": best["bid"],
        "ask": np.where(np.isinf(best["ask"]), 0.0, best["ask"]),
        "bid_size": sizes["bid"],
        "ask_size": sizes["ask"],
    }


def changes(*columns: Floats) -> NDArray[np.bool_]:
    """Rows that differ from the row before in one of the columns, NaN being equal to NaN; the first one does."""
    if not len(columns[0]):
        return np.zeros(0, np.bool_)
    different = np.ones(len(columns[0]), np.bool_)
    different[1:] = np.any([~_equal(column[1:], column[:-1]) for column in columns], axis=0)
    return different


def _equal(left: Floats, right: Floats) -> NDArray[np.bool_]:
    equal: NDArray[np.bool_] = (left == right) | (np.isnan(left) & np.isnan(right))
    return equal
