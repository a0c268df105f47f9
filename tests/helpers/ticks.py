"""Ticks of a made market."""

import numpy as np

from pipelines.market.types import Ticks


def random_walk_ticks(rows: int, *, symbol: str = "XYZ", seed: int = 0) -> Ticks:
    """A random walk in cents, nine trades of ten without a change, two milliseconds apart."""
    rng = np.random.default_rng(seed)
    step = rng.exponential(2.3e6, rows).astype("timedelta64[ns]")
    change = rng.choice([-1, 0, 0, 0, 0, 0, 0, 0, 0, 1], rows)
    return Ticks(
        symbol=symbol,
        time=np.datetime64("2024-01-02T14:30", "ns") + np.cumsum(step),
        price=(10_000 + np.abs(np.cumsum(change))) / 100,
        size=rng.integers(1, 100, rows).astype(np.float64),
    )
