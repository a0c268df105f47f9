"""How far a Sharpe ratio can be trusted: its own error, and how many were tried before it was shown.

Bailey and López de Prado, "The Sharpe ratio efficient frontier" (2012), "The deflated Sharpe ratio" (2014), and with
Borwein and Zhu "Pseudo-mathematics and financial charlatanism" (2014); with autocorrelation as López de Prado, Lipton
and Zoonekynd, "How to use the Sharpe ratio" (2025). Sharpe ratios here are per observation.
"""

import math

import numpy as np

from pipelines.market.types import Floats

_EULER = 0.5772156649015329


def sharpe_variance(sharpe: float, *, observations: int, skew: float, kurtosis: float, autocorrelation: float) -> float:
    """The variance of an estimated Sharpe ratio where the true one is `sharpe`, for returns that follow an AR(1).

    Parameters
    ----------
    sharpe
        The true ratio, per observation.
    observations
        How many returns it is estimated from.
    skew, kurtosis
        Of the returns; 0 and 3 for normal ones.
    autocorrelation
        Of each return with the one before it.

    Raises
    ------
    ValueError
        A kurtosis below 1 + skew squared, which no returns have, or an autocorrelation outside (-1, 1).

    References
    ----------
    López de Prado, Lipton and Zoonekynd (2025), "How to use the Sharpe ratio"; without autocorrelation it is that of
    Mertens (2002).
    """
    if not kurtosis >= 1.0 + skew**2 - 1e-9 * max(1.0, abs(kurtosis)):
        raise ValueError(f"kurtosis must be at least 1 + skew squared. Received: {kurtosis:g} with skew {skew:g}.")
    if not -1.0 < autocorrelation < 1.0:
        raise ValueError(f"autocorrelation must lie between -1 and 1. Received: {autocorrelation:g}.")
    first, second = (rho / (1.0 - rho) for rho in (autocorrelation, autocorrelation**2))
    of_mean = 1.0 + 2.0 * first
    of_both = 1.0 + first + second
    of_spread = 1.0 + 2.0 * second
    total = of_mean - of_both * skew * sharpe + of_spread * (kurtosis - 1.0) / 4.0 * sharpe**2
    return max(0.0, total) / observations


def probabilistic_sharpe(
    sharpe: float, *, observations: int, skew: float, kurtosis: float, benchmark: float, autocorrelation: float = 0.0
) -> float:
    """The probability that the true Sharpe ratio is above benchmark; both per observation, not annualised.

    1 - p of the test against the benchmark: the error is that of a strategy whose true ratio is the benchmark. skew,
    kurtosis (normal: 3) and autocorrelation: of the returns. Without any error it is surely above, or surely not, and
    even odds on the benchmark itself.

    Raises:
        ValueError: moments that no returns have.
    """
    from scipy.special import ndtr

    variance = sharpe_variance(
        benchmark, observations=observations, skew=skew, kurtosis=kurtosis, autocorrelation=autocorrelation
    )
    if not variance:
        return 0.5 if sharpe == benchmark else float(sharpe > benchmark)
    return float(ndtr((sharpe - benchmark) / math.sqrt(variance)))


def expected_maximum(trials: float) -> float:
    """The mean of the largest of so many standard normal numbers (0 for one): how good the best looks without skill.

    trials: may be an effective number, which is no whole one; below 2 it rises from 0 in a straight line.

    >>> round(expected_maximum(10), 4)
    1.5746
    """
    from scipy.special import ndtri

    if trials < 2:
        return max(0.0, trials - 1.0) * expected_maximum(2)
    return float((1.0 - _EULER) * ndtri(1.0 - 1.0 / trials) + _EULER * ndtri(1.0 - 1.0 / (trials * math.e)))


def deflated_sharpe(
    sharpe: float, *, observations: int, skew: float, kurtosis: float, trials: float, trial_variance: float,
    autocorrelation: float = 0.0,
) -> float:  # fmt: skip
    """The probability that the true Sharpe ratio is above zero, knowing that it is the best of so many trials.

    trials: how many independent ones (effective_trials). trial_variance: variance of the trials' Sharpe ratios, per
    observation. With one trial: against zero alone. The error is that of one strategy: that of the best of many is
    smaller, but the one that is shown need not be the best.
    """
    best = math.sqrt(trial_variance) * expected_maximum(trials)
    return probabilistic_sharpe(
        sharpe, observations=observations, skew=skew, kurtosis=kurtosis, benchmark=best, autocorrelation=autocorrelation
    )


def effective_rank(correlation: Floats) -> float:
    """How many independent series a correlation matrix is worth: exp of the entropy of its eigenvalues.

    Roy and Vetterli (2007). 1 where all are the same, as many as there are where none has to do with another.

    >>> round(effective_rank(np.array([[1.0, 0.6], [0.6, 1.0]])), 4)
    1.6494
    """
    values = np.linalg.eigvalsh(correlation)
    share = values[values > 0.0] / values[values > 0.0].sum()
    return float(np.exp(-(share * np.log(share)).sum()))


def effective_trials(trials: float, correlation: Floats) -> float:
    """How many independent tries so many are worth, of which those in the correlation matrix are known.

    The unknown ones are taken to be as much alike as the known ones; with fewer than two known, all count.
    """
    measured = len(correlation)
    if measured < 2 or trials <= 1:
        return float(trials)
    return float(1.0 + (trials - 1.0) * (effective_rank(correlation) - 1.0) / (measured - 1.0))


def minimum_backtest_length(trials: float, *, sharpe: float) -> float:
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
    standardised = (returns - returns.mean()) / spread
    return float(returns.mean() / returns.std(ddof=1)), float((standardised**3).mean()), float((standardised**4).mean())


def autocorrelation(returns: Floats) -> float:
    """Correlation of each return with the one before it, within ±0.9; 0 where they do not vary or are fewer than 3."""
    if len(returns) < 3:
        return 0.0
    first, second = returns[:-1] - returns[:-1].mean(), returns[1:] - returns[1:].mean()
    scale = math.sqrt(float((first**2).sum() * (second**2).sum()))
    return float(np.clip((first * second).sum() / scale, -0.9, 0.9)) if scale > 0.0 else 0.0
