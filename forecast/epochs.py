"""Whole epochs inside one compiled call, with the windows gathered there by index (TensorFlow).

One program is compiled a network shape; members are trained on it one after another by resetting its variables.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from pipelines.windows import Rows

_PREDICT_BATCH = 512
_CLIP = 1.0  # global gradient norm: plain recurrent networks meet exploding gradients


class Program:
    """The compiled training epoch and prediction of one network shape.

    Sizes of the data are free: another fold does not compile again.
    """

    def __init__(self, network: keras.Model, *, learning_rate: float, batch: int) -> None:
        self.network = network
        self.batch = batch
        self.optimizer = keras.optimizers.Adam(learning_rate, global_clipnorm=_CLIP)
        self.optimizer.build(network.trainable_variables)
        self._fresh_optimizer = [keras.ops.convert_to_numpy(each) for each in self.optimizer.variables]
        self._offsets = tf.range(1 - network.input_shape[1], 1, dtype=tf.int64)
        values = tf.TensorSpec([None, network.input_shape[2]], tf.float32)
        ends, rows = tf.TensorSpec([None], tf.int64), tf.TensorSpec([None, None], tf.int64)
        targets = tf.TensorSpec([None], tf.float32)
        self._train = tf.function(self._train_epoch, input_signature=[values, ends, targets, rows])
        self._logits = tf.function(self._all_logits, input_signature=[values, rows])

    def reset(self, weights: list[NDArray[np.float32]]) -> None:
        """Starts a member: these weights and a fresh optimizer."""
        self.network.set_weights(weights)
        for variable, value in zip(self.optimizer.variables, self._fresh_optimizer, strict=True):
            variable.assign(value)

    def train(self, values: Any, *, ends: Rows, targets: NDArray[np.float32], order: Rows) -> float:
        """One epoch over the windows in `order`; the mean loss over its rows while they were learned."""
        return float(self._train(values, ends, targets, _batches(order, self.batch)))

    def logits(self, values: Any, *, ends: Rows) -> NDArray[np.float32]:
        """One logit a window, shape (ends,)."""
        flat = self._logits(values, _batches(ends, _PREDICT_BATCH)).numpy()
        return np.asarray(flat[: len(ends)])

    def _windows(self, values: tf.Tensor, ends: tf.Tensor) -> tf.Tensor:
        return tf.gather(values, ends[:, None] + self._offsets)

    def _train_epoch(self, values: tf.Tensor, ends: tf.Tensor, targets: tf.Tensor, batches: tf.Tensor) -> tf.Tensor:
        total, seen = tf.constant(0.0), tf.constant(0.0)
        for rows in batches:
            weight = tf.cast(rows >= 0, tf.float32)  # the last batch is filled up with -1
            chosen = tf.maximum(rows, 0)
            windows = self._windows(values, tf.gather(ends, chosen))
            with tf.GradientTape() as tape:
                logit = self.network(windows, training=True)[:, 0]
                each = tf.nn.sigmoid_cross_entropy_with_logits(tf.gather(targets, chosen), logit)
                summed = tf.reduce_sum(each * weight)
                loss = summed / tf.reduce_sum(weight)
            variables = self.network.trainable_variables
            self.optimizer.apply(tape.gradient(loss, variables), variables)
            total += summed
            seen += tf.reduce_sum(weight)
        return total / seen

    def _all_logits(self, values: tf.Tensor, batches: tf.Tensor) -> tf.Tensor:
        found = tf.TensorArray(tf.float32, size=tf.shape(batches)[0], element_shape=[None])
        for number in tf.range(tf.shape(batches)[0]):
            windows = self._windows(values, tf.maximum(batches[number], self.network.input_shape[1] - 1))
            found = found.write(number, self.network(windows, training=False)[:, 0])
        return found.concat()


def _batches(rows: Rows, size: int) -> Rows:
    """Rows in batches of one size, shape (batches, size), the last one filled up with -1."""
    filled = np.full(-(-len(rows) // size) * size, -1, dtype=np.int64)
    filled[: len(rows)] = rows
    return filled.reshape(-1, size)
