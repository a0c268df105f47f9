"""What tuning chooses for each network and fold, beside what the experiment says of all."""

from dataclasses import dataclass

from forecast.config.experiment import Experiment

Study = tuple[str, int]
"""What is tuned by itself: (model, fold number)."""


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    """What tuning may choose for a network and fold."""

    units: int
    learning_rate: float

    @classmethod
    def of(cls, experiment: Experiment) -> "Hyperparameters":
        """Those of the experiment itself."""
        return cls(units=experiment.units, learning_rate=experiment.learning_rate)
