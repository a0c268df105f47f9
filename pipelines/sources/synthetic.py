"""Made-up markets from a seed, for controls, tests and examples: their truth is known."""

import numpy as np

from pipelines.market import Bars


def random_walk(*, bars: int, seed: int, volatility: float = 0.01, symbol: str = "WALK") -> Bars:
    """Daily bars around the clock without any edge: log returns are Student-t(4), their volatility clusters.

    volatility: standard deviation of a day's log return on average. Volatility follows a GARCH(1,1) with weights
    0.08 and 0.90, as is common for shares. Prices start at 100; volume rises with the size of the move.
    """
    rng = np.random.default_rng(seed)
    shocks = rng.standard_t(4, size=bars) / np.sqrt(2.0)
    variance = np.empty(bars)
    variance[0] = volatility**2
    for day in range(1, bars):
        before = variance[day - 1]
        variance[day] = 0.02 * volatility**2 + 0.08 * before * shocks[day - 1] ** 2 + 0.90 * before
    returns = np.sqrt(variance) * shocks
    close = 100.0 * np.exp(np.cumsum(returns))
    opening = np.concatenate([[100.0], close[:-1]]) * np.exp(0.3 * np.sqrt(variance) * rng.standard_normal(bars))
    spread = np.abs(rng.standard_normal((2, bars))) * np.sqrt(variance) / 2
    days = np.datetime64("2000-01-01", "ns") + np.arange(bars) * np.timedelta64(1, "D").astype("timedelta64[ns]")
    return Bars(
        symbol=symbol,
        interval="1d",
        opened_at=days,
        closed_at=days + np.timedelta64(86_399, "s"),
        open=opening,
        high=np.maximum(opening, close) * np.exp(spread[0]),
        low=np.minimum(opening, close) * np.exp(-spread[1]),
        close=close,
        volume=np.round(1e6 * np.exp(10 * np.abs(returns) + 0.3 * rng.standard_normal(bars))),
        currency="USD",
        calendar="24/7",
        adjusted="forward",
    )
