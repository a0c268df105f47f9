"""What each topology learns: which numbers its answers are held against, and how much each of them counts.

Importing this module imports keras.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from keras import ops

from forecast.networks.optimizer import FoldTensors


class Objective(NamedTuple):
    """weights: (material, rows, steps) -> how much each answer counts, 0 for what only fills a batch up.

    losses: (answers, material, rows) -> the loss of each answer. Both have shape (batch, answers that count).
    """

    weights: Callable[[FoldTensors, Any, int], Any]
    losses: Callable[[Any, FoldTensors, Any], Any]


def of_window(tensors: FoldTensors, rows: Any, answers: int) -> Any:
    """A window's own weight, the same for each of its answers."""
    weight = ops.take(tensors.weights, ops.maximum(rows, 0), axis=0) * ops.cast(rows >= 0, "float32")
    return ops.repeat(weight[:, None], answers, axis=1) if answers > 1 else weight[:, None]


def _last_weights(tensors: FoldTensors, rows: Any, answers: int) -> Any:
    return of_window(tensors, rows, 1)


def _last_losses(answers: Any, tensors: FoldTensors, rows: Any) -> Any:
    targets = ops.take(tensors.targets, ops.maximum(rows, 0), axis=0)
    return _log_losses(answers[:, -1:], targets[:, None])


def _step_weights(tensors: FoldTensors, rows: Any, answers: int) -> Any:
    """Each bar's own; none where the window itself has none."""
    weighted = ops.cast(of_window(tensors, rows, 1) > 0, "float32")
    return ops.take(tensors.counts, _bars(tensors, rows, 1 - answers, 1), axis=0) * weighted


def _step_losses(answers: Any, tensors: FoldTensors, rows: Any) -> Any:
    return _log_losses(answers, ops.take(tensors.marks, _bars(tensors, rows, 1 - answers.shape[1], 1), axis=0))


def _path_losses(answers: Any, tensors: FoldTensors, rows: Any) -> Any:
    """Squared error of each bar of the path, in units of the volatility known at the decision."""
    realised = ops.take(tensors.marks, _bars(tensors, rows, 1, 1 + answers.shape[1]), axis=0)
    unit = ops.take(tensors.unit, ops.maximum(rows, 0), axis=0)
    return ops.square(answers - realised / unit[:, None])


def _bars(tensors: FoldTensors, rows: Any, first: int, until: int) -> Any:
    """The bars from `first` to before `until`, counted from each window's last one, shape (batch, bars)."""
    ends = ops.take(tensors.ends, ops.maximum(rows, 0), axis=0)
    return ends[:, None] + ops.arange(first, until, dtype="int32")


def _log_losses(logits: Any, targets: Any) -> Any:
    """max(z, 0) - z x target + log(1 + exp(-|z|))."""
    return ops.maximum(logits, 0.0) - logits * targets + ops.log1p(ops.exp(-ops.abs(logits)))


_LAST = Objective(_last_weights, _last_losses)
_STEPS = Objective(_step_weights, _step_losses)
_PATH = Objective(of_window, _path_losses)

OBJECTIVES = {
    "many_to_one": (_LAST, _LAST),
    "in_step": (_STEPS, _LAST),  # stopped by what is traded
    "encoder_decoder": (_PATH, _PATH),
    "one_to_many": (_PATH, _PATH),
    "one_to_one": (_LAST, _LAST),
}
"""What each topology is trained on, and what its validation loss is."""
