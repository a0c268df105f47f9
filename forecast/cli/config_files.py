"""Settings in TOML files: one parser for all commands, with the names and the rules of the command line.

A file is flat (the settings of the command that reads it) or has a table a command: [fetch], [train], [backtest],
[signal] and so on, beside [workspace].
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import click

from forecast.workspace import project_file, read_settings, user_file
from pipelines.errors import ConfigError, did_you_mean

NOT_IN_FILES = {"help", "config", "json", "overwrite", "fresh"}
WORKSPACE = "workspace"


def names_of(parameter: click.Parameter) -> list[str]:
    """Every name that an option answers to, former ones too."""
    return [*parameter.opts, *getattr(parameter, "aliases", ())]


def take_config(ctx: click.Context, _: click.Parameter, path: Path | None) -> None:
    """Makes the settings of a file the defaults of this command, so that they are checked like typed ones."""
    if path is None:
        return
    root = ctx.find_root()
    commands = root.command.list_commands(root) if isinstance(root.command, click.Group) else []
    content = read_settings(path)
    tables = tables_of(content, commands=commands, path=path)
    table = content if tables is None else tables.get(str(ctx.info_name), {})
    ctx.default_map = {**(ctx.default_map or {}), **checked(table, ctx.command.params, path=path)}


def configured(command: click.Command, name: str, *, commands: Collection[str]) -> dict[str, Any]:
    """What the user's own file and the project's say of a command, the project's last."""
    values: dict[str, Any] = {}
    for path in files():
        tables = tables_of(read_settings(path), commands=commands, path=path)
        values |= checked((tables or {}).get(name, {}), command.params, path=path)
    return values


def files() -> list[Path]:
    """The user's own file and the project's, as far as they are there."""
    return [path for path in (user_file(), project_file()) if path is not None and path.is_file()]


def tables_of(content: Mapping[str, Any], *, commands: Collection[str], path: Path) -> dict[str, Any] | None:
    """The tables of a file's commands; None for a flat file.

    Raises:
        ConfigError: a file that is both, or a table that is no command's.
    """
    allowed = {*commands, WORKSPACE}
    tables = {name: table for name, table in content.items() if name in allowed and isinstance(table, dict)}
    if not tables and content and path not in files():
        return None
    if unknown := next((name for name in content if name not in tables), None):
        hint = did_you_mean(unknown, allowed)
        raise ConfigError(f"Expected tables out of {', '.join(sorted(allowed))} in {path}, got {unknown}.{hint}")
    return tables


def checked(table: Mapping[str, Any], parameters: Sequence[click.Parameter], *, path: Path) -> dict[str, Any]:
    """name of a parameter -> its value, as the command line would have it.

    Raises:
        ConfigError: a setting that the command does not have, or of another type.
    """
    by_option = by_name(parameters)
    values = {}
    for name, value in table.items():
        parameter = by_option.get(name.replace("_", "-"))
        if parameter is None or name in NOT_IN_FILES:
            allowed = sorted(_option_names(parameters))
            hint = did_you_mean(name.replace("_", "-"), allowed)
            raise ConfigError(f"Expected settings out of {', '.join(allowed)} in {path}, got {name}.{hint}")
        values[str(parameter.name)] = _value(name, value, parameter, path=path)
    return values


def by_name(parameters: Sequence[click.Parameter]) -> dict[str, click.Parameter]:
    """Every name that a file may use for a parameter."""
    return {
        name.lstrip("-"): parameter
        for parameter in parameters
        for name in (["symbol", "symbols"] if isinstance(parameter, click.Argument) else names_of(parameter))
    }


def _option_names(parameters: Sequence[click.Parameter]) -> set[str]:
    names = {
        "symbol" if isinstance(parameter, click.Argument) else parameter.opts[0].lstrip("-") for parameter in parameters
    }
    return names - NOT_IN_FILES


def _value(name: str, value: Any, parameter: click.Parameter, *, path: Path) -> Any:
    several = parameter.multiple if isinstance(parameter, click.Option) else True
    setting = getattr(parameter, "setting", None)
    if setting is not None and not several:  # the field's own check makes the message
        return setting.check(str(parameter.name), value)
    if isinstance(parameter, click.Option) and parameter.is_flag:
        if isinstance(value, bool):
            return value
        raise ConfigError(f"Expected true or false for {name}, got {value!r:.80} in {path}.")
    if setting is not None and setting.kind == "pairs" and isinstance(value, dict):
        value = [f"{key}={entry}" if isinstance(entry, str | int | float) else entry for key, entry in value.items()]
    values = value if isinstance(value, list) and several else [value]
    if any(isinstance(entry, bool) or not isinstance(entry, str | int | float | date) for entry in values):
        expected = "texts or numbers" if several else "one text, number or date"
        raise ConfigError(f"Expected {expected} for {name}, got {value!r:.80} in {path}.")
    texts = [str(entry) for entry in values]
    return texts if several else texts[0]
