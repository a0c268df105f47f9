"""Has a forecast become worse than its backtest? Tests that may be looked at every evening.

An e-process is the wealth of somebody who bets against the hypothesis "nothing has changed" and may not borrow: under
the hypothesis it reaches 1 / alpha with a probability of alpha at most, however often it is looked at and whenever one
stops (Ville 1939; Ramdas, Grunwald, Vovk and Shafer 2023). The bets are those of Waudby-Smith and Ramdas (2024) on the
mean of bounded values, mixed over fixed stakes.
"""

import math
from dataclasses import dataclass

import numpy as np

from forecast.config.significance import SIGNIFICANCE
from pipelines.market.types import Floats
from pipelines.preprocessing.windows import Rows

_STAKES = np.arange(1, 20) / 20.0  # parts of the largest stake with which wealth cannot become negative


@dataclass(frozen=True, kw_only=True)
class DriftReference:
    """What a backtest showed, as cautiously as its length asks for.

    hit_rate: share of right directions. hit_rate_low: its lower confidence limit. gap: mean outcome less mean
    probability, with both confidence limits gap_low and gap_high. observations: decisions.
    """

    hit_rate: float
    hit_rate_low: float
    gap: float
    gap_low: float
    gap_high: float
    observations: int


@dataclass(frozen=True, kw_only=True)
class Drift:
    """How live forecasts compare with the backtest's.

    hit_rate, gap: of the live ones, None where there are none. hit_evidence, gap_evidence, evidence: wealth now (the
    last is the mean of the two, which bets on both at once); fired: the number of the observation, counted from 0, at
    which evidence reached 1 / alpha, None where it did not.
    """

    observations: int
    hit_rate: float | None
    gap: float | None
    hit_evidence: float
    gap_evidence: float
    evidence: float
    fired: int | None


def reference(probability: Floats, outcome: Floats, *, horizon: int = 1, day: Rows | None = None) -> DriftReference:
    """What a backtest's decisions say. probability, outcome (1 rise, 0 fall): shape (decisions,).

    horizon: decisions whose outcomes overlap count as one. day: as drift() has it.
    """
    hits, gaps = _by_day(_hits(probability, outcome), day), _by_day(outcome - probability, day)
    count = max(1.0, len(hits) / horizon)
    critical_value = SIGNIFICANCE.critical_value
    rate, gap = float(hits.mean()), float(gaps.mean())
    half = critical_value * float(gaps.std()) / math.sqrt(count)
    low = rate - critical_value * float(hits.std()) / math.sqrt(count)
    if day is None:  # single decisions: Wilson's
        wilson = critical_value * math.sqrt(rate * (1 - rate) / count + critical_value**2 / (4 * count**2))
        low = (rate + critical_value**2 / (2 * count) - wilson) / (1 + critical_value**2 / count)
    return DriftReference(
        hit_rate=rate, hit_rate_low=low, gap=gap, gap_low=gap - half, gap_high=gap + half, observations=len(hits)
    )


def drift(
    probability: Floats,
    outcome: Floats,
    *,
    expected: DriftReference,
    horizon: int = 1,
    day: Rows | None = None,
    alpha: float = 1.0 - SIGNIFICANCE.level,
) -> Drift:
    """Live decisions, in order of time, against the backtest: fewer hits, or probabilities that are off.

    The hypothesis is that the hit rate is not below the backtest's lower limit, and that outcomes differ from
    probabilities by a mean within the backtest's limits. probability, outcome: shape (decisions,). horizon: every so
    many decisions form a series of their own whose outcomes do not overlap; wealth is the mean over the series (Henzi
    and Ziegel 2022). day: the number of each decision's day, from 0 on, where symbols decide together: the mean of a
    day is one observation. None: each decision is one.
    """
    hits, differences = _by_day(_hits(probability, outcome), day), _by_day(outcome - probability, day)
    gaps = (differences + 1.0) / 2.0
    hit_wealth = wealth(hits, least=expected.hit_rate_low, horizon=horizon)
    low = wealth(gaps, least=(expected.gap_low + 1.0) / 2.0, horizon=horizon)
    high = wealth(1.0 - gaps, least=(1.0 - expected.gap_high) / 2.0, horizon=horizon)
    off = (low + high) / 2.0
    both = (hit_wealth + off) / 2.0
    reached = np.flatnonzero(both >= 1.0 / alpha)
    observed = len(hits) > 0
    return Drift(
        observations=len(hits),
        hit_rate=float(hits.mean()) if observed else None,
        gap=float(differences.mean()) if observed else None,
        hit_evidence=float(hit_wealth[-1]) if observed else 1.0,
        gap_evidence=float(off[-1]) if observed else 1.0,
        evidence=float(both[-1]) if observed else 1.0,
        fired=int(reached[0]) if len(reached) else None,
    )


def wealth(values: Floats, *, least: float, horizon: int = 1) -> Floats:
    """Evidence against "the conditional mean is never below `least`" after each value, shape (values,).

    values: from 0 to 1. Wealth is multiplied by 1 + stake x (least - value), whose mean is at most 1 under the
    hypothesis; the mean over stakes from 0 to 1 / (1 - least) is taken. least: above 0 and below 1, kept within.
    """
    least = min(max(least, 1e-6), 1.0 - 1e-6)
    stakes = _STAKES / (1.0 - least)
    total = np.zeros(len(values))
    for first in range(horizon):
        rows = np.arange(first, len(values), horizon)
        growth = np.exp(np.cumsum(np.log1p(stakes[:, None] * (least - values[rows])[None]), axis=1)).mean(axis=0)
        series = np.ones(len(values))
        if len(rows):
            place = np.searchsorted(rows, np.arange(len(values)), side="right") - 1
            series = np.where(place >= 0, growth[np.maximum(place, 0)], 1.0)
        total += series
    return total / horizon


def _by_day(values: Floats, day: Rows | None) -> Floats:
    return values if day is None or not len(values) else np.bincount(day, weights=values) / np.bincount(day)


def _hits(probability: Floats, outcome: Floats) -> Floats:
    return np.asarray((probability > 0.5) == (outcome > 0.5), dtype=np.float64)
