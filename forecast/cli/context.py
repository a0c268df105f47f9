"""What every command is given: where things are kept and how much to say."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from forecast.cli.text import printable


@dataclass(frozen=True, kw_only=True)
class CliContext:
    """The global options of the command line. prices: where the price store is, if not below data_dir."""

    data_dir: Path
    reports_dir: Path
    quiet: bool = False
    debug: bool = False
    prices: str | None = None

    @property
    def store(self) -> Path | str:
        """A folder, or an address such as s3://bucket/prices."""
        return self.prices or self.data_dir / "store"

    @property
    def origins(self) -> Path:
        """Where the store's series came from; see pipelines.store.provenance."""
        return self.data_dir / "origins"

    @property
    def runs(self) -> Path:
        return self.data_dir / "runs"

    @property
    def calibrations(self) -> Path:
        return self.data_dir / "calibrations"

    def note(self, message: str) -> None:
        """One line for a person, on stderr, unless --quiet."""
        if not self.quiet:
            click.echo(printable(message), err=True)


def print_json(result: Mapping[str, Any]) -> None:
    """The result as one JSON object on stdout (what --json prints)."""
    click.echo(json.dumps(result, indent=2, allow_nan=False, default=str))


json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
