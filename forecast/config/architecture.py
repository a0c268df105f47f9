"""What a network is built from: everything that decides its shape, checked before any of it is built."""

from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache
from typing import Any

from forecast.config import model_registry
from forecast.config.experiment import Experiment
from pipelines.errors import RunError

KERNEL = 3
"""Bars that a filter of the CNN reads."""

_NEEDED = ("model", "steps", "features", "units")
MOST_PARAMETERS = 100_000_000  # a description that asks for more is damaged or hostile
_MOST = {"steps": 100_000, "features": 1_000_000, "units": 1_000_000, "layers": 16, "ahead": 10_000}
_SUMS = {"simple_rnn": (1, 1), "irnn": (1, 1), "lstm": (4, 1), "gru": (3, 2)}  # gates of a cell, biases of a gate


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """A network's name and sizes. ahead: bars of the path that it forecasts, 1 for one that forecasts none.

    The other fields are those of Experiment.

    Raises:
        RunError: a model that is not known, or sizes that no experiment can have.
    """

    model: str
    steps: int
    features: int
    units: int
    layers: int = 1
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    layer_norm: bool = False
    bidirectional: bool = False
    ahead: int = 1

    def __post_init__(self) -> None:
        if not isinstance(self.model, str) or not (self.model in model_registry.MODELS or self.own):
            raise RunError(f"Expected a model out of {model_registry.LISTED}, got {self.model!r:.80}.")
        for name, most in _MOST.items():
            size = getattr(self, name)
            if type(size) is not int or not 1 <= size <= most:
                raise RunError(f"Expected {name} from 1 to {most:,} in an architecture, got {size!r:.40}.")
        if any(type(rate) not in (int, float) or not 0 <= rate < 1 for rate in (self.dropout, self.recurrent_dropout)):
            raise RunError(
                f"Expected dropout from 0 to below 1, got {self.dropout!r:.40}, {self.recurrent_dropout!r:.40}."
            )
        if type(self.layer_norm) is not bool or type(self.bidirectional) is not bool:
            raise RunError("Expected layer_norm and bidirectional as true or false in an architecture.")
        if self.parameters > MOST_PARAMETERS:
            raise RunError(f"Expected at most {MOST_PARAMETERS:,} parameters, got {self.parameters:,} of {self}.")

    @property
    def own(self) -> bool:
        """Whether a person's own function builds it."""
        return isinstance(self.model, str) and model_registry.is_own_network(self.model)

    @property
    def cell(self) -> str:
        """The cell whose sums this network has: simple_rnn for simple_rnn_wide, lstm for lstm_chrono."""
        if self.own:
            return self.model
        return model_registry.CELLS[model_registry.cell(self.model)].like

    @property
    def topology(self) -> str:
        return model_registry.topology(self.model)

    @property
    def path(self) -> bool:
        """Whether it forecasts the next bars one by one, and not a probability."""
        return model_registry.path(self.model)

    @property
    def both_ways(self) -> bool:
        """Whether what reads the window reads it from its end too."""
        return self.bidirectional and not model_registry.TOPOLOGIES[self.topology].bar and self.cell in _SUMS

    @property
    def random(self) -> bool:
        """Whether training draws numbers beyond the first weights and the order of the windows."""
        return self.dropout > 0 or (self.recurrent_dropout > 0 and self.cell in _SUMS)

    @property
    def parameters(self) -> int:
        """How many numbers training sets; 1 for a person's own network, which is counted when it is built."""
        if self.own:
            return 1
        if self.cell in _SUMS:
            sides = 2 if self.both_ways else 1
            count = self._stack(self.features, self.units, sides=sides)
            width = self.units * sides
            return count + width + 1 + (self._stack(width, width) if self.topology == "encoder_decoder" else 0)
        count, width, steps = 0, self.features, self.steps
        if self.cell == "cnn":
            for _ in range(self.layers):
                count += (min(KERNEL, steps) * width + 1 + 2 * self.layer_norm) * self.units
                width, steps = self.units, -(-steps // 2)
        width *= steps
        for _ in range(1 if self.cell == "cnn" else self.layers):
            count, width = count + (width + 1 + 2 * self.layer_norm) * self.units, self.units
        return count + self.units + 1

    def _stack(self, width: int, units: int, *, sides: int = 1) -> int:
        """Parameters of all layers of the cell one above the other."""
        gates, biases = _SUMS[self.cell]
        count = 0
        for _ in range(self.layers):
            count += sides * gates * units * (width + units + biases) + 2 * self.layer_norm * sides * units
            width = sides * units
        return count

    def to_json(self) -> dict[str, Any]:
        """What stands beside a member's weights."""
        return asdict(self)

    @classmethod
    def from_json(cls, description: dict[str, Any]) -> "Architecture":
        """The architecture described beside a member's weights, checked before anything is built.

        Older descriptions have the needed sizes alone.
        """
        if not isinstance(description, dict) or any(name not in description for name in _NEEDED):
            raise RunError(f"Expected model, steps, features and units in the architecture, got {description!r:.200}.")
        return cls(**{field.name: description[field.name] for field in fields(cls) if field.name in description})

    @classmethod
    def of(cls, experiment: Experiment, model: str, *, units: int | None = None) -> "Architecture":
        """What an experiment asks of one of its models. units: the ones that tuning chose, where they are others."""
        architecture = cls(
            model=model.replace("simple_rnn_wide", "lstm"),
            steps=experiment.window,
            features=len(experiment.columns),
            units=units or experiment.units,
            layers=experiment.layers,
            dropout=experiment.dropout,
            recurrent_dropout=experiment.recurrent_dropout,
            layer_norm=experiment.layer_norm,
            bidirectional=experiment.bidirectional,
            ahead=experiment.horizon if model_registry.path(model) else 1,
        )
        return (
            architecture
            if architecture.model == model
            else replace(architecture, model=model, units=_width(architecture))
        )


@lru_cache
def _width(lstm: Architecture) -> int:
    """The units at which a SimpleRNN has as many parameters as this LSTM, or as nearly as there are whole units."""
    plain = replace(lstm, model=lstm.model.replace("lstm", "simple_rnn"))

    def parameters(units: int) -> int:
        return replace(plain, units=units).parameters

    units = lstm.units
    while parameters(units) < lstm.parameters:
        units += 1
    return min(units, max(1, units - 1), key=lambda units: abs(parameters(units) - lstm.parameters))
