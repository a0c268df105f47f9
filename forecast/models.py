"""The networks, one table entry each, in plain Keras; everything but the cell is shared, so the comparison is fair.

Importing this module imports keras: only code that trains or predicts does.
"""

from typing import Any

import keras
import numpy as np
from keras import initializers, layers
from numpy.typing import NDArray

from forecast.member import Architecture

_RECURRENT = {"simple_rnn": layers.SimpleRNN, "lstm": layers.LSTM}


def build(architecture: Architecture, *, seed: int) -> keras.Model:
    """A fresh network: input (batch, steps, features) float32, output logits (batch, 1).

    Every initializer has its own seed drawn from `seed`: Keras would otherwise draw from Python's global generator.
    """
    kernel, recurrent, head = (int(each) for each in np.random.SeedSequence(seed).generate_state(3))
    cell = _RECURRENT[architecture.model]
    return keras.Sequential(
        [
            layers.Input((architecture.steps, architecture.features)),
            cell(
                architecture.units,
                kernel_initializer=initializers.GlorotUniform(seed=kernel),
                recurrent_initializer=initializers.Orthogonal(seed=recurrent),
                name="cell",
            ),
            layers.Dense(1, kernel_initializer=initializers.GlorotUniform(seed=head), name="logit"),
        ],
        name=architecture.model,
    )


def sigmoid(logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Probabilities of a rise, float64, strictly inside (0, 1) for any finite logit."""
    bounded = np.clip(np.asarray(logits, dtype=np.float64), -30.0, 30.0)
    return np.asarray(1.0 / (1.0 + np.exp(-bounded)))
