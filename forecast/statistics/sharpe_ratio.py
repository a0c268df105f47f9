"""How far a Sharpe ratio can be trusted: its own error, and how many were tried before it was shown.

Bailey and López de Prado, "The Sharpe ratio efficient frontier" (2012), "The deflated Sharpe ratio" (2014), and with
Borwein and Zhu "Pseudo-mathematics and financial charlatanism" (2014). Sharpe ratios here are per observation.
"""

import math

import numpy as np

from pipelines.market.types import Floats

_EULER = 0.5772156649015329


def probabilistic_sharpe(sharpe: float, *, observations: int, skew: float, kurtosis: float, benchmark: float) -> float:
    """The probability that the true Sharpe ratio is above benchmark; skew and kurtosis (normal: 3) of the returns.

    sharpe, benchmark: per observation, not annualised. Returns of two values only may have a ratio without any error:
    it is then surely above, or surely not, and even odds on the benchmark itself.

    Raises:
        ValueError: a kurtosis below 1 + skew squared, which no returns have; the ratio's variance may be negative then.
    """
    from scipy.special import ndtr

    if not kurtosis >= 1.0 + skew**2 - 1e-9 * max(1.0, abs(kurtosis)):
        raise ValueError(f"kurtosis must be at least 1 + skew squared. Received: {kurtosis:g} with skew {skew:g}.")
    variance = max(0.0, 1.0 - skew * sharpe + (kurtosis - 1.0) / 4.0 * sharpe**2)
    if not variance:
        return 0.5 if sharpe == benchmark else float(sharpe > benchmark)
    return float(ndtr((sharpe - benchmark) * math.sqrt(observations - 1.0) / math.sqrt(variance)))


def expected_maximum(trials: int) -> float:
    """The mean of the largest of so many standard normal numbers (0 for one): how good the best looks without skill.

    >>> round(expected_maximum(10), 4)
    1.5746
    """
    from scipy.special import ndtri

    if trials < 2:
        return 0.0
    return float((1.0 - _EULER) * ndtri(1.0 - 1.0 / trials) + _EULER * ndtri(1.0 - 1.0 / (trials * math.e)))


def deflated_sharpe(
    sharpe: float, *, observations: int, skew: float, kurtosis: float, trials: int, trial_variance: float
) -> float:
    """The probability that the true Sharpe ratio is above zero, knowing that it is the best of so many trials.

    trial_variance: variance of the trials' Sharpe ratios, per observation. With one trial: against zero alone.
    """
    best = math.sqrt(trial_variance) * expected_maximum(trials)
    return probabilistic_sharpe(sharpe, observations=observations, skew=skew, kurtosis=kurtosis, benchmark=best)


def minimum_backtest_length(trials: int, *, sharpe: float) -> float:
    """Years below which the best of so many trials without skill is expected to reach that yearly Sharpe ratio.

    >>> round(minimum_backtest_length(45, sharpe=1.0), 3)
    4.998
    """
    return (expected_maximum(trials) / sharpe) ** 2


def moments(returns: Floats) -> tuple[float, float, float] | None:
    """Sharpe ratio per observation, skew and kurtosis (normal: 3); None where returns do not vary."""
    spread = float(returns.std())
    if len(returns) < 3 or spread <= 1e-12 * max(1.0, float(np.abs(returns).max(initial=0.0))):
        return None
    z = (returns - returns.mean()) / spread
    return float(returns.mean() / returns.std(ddof=1)), float((z**3).mean()), float((z**4).mean())
