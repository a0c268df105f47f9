"""The networks, one table entry each, in plain Keras; everything but the cell is shared, so the comparison is fair.

Importing this module imports keras: only code that trains or predicts does.
"""

from dataclasses import asdict, dataclass
from typing import Any

import keras
import numpy as np
from keras import initializers, layers
from numpy.typing import NDArray

from pipelines.errors import RunError

_RECURRENT = {"simple_rnn": layers.SimpleRNN, "lstm": layers.LSTM}

_MOST_PARAMETERS = 50_000_000  # a description that asks for more is damaged or hostile


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """A many-to-one network: window (steps, features) -> cell (units) -> one logit."""

    model: str
    steps: int
    features: int
    units: int

    def __post_init__(self) -> None:
        if self.model not in _RECURRENT:
            raise RunError(f"Need a model out of {', '.join(_RECURRENT)}, got {self.model!r}.")
        sizes = (self.steps, self.features, self.units)
        if any(type(size) is not int or size < 1 for size in sizes):
            raise RunError(f"Need steps, features and units as whole numbers above 0, got {sizes}.")
        if 4 * self.units * (self.units + self.features + 1) > _MOST_PARAMETERS or self.steps > 100_000:
            raise RunError(f"Need a network of at most {_MOST_PARAMETERS} parameters, got {asdict(self)}.")


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


def from_json(description: dict[str, Any]) -> Architecture:
    """The architecture described beside a member's weights, checked before anything is built."""
    try:
        return Architecture(**{name: description[name] for name in ("model", "steps", "features", "units")})
    except (KeyError, TypeError) as error:
        raise RunError(
            f"Need model, steps, features and units in the architecture, got {description!r:.200}."
        ) from error


def sigmoid(logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Probabilities of a rise, float64, strictly inside (0, 1) for any finite logit."""
    bounded = np.clip(np.asarray(logits, dtype=np.float64), -30.0, 30.0)
    return np.asarray(1.0 / (1.0 + np.exp(-bounded)))
