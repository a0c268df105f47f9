"""A small table on stdout, as good on a terminal as in a pipe."""

from collections.abc import Sequence

import click
from rich.console import Console
from rich.table import Table

from forecast.cli.text import printable


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints rows under their columns. A column whose name starts with > is a number, aligned to the right."""
    if not rows:
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in columns:
        table.add_column(name.removeprefix(">"), justify="right" if name.startswith(">") else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(printable(cell).replace("\n", "\\n") for cell in row))
    console = Console(highlight=False, markup=False)
    if console.is_terminal:
        console.print(table)
        return
    plain = Console(highlight=False, markup=False, width=200)
    with plain.capture() as captured:
        plain.print(table)
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))
