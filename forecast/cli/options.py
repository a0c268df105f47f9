"""Options that several commands share, and how an experiment is put together from them and a TOML file."""

from collections.abc import Callable, Sequence
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar

import click

from forecast.cli.context import CliContext

Command = TypeVar("Command", bound=Callable[..., Any])

_KEPT_FOR_THE_COMMAND_LINE = {"help", "config", "json", "overwrite", "fresh"}


_RULES = (
    "policy", "threshold", "fee_bps", "slippage_bps", "half_spread_bps", "borrow_rate", "financing_rate",
    "calibration", "sizing", "target_volatility", "max_leverage", "kelly_fraction",
)  # fmt: skip


class AliasedOption(click.Option):
    """An option that is also known by former names, which --help does not show."""

    def __init__(self, *args: Any, aliases: Sequence[str] = (), **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.aliases = list(aliases)

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        """The parser knows the former names too."""
        current = self.opts
        self.opts = [*current, *self.aliases]
        try:
            super().add_to_parser(parser, ctx)
        finally:
            self.opts = current


def names_of(parameter: click.Parameter) -> list[str]:
    """Every name that an option answers to, former ones too."""
    return [*parameter.opts, *getattr(parameter, "aliases", ())]


def _shown(parameters: Sequence[click.Parameter]) -> set[str]:
    return {"symbol" if isinstance(each, click.Argument) else each.opts[0].lstrip("-") for each in parameters}


class NumberOrAuto(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions only
    """A number, or the word auto, or one of other words."""

    def __init__(self, *words: str) -> None:
        self._words = ("auto", *words)
        self.name = "|".join(("number", *self._words))

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | str:
        """The number, or the word."""
        if value in self._words:
            return str(value)
        try:
            return float(value)
        except ValueError:
            self.fail(f"{value!r} is not a number, and not {' or '.join(self._words)}.", param, ctx)


def _read_config(ctx: click.Context, _: click.Parameter, path: Path | None) -> None:
    """Makes the settings of a TOML file the defaults of this command, so that they are checked like typed ones."""
    import tomllib

    if path is None:
        return
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise click.UsageError(f"Need a TOML file, found none at {path}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise click.UsageError(f"Need TOML in {path}, got something else: {error}.") from error
    known = {
        name.lstrip("-"): parameter
        for parameter in ctx.command.params
        for name in (["symbol"] if isinstance(parameter, click.Argument) else names_of(parameter))
    }
    ctx.default_map = {}
    for name, value in settings.items():
        parameter = known.get(name.replace("_", "-"))
        if parameter is None or name in _KEPT_FOR_THE_COMMAND_LINE:
            allowed = ", ".join(sorted(_shown(ctx.command.params) - _KEPT_FOR_THE_COMMAND_LINE))
            raise click.UsageError(f"Need settings out of {allowed} in {path}, got {name}.")
        several = parameter.multiple if isinstance(parameter, click.Option) else True
        values = value if isinstance(value, list) else [value]
        switch = isinstance(parameter, click.Option) and parameter.is_flag
        kinds = dict | list if switch else bool | dict | list
        if any(isinstance(each, kinds) for each in values) or (len(values) != 1 and not several):
            raise click.UsageError(f"Need {'values' if several else 'one value'} for {name} in {path}, got {value!r}.")
        texts = [str(each) for each in values]
        ctx.default_map[str(parameter.name)] = texts if several else texts[0]


_TRAINING = (
    click.option("--interval", default="1d", show_default=True, help="Interval of the store's bars: 1d, 1h, 5m."),
    click.option("--bars", help="Bars built from ticks instead: tick:500, time:5m."),
    click.option("--window", type=int, default=30, show_default=True, help="Bars that the networks look back."),
    click.option("--horizon", type=int, default=1, show_default=True, help="Bars ahead that are forecast."),
    click.option(
        "--label",
        type=click.Choice(["direction", "cost-aware", "triple-barrier"]),
        default="direction",
        show_default=True,
        help="What is learned: the sign of the move; of moves that pay their costs; at the first barrier touched.",
    ),
    click.option(
        "--label-cost-bps",
        type=float,
        default=6.0,
        show_default=True,
        help="Round trip that a cost-aware move must pay.",
    ),
    click.option(
        "--barrier-width",
        type=float,
        default=1.0,
        show_default=True,
        help="Distance of the barriers in units of volatility x sqrt(horizon).",
    ),
    click.option(
        "--overnight",
        type=click.Choice(["flat", "hold"]),
        default="flat",
        show_default=True,
        help="Intraday bars: labels end with their session and positions are closed at its last open, or not.",
    ),
    click.option(
        "--weights",
        type=click.Choice(["none", "balanced", "uniqueness"]),
        default="none",
        show_default=True,
        help="What training rows count: all the same, both classes the same, less where labels overlap.",
    ),
    click.option(
        "--model",
        "models",
        multiple=True,
        default=("simple_rnn", "lstm", "simple_rnn_wide"),
        show_default=True,
        help="A network; several by repeating; docs/models.md has them all.",
    ),
    click.option("--units", type=int, default=32, show_default=True, help="Units of the recurrent cell."),
    click.option("--layers", type=int, default=1, show_default=True, help="Layers of the cell, one above the other."),
    click.option(
        "--dropout", type=float, default=0.0, show_default=True, help="Share of each layer's answers left out."
    ),
    click.option(
        "--recurrent-dropout", type=float, default=0.0, show_default=True, help="Share of the state left out."
    ),
    click.option("--layer-norm", is_flag=True, help="Normalise each layer's answers."),
    click.option("--bidirectional", is_flag=True, help="Read the window from its end too."),
    click.option("--clip", type=float, default=1.0, show_default=True, help="Largest norm of a gradient; 0: any."),
    click.option("--folds", type=int, default=6, show_default=True, help="Walk-forward test blocks."),
    click.option(
        "--split",
        type=click.Choice(["expanding", "rolling", "combinatorial"]),
        default="expanding",
        show_default=True,
        help="Learn from all that came before a block, from as much as the first block had, or from all around it.",
    ),
    click.option("--groups", type=int, default=6, show_default=True, help="Groups of a combinatorial split."),
    click.option(
        "--test-groups",
        cls=AliasedOption,
        aliases=["--tested"],
        type=int,
        default=2,
        show_default=True,
        help="How many of them each fold is tested on.",
    ),
    click.option(
        "--embargo", default="0d", show_default=True, help="Time between a label and its test: 5d, 2h, 30min."
    ),
    click.option("--seeds", type=int, default=3, show_default=True, help="Members a network and fold."),
    click.option("--epochs", type=int, default=30, show_default=True, help="Epochs at most."),
    click.option(
        "--patience", type=int, default=5, show_default=True, help="Epochs without a better validation loss; 0: all."
    ),
    click.option("--batch", type=int, default=128, show_default=True, help="Windows a gradient step."),
    click.option("--start", type=click.DateTime(["%Y-%m-%d"]), help="First session used."),
    click.option("--end", type=click.DateTime(["%Y-%m-%d"]), help="Last session used."),
    click.option("--learning-rate", type=float, default=0.001, show_default=True, help="Step size of Adam."),
    click.option(
        "--tuning-trials",
        cls=AliasedOption,
        aliases=["--tune"],
        type=int,
        default=0,
        show_default=True,
        help="Tries of other units and learning rates, for each network and fold; its validation rows choose.",
    ),
    click.option(
        "--feature",
        "--features",
        "features",
        multiple=True,
        help="A feature, or module:function for your own; several by repeating  [default: all eight]",
    ),
    click.option(
        "--baseline",
        "baselines",
        multiple=True,
        default=("previous_sign", "logistic", "boosting"),
        show_default=True,
        help="A simple rival on the same folds; several by repeating.",
    ),
    click.option(
        "--config",
        type=click.Path(dir_okay=False, path_type=Path),
        is_eager=True,
        expose_value=False,
        callback=_read_config,
        help="TOML file with any of these options under the same names; the command line wins.",
    ),
    click.option("--jobs", type=int, help="Worker processes  [default: as many as cores]"),
    click.option(
        "--backend",
        type=click.Choice(["tensorflow", "jax", "auto"]),
        default="tensorflow",
        show_default=True,
        help="Network library; auto: the fastest one installed.",
    ),
    click.option("--cluster", metavar="ADDRESS", help="Dask scheduler (tcp://host:8786), or local to start one."),
    click.option(
        "--overwrite",
        cls=AliasedOption,
        aliases=["--fresh"],
        is_flag=True,
        help="Train anew even if this very run is finished.",
    ),
)

_TRADING = (
    click.option(
        "--policy",
        type=click.Choice(["long-flat", "long-short"]),
        default="long-flat",
        show_default=True,
        help="What a sell signal means: out of the market, or short.",
    ),
    click.option(
        "--threshold", cls=AliasedOption, aliases=["--band"], type=NumberOrAuto(), default=0.0, show_default=True,
        help="Hold while |probability - 0.5| <= threshold; auto: what earned most on validation rows.",
    ),
    click.option("--fee-bps", type=float, default=1.0, show_default=True, help="Fee a trade, in basis points."),
    click.option("--slippage-bps", type=float, default=2.0, show_default=True, help="Slippage a trade, likewise."),
    click.option(
        "--half-spread-bps", "--half-spread", type=NumberOrAuto("quoted"), default=0.0, show_default=True,
        help="Half of the spread, likewise; auto: estimated from earlier bars, where they were built from trades; "
        "quoted: fills at the ask and the bid in force at the open, where there are quotes.",
    ),
    click.option("--borrow-rate", type=float, default=0.0, show_default=True,
                 help="Interest a year on what is sold short: 0.03 is 3 %."),
    click.option("--financing-rate", type=float, default=0.0, show_default=True,
                 help="Interest a year on what is held beyond one's own money; idle money earns nothing."),
)  # fmt: skip

_MONEY = (
    click.option("--calibration", type=click.Choice(["none", "temperature", "isotonic"]), default="none",
                 show_default=True, help="Of probabilities, on each fold's validation rows."),
    click.option("--sizing", cls=AliasedOption, aliases=["--size"],
                 type=click.Choice(["full", "volatility", "kelly"]), default="full", show_default=True,
                 help="What a buy takes: the whole account, what aims at a volatility, or a part of Kelly's fraction."),
    click.option("--target-volatility", type=float, default=0.1, show_default=True,
                 help="A year, for --sizing volatility."),
    click.option("--max-leverage", type=float, default=1.0, show_default=True,
                 help="Most that is held, in accounts, for --sizing volatility and kelly."),
    click.option("--kelly-fraction", type=float, default=0.5, show_default=True,
                 help="Part of Kelly's fraction, for --sizing kelly."),
)  # fmt: skip


def training_options(command: Command) -> Command:
    """The options that say what to train; `make_experiment` reads them."""
    return reduce(lambda made, option: option(made), reversed(_TRAINING), command)


def trading_options(command: Command) -> Command:
    """The options that say how to trade and what it costs; `make_rules` reads them."""
    return reduce(lambda made, option: option(made), reversed(_TRADING), command)


def money_options(command: Command) -> Command:
    """The options that say how probabilities become sizes; `make_rules` reads them."""
    return reduce(lambda made, option: option(made), reversed(_MONEY), command)


def make_experiment(symbol: str, options: dict[str, Any]) -> Any:
    """The Experiment of this command line, whose options came from what was typed, the TOML file, or the defaults."""
    from forecast.config.experiment import Experiment

    days = {name: each.date() for name in ("start", "end") if (each := options[name]) is not None}
    values = {name: value for name, value in options.items() if name != "features" or value}
    return Experiment.from_options({**values, **days, "symbol": symbol})


def typed(ctx: click.Context, options: dict[str, Any]) -> list[str]:
    """Which of these options were given, on the command line or in a file."""
    given = (click.core.ParameterSource.COMMANDLINE, click.core.ParameterSource.DEFAULT_MAP)
    return [name for name in options if ctx.get_parameter_source(name) in given]


def make_rules(
    *,
    threshold: float | str,
    fee_bps: float,
    slippage_bps: float,
    half_spread_bps: float | str = 0.0,
    borrow_rate: float = 0.0,
    financing_rate: float = 0.0,
    **more: Any,
) -> Any:
    """The Rules of this command line; more: its policy, calibration and size."""
    from forecast.config.trading import Costs, TradingConfig

    spread = {"auto": "bars", "quoted": "quoted"}.get(str(half_spread_bps), "given")
    costs = Costs(
        fee_bps=fee_bps,
        slippage_bps=slippage_bps,
        half_spread_bps=float(half_spread_bps) if spread == "given" else 0.0,
        borrow_rate=borrow_rate,
        financing_rate=financing_rate,
    )
    return TradingConfig(threshold=threshold, costs=costs, spread=spread, **more)  # type: ignore[arg-type]


def take_rules(options: dict[str, Any]) -> Any:
    """The Rules of this command line, whose options are taken out of the others."""
    names = [str(each.name) for each in click.get_current_context().command.params]
    asked = {name: options.pop(name) for name in _RULES if name in names}
    return make_rules(**asked)


def how(*, jobs: int | None, backend: str, cluster: str | None) -> dict[str, Any]:
    """Where members are trained, checked: none of it changes what a run is, except the backend."""
    return {"jobs": jobs_or_cores(jobs), "backend": backend, "cluster": cluster}


def jobs_or_cores(jobs: int | None) -> int:
    """The number of worker processes, checked; a line on stderr where they would wait for each other."""
    from forecast.compute.processes import cores

    if jobs is None:
        return cores()
    if jobs < 1:
        raise click.UsageError(f"Need --jobs of 1 or more, got {jobs}.")
    if jobs > cores():
        settings: CliContext = click.get_current_context().obj
        settings.note(f"{jobs} jobs share {cores()} cores: --jobs {cores()} is as fast and takes less memory.")
    return jobs
