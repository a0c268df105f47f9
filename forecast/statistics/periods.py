"""Returns by stretch of time: sessions, months, years, folds, market regimes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.market.types import Floats

Labels = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class PeriodResult:
    """What one stretch of time earned, in fractions: 0.05 is 5 %.

    total: compounded. volatility, sharpe: a year, None with fewer than two returns or without variation.
    positive: the share of returns above zero.
    """

    label: Any
    returns: int
    total: float
    volatility: float | None
    sharpe: float | None
    positive: float


def compounded(returns: Floats, labels: Labels) -> tuple[Labels, Floats]:
    """The labels in order, each once, and what the returns of each grew to, shape (labels,) both.

    returns: shape (returns,), in time order. labels: of each return (its session, month or year), those of one stretch
    next to each other.

    >>> compounded(np.array([0.1, 0.1, -0.5]), np.array([2001, 2001, 2002]))[1].round(2).tolist()
    [0.21, -0.5]
    """
    if not len(returns):
        return labels, returns
    first = np.flatnonzero(np.append(True, labels[1:] != labels[:-1]))
    return labels[first], np.asarray(np.multiply.reduceat(1.0 + returns, first) - 1.0)


def by_period(returns: Floats, labels: Labels, *, per_year: float) -> list[PeriodResult]:
    """Each label's result, labels in the order in which they first come; they may come back, as market regimes do.

    returns: shape (returns,). labels: shape (returns,). per_year: returns a year.
    """
    order = list(dict.fromkeys(labels.tolist()))
    return [_result(label, returns[labels == label], per_year=per_year) for label in order]


def terciles(values: Floats) -> Labels:
    """0 for the lowest third of the values, 1 for the middle one, 2 for the highest, -1 where a value is NaN."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return np.full(len(values), -1)
    return np.where(np.isfinite(values), np.searchsorted(np.quantile(finite, [1 / 3, 2 / 3]), values, side="right"), -1)


def trailing_deviation(returns: Floats, *, window: int) -> Floats:
    """Standard deviation of the returns before each one, itself not included, shape (returns,); NaN where too few.

    window: how many returns before.
    """
    deviation = np.full(len(returns), np.nan)
    if len(returns) > window:
        deviation[window:] = np.lib.stride_tricks.sliding_window_view(returns[:-1], window).std(axis=1, ddof=1)
    return deviation


def _result(label: Any, returns: Floats, *, per_year: float) -> PeriodResult:
    spread = float(returns.std(ddof=1)) if len(returns) > 1 else 0.0
    varies = spread > 1e-12 * max(1.0, abs(float(returns.mean())))
    return PeriodResult(
        label=label,
        returns=len(returns),
        total=float(np.prod(1.0 + returns) - 1.0),
        volatility=spread * per_year**0.5 if varies else None,
        sharpe=float(returns.mean()) / spread * per_year**0.5 if varies else None,
        positive=float((returns > 0).mean()),
    )
