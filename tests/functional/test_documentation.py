"""Commands and options in README and docs: each exists, with the values that are given to it."""

import itertools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from forecast.__main__ import globals_first
from forecast.cli.config_files import names_of
from forecast.cli.main import cli

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_BLOCK = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")


def _lines(page: Path) -> Iterator[str]:
    """Code of a page: lines of console blocks, and what stands between backticks."""
    text = page.read_text(encoding="utf-8")
    for language, block in _BLOCK.findall(text):
        if language in ("console", "bash", "sh"):
            yield from block.replace("\\\n", " ").splitlines()
        elif language in ("cron", "ini"):
            yield from re.findall(r"/(forecast .*)", block)
    yield from _INLINE.findall(_BLOCK.sub("", text))


def _commands(page: Path) -> Iterator[list[str]]:
    for line in _lines(page):
        for part in re.split(r"&&|\||;", re.split(r"\s#", line)[0]):
            command = part.strip().removeprefix("$ ").removeprefix(".venv/bin/").removesuffix("&")
            if command.startswith("forecast "):
                yield shlex.split(command)[1:]


COMMANDS = [pytest.param(words, id=f"{page.name}: {' '.join(words)}") for page in PAGES for words in _commands(page)]
_OF_OTHER_PROGRAMS = {"--case", "--experiments", "--pilots", "--set", "--xla"}  # of the benchmarks


def _every_option() -> set[str]:
    commands: list[click.Command] = [cli]
    options: set[str] = set()
    while commands:
        command = commands.pop()
        options |= {
            name for parameter in command.params for name in (*names_of(parameter), *parameter.secondary_opts)
        } | {"--help", "--version"}
        if isinstance(command, click.Group):
            context = click.Context(command)
            commands += [sub for name in command.list_commands(context) if (sub := command.get_command(context, name))]
    return options


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_of_the_documentation_is_understood(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for option, value in itertools.pairwise(words):
        if option == "--config":
            Path(value).parent.mkdir(exist_ok=True)
            shipped = ROOT / value
            Path(value).write_text(shipped.read_text() if shipped.is_file() else "window = 60\n")
        elif option in ("--file", "--predictions") and not value.endswith("/"):
            Path(value).parent.mkdir(exist_ok=True)
            Path(value).touch()
        elif option == "--file":
            Path(value).mkdir()
    arguments = ["1" if word in ("VERSION", "N") else re.sub(r"[\[\]]|\.\.\.$", "", word) for word in words]
    context = cli.make_context("forecast", globals_first(arguments))
    command: click.Command = cli
    while isinstance(command, click.Group):  # parses without running anything
        rest = [*context._protected_args, *context.args]
        if not rest:
            assert command.invoke_without_command
            return
        name, inner, rest = command.resolve_command(context, rest)
        assert name is not None
        assert inner is not None
        if not rest and not isinstance(inner, click.Group):
            return  # a command that is only mentioned
        context, command = inner.make_context(name, rest, parent=context), inner


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_option_that_a_page_names_exists(page: Path) -> None:
    options = _every_option()
    text = page.read_text(encoding="utf-8")
    named = {
        option
        for code in _INLINE.findall(_BLOCK.sub("", text))
        if code.startswith("--")
        for option in re.findall(r"(?<!\S)--[a-z][a-z-]+", code)
    }
    assert named <= options | _OF_OTHER_PROGRAMS, named - options
