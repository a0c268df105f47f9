"""Who started a trade: the buyer (1) or the seller (-1).

Lee and Ready (1991), Inferring trade direction from intraday data, Journal of Finance 46, 733-746: a trade above the
middle of the quote in force is a buyer's, one below it a seller's, and one at it goes by the tick rule: a buyer's
after a rise of the price, a seller's after a fall. Trades without a quote go by the tick rule too.
"""

import numpy as np
from numpy.typing import NDArray

from pipelines.market.types import Floats

Signs = NDArray[np.int8]


def tick_rule(price: Floats, *, last_price: float = 0.0, last_sign: float = 0.0) -> Signs:
    """1 for a trade after the price rose, -1 after it fell, 0 before any change; shape (ticks,).

    last_price, last_sign: of the trade before the first, 0 where there is none.
    """
    changed = np.flatnonzero(price[1:] != price[:-1]) + 1
    before = last_price or (price[0] if len(price) else 0.0)
    first = float(np.sign(price[0] - before)) or last_sign if len(price) else 0.0
    values = np.concatenate([[first], np.sign(price[changed] - price[changed - 1])]).astype(np.int8)
    return np.repeat(values, np.diff(changed, prepend=0, append=len(price)))


def lee_ready(price: Floats, *, bid: Floats, ask: Floats, last_price: float = 0.0, last_sign: float = 0.0) -> Signs:
    """By the middle of the quote, the tick rule where the price is at it or a quote is NaN; shape (ticks,)."""
    by_tick = tick_rule(price, last_price=last_price, last_sign=last_sign)
    twice = bid + ask
    with np.errstate(invalid="ignore"):
        side = np.sign(2.0 * price - twice)
    return np.where(np.isnan(side) | (side == 0.0), by_tick, side).astype(np.int8)


def signs(
    price: Floats, *, bid: Floats | None, ask: Floats | None, last_price: float = 0.0, last_sign: float = 0.0
) -> Signs:
    """By Lee and Ready where there are quotes, else by the tick rule alone; shape (ticks,)."""
    if bid is None or ask is None:
        return tick_rule(price, last_price=last_price, last_sign=last_sign)
    return lee_ready(price, bid=bid, ask=ask, last_price=last_price, last_sign=last_sign)
