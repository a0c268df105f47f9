"""A terminal of a given width for commands that run within this process."""

import contextlib
import io
import os
import shutil
from pathlib import Path
from unittest import mock

from tests.helpers.command_line import command_line

WIDTHS = (40, 80, 120)


class Terminal(io.StringIO):
    """What is written to it is kept, and it says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def on_terminal(folder: Path, *arguments: str, width: int, code: int = 0) -> str:
    """What `forecast ARGUMENTS` prints on a terminal so wide, without the codes for bold text."""
    return both_on_terminal(folder, *arguments, width=width, code=code)[0]


def both_on_terminal(folder: Path, *arguments: str, width: int, code: int = 0) -> tuple[str, str]:
    """The same, and what it shows on stderr, which is a terminal too."""
    import click

    from forecast.__main__ import run

    out, err = Terminal(), Terminal()
    size = os.terminal_size((width, 40))
    with (
        mock.patch.object(shutil, "get_terminal_size", return_value=size),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        returned = run(command_line(folder, *arguments)[3:])
    assert returned == code, f"exit code {returned}\n{out.getvalue()}\n{err.getvalue()}"
    return click.unstyle(out.getvalue()), click.unstyle(err.getvalue())


def too_wide(text: str, width: int) -> list[str]:
    """The lines that are wider than the terminal although they could have been broken at a space."""
    return [line for line in text.splitlines() if len(line) > width and " " in line.strip()]
