"""Text from data, files and other programs, made safe for a terminal and wrapped to its width."""

import re
import shutil
import sys
import unicodedata
from typing import IO

import click

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_NARROWEST = 20


def printable(text: str) -> str:
    r"""The text with control characters, direction marks and lone surrogates as escapes; tabs and line ends stay.

    >>> printable("EUR\x1b[2J")
    'EUR\\x1b[2J'
    """
    return _CONTROL.sub(lambda match: match.group().encode("unicode_escape", "surrogatepass").decode(), text)


def terminal_width(stream: IO[str] | None = None) -> int | None:
    """Columns of the terminal that a stream (stdout) writes to, None for a pipe or a file."""
    stream = sys.stdout if stream is None else stream
    return max(_NARROWEST, shutil.get_terminal_size().columns) if stream.isatty() else None


def display_width(text: str) -> int:
    """Columns that a text takes on a terminal: two for a wide letter, none for an accent that is put on another."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )


def wrapped(text: str, width: int) -> list[str]:
    """Lines of at most so many columns, broken at spaces only: a longer word is a line of its own."""
    if display_width(text) <= width:
        return [text]
    lines: list[str] = []
    indent = " " * (len(text) - len(text.lstrip(" ")))
    if len(indent) + max(map(display_width, text.split(" "))) > width:
        indent = ""
    line = ""
    for word in text.strip(" ").split(" "):  # a narrow space within a number keeps it whole
        if line and display_width(line) + 1 + display_width(word) > width:
            lines.append(line)
            line = f"{indent}{word}"
        else:
            line = f"{line} {word}" if line else f"{indent}{word}"
    return [*lines, line] if line else lines


def say(text: str, *, err: bool = False) -> None:
    """A sentence on stdout or stderr, wrapped at words on a terminal, one line in a pipe."""
    width = terminal_width(sys.stderr if err else sys.stdout)
    for line in printable(text).split("\n"):
        for part in [line] if width is None else wrapped(line, width) or [""]:
            click.echo(part, err=err)
