"""Trades and quotes made up by a seed, for tests of what is done with them."""

import numpy as np

from pipelines.market.types import Quotes, Ticks

START = np.datetime64("2024-01-02T14:30", "ns")  # the open of New York


def quoted_trades(*, seed: int, trades: int, sessions: int = 1, calendar: str = "XNYS") -> tuple[Ticks, Quotes]:
    """Trades at the bid, the ask or between, spread over sessions, and three quotes a trade; some times are equal."""
    rng = np.random.default_rng(seed)

    def times(count: int) -> np.ndarray:
        seconds = np.sort(rng.integers(0, 6 * 3600, count))
        day = np.sort(rng.integers(0, sessions, count))
        return START + (np.sort(day * 86_400 + seconds) * 10**9).astype("timedelta64[ns]")

    count = 3 * trades
    middle = 10_000 + np.cumsum(rng.integers(-1, 2, count))
    half = rng.integers(1, 4, count)
    quotes = Quotes(
        symbol="XYZ", time=times(count), bid=(middle - half) / 100, ask=(middle + half) / 100,
        bid_size=rng.integers(1, 50, count) * 100.0, ask_size=rng.integers(1, 50, count) * 100.0, calendar=calendar,
    )  # fmt: skip
    row = np.minimum(np.arange(trades) * 3, count - 1)
    price = (middle[row] + rng.integers(-1, 2, trades) * half[row]) / 100
    ticks = Ticks(symbol="XYZ", time=times(trades), price=price, size=rng.integers(1, 9, trades) * 100.0,
                  calendar=calendar)  # fmt: skip
    return ticks, quotes
