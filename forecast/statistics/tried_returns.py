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


def correlations(trials: Sequence[DailyReturns]) -> Floats:
    """Correlation of the tries with one another on the days that they share, shape (tries, tries)."""
    table = np.eye(len(trials))
    for row, trial in enumerate(trials):
        for column in range(row):
            second_trial = trials[column]
            _, first_rows, second_rows = np.intersect1d(
                trial.days, second_trial.days, assume_unique=True, return_indices=True
            )
            first, second = trial.returns[first_rows], second_trial.returns[second_rows]
            if len(first_rows) >= _FEWEST_DAYS and first.std() > 0.0 and second.std() > 0.0:
                table[row, column] = table[column, row] = np.corrcoef(first, second)[0, 1]
    return table


def daily(days: Sessions, returns: Floats) -> DailyReturns:
    """The returns of each day added up. days: of each return, in any order."""
    unique, place = np.unique(days, return_inverse=True)
    return DailyReturns(days=unique, returns=np.asarray(np.bincount(place, weights=returns), np.float64))
