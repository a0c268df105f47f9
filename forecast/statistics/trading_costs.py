"""Break-even transaction cost: what trading may cost before the gain is gone."""

from dataclasses import dataclass

import numpy as np

from forecast.statistics.bootstrap import resampled_means
from pipelines.market.types import Floats


@dataclass(frozen=True, kw_only=True)
class BreakEven:
    """Cost of one unit of turnover, as a fraction, at which nothing is gained; None, with the reason, where none is."""

    cost: float | None
    low: float | None
    high: float | None
    reason: str = ""


def break_even(
    gross: Floats, turnover: Floats, *, block: float, level: float, draws: int, rng: np.random.Generator
) -> BreakEven:
    """The cost at which gross gains pay for trading and no more: mean gross return over mean turnover.

    gross: gross returns a day, or the difference of two strategies' gross returns; turnover: size of the trades a
    day, or their difference; each of shape (days,). To first order in returns: costs do not compound. The interval
    is the bootstrap's percentile interval of the ratio, days resampled in blocks. It has no ends where turnover is not
    surely of one sign: the ratio then could be anything.
    """
    traded = float(turnover.mean())
    if not np.any(turnover):
        return BreakEven(cost=None, low=None, high=None, reason="no difference in trading")
    cost = float(gross.mean()) / traded if traded else None
    means = resampled_means(np.stack([gross, turnover], axis=1), block=block, draws=draws, rng=rng)
    if cost is None or not np.all(means[:, 1] * traded > 0):
        return BreakEven(cost=cost, low=None, high=None, reason="too little traded for an interval")
    low, high = np.quantile(means[:, 0] / means[:, 1], [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return BreakEven(cost=cost, low=float(low), high=float(high))
