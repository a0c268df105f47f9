"""Epochs of a member inside one compiled call: shuffled batches, Adam, validation and early stopping.

A member is three vectors (parameters, Adam's two moments), handed in and out: nothing is built or compiled a second
time for another member. Shapes depend on the length of the data alone, in coarse steps, so that neither another fold
nor a few more bars compile again; how many batches a fold really has is a number handed in. Written in keras.ops, so
that every backend runs the same lines; windows are gathered inside, by index, and never laid out.
"""

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from forecast.networks.autodiff import compiled, value_and_gradient
from forecast.networks.losses import OBJECTIVES, Objective
from forecast.networks.optimizer import (
    FoldTensors,
    TrainedWeights,
    TrainingState,
    Vector,
    adam,
    begin,
    filled,
    finished,
    record,
    roomy,
    shuffled,
    trained,
)
from forecast.networks.results import Budget
from pipelines.preprocessing.windows import Rows

_PREDICT_BATCH = 128
_NO_CLIP = np.float32(1e30)
_MOST_DRAWS = 64  # numbers that one call of a network may draw: its dropout masks
_NO_WEIGHT = 1e-12  # below the weight of any row: what a batch without weight is divided by
_EPOCHS = 5  # in one call: how many epochs there are in all compiles nothing anew
_MOST_ORDER = 2**24  # row numbers handed over in one call: 64 MiB


