"""Where a member stands between two steps of its training, what it learns from, and the step itself (Adam).

Importing this module imports keras.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from keras import ops
from numpy.typing import NDArray

from pipelines.preprocessing.windows import Rows

Vector = NDArray[np.float32]

_BETA_1, _BETA_2, _EPSILON = 0.9, 0.999, 1e-7  # Adam as in Kingma & Ba (2015), epsilon as in Keras


class TrainingState(NamedTuple):
    """Where a member stands. parameters, first, second, best: shape (parameters,); losses: (epochs and room,).

    draw: its own number, from which its dropout follows together with the step.
    """

    draw: Any
    epoch: Any
    step: Any
    waited: Any
    best_loss: Any
    parameters: Any
    first: Any
    second: Any
    best: Any
    loss: Any
    val_loss: Any


class FoldTensors(NamedTuple):
    """What a fold's members learn from, in the backend's arrays; padded to sizes that other folds share.

    values: scaled features, shape (bars, features). ends, targets, weights: shape (windows,); a window's loss counts
    as often as its weight says. validation: window numbers in batches, filled up with -1; batches, validation_batches:
    how many of the padded batches hold windows. rate: Adam's. clip: the largest norm of a gradient. marks, counts: what
    stands at each bar for topologies that learn bar by bar, shape (bars,): labels and how much they count, or log
    returns. unit: the volatility that a path is measured in, shape (windows,). What a topology does not need is (1,).
    """

    values: Any
    ends: Any
    targets: Any
    weights: Any
    validation: Any
    batches: Any
    validation_batches: Any
    rate: Any
    clip: Any
    marks: Any
    counts: Any
    unit: Any


@dataclass(frozen=True, kw_only=True)
class TrainedWeights:
    """A trained member: its parameters, and its mean log losses, each of shape (epochs trained,)."""

    parameters: Vector
    loss: NDArray[np.float64]
    val_loss: NDArray[np.float64]


def trained(state: TrainingState, *, patience: int) -> TrainedWeights:
    """What is kept of a member: with a patience the parameters of its best epoch, else the last ones."""
    epochs = int(state.epoch)
    return TrainedWeights(
        parameters=np.array(state.best if patience else state.parameters),
        loss=np.array(state.loss, dtype=np.float64)[:epochs],
        val_loss=np.array(state.val_loss, dtype=np.float64)[:epochs],
    )


def shuffled(
    train: Rows, *, shuffle: np.random.Generator, epochs: int, shape: tuple[int, int, int]
) -> NDArray[np.int32]:
    """A new order of `train` for each epoch, filled up with -1; shape: (epochs, batches, batch) with room to spare."""
    orders = np.full((shape[0], shape[1] * shape[2]), -1, dtype=np.int32)
    for row in orders[:epochs]:
        row[: len(train)] = shuffle.permutation(train)
    return orders.reshape(shape)


def finished(state: TrainingState, *, epochs: int, patience: int) -> bool:
    """Whether a member has learned for all its epochs or waited too long for a better validation loss."""
    return int(state.epoch) >= epochs or bool(patience and int(state.waited) >= patience)


def roomy(length: int) -> int:
    """The length that arrays are padded to: at least 256, a quarter of a power of two at a time (1280, 1536, 1792)."""
    step = max(256, 1 << max(0, (length - 1).bit_length() - 3))
    return -(-length // step) * step


def flat(weights: list[NDArray[np.float32]]) -> Vector:
    """A network's weights one after another, shape (parameters,)."""
    return np.concatenate([array.ravel() for array in weights]).astype(np.float32)


def begin(parameters: Vector, epochs: int, *, draw: int = 0) -> TrainingState:
    """A member before its first epoch, with a fresh optimizer."""
    nothing, losses = np.zeros_like(parameters), np.zeros(roomy(epochs), dtype=np.float32)
    return TrainingState(
        draw=np.int32(draw),
        epoch=np.int32(0),
        step=np.float32(0),
        waited=np.int32(0),
        best_loss=np.float32(np.inf),
        parameters=parameters,
        first=nothing,
        second=nothing,
        best=parameters,
        loss=losses,
        val_loss=losses,
    )


def record(curve: Any, epoch: Any, value: Any) -> Any:
    """The curve with this value at this epoch."""
    return ops.slice_update(curve, (epoch,), ops.reshape(value, (1,)))


def filled(rows: NDArray[Any], room: int) -> NDArray[Any]:
    """Rows with -1 behind them, int32 where they are numbers of rows."""
    filled = np.full(room, -1, dtype=np.int32 if rows.dtype.kind == "i" else rows.dtype)
    filled[: len(rows)] = rows
    return filled


def adam(step: Any, parameters: Any, first: Any, second: Any, gradient: Any, *, rate: Any, clip: Any) -> Any:
    """One step of Adam on a gradient whose norm is held at `clip`; (step, parameters, both moments)."""
    norm = ops.sqrt(ops.sum(gradient * gradient))
    gradient = gradient * (clip / ops.maximum(norm, clip))
    step = step + 1.0
    rate = rate * ops.sqrt(1.0 - ops.power(_BETA_2, step)) / (1.0 - ops.power(_BETA_1, step))
    first = first + (gradient - first) * (1.0 - _BETA_1)
    second = second + (gradient * gradient - second) * (1.0 - _BETA_2)
    return step, parameters - rate * first / (ops.sqrt(second) + _EPSILON), first, second
