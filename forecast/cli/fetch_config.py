"""Settings of `forecast fetch` from a TOML file."""

from datetime import date
from pathlib import Path
from typing import Any

import click

_TABLES = ("column", "where")
_KEPT_FOR_THE_COMMAND_LINE = ("config", "help", "json")


def take_config(ctx: click.Context, path: Path | None) -> None:
    """Makes the settings of a TOML file the defaults; `column` and `where` may be tables there."""
    if path is None:
        return
    import tomllib

    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise click.UsageError(f"Expected a TOML file, got {path}: {error}. Correct it.") from error
    parameters = {
        option.removeprefix("--"): param
        for param in ctx.command.params
        for option in param.opts
        if option.removeprefix("--") not in _KEPT_FOR_THE_COMMAND_LINE
    }
    for name, value in settings.items():
        parameter = parameters.get(name.replace("_", "-"))
        if parameter is None:
            raise click.UsageError(
                f"{path}: Expected settings of fetch ({', '.join(sorted(parameters))}), got {name!r}. Correct its name."
            )
        ctx.default_map = {**(ctx.default_map or {}), str(parameter.name): _checked(name, value, parameter, path)}


def _checked(name: str, value: Any, parameter: click.Parameter, path: Path) -> Any:
    """The value as the command line would have it, or one line about its type."""
    if (
        name in _TABLES
        and isinstance(value, dict)
        and all(isinstance(each, str | int | float) for each in value.values())
    ):
        return [f"{key}={each}" for key, each in value.items()]
    switch = isinstance(parameter, click.Option) and parameter.is_flag
    several = parameter.multiple if isinstance(parameter, click.Option) else parameter.nargs == -1
    if switch:
        if isinstance(value, bool):
            return value
        raise click.UsageError(f"{path}: Expected true or false for {name}, got {value!r}. Correct it.")
    values = value if isinstance(value, list) and several else [value]
    if not all(isinstance(each, str | int | float | date) and not isinstance(each, bool) for each in values):
        expected = "texts or numbers" if several else "one text, number or date"
        raise click.UsageError(f"{path}: Expected {expected} for {name}, got {value!r}. Correct it.")
    texts = [str(each) for each in values]
    return texts if several else texts[0]
