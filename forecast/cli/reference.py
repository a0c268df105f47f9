"""docs/reference.md from the commands themselves: each option, what it accepts, default, TOML key, former names.

`make reference` writes the page; a test holds it to what this module makes.
"""

import sys
from collections.abc import Iterator, Sequence
from typing import Any

import click

from forecast.cli.config_files import NOT_IN_FILES
from forecast.cli.main import cli
from forecast.cli.options import SettingType

_INTRODUCTION = """# Reference

Every command and option, made from the options and the fields of `forecast/config` by `make reference`: change those,
not this page.

The global options may stand before or behind the command. Options can stand in a TOML file under their long names:
those of all commands in `forecast.toml`, a table each (`forecast config check`), those of one in the file of its
`--config`, where it has that. The command line wins. Other names work too: former ones, and those that messages and
Python have. An option that can be repeated is a list in TOML."""


def reference() -> str:
    """The page."""
    parts = [_INTRODUCTION, "## Global options", _table(cli, in_files=False)]
    for name, command in _commands(cli, "forecast"):
        parts += [f"## {name}", *_about(name, command), _table(command, in_files=_reads_files(command))]
    return "\n\n".join(part for part in parts if part) + "\n"


def _commands(group: click.Group, name: str) -> Iterator[tuple[str, click.Command]]:
    """Every command below a group, with the words that call it."""
    context = click.Context(group)
    for word in group.list_commands(context):
        command = group.get_command(context, word)
        if command is None or command.hidden:
            continue
        yield f"{name} {word}", command
        if isinstance(command, click.Group):
            yield from _commands(command, f"{name} {word}")


def _about(name: str, command: click.Command) -> list[str]:
    context = click.Context(command, info_name=name)
    arguments = [piece for piece in command.collect_usage_pieces(context) if piece != "[OPTIONS]"]
    text, _, examples = (command.help or "").partition("\b")
    paragraphs = [
        *(f"Takes `{' '.join(arguments)}`." for _ in arguments[:1]),
        *(" ".join(part.split()) for part in text.split("\n\n") if part.strip()),
    ]
    lines = [line.strip() for line in examples.splitlines() if line.strip().startswith("forecast")]
    return [*paragraphs, *(["```console\n" + "\n".join(lines) + "\n```"] if lines else [])]


def _reads_files(command: click.Command) -> bool:
    return any("--config" in parameter.opts for parameter in command.params)


def _table(command: click.Command, *, in_files: bool) -> str:
    options = [
        parameter for parameter in command.params if isinstance(parameter, click.Option) and not parameter.hidden
    ]
    if not options:
        return ""
    headings = ["Option", "Accepts", "Default", *(["TOML"] if in_files else []), "Other names", "What it says"]
    rows = [[_escaped(cell) for cell in _row(option, in_files=in_files)] for option in options]
    return "\n".join(f"| {' | '.join(row)} |" for row in [headings, ["---"] * len(headings), *rows])


def _row(option: click.Option, *, in_files: bool) -> list[str]:
    longest = max(option.opts, key=len).lstrip("-")
    key = [f"`{longest}`" if longest not in NOT_IN_FILES else ""] if in_files else []
    former: Sequence[str] = getattr(option, "aliases", ())
    return [
        ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts)) + (" ..." if option.multiple else ""),
        _accepted(option),
        _default(option),
        *key,
        ", ".join(f"`{name}`" for name in former),
        " ".join((option.help or "").split()).partition(" [default: ")[0],
    ]


def _accepted(option: click.Option) -> str:
    kind = option.type
    if option.is_flag:
        return "switch"
    if isinstance(kind, SettingType):
        return kind.setting.expectation.removeprefix("as ").removeprefix("out of ")
    if isinstance(kind, click.Choice):
        return ", ".join(map(str, kind.choices))
    if isinstance(kind, click.IntRange | click.FloatRange):
        noun = "a whole number" if isinstance(kind, click.IntRange) else "a number"
        bounds = "" if kind.min is None else f" {'above' if kind.min_open else 'from'} {kind.min}"
        return noun + bounds + ("" if kind.max is None else f" to {'below ' if kind.max_open else ''}{kind.max}")
    names = {"integer": "a whole number", "float": "a number", "datetime": "a date"}
    return option.metavar or names.get(kind.name, "a path" if isinstance(kind, click.Path) else "text")


def _default(option: click.Option) -> str:
    default: Any = option.default
    _, marked, described = " ".join((option.help or "").split()).partition("[default: ")
    if marked:
        return described.rstrip("]")
    if option.is_flag or default is None or callable(default) or str(default).startswith("Sentinel"):
        return ""
    if isinstance(default, tuple | list):
        return ", ".join(f"`{value}`" for value in default)
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`" * bool(str(default))


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    sys.stdout.write(reference())
