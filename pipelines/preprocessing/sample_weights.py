"""How much each window of a fold counts in the loss, from the fold's training rows (and what its labels say) alone."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import ConfigError, TooFewBarsError
from pipelines.market.types import Floats
from pipelines.preprocessing.choices import WEIGHTS as WEIGHTS
from pipelines.preprocessing.walk_forward import FEWEST_ROWS, Fold
from pipelines.preprocessing.windows import Rows, Windows


def weigh(windows: Windows, fold: Fold, *, kind: str) -> Fold:
    """The fold with the weights of its training and validation rows.

    A row whose label teaches nothing weighs 0 whatever the kind. "none": the others 1. "balanced": each class as much
    as the other over the training rows. "uniqueness": the average uniqueness of each label among the training rows,
    and among the validation rows, with mean 1.

    Raises:
        ConfigError: another kind.
        TooFewBarsError: too few rows that teach something.
    """
    weights = np.zeros(len(windows))
    for name, rows in (("train", fold.train), ("validation", fold.validation)):
        teaching = rows[windows.label_weights[rows] > 0]
        if len(teaching) < FEWEST_ROWS[name]:
            raise TooFewBarsError(
                f"Expected {FEWEST_ROWS[name]} {name} rows that move by more than they cost in every fold, got "
                f"{len(teaching)} in fold {fold.number}. Lower --label-cost-bps or raise --horizon."
            )
        weights[teaching] = 1.0
        if kind == "balanced":
            rises = windows.targets[fold.train[windows.label_weights[fold.train] > 0]] > 0.5
            weights[teaching] = np.where(windows.targets[teaching] > 0.5, *class_weights(rises))
        elif kind == "uniqueness":
            weights[teaching] = uniqueness(windows.ends[teaching] + 1, held=windows.held[teaching])
        elif kind != "none":
            raise ConfigError(f"Expected weights out of {', '.join(WEIGHTS)}, got {kind!r}.")
    return replace(fold, weights=weights.astype(np.float32))


def class_weights(rises: NDArray[np.bool_]) -> tuple[float, float]:
    """Weights of a rise and of a fall with which both classes weigh the same and the mean is 1; 1 where one is missing.

    >>> class_weights(np.array([True, True, True, False]))
    (0.6666666666666666, 2.0)
    """
    counts = int(rises.sum()), int((~rises).sum())
    if 0 in counts:
        return 1.0, 1.0
    return len(rises) / (2 * counts[0]), len(rises) / (2 * counts[1])


def uniqueness(entries: Rows, *, held: Rows) -> Floats:
    """Average uniqueness of labels (Lopez de Prado 2018, ch. 4), divided by its mean; shape (labels,).

    entries: the bar at which each label begins, held: how many bars it lasts. A bar's uniqueness is 1 / how many labels
    it belongs to; a label's is the mean over its bars.
    """
    first = int(entries.min())
    begin, end = entries - first, entries - first + held
    length = int(end.max())
    alive = np.cumsum(np.bincount(begin, minlength=length + 1) - np.bincount(end, minlength=length + 1))[:-1]
    share = np.concatenate([[0.0], np.cumsum(np.divide(1.0, alive, out=np.zeros(length), where=alive > 0))])
    average = (share[end] - share[begin]) / held
    return np.asarray(average / average.mean())
