"""`forecast fetch --source csv`: what the options say about files, and what a dry run shows of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from pipelines.sources.base import Delivery
    from pipelines.sources.csv.options import Options
    from pipelines.sources.csv.source import Loaded

_PLACE = "{symbol}"
_SAME = (
    "interval", "tz", "calendar", "currency", "max_dropped", "time_format", "day_first", "decimal", "stamp",
    "price_scale", "date", "exchange", "shape", "skip", "adjusted", "hours", "start", "end",
)  # fmt: skip


class PriceFiles:
    """Files of one symbol or of many: read once, or for each symbol where their names have {symbol} in them."""

    def __init__(self, symbols: Sequence[str], given: Mapping[str, Any]) -> None:
        self._files: tuple[Path, ...] = tuple(given["files"])
        self._apart = any(_PLACE in str(path) for path in self._files)
        self._options = replace(_options(given), several=len(symbols) > 1 and not self._apart)
        self._loaded: Loaded | None = None

    def load(self, symbol: str) -> "Loaded":
        """The rows of the symbol's files, or of all symbols'."""
        from pipelines.sources.csv import source

        if self._apart:
            return source.load([_named(path, symbol) for path in self._files], self._options)
        if self._loaded is None:
            self._loaded = source.load(self._files, self._options)
        return self._loaded

    def deliver(self, symbol: str) -> "Delivery":
        """The symbol's prices, cleaned."""
        from pipelines.sources.csv import source

        return source.deliver(self.load(symbol), symbol)

    def paths(self, symbol: str) -> list[Path]:
        """The symbol's files, those of folders one by one; none where files hold several symbols together."""
        from pipelines.sources.csv import source

        if self._options.several:
            return []
        named = [_named(path, symbol) for path in self._files] if self._apart else self._files
        return source.every_file(named, self._options)

    def of_folders(self, symbol: str) -> list[Path]:
        """Those of the symbol's files that were not named but lie in a folder that was."""
        named = {_named(path, symbol) if self._apart else path for path in self._files}
        return [path for path in self.paths(symbol) if path not in named]

    def deliver_one(self, symbol: str, path: Path) -> "Delivery":
        """The symbol's prices in one of its files, cleaned."""
        from pipelines.sources.csv import source

        return source.deliver(source.load([path], self._options), symbol)

    def options(self) -> "Options":
        """How the files are read."""
        return self._options


def _options(given: Mapping[str, Any]) -> "Options":
    from pipelines.sources.csv.options import Options

    header = given["header"]
    names = None
    if header is not None:
        names = () if header.strip().lower() == "none" else tuple(name.strip() for name in header.split(","))
    return Options(
        names=pairs(given["columns"], "--column NAME=COLUMN", "price=PX"),
        where=pairs(given["where"], "--where COLUMN=VALUE", "ticker=ACME"),
        header=names,
        **{name: given[name] for name in _SAME},
    )


def pairs(texts: Sequence[str], form: str, example: str) -> dict[str, str]:
    """What --column and --where say, e.g. price=PX."""
    for text in texts:
        if "=" not in text:
            raise click.UsageError(f"Expected {form}, for example {form.split()[0]} {example}, got {text[:60]!r}.")
    return dict(text.split("=", 1) for text in texts)


def _named(path: Path, symbol: str) -> Path:
    """The path of one symbol, in capitals or small letters, whichever is there."""
    paths = [Path(str(path).replace(_PLACE, name)) for name in (symbol, symbol.lower())]
    return paths[1] if not paths[0].exists() and paths[1].exists() else paths[0]


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
    from forecast.cli.text import printable

    for name in ("file", "format", "shape", "header", "kind", "columns", "times", "zone", "calendar", "rows"):
        value = description[name]
        text = (
            ", ".join(f"{needed} = {column}" for needed, column in value.items()) if isinstance(value, dict) else value
        )
        click.echo(printable(f"{name:<9} {text}"))
    rows = description["first_rows"]
    if rows:
        print_table([f">{name}" for name in rows[0]], [list(row.values()) for row in rows])
    click.echo(printable(f"outcome   {outcome}"))
    click.echo("Nothing was written (--dry-run).")
