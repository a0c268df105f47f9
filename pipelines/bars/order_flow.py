"""Order-flow imbalance from best quotes.

Cont, Kukanov and Stoikov (2014), The price impact of order book events, Journal of Financial Econometrics 12, 47-88:
each change of the best quote adds to demand or to supply at the top of the book; their sum over an interval moves the
mid-price about in proportion.
"""

import numpy as np

from pipelines.market.types import Floats, Quotes


def events(quotes: Quotes) -> Floats:
    """What each quote contributes, 0 for the first, shape (quotes,).

    bid size where the bid did not fall, less the bid size before where it did not rise; the ask the other way round:

    e = q_b 1{b >= b'} - q_b' 1{b <= b'} - q_a 1{a <= a'} + q_a' 1{a >= a'}

    Where sizes are not known each counts as one, so that a rise of either quote is 1 and a fall -1.
    """
    flow = np.zeros(len(quotes))
    if len(quotes) < 2:
        return flow
    bid_size, ask_size = (np.where(np.isnan(size), 1.0, size) for size in (quotes.bid_size, quotes.ask_size))
    bid, ask = np.diff(quotes.bid), np.diff(quotes.ask)
    demand = bid_size[1:] * (bid >= 0) - bid_size[:-1] * (bid <= 0)
    supply = ask_size[1:] * (ask <= 0) - ask_size[:-1] * (ask >= 0)
    flow[1:] = demand - supply
    return flow
