"""Forecasts ranked across the symbols of one moment against the returns that followed: pure functions of arrays.

A row is one decision of one symbol. Moments are what is ranked together; the days they fall on are the clusters that
every standard error rests on, so that symbols that move together count once.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from forecast.config.significance import SIGNIFICANCE
from forecast.statistics.bootstrap import block_length, variance_of_mean
from forecast.statistics.skill import SkillScores, model_scores
from forecast.trading.cross_section import day_ranks
from pipelines.market.types import Floats
from pipelines.preprocessing.windows import Rows

GROUPS = 10
"""Deciles; fewer groups where a moment has fewer names."""

FEWEST_NAMES = 2
"""Names of a moment below which there is nothing to rank."""

Sessions = NDArray[np.datetime64]


@dataclass(frozen=True, kw_only=True, eq=False)
class RankedRows:
    """Decisions that are ranked among each other.

    moment: the number of the moment that each row was decided at, from 0 on, shape (rows,). session: the day of each
    row, datetime64[D]. outcome: the forward return of each row. Rows of moments with a single name are left out before.
    """

    moment: Rows
    session: Sessions
    outcome: Floats

    @cached_property
    def ranked_outcome(self) -> Floats:
        """Standardised midranks of the outcomes within their moment, shape (rows,)."""
        return _standardised(self.outcome, self.moment)

    @cached_property
    def days(self) -> tuple[Sessions, Rows]:
        """The days, and of each row the number of its day."""
        days, day = np.unique(self.session, return_inverse=True)
        return days, day


@dataclass(frozen=True, kw_only=True)
class DailyMean:
    """A mean over days. t: against zero, by blocks of days; None where it does not vary."""

    mean: float
    t: float | None
    days: int


@dataclass(frozen=True, kw_only=True)
class QuantileReturns:
    """Mean forward return and share of rises of each group of ranks, lowest first; spread: highest less lowest."""

    returns: tuple[float | None, ...]
    hit_rates: tuple[float | None, ...]
    spread: DailyMean


def rank_products(forecast: Floats, rows: RankedRows) -> Floats:
    """Of each row the product of the standardised midranks of forecast and outcome within its moment.

    Its mean over a moment is Spearman's rank correlation there; 0 where one of the two is constant.
    """
    return _standardised(forecast, rows.moment) * rows.ranked_outcome


def daily_rank_ic(forecast: Floats, rows: RankedRows) -> tuple[Sessions, Floats]:
    """The rank information coefficient of each day, (days,) twice: dates and values.

    Of several moments of a day, as exchanges with other hours make, it is the mean over the day's rows.
    """
    return daily_products(rank_products(forecast, rows), rows)


def daily_products(products: Floats, rows: RankedRows) -> tuple[Sessions, Floats]:
    """The same of products that are there already. products: as rank_products has them."""
    days, day = rows.days
    return days, np.bincount(day, weights=products) / np.bincount(day)


def panel_scores(probability: Mapping[tuple[str, str], Floats], rows: RankedRows) -> SkillScores:
    """Daily rank information coefficients of every model and member. probability: of each, shape (rows,)."""
    daily: dict[tuple[str, str], Floats] = {}
    days = rows.days[0]
    for name, forecast in probability.items():
        days, daily[name] = daily_rank_ic(forecast, rows)
    return model_scores(days, daily, probability=probability)


def daily_mean(daily: Floats) -> DailyMean:
    """A mean over days with its t by the stationary bootstrap's variance (Politis and Romano 1994).

    Fewer days than a verdict needs have no t.
    """
    if len(daily) < SIGNIFICANCE.fewest or np.ptp(daily) == 0.0:
        return DailyMean(mean=float(daily.mean()) if len(daily) else 0.0, t=None, days=len(daily))
    variance = variance_of_mean(daily, block=block_length(daily))
    t_statistic = float(daily.mean()) / math.sqrt(variance) if variance > 0.0 else None
    return DailyMean(mean=float(daily.mean()), t=t_statistic, days=len(daily))


def quantile_returns(forecast: Floats, rows: RankedRows, *, groups: int = GROUPS) -> QuantileReturns:
    """Returns by group of the forecast's rank within its moment, each day counted once.

    Names of one probability are in one group: that of their mean rank. Days on which a group is empty say nothing of
    it; a group that is empty on all of them is None.
    """
    ranks = day_ranks(forecast, rows.moment)
    middle = (ranks.below + (ranks.alike + 1) / 2.0 - 0.5) / ranks.names  # above 0 and below 1
    group = (middle * groups).astype(np.int64)
    days, day = rows.days
    cell = day * groups + group
    count = np.bincount(cell, minlength=len(days) * groups).reshape(len(days), groups)
    means = [
        np.divide(
            np.bincount(cell, weights=values, minlength=len(days) * groups).reshape(len(days), groups),
            count,
            out=np.full((len(days), groups), np.nan),
            where=count > 0,
        )
        for values in (rows.outcome, (rows.outcome > 0).astype(np.float64))
    ]
    spread = means[0][:, -1] - means[0][:, 0]
    returns, hits = (_column_means(table) for table in means)
    return QuantileReturns(returns=returns, hit_rates=hits, spread=daily_mean(spread[np.isfinite(spread)]))


def shrunk(means: Floats, *, variances: Floats) -> Floats:
    """Means of single symbols drawn towards their common mean as far as they are noise (Efron and Morris 1975).

    variances: of each mean, shape (symbols,).
    """
    if len(means) < 3:
        return means
    weight = 1.0 / np.maximum(variances, 1e-300)
    center = float(np.average(means, weights=weight))
    between = max(0.0, float(np.var(means, ddof=1) - variances.mean()))
    return np.asarray(center + (means - center) * between / (between + np.maximum(variances, 1e-300)))


def mean_by(values: Floats, groups: Rows, *, count: int) -> tuple[Floats, Floats]:
    """Mean of each group and the variance of that mean, shape (count,) twice; NaN for a group without rows."""
    size = np.bincount(groups, minlength=count).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.bincount(groups, weights=values, minlength=count) / size
        square = np.bincount(groups, weights=np.square(values - mean[groups]), minlength=count)
        variance = square / (size - 1.0) / size
    return mean, variance


def _standardised(values: Floats, moment: Rows) -> Floats:
    """Midranks of each moment with mean 0 and variance 1; 0 where all are alike."""
    middle = day_ranks(values, moment).middle()
    variance = (np.bincount(moment, weights=np.square(middle)) / np.bincount(moment))[moment]
    return np.divide(middle, np.sqrt(variance), out=np.zeros_like(middle), where=variance > 0.0)


def _column_means(table: Floats) -> tuple[float | None, ...]:
    present = np.isfinite(table)
    sums = np.where(present, table, 0.0).sum(axis=0)
    counts: Sequence[int] = present.sum(axis=0).tolist()
    return tuple(float(total / size) if size else None for total, size in zip(sums, counts, strict=True))
