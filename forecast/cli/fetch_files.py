"""`forecast fetch --source csv`: what the options say about files, and what a dry run shows of them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import click

from forecast.api.price_files import FileOptions

if TYPE_CHECKING:
    from pipelines.sources.csv.source import Loaded

_SAME = (
    "tz", "currency", "time_format", "day_first", "decimal", "stamp", "price_scale", "date", "exchange", "shape",
    "skip", "adjusted", "hours",
)  # fmt: skip


def file_options(options: Mapping[str, Any]) -> FileOptions:
    """What the options of the command line say about files."""
    header = options["header"]
    names = None
    if header is not None:
        names = () if header.strip().lower() == "none" else tuple(name.strip() for name in header.split(","))
    about = {name: options[name] for name in _SAME}
    columns = pairs(options["columns"], "--column NAME=COLUMN", "price=PX")
    where = pairs(options["where"], "--where COLUMN=VALUE", "ticker=ACME")
    return cast(FileOptions, {**about, "columns": columns, "where": where, "header": names})


def pairs(texts: Sequence[str], form: str, example: str) -> dict[str, str]:
    """What --column and --where say, e.g. price=PX."""
    for text in texts:
        if "=" not in text:
            raise click.UsageError(f"Expected {form}, for example {form.split()[0]} {example}, got {text[:60]!r}.")
    return dict(text.split("=", 1) for text in texts)


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
        "header": f"{reading.header_lines} lines" if reading.delimiter else "in the file's schema",
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
