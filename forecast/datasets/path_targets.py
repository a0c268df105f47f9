"""What networks learn bar by bar: the returns of the bars after a decision, and the labels of the bars in a window.

A path is the log returns from open to open of the `ahead` bars after the entry, in units of the volatility that was
known at the decision: the root mean square of the last 20 such returns up to the open of the deciding bar. It is known
when the label of the same horizon is, at the open `ahead` bars after the entry, so that one purge serves both.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import RunError
from pipelines.market.types import Floats
from pipelines.preprocessing.walk_forward import Fold
from pipelines.preprocessing.windows import Rows, Windows

Answers = NDArray[np.floating[Any]]

_LOOK_BACK = 20
_CALMEST = 0.1  # of the training rows' median: below it returns would be divided by next to nothing
_SUREST = 1e-9


def moves(windows: Windows) -> Floats:
    """Log return from the open of each bar to the open of the next, 0 behind the last, shape (bars,).

    Raises:
        RunError: windows that were made without the opens of their bars.
    """
    if windows.opens is None:
        raise RunError(
            "Expected windows with the open prices of their bars for a network that forecasts a path, got none."
        )
    return np.append(np.diff(np.log(windows.opens)), 0.0)


def volatility(windows: Windows, *, train: Rows) -> Floats:
    """The unit of each window's path, a bar, shape (windows,); train: the rows whose median tells what is too calm."""
    squares = np.square(moves(windows))
    before = windows.ends[:, None] - np.arange(1, _LOOK_BACK + 1)
    deviation = np.sqrt(np.mean(squares[np.maximum(before, 0)], axis=1, where=before >= 0))
    typical = float(np.median(deviation[train]))
    return np.maximum(deviation, _CALMEST * typical) if typical > 0 else np.ones(len(deviation))


def realised(windows: Windows, rows: Rows, *, ahead: int) -> Floats:
    """The log returns of the bars after each entry, shape (rows, ahead)."""
    return np.asarray(moves(windows)[windows.ends[rows][:, None] + np.arange(1, ahead + 1)])


def inner_labels(windows: Windows, fold: Fold) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The label of the window that ends at each bar, and how much it counts: 0 where no training row ends.

    Each of shape (bars,). Within a training window an earlier bar's label counts only if its own row may be learnt
    from: no label of a row that was purged, or is tested on, comes back through a window that covers its bar.
    """
    labels, counts = np.zeros((2, len(windows.values)), dtype=np.float32)
    labels[windows.ends] = windows.targets
    counts[windows.ends[fold.train]] = fold.weights[fold.train]
    return labels, counts


def deviation(predicted: Answers, actual: Floats, weights: NDArray[np.float32]) -> float:
    """How far the total of a path was off, root mean square, in its own unit; predicted, actual: (rows, ahead)."""
    off = np.square((actual - predicted).sum(axis=1))
    return max(float(np.sqrt(np.average(off, weights=weights if weights.any() else None))), _SUREST)


def chance(predicted: Answers, *, deviation: float) -> Floats:
    """The probability of a rise over the whole path, shape (rows,), if what is missed is normal with that deviation."""
    from scipy.special import ndtr  # what no other network's worker has to wait for

    sure = np.asarray(ndtr(predicted.astype(np.float64).sum(axis=1) / deviation), dtype=np.float64)
    return np.clip(sure, _SUREST, 1 - _SUREST)
