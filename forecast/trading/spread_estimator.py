"""The half-spread, estimated from the bars themselves, where no quotes are at hand."""

import numpy as np

from pipelines.market.types import Floats, Times

WINDOW = 1_000
FEWEST = 100
_PAUSE = np.timedelta64(30, "m")  # over a longer pause the price moves for other reasons than the spread


def half_spread(*, opened_at: Times, closed_at: Times, high: Floats, low: Floats, close: Floats) -> Floats:
    """Half of the spread as a fraction of the price, as each bar's open could know it, shape (bars,).

    Abdi and Ranaldo (2017), "A simple estimation of bid-ask spreads from daily close, high, and low prices": the
    squared spread is 4 E[(c - m)(c - m')], c a bar's log close, m and m' the middles of the log range of this bar and
    of the next. The mean is over the last 1,000 pairs of bars that were closed before the open, NaN below 100 of them;
    a negative mean is no spread that could be told from 0. Meant for bars of trades that follow each other: pairs with
    more than half an hour between them are left out.
    """
    middle, last = (np.log(high) + np.log(low)) / 2.0, np.log(close)
    product = (last[:-1] - middle[:-1]) * (last[:-1] - middle[1:])
    near = (opened_at[1:] - closed_at[:-1]) <= _PAUSE
    total = np.concatenate([[0.0], np.cumsum(np.where(near, product, 0.0))])
    count = np.concatenate([[0], np.cumsum(near)])
    newest = np.maximum(np.arange(len(close)) - 1, 0)  # pairs among the bars before this one
    first = np.searchsorted(count, count[newest] - WINDOW, side="right") - 1
    first = np.maximum(first, 0)
    pairs = count[newest] - count[first]
    mean = np.divide(total[newest] - total[first], pairs, out=np.full(len(close), np.nan), where=pairs >= FEWEST)
    return np.asarray(np.sqrt(4.0 * np.maximum(mean, 0.0)) / 2.0)
