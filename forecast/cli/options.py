"""Options that several commands share, and how an experiment is put together from them and a TOML file."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from forecast.cli import completion
from forecast.cli.config_files import take_config
from forecast.cli.context import CliContext
from forecast.config.compute import ComputeConfig
from forecast.config.experiment import Experiment
from forecast.config.fields import Setting, settings_of
from forecast.config.trading import AUTO, Costs, TradingConfig

Command = TypeVar("Command", bound=Callable[..., Any])


class AliasedOption(click.Option):
    """An option that is also known by other names, which --help does not show. setting: of the field that it is."""

    def __init__(self, *args: Any, aliases: Sequence[str] = (), setting: Setting | None = None, **more: Any) -> None:
        super().__init__(*args, **more)
        self.aliases = list(aliases)
        self.setting = setting

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        """The parser knows the other names too."""
        current = self.opts
        self.opts = [*current, *self.aliases]
        try:
            super().add_to_parser(parser, ctx)
        finally:
            self.opts = current


class SettingType(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions only
    """What a configuration's field accepts; its check makes the message."""

    def __init__(self, name: str, setting: Setting) -> None:
        self.field, self.setting = name, setting
        kinds = {"integer": "integer", "number": "float", "date": "YYYY-MM-DD", "moment": "YYYY-MM-DD[THH:MM]"}
        one = setting.listed.partition(",")[0] if setting.kind == "pairs" else kinds.get(setting.kind, "text")
        self.name = "|".join((f"{one},..." if setting.commas else one, *setting.words))

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str | None:
        """The choices, where they are few."""
        choices = self.setting.kind == "text" and self.setting.choices
        own = [self.setting.own] if self.setting.own else []
        return f"[{'|'.join([*self.setting.choices, *own])}]" if choices else None

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The choices, and the words that stand for a number."""
        named = {"features": completion.features, "models": completion.models}
        listed = completion.choices((*self.setting.choices, *self.setting.words))
        return named.get(self.field, listed)(ctx, param, incomplete)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The value in the field's own type."""
        if self.setting.kind in ("texts", "pairs"):  # the configuration checks all of them together
            return value
        return self.setting.check(self.field, self.setting.parse(value) if isinstance(value, str) else value)


def option_of(
    configuration: type, name: str, *, words: Sequence[str] = (), **more: Any
) -> Callable[[Command], Command]:
    """The option of a configuration's field: name, type, default and help stand there. words: more that it accepts."""
    setting, default = settings_of(configuration)[name]
    setting = replace(setting, words=tuple(words)) if words else setting
    flags = [f"--{setting.option or name.replace('_', '-')}", *(["--half-spread"] if name == "half_spread_bps" else [])]
    if setting.opposite:
        flags[0] += f"/--{setting.opposite}"
    attributes: dict[str, Any] = {"default": default, "show_default": bool(default) or default == 0} | more
    if setting.kind == "switch":
        attributes = {"is_flag": True, "type": click.BOOL, "default": default}
    else:
        attributes |= {
            "type": SettingType(name, setting),
            "multiple": setting.kind in ("texts", "pairs") or (setting.several and not setting.commas),
        }
    own = [name.replace("_", "-")] if setting.option else []  # what messages and Python call it
    return click.option(
        *flags, name, cls=AliasedOption, setting=setting, help=setting.help,
        aliases=[f"--{alias}" for alias in dict.fromkeys([*setting.aliases, *own])], **attributes,
    )  # fmt: skip


def overwrite_option(text: str) -> Callable[[Command], Command]:
    """What is finished is made anew: said with each command, never in a file."""
    return click.option("--overwrite", cls=AliasedOption, aliases=["--fresh"], is_flag=True, help=text)


_TRAINING = (
    *(option_of(Experiment, name) for name in settings_of(Experiment)),
    click.option(
        "--config",
        type=click.Path(dir_okay=False, path_type=Path),
        is_eager=True,
        expose_value=False,
        callback=take_config,
        help="TOML file with any of these options under the same names; the command line wins.",
    ),
    *(option_of(ComputeConfig, name) for name in settings_of(ComputeConfig)),
    overwrite_option("Train anew even if this very run is finished."),
)

_TRADING = (
    *(option_of(TradingConfig, name) for name in ("policy", "threshold")),
    *(
        option_of(Costs, name, words=(AUTO, "quoted") if name == "half_spread_bps" else ())
        for name in settings_of(Costs)
    ),
)
_MONEY = tuple(
    option_of(TradingConfig, name)
    for name in settings_of(TradingConfig)
    if name not in ("policy", "threshold", "spread")
)
_RULES = tuple(name for name in (*settings_of(TradingConfig), *settings_of(Costs)) if name != "spread")


def training_options(command: Command) -> Command:
    """The options that say what to train; `make_experiment` reads them."""
    return reduce(lambda decorated, option: option(decorated), reversed(_TRAINING), command)


def trading_options(command: Command) -> Command:
    """The options that say how to trade and what it costs; `make_rules` reads them."""
    return reduce(lambda decorated, option: option(decorated), reversed(_TRADING), command)


def money_options(command: Command) -> Command:
    """The options that say how probabilities become sizes; `make_rules` reads them."""
    return reduce(lambda decorated, option: option(decorated), reversed(_MONEY), command)


def make_experiment(symbol: str, options: dict[str, Any]) -> Any:
    """The Experiment of this command line, whose options came from what was typed, the TOML file, or the defaults."""
    return Experiment.from_options({**options, "symbol": symbol})


def typed(ctx: click.Context, options: dict[str, Any]) -> list[str]:
    """Which of these options were given, on the command line or in a file."""
    explicit = (click.core.ParameterSource.COMMANDLINE, click.core.ParameterSource.DEFAULT_MAP)
    return [name for name in options if ctx.get_parameter_source(name) in explicit]


def make_rules(*, half_spread_bps: float | str = 0.0, **options: Any) -> Any:
    """The TradingConfig of this command line; half_spread_bps: a number, or where the half-spread comes from."""
    spread = {AUTO: "bars", "quoted": "quoted"}.get(str(half_spread_bps), "given")
    costs = {name: options.pop(name) for name in settings_of(Costs) if name in options}
    costs["half_spread_bps"] = float(half_spread_bps) if spread == "given" else 0.0
    return TradingConfig(costs=Costs(**costs), spread=spread, **options)  # type: ignore[arg-type]


def take_rules(options: dict[str, Any]) -> Any:
    """The Rules of this command line, whose options are taken out of the others."""
    names = [str(parameter.name) for parameter in click.get_current_context().command.params]
    values = {name: options.pop(name) for name in _RULES if name in names}
    return make_rules(**values)


def how(*, jobs: int | None, backend: str, cluster: str | None) -> dict[str, Any]:
    """Where members are trained, checked: none of it changes what a run is, except the backend."""
    return {"jobs": jobs_or_cores(jobs), "backend": backend, "cluster": cluster}


def jobs_or_cores(jobs: int | None) -> int:
    """The number of worker processes, checked; a line on stderr where they would wait for each other."""
    from forecast.compute.processes import cores

    if jobs is None:
        return cores()
    if jobs > cores():
        settings: CliContext = click.get_current_context().obj
        settings.note(f"{jobs} jobs share {cores()} cores: --jobs {cores()} is as fast and takes less memory.")
    return jobs
