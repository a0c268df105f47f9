"""Columns under unknown names that may say whose prices a row holds: words, and numbers such as 10107."""

import numpy as np
from numpy.typing import NDArray

from pipelines.market.types import Floats, Times
from pipelines.sources.csv import conventions
from pipelines.sources.csv.layout import vocabulary

Labels = NDArray[np.object_]

_JUMP = 0.25  # of a logarithm of prices
_LEAST_ROWS = 3  # a label, on average: row numbers, volumes and counts of trades come again less often
_SHARED = 0.2  # of the times: those at which rows of two labels stand
_NEAR_CHANGE = (
    0.1  # of a logarithm: a jump by as much as the number changes, as beside a factor or the shares outstanding
)
_GAP = 1.1  # between the prices of two labels
_TURNS = 4  # how often labels come by turns, on average, in trades of several symbols


def are_of_several(labels: Labels, times: Times, prices: Floats, *, name: str, kind: str) -> bool:
    """Whether rows are of several symbols by a column of words or whole numbers. prices: closes of bars, or trades'."""
    import pandas as pd

    codes, unique = pd.factorize(labels)
    words = [str(word) for word in unique]
    if len(words) < 2:
        return False
    numbers = all(word.isdecimal() for word in words if word)
    if kind == "bars" and not numbers and _follow_each_other(labels, times, prices):
        return True
    if len(labels) < _LEAST_ROWS * len(words) or (numbers and set(words) <= {"0", "1"}):
        return False
    if kind != "bars":
        return _by_turns(codes, prices, len(words))
    if _at_the_same_times(codes, times):
        return True
    order = np.argsort(times, kind="stable")
    codes, prices = codes[order], prices[order]
    changed = np.flatnonzero(codes[1:] != codes[:-1]) + 1
    if len(changed) != len(words) - 1:
        return False
    if numbers and name.strip().lower() == "id":
        return True
    jumps, largest = _jumps(changed, prices)
    far = np.abs(jumps) > max(_JUMP, 2 * largest)
    if not numbers:
        return bool(np.any(far))
    values = np.array([float(word or 0) for word in words])[codes]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(values[changed] / values[changed - 1])
    factor = (np.abs(jumps - ratio) < _NEAR_CHANGE) | (np.abs(jumps + ratio) < _NEAR_CHANGE)
    several = far & ~factor
    return bool(np.any(several) if vocabulary.NUMBERED.search(name) else np.all(several))


def _follow_each_other(labels: Labels, times: Times, close: Floats) -> bool:
    """Whether bars are of one word after another in the file: where it changes, time goes back or the price jumps as
    it nowhere else does."""
    changed = np.flatnonzero(labels[1:] != labels[:-1]) + 1
    if not len(changed) or len(changed) != len(set(labels.tolist())) - 1:
        return False
    back = (times[changed] < times[changed - 1]) != conventions.is_newest_first(times)
    jumps, largest = _jumps(changed, close)
    return bool(np.any(back) or np.any(np.abs(jumps) > max(_JUMP, 2 * largest)))


def _jumps(changed: NDArray[np.intp], prices: Floats) -> tuple[Floats, float]:
    """The steps of the price's logarithm at these rows, and the largest of all others."""
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = np.diff(np.log(prices))
    others = np.abs(np.delete(steps, changed - 1))
    return steps[changed - 1], float(np.nanmax(others[np.isfinite(others)], initial=0.0))


def _at_the_same_times(codes: NDArray[np.intp], times: Times) -> bool:
    """Whether rows of two labels stand at many times, and those of one nearly never."""
    moments, number = np.unique(times, return_inverse=True)
    pairs = len(np.unique(number * (int(codes.max()) + 1) + codes))
    return pairs - len(moments) >= max(2, _SHARED * len(moments)) and pairs >= 0.99 * len(times)


def _by_turns(codes: NDArray[np.intp], prices: Floats, count: int) -> bool:
    """Whether trades of labels come by turns at prices that have a gap between them."""
    if np.count_nonzero(codes[1:] != codes[:-1]) < _TURNS * count:
        return False
    inside = [np.nanquantile(own, (0.05, 0.95)) for code in range(count) if np.any((own := prices[codes == code]) > 0)]
    ranges = sorted(map(tuple, inside))
    reached = ranges[0][1]
    for low, high in ranges[1:]:
        if low > _GAP * reached:
            return True
        reached = max(reached, high)
    return False
