"""Signals and opens for row (e)."""

import numpy as np

from pipelines.market.types import Floats, Times


def opens_and_probabilities(*, bars: int) -> tuple[Times, Floats, Floats]:
    """opened_at and opens, shape (bars,), and probabilities, shape (bars - 1,), of a seeded random walk."""
    rng = np.random.default_rng(0)
    opened_at = np.datetime64("2000-01-01", "ns") + np.arange(bars) * np.timedelta64(1, "D")
    return opened_at, 100 * np.exp(np.cumsum(rng.normal(scale=0.01, size=bars))), rng.random(bars - 1)
