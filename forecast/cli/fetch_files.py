"""`forecast fetch --source csv --dry-run`: what is understood of files."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from pipelines.errors import counted

if TYPE_CHECKING:
    from pipelines.sources.csv.source import Loaded


def describe(loaded: "Loaded") -> dict[str, Any]:
    """What was understood of the first file, for --dry-run."""
    reading = loaded.readings[0]
    more = len(loaded.readings) - 1
    return {
        "file": reading.file + (f" and {more} more" if more else ""),
        "format": " ".join(
            part for part in (reading.what, f"separated by {reading.delimiter!r}" if reading.delimiter else "") if part
        ),
        "shape": reading.shape,
        "header": counted(reading.header_lines, "line") if reading.delimiter else "in the file's schema",
        "kind": f"{reading.interval} bars" if reading.interval else reading.kind,
        "columns": dict(reading.columns),
        "times": reading.times,
        "zone": reading.zone,
        "calendar": reading.calendar,
        "rows": len(loaded.frame),
        "first_rows": [dict(row) for row in reading.first],
    }


def show(description: Mapping[str, Any], outcome: str) -> None:
    """Prints it for a person."""
    from forecast.cli.tables import print_table
    from forecast.cli.text import say

    for name in ("file", "format", "shape", "header", "kind", "columns", "times", "zone", "calendar", "rows"):
        value = description[name]
        text = (
            ", ".join(f"{needed} = {column}" for needed, column in value.items()) if isinstance(value, dict) else value
        )
        say(f"{name:<9} {text}")
    rows = description["first_rows"]
    if rows:
        print_table([f">{name}" for name in rows[0]], [list(row.values()) for row in rows])
    say(f"outcome   {outcome}")
    click.echo("Nothing was written (--dry-run).")
