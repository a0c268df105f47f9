"""Are one model's probabilities better than another's, and are its directions better than chance?"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.market.types import Floats, Times

_FEWEST = 20


@dataclass(frozen=True, kw_only=True)
class TestResult:
    """A statistic and its p-value; both None, with the reason, where there is none."""

    statistic: float | None
    p_value: float | None
    reason: str = ""


def diebold_mariano(a: Floats, b: Floats, *, horizon: int) -> TestResult:
    """Whether two forecasts lose equally much: Diebold and Mariano (1995), corrected by Harvey et al. (1997).

    a, b: loss of each forecast at the same times, shape (decisions,); a negative statistic says that a lost less.
    horizon: in bars; forecasts h bars ahead overlap and correlate over h - 1 of them. Two-sided, Student's t with
    decisions - 1 degrees of freedom. Where the variance of overlapping forecasts comes out negative, as it may,
    falling (Bartlett) weights are used for it.
    """
    from scipy.special import stdtr

    difference, count = a - b, len(a)
    if count < max(_FEWEST, 2 * horizon):
        return TestResult(statistic=None, p_value=None, reason=f"{count} decisions are too few")
    centered = difference - difference.mean()
    lags = np.arange(min(horizon, count))
    covariance = np.array([centered[lag:] @ centered[: count - lag] for lag in lags]) / count
    variance = covariance[0] + 2.0 * covariance[1:].sum()
    if variance <= 0:
        variance = covariance[0] + 2.0 * ((1.0 - lags[1:] / horizon) * covariance[1:]).sum()
    if variance <= 1e-24 * max(1.0, float(np.square(difference).max())):
        return TestResult(statistic=None, p_value=None, reason="the difference of the losses never varied")
    correction = math.sqrt((count + 1 - 2 * horizon + horizon * (horizon - 1) / count) / count)
    statistic = float(difference.mean() / math.sqrt(variance / count) * correction)
    return TestResult(statistic=statistic, p_value=float(2.0 * stdtr(count - 1, -abs(statistic))))


def pesaran_timmermann(rose: NDArray[np.bool_], predicted: NDArray[np.bool_]) -> TestResult:
    """Whether directions were called better than by somebody who knows only how often each comes.

    Pesaran and Timmermann (1992). rose: what came; predicted: what was forecast, each of shape (decisions,). A positive
    statistic is skill; the p-value is one-sided. None where only one direction came, or was ever predicted.
    """
    from scipy.special import ndtr

    count = len(rose)
    if count < _FEWEST:
        return TestResult(statistic=None, p_value=None, reason=f"{count} decisions are too few")
    rising_share, predicted_share = float(rose.mean()), float(predicted.mean())
    if rising_share in (0.0, 1.0) or predicted_share in (0.0, 1.0):
        event = "came" if rising_share in (0.0, 1.0) else "was predicted"
        return TestResult(statistic=None, p_value=None, reason=f"only one direction {event}")
    hit_rate, chance = (
        float((rose == predicted).mean()),
        rising_share * predicted_share + (1 - rising_share) * (1 - predicted_share),
    )
    variance_right = chance * (1 - chance) / count
    variance_chance = (
        (2 * rising_share - 1) ** 2 * predicted_share * (1 - predicted_share) / count
        + (2 * predicted_share - 1) ** 2 * rising_share * (1 - rising_share) / count
        + 4 * rising_share * predicted_share * (1 - rising_share) * (1 - predicted_share) / count**2
    )
    variance = variance_right - variance_chance
    if variance <= 0:
        return TestResult(statistic=None, p_value=None, reason="too few decisions of one kind")
    statistic = (hit_rate - chance) / math.sqrt(variance)
    return TestResult(statistic=statistic, p_value=float(ndtr(-statistic)))


def label_horizon(entry_at: Times, exit_at: Times) -> int:
    """Bars from entry to exit, in the middle of the decisions; each of shape (decisions,), in order of time."""
    ahead = np.searchsorted(entry_at, exit_at, side="left") - np.arange(len(entry_at))
    inside = ahead[exit_at <= entry_at[-1]] if len(entry_at) else ahead
    return max(1, int(np.median(inside))) if len(inside) else 1


def log_losses(target: Floats, probability: Floats) -> Floats:
    """The log loss of each decision in nats, shape (decisions,)."""
    likelihood = np.where(target > 0.5, probability, 1.0 - probability)
    return np.asarray(-np.log(np.clip(likelihood, np.finfo(np.float64).eps, 1.0)))
