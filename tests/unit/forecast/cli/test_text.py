"""Nothing that comes from data moves the cursor of a terminal, and no encoding ends a command."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.__main__ import run
from forecast.cli.text import printable
from pipelines.store.store import Store
from tests.helpers.command_line import environment
from tests.helpers.market_examples import daily_bars


@given(st.text())
def test_no_control_character_is_left(text: str) -> None:
    printed = printable(text)
    assert all(letter >= " " or letter in "\n\t" for letter in printed)
    assert "\x7f" not in printed
    printed.encode()  # no lone surrogate


def test_plain_text_stays_as_it_is() -> None:
    assert printable("Müller – 東京\tx\ny") == "Müller – 東京\tx\ny"
    assert printable("a\x1b]0;x\x07b\u202ec") == r"a\x1b]0;x\x07b\u202ec"


def test_a_currency_with_an_escape_sequence_is_shown_escaped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from dataclasses import replace

    Store(tmp_path / "store").write_bars(replace(daily_bars([10, 11]), currency="U\x1b[31mSD"))
    assert run(["--data-dir", str(tmp_path), "data", "list"]) == 0
    assert r"U\x1b[31mSD" in capsys.readouterr().out
    assert run(["--data-dir", str(tmp_path), "data", "show", "X\x1b[2J"]) == 2
    assert "\x1b" not in capsys.readouterr().err


@pytest.mark.parametrize("encoding", ["latin-1", "iso8859-15"])
def test_a_terminal_without_a_letter_shows_its_number(tmp_path: Path, encoding: str) -> None:
    from dataclasses import replace

    Store(tmp_path / "store").write_bars(replace(daily_bars([10, 11]), currency=""))  # shown as –
    line = [sys.executable, "-m", "forecast", "--data-dir", str(tmp_path), "data", "list"]
    shell = environment() | {"PYTHONIOENCODING": encoding}
    done = subprocess.run(line, capture_output=True, env=shell, check=False)
    assert done.returncode == 0, done.stderr
    assert rb"\u2013" in done.stdout
