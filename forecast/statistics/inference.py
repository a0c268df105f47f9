"""How far a mean over days and random seeds could be off: standard error, interval, p-value, detectable effect."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecast.statistics.bootstrap import block_length, variance_of_mean
from pipelines.market.types import Floats

MORE = 4
"""Times the days, or the trainings, of LargerExperiments."""

SYMBOLS, CORRELATION = 10, 0.2
"""Of their panel: daily results of large shares correlate about so much."""

_QUANTILES = 16


@dataclass(frozen=True, kw_only=True)
class VariancePart:
    """A part of a mean's variance, as it was estimated.

    degrees: of freedom, of the chi-squared that the estimate varies with from one experiment to the next. noise: what
    was taken off it because another part has it already; no part falls below 0 by that.
    """

    value: float
    degrees: float
    noise: float = 0.0

    def in_other_experiments(self) -> Floats:
        """Equally likely estimates of other experiments for which this one is the truth, shape (16,)."""
        from scipy.special import chdtri

        share = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
        drawn = (self.value + self.noise) * chdtri(self.degrees, share) / self.degrees
        return np.asarray(np.maximum(0.0, drawn - self.noise))


@dataclass(frozen=True, kw_only=True)
class LargerExperiments:
    """The minimum detectable effect of experiments with more data, all else as it was.

    days: with four times the days. symbols: with a panel of ten such symbols whose daily results correlate by 0.2.
    seeds: with four times the trainings of each network, None where nothing is random.
    """

    days: float
    symbols: float
    seeds: float | None


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean with the parts of its variance: of the days, and of the seeds of each network.

    value: mean per day (or bar). block: mean block length of the stationary bootstrap, in observations.
    """

    value: float
    parts: tuple[VariancePart, ...]
    observations: int
    block: float

    @property
    def standard_error(self) -> float:
        return math.sqrt(sum(part.value for part in self.parts))

    @property
    def degrees_of_freedom(self) -> float:
        """Of Student's t (Welch and Satterthwaite 1946)."""
        variance, squares = _sums([np.asarray(part.value) for part in self.parts], self.parts)
        return float(variance**2 / squares)

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

        In experiments like this one, whose variance is taken for the truth: each of them estimates its own standard
        error and degrees of freedom, which with few seeds are often far from it. With one part this is the noncentral t
        distribution; that of the joint degrees of freedom would not know how far the estimates lie apart.
        """
        from scipy.optimize import brentq
        from scipy.special import ndtr, stdtrit

        drawn = np.meshgrid(*(part.in_other_experiments() for part in self.parts), indexing="ij")
        variance, squares = _sums(drawn, self.parts)
        critical = stdtrit(variance**2 / squares, (1.0 + level) / 2.0) * np.sqrt(variance) / self.standard_error

        def shortfall(effect: float) -> float:
            return float(ndtr(effect - critical).mean()) - power

        return self.standard_error * float(brentq(shortfall, 0.0, float(critical.max()) + 10.0))

    def in_larger_experiments(self, *, level: float, power: float) -> LargerExperiments:
        """What would be detected with more days, symbols or seeds. Parameters as minimum_detectable_effect has them."""
        independent = SYMBOLS / (1.0 + (SYMBOLS - 1) * CORRELATION)  # so many that do not correlate
        larger = (self._enlarged(days=MORE), self._enlarged(days=independent), self._enlarged(seeds=MORE))
        days, symbols, seeds = (estimate.minimum_detectable_effect(level=level, power=power) for estimate in larger)
        return LargerExperiments(days=days, symbols=symbols, seeds=seeds if len(self.parts) > 1 else None)

    def _enlarged(self, *, days: float = 1.0, seeds: float = 1.0) -> "Estimate":
        """Only the days' part of the variance shrinks with the days, only that of the seeds with them."""
        observations, *networks = self.parts
        parts = [replace(observations, value=observations.value / days, degrees=observations.degrees * days)]
        parts += [
            replace(
                part, value=part.value / seeds, noise=part.noise / (days * seeds),
                degrees=(part.degrees + 1.0) * seeds - 1.0,
            )
            for part in networks
        ]  # fmt: skip
        return replace(self, parts=tuple(parts), observations=round(self.observations * days))


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
    parts = [
        VariancePart(value=variance_of_mean(difference, block=block), degrees=max(1.0, len(difference) / block - 1.0))
    ]
    for seeds in (seeds_a, seeds_b):
        if seeds is not None:
            if seeds.shape[1] < 2:
                raise ValueError("Expected two seeds or more of each network, got one.")
            parts.append(_between_seeds(seeds, block=block))
    return Estimate(value=float(difference.mean()), parts=tuple(parts), observations=len(difference), block=block)


def _between_seeds(seeds: Floats, *, block: float) -> VariancePart:
    """Of a training's true mean over seeds, for their mean: the variance less what chance of the days adds to it."""
    count = seeds.shape[1]
    deviations = seeds - seeds.mean(axis=1, keepdims=True)
    noise = math.fsum(variance_of_mean(column, block=block) for column in deviations.T) / (count - 1)
    between = float(np.var(seeds.mean(axis=0), ddof=1))
    return VariancePart(value=max(0.0, between - noise) / count, degrees=count - 1.0, noise=noise / count)


def _sums(values: Sequence[Floats], parts: Sequence[VariancePart]) -> tuple[Floats, Floats]:
    """The variance, and the sum of its parts' squares by their degrees of freedom."""
    squares = [value**2 / part.degrees for value, part in zip(values, parts, strict=True)]
    return np.sum(values, axis=0), np.sum(squares, axis=0)


def _quantile(degrees: float, probability: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(degrees, probability))
