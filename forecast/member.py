"""What a member (model, fold, seed) is asked for and what comes back; known without the network library."""

from dataclasses import asdict, dataclass
from typing import Any

from forecast.experiment import MODELS
from pipelines.errors import RunError
from pipelines.market import Floats

MOST_PARAMETERS = 100_000_000  # a description that asks for more is damaged or hostile
_MOST_STEPS = 100_000


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """A many-to-one network: window (steps, features) -> cell (units) -> one logit.

    Raises:
        RunError: a model that is not known, or sizes that no experiment can have.
    """

    model: str
    steps: int
    features: int
    units: int

    def __post_init__(self) -> None:
        if self.model not in MODELS:
            raise RunError(f"Need a model out of {', '.join(MODELS)}, got {self.model!r}.")
        sizes = (self.steps, self.features, self.units)
        if any(type(size) is not int or size < 1 for size in sizes):
            raise RunError(f"Need steps, features and units as whole numbers above 0, got {sizes}.")
        if 4 * self.units * (self.units + self.features + 1) > MOST_PARAMETERS or self.steps > _MOST_STEPS:
            raise RunError(f"Need at most {MOST_PARAMETERS:,} parameters and {_MOST_STEPS:,} steps, got {sizes}.")

    def to_json(self) -> dict[str, Any]:
        """What stands beside a member's weights."""
        return asdict(self)

    @classmethod
    def from_json(cls, description: dict[str, Any]) -> "Architecture":
        """The architecture described beside a member's weights, checked before anything is built."""
        try:
            return cls(**{name: description[name] for name in ("model", "steps", "features", "units")})
        except (KeyError, TypeError) as error:
            raise RunError(
                f"Need model, steps, features and units in the architecture, got {description!r:.200}."
            ) from error


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How long a member may learn, the same for every model."""

    epochs: int
    patience: int
    batch: int
    learning_rate: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Fitted:
    """A fitted member: its weights as the bytes of an HDF5 file, its out-of-sample probabilities, its history.

    probability: shape (test rows,). validation: the same for the validation rows. loss, val_loss: mean log loss,
    seconds: wall time; each shape (epochs,).
    """

    architecture: Architecture
    parameters: int
    weights: bytes
    probability: Floats
    validation: Floats
    loss: Floats
    val_loss: Floats
    seconds: Floats
