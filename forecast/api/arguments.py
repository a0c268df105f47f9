"""What the public functions are given, checked before anything is done."""

import re
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeAlias, TypeVar

from forecast.compute.processes import cores
from forecast.config.fields import Setting
from forecast.runs.catalog import LATEST, open_run
from forecast.runs.run import Run as Run
from forecast.workspace import Workspace
from pipelines.errors import ConfigError, ForecastError, in_one_line

RunName: TypeAlias = "Run | str"
"""A run, its name, a symbol (its newest finished run), or "latest"."""

Kind = TypeVar("Kind")
Parameters = ParamSpec("Parameters")

_OPTION = re.compile(r"forecast (?:data|fetch|inspect|live|runs|train)\b[^.,;:)`]*|--([a-z]+(?:-[a-z]+)*)")
"""A whole command, which stays as it is, or an option."""
_ARGUMENTS = {"model": "models", "baseline": "baselines", "feature": "features", "column": "columns"}


def in_python(function: Callable[Parameters, Kind]) -> Callable[Parameters, Kind]:
    """The function, in whose messages the options of the command line are arguments: ``--time-format`` time_format."""

    @wraps(function)
    def wrapper(*arguments: Parameters.args, **options: Parameters.kwargs) -> Kind:
        try:
            return function(*arguments, **options)
        except ForecastError as error:
            error.args = (_OPTION.sub(_argument, str(error)),)
            raise

    return wrapper


def _argument(option: re.Match[str]) -> str:
    return _ARGUMENTS.get(option[1], option[1].replace("-", "_")) if option[1] else option[0]


def check_type(value: object, kind: type[Kind], *, name: str, example: str) -> Kind:
    """The value, if it is of that kind.

    Raises
    ------
    ConfigError
        It is of another one.
    """
    if not isinstance(value, kind):
        article = "an" if kind.__name__[0] in "AEIOU" else "a"
        raise ConfigError(
            f"Expected {name} as {article} {kind.__name__}, got {type(value).__name__} {in_one_line(value)}. "
            f"Give it like {example}."
        )
    return value


def check_switch(value: bool, *, name: str) -> bool:
    """The value, if it is true or false.

    Raises
    ------
    ConfigError
        It is something else.
    """
    checked: bool = Setting(kind="switch", help="", group="").check(name, value)
    return checked


def texts_of(values: object, *, name: str, example: str) -> list[str]:
    """One text or several, paths included.

    Raises
    ------
    ConfigError
        Something else.
    """
    listed = list(values) if isinstance(values, list | tuple) else [values]
    if not all(isinstance(value, str | Path) and str(value).isprintable() for value in listed):
        raise ConfigError(
            f"Expected {name} as text or a list of texts, got {in_one_line(values)}. Give it like {example}."
        )
    return list(map(str, listed))


def workspace_of(workspace: Workspace | None) -> Workspace:
    """The workspace that is meant: the default one where none is given."""
    if workspace is None:
        return Workspace.default()
    return check_type(workspace, Workspace, name="workspace", example='Workspace(data_dir="data")')


def run_of(run: RunName, workspace: Workspace) -> Run:
    """The run that is meant.

    Raises
    ------
    RunError
        No such run; the message names the nearest one.
    ConfigError
        Something that names no run.
    """
    if isinstance(run, str):
        return open_run(workspace.runs, run)
    return check_type(run, Run, name="run", example=f'"{LATEST}", "AAPL", a run\'s name, or what train() returned')


def symbols_of(symbols: str | Sequence[str]) -> list[str]:
    """The texts that stand for symbols, each once, in their order; each is checked when its turn comes.

    Raises
    ------
    ConfigError
        Something else, or none.
    """
    texts: list[Any] = [symbols] if isinstance(symbols, str) else list(symbols) if _several(symbols) else []
    if not texts or not all(isinstance(text, str) for text in texts):
        raise ConfigError(
            f'Expected symbols as texts, got {in_one_line(symbols)}. Give them like "AAPL" or ["AAPL", "MSFT"].'
        )
    return list(dict.fromkeys(texts))


def jobs_of(jobs: int | None) -> int:
    """The number of worker processes: as many as cores where none is given.

    Raises
    ------
    ConfigError
        No whole number from 1.
    """
    if jobs is None:
        return cores()
    if not isinstance(jobs, int) or isinstance(jobs, bool) or jobs < 1:
        raise ConfigError(
            f"Expected jobs as a whole number from 1, got {in_one_line(jobs)}. Leave it out to use all cores."
        )
    return jobs


def _several(symbols: object) -> bool:
    return isinstance(symbols, list | tuple)
