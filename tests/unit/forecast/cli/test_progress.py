"""Progress is drawn on a terminal, with what is being done and how much is left; never in a pipe or with --quiet."""

from contextlib import redirect_stderr
from pathlib import Path

import click
import pytest

from forecast.cli.context import CliContext
from forecast.cli.progress import busy, counted
from forecast.workspace import Workspace
from tests.helpers.terminal import Terminal

SETTINGS = CliContext(workspace=Workspace(data_dir=Path("d"), reports_dir=Path("r")))


def test_on_a_terminal_the_thing_that_is_done_and_its_number_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    with redirect_stderr(Terminal()) as terminal:
        with counted(SETTINGS, "Fetching") as step:
            for number, symbol in enumerate(["AAPL", "MSFT", "IBM"]):
                step(symbol, number, 3)
        with busy(SETTINGS, "Asking AAPL"):
            pass
    output = click.unstyle(terminal.getvalue())
    assert "Fetching IBM" in output
    assert "2/3" in output
    assert "Asking AAPL" in output


@pytest.mark.parametrize("quiet", [True, False])
def test_in_a_pipe_and_with_quiet_nothing_is_written(quiet: bool, capsys: pytest.CaptureFixture[str]) -> None:
    with counted(CliContext(workspace=SETTINGS.workspace, quiet=quiet), "Fetching") as step, busy(SETTINGS, "Asking"):
        step("AAPL", 0, 1)
    assert capsys.readouterr() == ("", "")


def test_quiet_is_silent_on_a_terminal_too() -> None:
    quiet = CliContext(workspace=SETTINGS.workspace, quiet=True)
    with redirect_stderr(Terminal()) as terminal, counted(quiet, "Fetching") as step:
        step("AAPL", 0, 1)
    assert terminal.getvalue() == ""
