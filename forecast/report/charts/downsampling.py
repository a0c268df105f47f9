"""Fewer points for the same picture: a chart a thousand pixels wide cannot show a million of them."""

import numpy as np
from numpy.typing import NDArray

from pipelines.market.types import Floats

LINE_LIMIT = 1_500
"""Points of an equity or drawdown line; beyond it each stretch keeps its lowest and highest."""

ASIDE_LIMIT = 600
"""Points of a line that waits in the legend, and of the edges of a band."""


def thin(values: Floats, *, limit: int) -> NDArray[np.intp]:
    """Rows to draw, in order, at most about limit of them: the first, the last, and each stretch's two extremes.

    values: shape (points,). No peak and no trough of the drawn line is lost.
    """
    count = len(values)
    if count <= limit:
        return np.arange(count)
    width = -(-count // max(1, limit // 2))
    covered = count - count % width
    stretches = values[:covered].reshape(-1, width)
    start = np.arange(0, covered, width)
    remainder = np.arange(covered, count)
    tail = (
        [covered + int(np.argmin(values[remainder])), covered + int(np.argmax(values[remainder]))]
        if len(remainder)
        else []
    )
    selected = [start + stretches.argmin(axis=1), start + stretches.argmax(axis=1), [0, count - 1], tail]
    return np.unique(np.concatenate([np.asarray(indices, dtype=np.intp) for indices in selected]))
