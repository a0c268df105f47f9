"""What every command is given: where things are kept and how much to say."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from forecast.cli.text import say
from forecast.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class CliContext:
    """The global options of the command line: the workspace, and how much to say."""

    workspace: Workspace
    quiet: bool = False
    debug: bool = False

    @property
    def data_dir(self) -> Path:
        return self.workspace.data_dir

    @property
    def reports_dir(self) -> Path:
        return self.workspace.reports_dir

    @property
    def store(self) -> Path | str:
        return self.workspace.store

    @property
    def origins(self) -> Path:
        return self.workspace.origins

    @property
    def runs(self) -> Path:
        return self.workspace.runs

    @property
    def calibrations(self) -> Path:
        return self.workspace.calibrations

    def note(self, message: str) -> None:
        """One line for a person on stderr, wrapped at words on a terminal, unless --quiet."""
        if not self.quiet:
            say(message, err=True)

    def error(self, message: str) -> None:
        """The same of what went wrong, with --quiet too."""
        say(message, err=True)


def print_json(result: Mapping[str, Any] | Sequence[Any]) -> None:
    """The result as one JSON object on stdout (what --json prints); a list of runs as a list."""
    click.echo(json.dumps(result, indent=2, allow_nan=False, default=str))


def records(frame: "pd.DataFrame") -> list[dict[str, Any]]:
    """The rows of a table for JSON: None where a number is missing."""
    rows = frame.astype(object).where(frame.notna(), None)
    return [dict(zip(map(str, frame.columns), row, strict=True)) for row in rows.itertuples(index=False, name=None)]


standalone_option = click.option(
    "--standalone", is_flag=True, help="Put the chart library into the page: one file to mail, 0.5 MB more."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
