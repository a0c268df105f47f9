"""What a member (model, fold, seed) is asked for and what comes back; known without the network library."""

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecast.config.architecture import MOST_PARAMETERS, Architecture
from forecast.config.experiment import Experiment
from pipelines.market.types import Floats

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How long a member may learn, the same for every model."""

    epochs: int
    patience: int
    batch: int
    learning_rate: float
    clip: float = 1.0

    @classmethod
    def of(cls, experiment: Experiment, *, learning_rate: float) -> "Budget":
        """The experiment's fields of the same names, at a learning rate that tuning may have chosen."""
        names = [setting.name for setting in fields(cls) if setting.name != "learning_rate"]
        shared: dict[str, Any] = {name: getattr(experiment, name) for name in names}
        return cls(learning_rate=learning_rate, **shared)


@dataclass(frozen=True, kw_only=True, eq=False)
class FitResult:
    """A fitted member: its weights as the bytes of an HDF5 file, its out-of-sample probabilities, its history.

    probability: shape (test rows,). validation: the same for the validation rows. loss, val_loss: mean log loss, of a
    path squared error, seconds: wall time; each shape (epochs,). path, validation_path: what a network that forecasts a
    path said, in units of volatility, shape (rows, ahead); (0, 0) for others. deviation: by how much the total of its
    path was off on the validation rows; None for others. diverged: the epoch from which on its numbers were not finite
    where no earlier one could be kept: it forecasts 0.5 (a path of zeros) and has the weights that it began with. loss
    and val_loss end before the first epoch that is not finite.
    """

    architecture: Architecture
    parameters: int
    weights: bytes
    probability: Floats
    validation: Floats
    loss: Floats
    val_loss: Floats
    seconds: Floats
    path: Floats = field(default_factory=lambda: np.empty((0, 0)))
    validation_path: Floats = field(default_factory=lambda: np.empty((0, 0)))
    deviation: float | None = None
    diverged: int | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerTrace:
    """What one recurrent layer did, bars in their order whichever way it reads.

    states: h, and c of an LSTM, each of shape (steps, rows, units). gates: by name, of the same shape; empty for a cell
    without any. backwards: whether it reads from the window's end.
    """

    cell: str
    backwards: bool
    states: tuple[Array, ...]
    gates: dict[str, Array]


@dataclass(frozen=True, kw_only=True, eq=False)
class Gradients:
    """Of one number a row: with respect to the features, shape (rows, steps, features), and to each layer's states,
    each of shape (steps, rows, units)."""

    features: Array
    states: list[list[Array]]


__all__ = ["MOST_PARAMETERS", "Architecture", "Array", "Budget", "FitResult", "Gradients", "LayerTrace"]
