"""A small table on stdout: whole in a pipe, fitted to the width of a terminal without cutting a symbol or a number.

What does not fit is helped in this order: texts are wrapped at words; columns that can be missed are left out, and said
to be; then each row is stacked, a line a column, with all columns.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import click

from forecast.cli.text import display_width, printable, terminal_width, wrapped

_GAP = "  "
_NARROWEST = 12  # letters of a column of text that is wrapped


@dataclass(frozen=True)
class Column:
    """number: aligned to the right. wrap: a text that may be broken at words. drop: left out first (1), second (2)...;
    0 never.
    """

    heading: str
    number: bool = False
    wrap: bool = False
    drop: int = 0


def print_table(columns: Sequence[Column | str], rows: Sequence[Sequence[str]]) -> None:
    """Prints rows under their columns. A column given as a text that starts with > is a number."""
    if not rows:
        return
    parsed = [column if isinstance(column, Column) else _column(column) for column in columns]
    cells = [[printable(cell).replace("\n", "\\n") for cell in row] for row in rows]
    for number, line in enumerate(fitted(parsed, cells, width=terminal_width())):
        click.echo(click.style(line, bold=True) if number == 0 else line)


def fitted(columns: Sequence[Column], rows: Sequence[Sequence[str]], *, width: int | None) -> list[str]:
    """The lines of a table that is at most so wide, as wide as it is where width is None."""
    if width is None:
        return _lines(columns, rows, _natural(columns, rows))
    for left_out in _stages(columns):
        places = [place for place in range(len(columns)) if place not in left_out]
        remaining, cells = [columns[place] for place in places], [[row[place] for place in places] for row in rows]
        if (widths := _narrowed(remaining, cells, width)) is not None:
            names = ", ".join(columns[place].heading for place in left_out)
            note = f"Not enough room for {names}: a wider terminal or --json has all." if names else ""
            return [*_lines(remaining, cells, widths), *(wrapped(note, width) if note else [])]
    return _stacked(columns, rows, width)


def _column(heading: str) -> Column:
    return Column(heading.removeprefix(">"), number=heading.startswith(">"))


def _stages(columns: Sequence[Column]) -> list[list[int]]:
    """Which columns to leave out: none, then one more at a time."""
    order = sorted(
        (place for place, column in enumerate(columns) if column.drop), key=lambda place: columns[place].drop
    )
    return [sorted(order[:count]) for count in range(len(order) + 1)]


def _natural(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[int]:
    return [
        max(display_width(text) for text in (column.heading, *(row[place] for row in rows)))
        for place, column in enumerate(columns)
    ]


def _narrowed(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int) -> list[int] | None:
    """Widths that fit, the widest texts made narrower first; None where words would be cut."""
    widths = _natural(columns, rows)
    least = [_least(column, [row[place] for row in rows]) for place, column in enumerate(columns)]
    room = width - len(_GAP) * (len(columns) - 1)
    while (excess := sum(widths) - room) > 0:
        able = [place for place, column in enumerate(columns) if column.wrap and widths[place] > least[place]]
        if not able:
            return None
        widest = max(able, key=lambda place: widths[place])
        widths[widest] = max(least[widest], widths[widest] - excess)
    return widths


def _least(column: Column, texts: Sequence[str]) -> int:
    words = itertools.chain.from_iterable(text.split(" ") for text in (column.heading, *texts))
    return max(_NARROWEST, *map(display_width, words))


def _lines(columns: Sequence[Column], rows: Sequence[Sequence[str]], widths: Sequence[int]) -> list[str]:
    lines = []
    for row in ([column.heading for column in columns], *rows):
        cells = [wrapped(text, widths[place]) or [""] for place, text in enumerate(row)]
        for line in itertools.zip_longest(*cells, fillvalue=""):
            padded = [
                _padded(text, width, right=column.number)
                for text, width, column in zip(line, widths, columns, strict=True)
            ]
            lines.append(_GAP.join(padded).rstrip())
    return lines


def _stacked(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """A block a row: its first cell, then a line a column."""
    label = max((display_width(column.heading) for column in columns[1:]), default=0)
    lines = wrapped(" · ".join(column.heading for column in columns), width)[:1] if len(columns) == 1 else []
    for row in rows:
        lines += wrapped(row[0], width) or [""]
        for column, text in zip(columns[1:], row[1:], strict=True):
            beside = width - 2 - label - len(_GAP)
            if text and max(map(display_width, text.split(" "))) > beside:  # a long name gets a line of its own
                lines.append(f"  {column.heading}")
                lines += [f"    {line}" for line in wrapped(text, width - 4)]
                continue
            for number, line in enumerate(wrapped(text, beside) or [""]):
                heading = column.heading if number == 0 else ""
                lines.append(f"  {_padded(heading, label)}{_GAP}{line}".rstrip())
    return lines


def _padded(text: str, width: int, *, right: bool = False) -> str:
    space = " " * (width - display_width(text))
    return space + text if right else text + space
