"""Many strategies at once: is any better than a benchmark, and which may be the best?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecast.config.significance import SIGNIFICANCE
from forecast.statistics.bootstrap import block_length, resampled_means, variance_of_mean
from pipelines.market.types import Floats


@dataclass(frozen=True, kw_only=True)
class HolmStep:
    """One test of a family after Holm's correction.

    level: the confidence level of the interval that decides it: it excludes zero exactly where the test rejects.
    """

    level: float
    p_adjusted: float
    rejected: bool


def holm(p_values: Sequence[float], *, level: float) -> list[HolmStep]:
    """Holm (1979): the smallest p-value against (1 - level) / m, the next against (1 - level) / (m - 1), and so on.

    At most a share 1 - level of families has even one false rejection, however the tests depend on each other.
    """
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    steps: dict[int, HolmStep] = {}
    adjusted, stopped = 0.0, 0
    for rank, place in enumerate(order):
        remaining = len(p_values) - (stopped - 1 if stopped else rank)
        adjusted = min(1.0, max(adjusted, (len(p_values) - rank) * p_values[place]))
        rejected = not stopped and p_values[place] < (1.0 - level) / remaining
        if not rejected and not stopped:
            stopped = rank + 1
        steps[place] = HolmStep(level=1.0 - (1.0 - level) / remaining, p_adjusted=adjusted, rejected=rejected)
    return [steps[place] for place in range(len(p_values))]


def common_block(returns: Floats) -> float:
    """One block length for all columns: the longest that any of them asks for. returns: shape (days, columns)."""
    varying = [column for column in returns.T if np.ptp(column) > 0]
    return max((block_length(column) for column in varying), default=1.0)


def superior_predictive_ability(
    returns: Floats, benchmark: Floats, *, block: float, draws: int, rng: np.random.Generator
) -> float:
    """The p-value of "no strategy is better than the benchmark": Hansen (2005), studentised, consistent.

    returns: shape (days, strategies); benchmark: shape (days,). A small value says that the best of them is better,
    although it was picked afterwards. 1 where none did better, or none differs from the benchmark on 20 days: what a
    few days did says nothing of others.
    """
    gain = returns - benchmark[:, None]
    gain = gain[:, (np.ptp(gain, axis=0) > 0) & (np.count_nonzero(gain, axis=0) >= SIGNIFICANCE.fewest)]
    days, mean = len(gain), gain.mean(axis=0)
    if not np.any(mean > 0):
        return 1.0
    spread = np.sqrt([days * variance_of_mean(column, block=block) for column in gain.T])
    hopeless = mean < -spread / math.sqrt(days) * math.sqrt(2.0 * math.log(math.log(days)))
    centered = resampled_means(gain, block=block, draws=draws, rng=rng) - np.where(hopeless, 0.0, mean)
    simulated = (centered / spread).max(axis=1)
    return float((simulated > float((mean / spread).max())).mean())


def confidence_set(
    returns: Floats, names: Sequence[str], *, block: float, draws: int, rng: np.random.Generator
) -> dict[str, float]:
    """P-values of the model confidence set, worst strategy first: Hansen, Lunde and Nason (2011), range statistic.

    returns: shape (days, strategies). Strategies with a p-value above 0.05 may each be the best one at 95 %; the last
    has 1. Strategies that differ on fewer than 20 days cannot rule each other out.
    """
    mean = returns.mean(axis=0)
    resampled = resampled_means(returns, block=block, draws=draws, rng=rng) - mean
    gap = resampled[:, :, None] - resampled[:, None, :]
    spread = np.sqrt(np.square(gap).mean(axis=0))
    spread[(spread <= 1e-15) | (_days_apart(returns) < SIGNIFICANCE.fewest)] = np.inf
    distance, simulated = (mean[:, None] - mean[None, :]) / spread, np.abs(gap) / spread
    models, certainties, certainty = list(range(len(names))), {}, 0.0
    while len(models) > 1:
        pairs = np.ix_(models, models)
        widest = np.abs(distance[pairs]).max()
        worst = simulated[:, models][:, :, models].max(axis=(1, 2))
        certainty = max(certainty, float((worst > widest).mean()) if widest > 0 else 1.0)
        removed = models[int(distance[pairs].min(axis=1).argmin())]
        certainties[names[removed]] = certainty
        models.remove(removed)
    return {**certainties, **{names[last]: 1.0 for last in models}}


def _days_apart(returns: Floats) -> NDArray[np.intp]:
    """On how many days each two strategies earned something else, shape (strategies, strategies)."""
    return np.stack([np.count_nonzero(returns != strategy[:, None], axis=0) for strategy in returns.T])
