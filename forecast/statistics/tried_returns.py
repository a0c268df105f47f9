"""The daily returns of what was tried, laid beside one another: how much alike the tries were."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecast.statistics.comparisons import Sessions
from pipelines.market.types import Floats

_FEWEST_DAYS = 60  # that two tries must share; below, they count as independent


@dataclass(frozen=True, kw_only=True, eq=False)
class DailyReturns:
    """Net returns of one try, one a day. days: datetime64[D], ascending; returns: of the same shape."""

    days: Sessions
    returns: Floats


def correlations(tried: Sequence[DailyReturns]) -> Floats:
    """Correlation of the tries with one another on the days that they share, shape (tries, tries)."""
    table = np.eye(len(tried))
    for row, one in enumerate(tried):
        for column in range(row):
            other = tried[column]
            _, mine, yours = np.intersect1d(one.days, other.days, assume_unique=True, return_indices=True)
            first, second = one.returns[mine], other.returns[yours]
            if len(mine) >= _FEWEST_DAYS and first.std() > 0.0 and second.std() > 0.0:
                table[row, column] = table[column, row] = np.corrcoef(first, second)[0, 1]
    return table


def daily(days: Sessions, returns: Floats) -> DailyReturns:
    """The returns of each day added up. days: of each return, in any order."""
    unique, place = np.unique(days, return_inverse=True)
    return DailyReturns(days=unique, returns=np.asarray(np.bincount(place, weights=returns), np.float64))
