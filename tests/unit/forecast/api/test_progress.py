"""The progress of a training: lines where stderr is no terminal, a bar of numbers that are whole where it is one."""

from contextlib import redirect_stderr

import click
import pytest

from forecast.api.progress import TrainingProgress
from tests.helpers.terminal import WIDTHS, Terminal


@pytest.mark.parametrize("width", WIDTHS)
def test_the_bar_fits_a_terminal_and_no_number_of_it_is_cut(width, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(width))
    with redirect_stderr(Terminal()) as terminal, TrainingProgress() as progress:
        progress.begin(total=1200, done=0)
        for number in range(1199):
            progress.advance(f"AAPL-1d-9e94baf36a bidirectional_lstm, fold {number}, seed 2", epochs=12)
    lines = [line.rstrip() for line in click.unstyle(terminal.getvalue()).replace("\r", "\n").splitlines()]
    assert max(map(len, lines)) <= width
    assert lines[-1].startswith("AAP")
    assert "1199/1200 0:0" in lines[-1]
    assert lines[-1].endswith("left")
    assert "left" not in lines[0]  # as long as it is not known


def test_a_note_is_one_line_in_a_pipe_however_long_it_is(capsys):
    text = "word " * 60
    with TrainingProgress() as progress:
        progress.begin(total=2, done=1)
        progress.note(text)
    assert capsys.readouterr().err.splitlines() == ["Resuming: 1 of 2 members were finished before.", text]