class Program:
    """The compiled training and prediction of one network shape. It has no state: threads may share it."""

    def __init__(self, network: keras.Model, *, topology: str = "many_to_one", random: bool = False) -> None:
        """random: whether the network has dropout."""
        self.network = network
        self._objective, self._judge = OBJECTIVES[topology]
        self._random = random
        self._shapes = [tuple(variable.shape) for variable in network.trainable_variables]
        self._fixed = [np.array(variable) for variable in network.non_trainable_variables]
        self._steps = network.input_shape[1]
        self._gradient = value_and_gradient(self._loss)
        self._train = compiled(self.train_epochs)
        self._answers = compiled(self._forward)

    def fold_tensors(
        self,
        values: Vector,
        *,
        ends: Rows,
        targets: NDArray[np.floating[Any]],
        weights: NDArray[np.floating[Any]],
        train: Rows,
        validation: Rows,
        budget: Budget,
        room: int = 0,
        marks: NDArray[np.floating[Any]] | None = None,
        counts: NDArray[np.floating[Any]] | None = None,
        unit: NDArray[np.floating[Any]] | None = None,
    ) -> FoldTensors:
        """The arrays of one fold, moved to the backend; padded as if they held `room` bars where they hold fewer.

        marks, counts, unit: as in FoldTensors, where the topology needs them.
        """
        bars = np.zeros((roomy(max(len(values), room)), values.shape[1]), dtype=np.float32)
        room = roomy(max(len(ends), room))
        bars[: len(values)] = values
        size = max(budget.batch, _PREDICT_BATCH)
        return FoldTensors(
            values=ops.convert_to_tensor(bars),
            ends=ops.convert_to_tensor(filled(ends, room)),
            targets=ops.convert_to_tensor(filled(targets, room).astype(np.float32)),
            weights=ops.convert_to_tensor(filled(weights, room).astype(np.float32)),
            validation=ops.convert_to_tensor(filled(validation, -(-room // size) * size).reshape(-1, size)),
            batches=np.int32(-(-len(train) // budget.batch)),
            validation_batches=np.int32(-(-len(validation) // size)),
            rate=np.float32(budget.learning_rate),
            clip=np.float32(budget.clip) if budget.clip else _NO_CLIP,
            marks=_padded(marks, len(bars)),
            counts=_padded(counts, len(bars)),
            unit=_padded(unit, room),
        )

    def train(
        self,
        start: Vector,
        tensors: FoldTensors,
        *,
        train: Rows,
        batch: int,
        shuffle: np.random.Generator,
        epochs: int,
        patience: int,
        draw: int = 0,
    ) -> TrainedWeights:
        """Trains from the parameters `start` until `epochs` or until `patience` epochs brought no better validation.

        train: window numbers; every epoch sees them in a new order drawn from `shuffle`. patience 0: all epochs, and
        the last parameters; otherwise those of the epoch with the lowest validation loss. draw: the member's number
        for dropout, below 2^31.
        """
        room = -(-len(tensors.ends) // batch) * batch
        chunk = max(1, min(_EPOCHS, _MOST_ORDER // room))
        state = begin(start, epochs, draw=draw)
        while not finished(state, epochs=epochs, patience=patience):
            first = int(state.epoch)
            until = min(epochs, first + chunk)
            orders = shuffled(train, shuffle=shuffle, epochs=until - first, shape=(chunk, room // batch, batch))
            state = TrainingState(
                *self._train(tuple(state), tuple(tensors), orders, np.int32(until), np.int32(patience))
            )
        return trained(state, patience=patience)

    def answers(self, parameters: Vector, windows: Vector) -> Vector:
        """A row of answers a window; windows: shape (any number, steps, features). Its digits depend on it alone."""
        answers = np.empty((len(windows), self.network.output_shape[1]), dtype=np.float32)
        for first in range(0, len(windows), _PREDICT_BATCH):
            batch = windows[first : first + _PREDICT_BATCH]
            padded = np.zeros((_PREDICT_BATCH, *windows.shape[1:]), dtype=np.float32)
            padded[: len(batch)] = batch
            answers[first : first + len(batch)] = np.array(self._answers(parameters, padded))[: len(batch)]
        return answers

    def weights(self, parameters: Any) -> list[Any]:
        """A member's parameters as the network's weights, in Keras' order."""
        weights, position = [], 0
        for shape in self._shapes:
            size = int(np.prod(shape))
            weights.append(ops.reshape(parameters[position : position + size], shape))
            position += size
        return weights

    def _forward(self, parameters: Any, windows: Any) -> Any:
        return self.network.stateless_call(self.weights(parameters), self._fixed, windows)[0]

    def _learning(self, parameters: Any, windows: Any, state: tuple[Any, Any]) -> Any:
        """The answers with dropout: each seed is the member's number and the place of the layer, and then the step."""
        if not self._random:
            return self._forward(parameters, windows)
        draw, step = state
        draws = ops.cast(step, "int32") * _MOST_DRAWS
        seeds = [
            ops.cast(ops.stack([draw + place, draws]), variable.dtype.name)
            for place, variable in enumerate(self._fixed)
        ]
        return self.network.stateless_call(self.weights(parameters), seeds, windows, training=True)[0]

    def _loss(self, parameters: Any, tensors: FoldTensors, rows: Any, state: tuple[Any, Any]) -> Any:
        """Weighted mean loss of a batch."""
        answers = self._learning(parameters, self._windows(tensors, rows), state)
        weights = self._weights(self._objective, tensors, rows)
        losses = self._objective.losses(answers, tensors, rows)
        return ops.sum(losses * weights) / ops.maximum(ops.sum(weights), _NO_WEIGHT)

    def _windows(self, tensors: FoldTensors, rows: Any) -> Any:
        offsets = ops.arange(1 - self._steps, 1, dtype="int32")
        ends = ops.take(tensors.ends, ops.maximum(rows, 0), axis=0)
        return ops.take(tensors.values, ends[:, None] + offsets, axis=0)

    def _weights(self, objective: Objective, tensors: FoldTensors, rows: Any) -> Any:
        return objective.weights(tensors, rows, self.network.output_shape[1])

    def train_epochs(self, state: Any, tensors: Any, orders: Any, until: Any, patience: Any) -> Any:
        """The function that is compiled: a State and a Material as tuples, a State's fields back."""
        tensors, start = FoldTensors(*tensors), TrainingState(*state)
        first = start.epoch

        def more(*state: Any) -> Any:
            current = TrainingState(*state)
            return ops.logical_and(current.epoch < until, ops.logical_or(patience == 0, current.waited < patience))

        def epoch(*state: Any) -> Any:
            current = TrainingState(*state)
            return tuple(self._epoch(current, tensors, ops.take(orders, current.epoch - first, axis=0)))

        return ops.while_loop(more, epoch, tuple(start))

    def _epoch(self, state: TrainingState, tensors: FoldTensors, order: Any) -> TrainingState:
        def batch(number: Any, weight_sum: Any, total: Any, step: Any, parameters: Any, first: Any, second: Any) -> Any:
            rows = order[number]
            loss, gradient = self._gradient(parameters, tensors, rows, (state.draw, step))
            size = ops.sum(self._weights(self._objective, tensors, rows))
            step, parameters, first, second = adam(
                step, parameters, first, second, gradient, rate=tensors.rate, clip=tensors.clip
            )
            return number + 1, weight_sum + size, total + loss * size, step, parameters, first, second

        zero = ops.zeros((), "float32")
        _, weight_sum, total, step, parameters, first, second = ops.while_loop(
            lambda number, *_: number < tensors.batches,
            batch,
            (ops.zeros((), "int32"), zero, zero, state.step, state.parameters, state.first, state.second),
        )
        val_loss = self._validate(parameters, tensors)
        better = val_loss < state.best_loss
        return TrainingState(
            draw=state.draw,
            epoch=state.epoch + 1,
            step=step,
            waited=ops.where(better, 0, state.waited + 1),
            best_loss=ops.where(better, val_loss, state.best_loss),
            parameters=parameters,
            first=first,
            second=second,
            best=ops.where(better, parameters, state.best),
            loss=record(state.loss, state.epoch, total / ops.maximum(weight_sum, _NO_WEIGHT)),
            val_loss=record(state.val_loss, state.epoch, val_loss),
        )

    def _validate(self, parameters: Any, tensors: FoldTensors) -> Any:
        def batch(number: Any, weight_sum: Any, total: Any) -> Any:
            rows = tensors.validation[number]
            weights = self._weights(self._judge, tensors, rows)
            losses = self._judge.losses(self._forward(parameters, self._windows(tensors, rows)), tensors, rows)
            return number + 1, weight_sum + ops.sum(weights), total + ops.sum(losses * weights)

        zero = ops.zeros((), "float32")
        _, weight_sum, total = ops.while_loop(
            lambda number, *_: number < tensors.validation_batches, batch, (ops.zeros((), "int32"), zero, zero)
        )
        return total / ops.maximum(weight_sum, _NO_WEIGHT)


def _padded(values: NDArray[np.floating[Any]] | None, room: int) -> Any:
    """A tensor of float32 filled up with ones, or a single one where there is nothing."""
    padded = np.ones(1 if values is None else room, dtype=np.float32)
    if values is not None:
        padded[: len(values)] = values
    return ops.convert_to_tensor(padded)
