"""What an experiment is: everything that decides its result, checked once, read from options or from a TOML file."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from datetime import date
from typing import Any

from forecast.config import model_registry
from forecast.config.model_registry import DEFAULT_MODELS, MODELS
from pipelines.errors import ConfigError
from pipelines.market.types import check_symbol
from pipelines.preprocessing.combinatorial_cv import count_folds
from pipelines.preprocessing.features import FEATURES, check_names
from pipelines.preprocessing.labels import LABELS
from pipelines.preprocessing.sample_weights import WEIGHTS
from pipelines.preprocessing.sessions import OVERNIGHT
from pipelines.preprocessing.walk_forward import SPLITS, time_span

COMBINATORIAL = "combinatorial"
BASELINES = ("previous_sign", "logistic", "boosting")

_LEAST = {"window": 1, "horizon": 1, "units": 1, "layers": 1, "folds": 1, "seeds": 1, "epochs": 1, "patience": 0,
          "batch": 1, "groups": 2, "test_groups": 1, "tuning_trials": 0}  # fmt: skip
_MOST = {"window": 5_000, "horizon": 1_000, "units": 4_096, "layers": 8, "folds": 200, "seeds": 200, "epochs": 10_000,
         "patience": 10_000, "batch": 65_536, "groups": 100, "test_groups": 99, "tuning_trials": 1_000}  # fmt: skip


_FORMER_NAMES = {"tested": "test_groups", "tune": "tuning_trials"}


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One comparison: a symbol, its bars, the windows, the networks and how they are trained.

    bars: None for the store's bars of `interval`, or how to build them from ticks ("tick:500", "time:5m").
    window, horizon: in bars. patience: epochs without a better validation loss before a member stops; 0 trains all.
    label, label_cost_bps, barrier_width, overnight: as pipelines.preprocessing.labels.make takes them. weights: as
    pipelines.preprocessing.sample_weights.weigh.
    units, layers: of every network. dropout: share of a layer's answers left out in training, recurrent_dropout: of the
    state handed on. layer_norm: whether layers are normalised. bidirectional: whether the window is read from its end
    too. clip: the largest norm of a gradient, 0 for any.
    split, embargo: as pipelines.preprocessing.walk_forward.walk_forward takes them, or "combinatorial" with groups
    and test_groups instead of
    folds, as pipelines.preprocessing.combinatorial_cv takes them.
    features: names; none stands for FEATURES and, on bars made of ticks, for those of trades and quotes that the bars
    have columns for (forecast.datasets.dataset.with_features).
    panel: the symbols whose networks are trained as one, this one among them; none: this symbol alone.
    tuning_trials: tries of other units and learning rates for each network and fold; 0 takes them as they are here.
    start, end: the first and the last session used, both included.
    """

    symbol: str
    interval: str = "1d"
    bars: str | None = None
    window: int = 30
    horizon: int = 1
    label: str = "direction"
    label_cost_bps: float = 6.0
    barrier_width: float = 1.0
    overnight: str = "flat"
    weights: str = "none"
    models: tuple[str, ...] = DEFAULT_MODELS
    baselines: tuple[str, ...] = BASELINES
    units: int = 32
    layers: int = 1
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    layer_norm: bool = False
    bidirectional: bool = False
    folds: int = 6
    split: str = "expanding"
    groups: int = 6
    test_groups: int = 2
    embargo: str = "0d"
    seeds: int = 3
    epochs: int = 30
    patience: int = 5
    batch: int = 128
    learning_rate: float = 0.001
    clip: float = 1.0
    tuning_trials: int = 0
    features: tuple[str, ...] = ()
    panel: tuple[str, ...] = ()
    start: date | None = None
    end: date | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "symbol", check_symbol(self.symbol))
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if type(value) is not int or not least <= value <= _MOST[name]:
                raise ConfigError(
                    f"Need --{name.replace('_', '-')} as a whole number from {least} to {_MOST[name]}, got {value!r}."
                )
        if not (isinstance(self.learning_rate, float) and 0 < self.learning_rate <= 1):
            raise ConfigError(f"Need learning_rate above 0 and at most 1, got {self.learning_rate!r}.")
        for name, known in (("models", MODELS), ("baselines", BASELINES)):
            chosen = getattr(self, name)
            unknown = [str(each) for each in chosen if each not in known]
            missing = not chosen and name != "baselines"
            if unknown or missing or len(set(chosen)) < len(chosen):
                listed = model_registry.KNOWN if name == "models" else ", ".join(known)
                raise ConfigError(
                    f"Need {name} out of {listed}, each once, got {', '.join(map(str, chosen)) or 'none'}."
                )
        self._check_networks()
        if not self.features and self.bars is None:
            object.__setattr__(self, "features", tuple(FEATURES))
        if self.features:
            check_names(self.features)
        object.__setattr__(self, "panel", tuple(sorted(check_symbol(each) for each in self.panel)))
        if self.panel and (self.symbol not in self.panel or len(set(self.panel)) < max(2, len(self.panel))):
            raise ConfigError(f"Need 2 symbols or more for --global-model, each once, got {', '.join(self.panel)}.")
        if self.panel and self.combinatorial:
            raise ConfigError("Need --split expanding or rolling with --global-model, got combinatorial.")
        for name, known in (
            ("label", LABELS),
            ("overnight", OVERNIGHT),
            ("weights", WEIGHTS),
            ("split", (*SPLITS, COMBINATORIAL)),
        ):
            if getattr(self, name) not in known:
                raise ConfigError(f"Need --{name} out of {', '.join(known)}, got {getattr(self, name)!r}.")
        if not 0 <= self.label_cost_bps < 10_000 or not 0 < self.barrier_width <= 100:
            raise ConfigError(
                "Need label_cost_bps from 0 to 9999 and barrier_width above 0 and at most 100, got "
                f"{self.label_cost_bps:g} and {self.barrier_width:g}."
            )
        time_span(self.embargo)
        count_folds(groups=self.groups, tested=self.test_groups)
        if self.start and self.end and self.start > self.end:
            raise ConfigError(f"Need --start before --end, got {self.start} and {self.end}.")

    @property
    def combinatorial(self) -> bool:
        """Whether folds learn from later rows than they are tested on."""
        return self.split == COMBINATORIAL

    def _check_networks(self) -> None:
        """What the networks' shape cannot be, alone or together with the labels."""
        for name, most in (("dropout", 1.0), ("recurrent_dropout", 1.0), ("clip", 1e6)):
            value = getattr(self, name)
            if not (isinstance(value, float) and 0 <= value < most):
                raise ConfigError(f"Need {name} from 0 to below {most:g}, got {value!r}.")
        if type(self.layer_norm) is not bool or type(self.bidirectional) is not bool:
            raise ConfigError("Need layer_norm and bidirectional as true or false.")
        steps = [model for model in self.models if model_registry.topology(model) == "in_step"]
        if self.bidirectional and steps:
            raise ConfigError(
                f"Need {steps[0]} without --bidirectional: read from its end, a window shows what its earlier bars are "
                "asked for."
            )
        paths = [model for model in self.models if model_registry.path(model)]
        if self.panel and paths:
            raise ConfigError(f"Need networks that forecast no path with --global-model, got {paths[0]}.")
        if self.label == "triple-barrier" and paths:
            raise ConfigError(
                f"Need --label direction or cost-aware for {paths[0]}, got triple-barrier: it may be known before the "
                "path is."
            )

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dict from which `Experiment(**...)` gives the same experiment again."""
        return {
            name: value.isoformat() if isinstance(value, date) else list(value) if isinstance(value, tuple) else value
            for name, value in dataclasses.asdict(self).items()
        }

    @classmethod
    def from_options(cls, options: dict[str, Any]) -> "Experiment":
        """From the values of a command line, a TOML file or run.json; lists become tuples, dates may be text."""
        options = {_FORMER_NAMES.get(name, name): value for name, value in options.items()}
        known = {each.name for each in dataclasses.fields(cls)}
        unknown = sorted(set(options) - known)
        if unknown:
            raise ConfigError(f"Need settings out of {', '.join(sorted(known))}, got {', '.join(unknown)}.")
        if "symbol" not in options:
            raise ConfigError("Need a symbol, got none. Name one: forecast train AAPL.")
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in options.items()
        }
        for name in ("start", "end"):
            if isinstance(values.get(name), str):
                values[name] = _date(name, values[name])
        for name in ("learning_rate", "label_cost_bps", "barrier_width"):
            if type(values.get(name)) is int:
                values[name] = float(values[name])
            if not isinstance(values.get(name, 0.0), float):
                raise ConfigError(f"Need {name} as a number, got {values[name]!r}.")
        for name in ("symbol", "interval", "bars", "embargo"):
            if not isinstance(values.get(name, ""), str | None):
                raise ConfigError(f"Need {name} as text, got {values[name]!r}.")
        return cls(**values)

    def fingerprint(self, **more: Any) -> str:
        """sha256 over the experiment and whatever else decides its result (data, versions, backend)."""
        content = json.dumps({"experiment": self.to_json(), **more}, sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()


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


def _date(name: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"Need --{name} as a date like 2020-12-31, got {text!r}.") from error
