"""The difference of two networks when both the days and the random starts could have been others."""

import numpy as np

from forecast.statistics.bootstrap import resampled_means
from pipelines.market.types import Floats


def seeds_and_days(
    a: Floats, b: Floats, *, block: float, level: float, draws: int, rng: np.random.Generator
) -> tuple[float, float, float] | None:
    """Mean difference of single seeds and its interval (mean, low, high) over seeds and blocks of days together.

    a, b: net returns of each network's seeds on the same days, shape (days, seeds). Days are resampled in blocks,
    common to all; seeds of each network with replacement, apart from each other, since seed 0 of one has nothing to
    do with seed 0 of the other. Few seeds vary too little when drawn with replacement: their deviations are stretched
    by the root of seeds / (seeds - 1). None with a single seed: then nothing is known about other random starts.
    """
    if min(a.shape[1], b.shape[1]) < 2:
        return None
    means = resampled_means(np.hstack([a, b]), block=block, draws=draws, rng=rng)
    first, second = means[:, : a.shape[1]], means[:, a.shape[1] :]
    drawn = _pick(first, rng) - _pick(second, rng)
    low, high = np.quantile(drawn, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return float(a.mean() - b.mean()), float(low), float(high)


def _pick(means: Floats, rng: np.random.Generator) -> Floats:
    """The mean over seeds drawn with replacement, shape (draws,). means: shape (draws, seeds)."""
    draws, seeds = means.shape
    weights = rng.multinomial(seeds, np.full(seeds, 1.0 / seeds), size=draws) / seeds
    center = means.mean(axis=1)
    stretch = np.sqrt(seeds / (seeds - 1.0))
    return np.asarray(center + stretch * ((weights * means).sum(axis=1) - center))
