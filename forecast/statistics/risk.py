"""What returns risk: rolling Sharpe ratio and volatility, drawdowns, the tail, and the benchmark's part in them."""

from dataclasses import dataclass

import numpy as np

from forecast.statistics.performance import equity_curve
from pipelines.market.types import Floats


@dataclass(frozen=True, kw_only=True)
class Drawdown:
    """A fall from a peak of the equity curve until it is reached again.

    peak, trough, recovery: rows of the equity curve, which begins with 1 before the first return; recovery is None
    where the record ends below the peak. depth: a fraction of the peak, negative.
    """

    peak: int
    trough: int
    recovery: int | None
    depth: float


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """The shape of returns. value_at_risk: the quantile below which the worst 5 % lie. expected_shortfall: their mean.

    skewness, excess_kurtosis: population moments (0 for the normal distribution), None without variation.
    """

    mean: float
    best: float
    worst: float
    value_at_risk: float
    expected_shortfall: float
    skewness: float | None
    excess_kurtosis: float | None


@dataclass(frozen=True, kw_only=True)
class MarketModel:
    """Returns against a benchmark's: return = alpha + beta x benchmark (ordinary least squares).

    alpha: a year. Any of them is None where one of the two never varies.
    """

    alpha: float | None
    beta: float | None
    correlation: float | None


def rolling(returns: Floats, *, window: int, per_year: float) -> tuple[Floats, Floats]:
    """Sharpe ratio and volatility a year of the last `window` returns, shape (returns - window + 1,) each.

    The Sharpe ratio is NaN where the returns of a window do not vary. No risk-free rate is taken off.
    """
    if len(returns) < window:
        return np.array([]), np.array([])
    windows = np.lib.stride_tricks.sliding_window_view(returns, window)
    mean, spread = windows.mean(axis=1), windows.std(axis=1, ddof=1)
    varies = spread > 1e-12
    ratio = np.divide(mean, spread, out=np.full(len(mean), np.nan), where=varies)
    return ratio * per_year**0.5, spread * per_year**0.5


def drawdowns(returns: Floats) -> list[Drawdown]:
    """Every fall from a peak, the deepest first. returns: shape (returns,)."""
    curve = equity_curve(returns)
    highest = np.maximum.accumulate(curve)
    below = curve < highest
    edges = np.diff(np.concatenate([[False], below, [False]]).astype(np.int8))
    falls = []
    for first, end in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True):
        trough = int(first + np.argmin(curve[first:end]))
        falls.append(
            Drawdown(
                peak=int(first) - 1,
                trough=trough,
                recovery=int(end) if end < len(curve) else None,
                depth=float(curve[trough] / highest[trough] - 1.0),
            )
        )
    return sorted(falls, key=lambda fall: fall.depth)


def distribution(returns: Floats, *, tail: float = 0.05) -> Distribution:
    """The shape of returns, taken from the record itself (historical simulation), not from a normal distribution.

    tail: the share of returns that counts as the worst. returns: at least one.
    """
    centered = returns - returns.mean()
    spread = float(np.sqrt(np.mean(np.square(centered))))
    varies = spread > 1e-12
    count = int((len(returns) - 1) * tail) + 1
    return Distribution(
        mean=float(returns.mean()),
        best=float(returns.max()),
        worst=float(returns.min()),
        value_at_risk=float(np.quantile(returns, tail)),
        expected_shortfall=float(np.sort(returns)[:count].mean()),
        skewness=float(np.mean((centered / spread) ** 3)) if varies else None,
        excess_kurtosis=float(np.mean((centered / spread) ** 4)) - 3.0 if varies else None,
    )


def market_model(returns: Floats, benchmark: Floats, *, per_year: float) -> MarketModel:
    """Alpha, beta and correlation of returns to a benchmark's of the same times. per_year: returns a year."""
    if len(returns) < 2 or min(float(np.std(returns)), float(np.std(benchmark))) <= 1e-12:
        return MarketModel(alpha=None, beta=None, correlation=None)
    covariance = np.cov(returns, benchmark)
    beta = float(covariance[0, 1] / covariance[1, 1])
    return MarketModel(
        alpha=float(returns.mean() - beta * benchmark.mean()) * per_year,
        beta=beta,
        correlation=float(covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])),
    )
