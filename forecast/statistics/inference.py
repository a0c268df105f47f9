"""How far a mean over days and random seeds could be off: standard error, interval, p-value, detectable effect."""

import math
from dataclasses import dataclass

import numpy as np

from forecast.statistics.bootstrap import block_length, variance_of_mean
from pipelines.market.types import Floats


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean with its standard error and Student's t degrees of freedom (Welch and Satterthwaite 1946).

    value: mean per day (or bar). block: mean block length of the stationary bootstrap, in observations.
    """

    value: float
    standard_error: float
    degrees_of_freedom: float
    observations: int
    block: float

    def interval(self, level: float) -> tuple[float, float]:
        """The two-sided confidence interval at that level (0.95 is 95 %)."""
        half = self.standard_error * _quantile(self.degrees_of_freedom, (1.0 + level) / 2.0)
        return self.value - half, self.value + half

    @property
    def p_value(self) -> float:
        """Two-sided p-value of a true mean of zero."""
        from scipy.special import stdtr

        return float(2.0 * stdtr(self.degrees_of_freedom, -abs(self.value) / self.standard_error))

    def minimum_detectable_effect(self, *, level: float, power: float) -> float:
        """The smallest true mean whose interval at `level` excludes zero, on its own side, with probability `power`.

        By the noncentral t distribution, with the standard error and the degrees of freedom of this very estimate.
        """
        from scipy.special import nctdtrinc

        critical = _quantile(self.degrees_of_freedom, (1.0 + level) / 2.0)
        return self.standard_error * float(nctdtrinc(self.degrees_of_freedom, 1.0 - power, critical))


def estimate_difference(
    a: Floats, b: Floats, *, seeds_a: Floats | None = None, seeds_b: Floats | None = None
) -> Estimate:
    """The mean of a - b when both the days and the random seeds of the trainings could have been others.

    a, b: daily values of the two ensembles on the same days, shape (days,). seeds_a, seeds_b: the same for single
    trainings, shape (days, seeds), None for what was not drawn at random (a benchmark, a baseline).

    The variance is that of the stationary bootstrap over blocks of days (Politis and Romano 1994; in closed form, so
    no draw is needed), plus, for each ensemble, the variance between its seeds' means divided by their number. What
    seeds differ by on single days is in the days' part already and is taken off (two-way clustering, Cameron,
    Gelbach and Miller 2011). The degrees of freedom follow from those of the parts: whole blocks less one, seeds less
    one.

    Raises:
        ValueError: the difference does not vary, or a network has a single seed.
    """
    difference = a - b
    if np.ptp(difference) == 0.0:
        raise ValueError("Expected a difference that varies over the days, got a constant.")
    block = block_length(difference)
    parts = [(variance_of_mean(difference, block=block), max(1.0, len(difference) / block - 1.0))]
    for seeds in (seeds_a, seeds_b):
        if seeds is not None:
            count = seeds.shape[1]
            if count < 2:
                raise ValueError("Expected two seeds or more of each network, got one.")
            parts.append((_between_seeds(seeds, block=block) / count, count - 1.0))
    variance = sum(part for part, _ in parts)
    freedom = variance**2 / sum(part**2 / degrees for part, degrees in parts)
    return Estimate(
        value=float(difference.mean()),
        standard_error=math.sqrt(variance),
        degrees_of_freedom=freedom,
        observations=len(difference),
        block=block,
    )


def _between_seeds(seeds: Floats, *, block: float) -> float:
    """Variance of a training's true mean over seeds: of their means, less what chance of the days adds to it."""
    deviations = seeds - seeds.mean(axis=1, keepdims=True)
    noise = math.fsum(variance_of_mean(column, block=block) for column in deviations.T) / (seeds.shape[1] - 1)
    between = float(np.var(seeds.mean(axis=0), ddof=1))
    return between - noise if between > noise else 0.0


def _quantile(degrees: float, probability: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(degrees, probability))
