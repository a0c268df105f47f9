"""`forecast config`: which settings are in force, and whether a file says what it should."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from forecast.cli import config_files
from forecast.cli.context import CliContext, json_option, print_json
from forecast.cli.suggestions import SuggestingGroup
from forecast.cli.tables import Column, print_table
from forecast.cli.text import say
from forecast.workspace import DATA_DIR, PROJECT_FILE, REPORTS_DIR, STORE, read_settings, user_file
from pipelines.errors import ConfigError

_PLACES = {"data_dir": DATA_DIR, "reports_dir": REPORTS_DIR, "store": STORE}


@click.group("config", cls=SuggestingGroup)
def command() -> None:
    """Settings of all commands in one file: forecast.toml of a project, or config.toml of your own.

    A table a command ([fetch], [train], [backtest], [signal]) holds its options under their names; [workspace] says
    where data_dir, reports_dir and store are. The command line wins, then --config, then forecast.toml, then your own.

    \b
    Examples:
      forecast config show
      forecast config check
      forecast config schema
    """


@command.command("show")
@json_option
@click.pass_context
def show(ctx: click.Context, as_json: bool) -> None:
    """What the files, the environment and the command line say, and which of them.

    \b
    Example:
      forecast config show
    """
    settings: CliContext = ctx.obj
    rows = [*_places(ctx, settings), *_settings(ctx)]
    if as_json:
        print_json([dict(zip(("command", "setting", "value", "source"), row, strict=True)) for row in rows])
        return
    print_table(
        [Column("command"), Column("setting"), Column("value", wrap=True), Column("from", wrap=True)],
        [[name, setting, _text(value), source] for name, setting, value, source in rows],
    )
    if not config_files.files():
        settings.note(
            f"No file sets anything: every option has its default. Settings of this folder go into {PROJECT_FILE}, "
            f"your own into {user_file()}. What may stand there: forecast config schema."
        )


@command.command("check")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.pass_context
def check(ctx: click.Context, file: Path | None) -> None:
    """Whether a file is understood: every name, type and bound; without FILE, those that are in force.

    \b
    Examples:
      forecast config check
      forecast config check experiment.toml
    """
    paths = [file] if file is not None else config_files.files()
    if not paths:
        raise ConfigError(
            "Expected a file, got none, and neither forecast.toml nor one of your own is there. Name one."
        )
    for path in paths:
        content, commands = read_settings(path), _commands(ctx)
        tables = config_files.tables_of(content, commands=commands, path=path)
        if tables is None:
            understood = _flat(content, commands, path)
            say(f"{path}: {len(content)} settings, understood by {', '.join(understood)}.")
            continue
        for name, table in tables.items():
            if name != config_files.WORKSPACE:
                _checked(table, commands[name], path)
        count = sum(len(table) for table in tables.values())
        noun = "setting" if count == 1 else "settings"
        say(f"{path}: {count} {noun} in {', '.join(tables) or 'no table'}, all understood.")


@command.command("schema")
@click.pass_context
def schema(ctx: click.Context) -> None:
    """JSON schema of forecast.toml, for editors that complete and check TOML.

    \b
    Example:
      forecast config schema
    """
    tables = {name: _table_schema(command) for name, command in _commands(ctx).items()}
    texts = {name: {"type": "string"} for name in _PLACES}
    places = {"type": "object", "properties": texts, "additionalProperties": False}
    content = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "forecast.toml",
        "type": "object",
        "properties": {config_files.WORKSPACE: places, **tables},
        "additionalProperties": False,
    }
    click.echo(json.dumps(content, indent=2))


def _commands(ctx: click.Context) -> dict[str, click.Command]:
    root = ctx.find_root()
    group = root.command
    if not isinstance(group, click.Group):
        return {}
    commands = ((name, group.get_command(root, name)) for name in group.list_commands(root))
    return {name: command for name, command in commands if command is not None and name != "config"}


def _checked(table: dict[str, Any], command: click.Command, path: Path) -> None:
    """Whether a command takes these settings, converted as it would.

    Raises:
        ConfigError: it does not.
    """
    values = config_files.checked(table, command.params, path=path)
    for parameter in command.params:
        if parameter.name in values:
            try:
                parameter.type_cast_value(click.Context(command), values[parameter.name])
            except click.BadParameter as error:
                raise ConfigError(f"{path}: {error.format_message()}") from error


def _flat(content: dict[str, Any], commands: dict[str, click.Command], path: Path) -> list[str]:
    """The commands that understand a file without tables.

    Raises:
        ConfigError: none does; what stands against the nearest one.
    """
    problems: dict[str, ConfigError] = {}
    for name, command in commands.items():
        if any("--config" in parameter.opts for parameter in command.params):
            try:
                _checked(content, command, path)
            except ConfigError as error:
                problems[name] = error
            else:
                problems.pop(name, None)
                continue
    readers = [
        name for name, command in commands.items() if any("--config" in parameter.opts for parameter in command.params)
    ]
    if len(problems) == len(readers):
        nearest = max(readers, key=lambda name: len(set(content) & set(config_files.by_name(commands[name].params))))
        raise problems[nearest]
    return [name for name in readers if name not in problems]


def _places(ctx: click.Context, settings: CliContext) -> Iterator[tuple[str, str, Any, str]]:
    root, files = ctx.find_root(), config_files.files()
    for name, variable in _PLACES.items():
        origins = [
            path
            for path in files
            if name in {key.replace("-", "_") for key in read_settings(path).get("workspace", {})}
        ]
        source = root.get_parameter_source(name)
        if source is click.core.ParameterSource.COMMANDLINE:
            origin = "command line"
        elif os.environ.get(variable):
            origin = variable
        else:
            origin = str(origins[-1]) if origins else "default" if not files else f"beside {files[-1]}"
        yield config_files.WORKSPACE, name, str(getattr(settings.workspace, name)), origin


def _named(path: Path) -> set[str]:
    return {name.replace("-", "_") for name in read_settings(path).get(config_files.WORKSPACE, {})}


def _settings(ctx: click.Context) -> Iterator[tuple[str, str, Any, str]]:
    commands = _commands(ctx)
    for path in config_files.files():
        tables = config_files.tables_of(read_settings(path), commands=commands, path=path) or {}
        for name, table in tables.items():
            if name != config_files.WORKSPACE:
                config_files.checked(table, commands[name].params, path=path)
                for setting, value in table.items():
                    yield name, setting.replace("_", "-"), value, str(path)


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _table_schema(command: click.Command) -> dict[str, Any]:
    properties = {}
    for parameter in command.params:
        name = "symbol" if isinstance(parameter, click.Argument) else max(parameter.opts, key=len).lstrip("-")
        if name not in config_files.NOT_IN_FILES:
            properties[name] = _property(parameter)
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _property(parameter: click.Parameter) -> dict[str, Any]:
    about = {"description": parameter.help} if isinstance(parameter, click.Option) and parameter.help else {}
    if isinstance(parameter, click.Option) and parameter.is_flag:
        return {"type": "boolean", **about}
    kinds = {"integer": "integer", "integer range": "integer", "float": "number", "float range": "number"}
    schema: dict[str, Any] = {"type": kinds.get(parameter.type.name, "string")}
    if hasattr(parameter.type, "setting"):
        schema = parameter.type.setting.schema()
        schema = schema.get("items", schema)
    elif isinstance(parameter.type, click.Choice):
        schema = {"enum": list(map(str, parameter.type.choices))}
    several = isinstance(parameter, click.Argument) or (isinstance(parameter, click.Option) and parameter.multiple)
    return {"anyOf": [schema, {"type": "array", "items": schema}], **about} if several else {**schema, **about}
