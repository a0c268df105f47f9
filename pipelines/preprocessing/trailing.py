"""Sums over a bar and those before it: row t depends on no later row, and on no more rows than are asked for."""

import numpy as np

from pipelines.market.types import Floats


def lagged(values: Floats, lag: int) -> Floats:
    """values[t - lag], NaN where there is none."""
    shifted = np.full(len(values), np.nan)
    shifted[lag:] = values[: max(len(values) - lag, 0)]
    return shifted


def trailing_mean(values: Floats, steps: int) -> Floats:
    """Mean of values[t - steps + 1 .. t]: a plain sum of lags, so that row t depends on no bar before those."""
    total = np.zeros(len(values))
    for lag in range(steps):
        total = total + lagged(values, lag)
    return total / steps


def trailing_deviation(values: Floats, steps: int) -> Floats:
    """Standard deviation about the trailing mean, over the last `steps` values (divisor steps)."""
    mean = trailing_mean(values, steps)
    total = np.zeros(len(values))
    for lag in range(steps):
        total = total + (lagged(values, lag) - mean) ** 2
    return np.asarray(np.sqrt(total / steps))


def ratio(numerator: Floats, denominator: Floats) -> Floats:
    """numerator / denominator, 0 where the denominator is 0."""
    unknown = np.where(np.isnan(denominator), np.nan, 0.0)
    return np.divide(numerator, denominator, out=unknown, where=denominator > 0)
