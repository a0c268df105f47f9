"""What an experiment is: everything that decides its result, checked once, read from options or from a TOML file."""

import copy
import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from datetime import date
from typing import Any

from forecast.config import model_registry
from forecast.config.fields import Setting, check, documented, json_schema, setting, settings_of
from forecast.config.model_registry import DEFAULT_MODELS, MODELS
from pipelines.errors import ConfigError, in_one_line
from pipelines.preprocessing.choices import ACROSS_SYMBOLS, LABELS, OVERNIGHT, SCALINGS, SPLITS, WEIGHTS
from pipelines.user_code import is_user_code

COMBINATORIAL = "combinatorial"
BASELINES = ("previous_sign", "logistic", "boosting")


def is_baseline(model: str) -> bool:
    """Whether a model is a baseline, of the table or of a person's own."""
    return model in BASELINES or model_registry.is_own_baseline(model)


PRICES, LEARNED, NETWORKS = "Prices", "What is learned", "Networks"


@documented
@dataclass(frozen=True)
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
    features: names; none stands for DEFAULT_FEATURES; on bars made of ticks for all of FEATURES and those of trades and
    quotes that the bars have columns for (forecast.datasets.dataset.with_features). rank:return is the place of a
    feature among the symbols of a panel, relative:return its distance to their median.
    covariates: other symbols whose features stand beside one's own, as known at each close: columns such as SPY:return.
    tuning_trials: tries of other units and learning rates for each network and fold; 0 takes them as they are here.
    start, end: the first and the last session used, both included.

    Parameters
    ----------
    symbol : text
        The symbol whose bars are used; of a panel its title.
    panel : texts, default none
        The symbols of one run; none: this symbol alone.
    local_models : switch, default false
        Of a panel: whether each symbol has networks of its own, instead of one set that learns from all.
    membership : texts, default none
        "AAPL,1999-11-01,2015-03-18" for each period in which a symbol of the panel is a member; none: as long as it
        trades.

    Examples
    --------
    >>> import forecast as fc
    >>> fc.Experiment("aapl", models=["gru", "lstm"], folds=4).symbol
    'AAPL'
    """

    symbol: str
    _: KW_ONLY
    interval: str = setting("1d", "text", "Interval of the store's bars: 1d, 1h, 5m.", group=PRICES)
    bars: str | None = setting(
        None, "text", "Bars built from ticks instead: tick:500, time:5m.", group=PRICES, optional=True
    )
    window: int = setting(30, "integer", "Bars in the input window.", group=LEARNED, low=1, high=5_000)
    horizon: int = setting(1, "integer", "Bars ahead that are forecast.", group=LEARNED, low=1, high=1_000)
    label: str = setting(
        "direction",
        "text",
        "Target: sign of the return; of returns beyond their costs; at the first barrier touched; of a panel, whether "
        "the return is above the median of its day, or how far from it (its rank); or module:function of your own.",
        group=LEARNED,
        choices=LABELS,
        own="module:function",
    )
    label_cost_bps: float = setting(
        6.0,
        "number",
        "Round trip cost that a cost-aware return must exceed.",
        group=LEARNED,
        low=0,
        high=10_000,
        open_high=True,
    )
    barrier_width: float = setting(
        1.0,
        "number",
        "Distance of the barriers in units of volatility x sqrt(horizon).",
        group=LEARNED,
        low=0,
        open_low=True,
        high=100,
    )
    scaling: str = setting(
        "symbol",
        "text",
        "Of a panel: each symbol is standardised by its own training rows, or all by those of the panel.",
        group=LEARNED,
        choices=SCALINGS,
    )
    overnight: str = setting(
        "flat",
        "text",
        "Intraday bars: labels end with their session and positions are closed at its last open, or not.",
        group=LEARNED,
        choices=OVERNIGHT,
    )
    weights: str = setting(
        "none",
        "text",
        "Weights of training rows: equal, equal by class, less where labels overlap.",
        group=LEARNED,
        choices=WEIGHTS,
    )
    models: Sequence[str] = setting(
        DEFAULT_MODELS,
        "texts",
        "A network, or module:function of your own; several by repeating; docs/models.md has them all.",
        group=NETWORKS,
        choices=MODELS,
        listed=model_registry.LISTED,
        own="module:function",
        option="model",
    )
    baselines: Sequence[str] = setting(
        BASELINES,
        "texts",
        "A baseline on the same folds, or module:Class of your own; several by repeating.",
        group=NETWORKS,
        choices=BASELINES,
        own="module:Class",
        option="baseline",
        empty=True,
    )
    units: int = setting(32, "integer", "Units of the recurrent cell.", group=NETWORKS, low=1, high=4_096)
    layers: int = setting(1, "integer", "Layers of the cell, one above the other.", group=NETWORKS, low=1, high=8)
    dropout: float = setting(
        0.0, "number", "Dropout rate of each layer's outputs.", group=NETWORKS, low=0, high=1, open_high=True
    )
    recurrent_dropout: float = setting(
        0.0, "number", "Dropout rate of the recurrent state.", group=NETWORKS, low=0, high=1, open_high=True
    )
    layer_norm: bool = setting(False, "switch", "Normalise each layer's outputs.", group=NETWORKS)
    bidirectional: bool = setting(False, "switch", "Read the window from its end too.", group=NETWORKS)
    folds: int = setting(6, "integer", "Walk-forward test blocks.", group=LEARNED, low=1, high=200)
    split: str = setting(
        "expanding",
        "text",
        "Train on all that came before a block, on as much as the first block had, or on all around it.",
        group=LEARNED,
        choices=(*SPLITS, COMBINATORIAL),
    )
    train_length: str | None = setting(
        None,
        "text",
        "With --test-length, instead of --folds: learn from so many bars (750) or years (3y) before each block.",
        group=LEARNED,
        optional=True,
    )
    test_length: str | None = setting(
        None, "text", "With --train-length: bars (250) or years (1y) of a test block.", group=LEARNED, optional=True
    )
    validation_share: float = setting(
        0.15,
        "number",
        "Part of the rows before a test block that validate, the latest ones.",
        group=LEARNED,
        low=0,
        open_low=True,
        high=0.5,
    )
    groups: int = setting(6, "integer", "Groups of a combinatorial split.", group=LEARNED, low=2, high=100)
    test_groups: int = setting(
        2, "integer", "Groups that each combinatorial fold tests.", group=LEARNED, low=1, high=99, aliases=("tested",)
    )
    embargo: str = setting("0d", "text", "Time between a label and its test: 5d, 2h, 30min.", group=LEARNED)
    seeds: int = setting(3, "integer", "Seeds per model and fold.", group=NETWORKS, low=1, high=200)
    epochs: int = setting(30, "integer", "Epochs at most.", group=NETWORKS, low=1, high=10_000)
    patience: int = setting(
        5, "integer", "Epochs without a better validation loss; 0: train all.", group=NETWORKS, low=0, high=10_000
    )
    batch: int = setting(128, "integer", "Batch size, in windows.", group=NETWORKS, low=1, high=65_536)
    learning_rate: float = setting(0.003, "number", "Step size of Adam.", group=NETWORKS, low=0, open_low=True, high=1)
    clip: float = setting(
        1.0, "number", "Gradient-norm clip; 0: none.", group=NETWORKS, low=0, high=1_000_000, open_high=True
    )
    tuning_trials: int = setting(
        0,
        "integer",
        "Trials of other units and learning rates, for each network and fold; its validation rows choose.",
        group=NETWORKS,
        low=0,
        high=1_000,
        aliases=("tune",),
    )
    features: Sequence[str] = setting(
        (),
        "texts",
        "A feature, of a panel also rank: or relative: and a feature, or module:function for your own; several by "
        "repeating  [default: return; of ticks all]",
        group=PRICES,
        option="feature",
        empty=True,
        aliases=("features",),
    )
    covariates: Sequence[str] = setting(
        (),
        "texts",
        "Another symbol whose features are learned from too, as known at each close; several by repeating.",
        group=PRICES,
        option="with",
        empty=True,
        aliases=("covariates",),
    )
    panel: Sequence[str] = ()
    local_models: bool = False
    membership: Sequence[str] = ()
    start: date | str | None = setting(None, "date", "First session used.", group=PRICES, optional=True)
    end: date | str | None = setting(None, "date", "Last session used.", group=PRICES, optional=True)

    def __post_init__(self) -> None:
        from forecast.config.universe import check_membership
        from pipelines.market.types import check_symbol
        from pipelines.preprocessing import cross_section
        from pipelines.preprocessing.combinatorial_cv import count_folds
        from pipelines.preprocessing.features import DEFAULT_FEATURES, check_names
        from pipelines.preprocessing.walk_forward import check_length, time_span

        for name in ("panel", "membership"):
            if not isinstance(listed := getattr(self, name), list | tuple):
                raise ConfigError(f"Expected {name} as a list of texts, got {in_one_line(listed)}.")
        Setting(kind="switch", help="", group="").check("local_models", self.local_models)
        for text in (self.symbol, *self.panel, *self.membership):
            if not isinstance(text, str):
                raise ConfigError(f"Expected a symbol as text, got {in_one_line(text, at_most=80)}.")
        object.__setattr__(self, "symbol", check_symbol(self.symbol))
        check(self)
        self._check_networks()
        if not self.features and self.bars is None:
            object.__setattr__(self, "features", DEFAULT_FEATURES)
        if self.features:
            check_names(self.features)
        self._check_covariates()
        object.__setattr__(self, "panel", tuple(sorted(check_symbol(symbol) for symbol in self.panel)))
        if self.panel and len(set(self.panel)) < max(2, len(self.panel)):
            raise ConfigError(f"Expected 2 symbols or more of a panel, each once, got {', '.join(self.panel)}.")
        if not self.panel and (across := next((name for name in self.features if cross_section.parse(name)), None)):
            raise ConfigError(f"Expected a panel with feature {across}, got one symbol: it compares several.")
        if self.local_models and (not self.panel or self.tuning_trials):
            got = "tuning_trials" if self.panel else "one symbol"
            raise ConfigError(f"Expected a panel without tuning_trials for local_models, got {got}.")
        object.__setattr__(self, "membership", check_membership(self.membership, symbols=self.panel))
        if self.panel and self.combinatorial:
            raise ConfigError("Expected split expanding or rolling for a panel, got combinatorial.")
        if (self.train_length is None) != (self.test_length is None):
            raise ConfigError("Expected train_length and test_length together, got one of them.")
        if self.train_length is not None and self.combinatorial:
            raise ConfigError("Expected split expanding or rolling with train_length, got combinatorial.")
        for length in filter(None, (self.train_length, self.test_length)):
            check_length(length)
        if is_user_code(self.label) and self.panel:
            raise ConfigError(
                f"Expected label out of {', '.join(LABELS)} for a panel, got {self.label}: a label of your own is for "
                "one symbol at a time. Train each symbol by itself."
            )
        if self.label in ACROSS_SYMBOLS and not self.panel:
            raise ConfigError(f"Expected a panel with label {self.label}, got one symbol: a median needs several.")
        if self.scaling == "panel" and not self.panel:
            raise ConfigError("Expected a panel with scaling panel, got one symbol.")
        time_span(self.embargo)
        count_folds(groups=self.groups, tested=self.test_groups)
        if self.start and self.end and str(self.start) > str(self.end):
            raise ConfigError(f"Expected start before end, got {self.start} and {self.end}.")

    @property
    def combinatorial(self) -> bool:
        """Whether folds learn from later rows than they are tested on."""
        return self.split == COMBINATORIAL

    @property
    def covariate_features(self) -> tuple[str, ...]:
        """What is taken of each covariate: the features of the table that its symbol's own are, or are made of."""
        from pipelines.preprocessing import cross_section, features

        parts = dict.fromkeys(map(cross_section.table_feature, self.features))
        return tuple(filter(features.in_table, parts)) if self.covariates else ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The inputs of the networks by name: the features, and those of the covariates."""
        from pipelines.preprocessing.covariates import column_name

        joined = [column_name(symbol, name) for symbol in self.covariates for name in self.covariate_features]
        return (*self.features, *joined)

    def of_symbol(self, symbol: str) -> "Experiment":
        """The same of one symbol of its panel."""
        from pipelines.market.types import check_symbol

        if not self.panel:
            return dataclasses.replace(self, symbol=symbol)
        of_one = copy.copy(self)  # all else is checked, and to check a panel of n symbols n times takes n squared
        object.__setattr__(of_one, "symbol", check_symbol(symbol))
        return of_one

    def _check_covariates(self) -> None:
        from pipelines.market.types import check_symbol

        covariates = tuple(map(check_symbol, self.covariates))
        object.__setattr__(self, "covariates", covariates)
        if not covariates:
            return
        if len(set(covariates)) < len(covariates) or (self.symbol in covariates and not self.panel):
            raise ConfigError(
                f"Expected other symbols than {self.symbol} as covariates, each once, got {_list(covariates)}."
            )
        if not self.covariate_features:
            got = _list(self.features) or "none"
            raise ConfigError(
                f"Expected a feature of the table, such as return, to take of {covariates[0]}, got {got}."
            )

    def _check_networks(self) -> None:
        """What the networks' shape cannot be, alone or together with the labels."""
        reserved = [model for model in self.models if model not in MODELS and not model_registry.is_own_network(model)]
        if reserved:
            raise ConfigError(
                f"Expected a module name of its own in models, got {reserved[0]}: {reserved[0].partition(':')[0]} "
                "stands for something else here. Rename the file."
            )
        steps = [model for model in self.models if model_registry.topology(model) == "in_step"]
        if self.bidirectional and steps:
            raise ConfigError(
                f"Expected {steps[0]} without bidirectional: read from its end, a window shows what its earlier "
                "bars are asked for."
            )
        paths = [model for model in self.models if model_registry.path(model)]
        if self.panel and paths:
            raise ConfigError(f"Expected networks that forecast no path for a panel, got {paths[0]}.")
        if (self.label == "triple-barrier" or is_user_code(self.label)) and paths:
            raise ConfigError(
                f"Expected label direction or cost-aware for {paths[0]}, got {self.label}: it may be known before "
                "the path is."
            )

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dict from which `Experiment(**...)` gives the same experiment again."""
        return {
            name: value.isoformat() if isinstance(value, date) else list(value) if isinstance(value, tuple) else value
            for name, value in dataclasses.asdict(self).items()
        }

    @classmethod
    def from_options(cls, options: dict[str, Any]) -> "Experiment":
        """From the options of a command line, a TOML file or run.json; lists become tuples, dates may be text."""
        former = {old: name for name, (setting, _) in settings_of(cls).items() for old in setting.aliases}
        values = {former.get(name, name): value for name, value in options.items()}
        names = {field.name for field in dataclasses.fields(cls)}
        if unknown := sorted(set(values) - names):
            raise ConfigError(f"Expected settings out of {', '.join(sorted(names))}, got {', '.join(unknown)}.")
        if "symbol" not in values:
            raise ConfigError("Expected a symbol, got none. Name one: forecast train AAPL.")
        several = {name: tuple(values.get(name, ())) for name in ("panel", "membership")}
        return cls(**{**values, **several})

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """JSON schema of an experiment, from its fields."""
        schema = json_schema(cls, required=("symbol",))
        schema["properties"]["symbol"] = {"type": "string", "description": "The symbol whose bars are used."}
        return schema

    def fingerprint(self, **more: Any) -> str:
        """sha256 over the experiment and what more decides its result (data, versions, backend)."""
        content = json.dumps({"experiment": self.to_json(), **more}, sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()


def _list(texts: Sequence[str]) -> str:
    return ", ".join(texts)
