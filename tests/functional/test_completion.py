"""What a shell gets when a person presses Tab, asked as the shell asks: `_FORECAST_COMPLETE=bash_complete`."""

import os
import subprocess
import sys

import click
import pytest

from forecast.__main__ import run
from tests.helpers.command_line import environment

HEAVY = {"tensorflow", "keras", "jax", "pandas", "pyarrow", "deltalake"}
ASK = (
    "import sys, time; from forecast.__main__ import main\n"
    "try: main([])\n"
    "finally: print(sorted({name.partition('.')[0] for name in sys.modules} & set(sys.argv[1:])), time.process_time(),"
    " file=sys.stderr)"
)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with the names of a store and of two runs, as the program lays them out."""
    for folder in ("store/bars/symbol=AAPL", "store/bars/symbol=BRK-B", "store/ticks/symbol=ES", "store/actions"):
        (tmp_path / "data" / folder).mkdir(parents=True)
    for name, backtest in (("AAPL-1d-0a1b2c3d4e", "long-flat_band-0.0"), ("ES-tick-500-5f6a7b8c9d", "long-short")):
        (tmp_path / "data" / "runs" / name / "backtests" / backtest).mkdir(parents=True)
        (tmp_path / "data" / "runs" / name / "run.json").touch()
    (tmp_path / "data" / "runs" / "portfolios").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def completed(monkeypatch, capfd, line):
    """The words that complete the last one of a line."""
    words = line.split(" ")
    monkeypatch.setenv("_FORECAST_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "dup2", lambda *_: None)  # after a pipe's end nothing is written, here something is read
        assert run([]) == 0
    return [text.partition(",")[2] for text in capfd.readouterr().out.split()]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("forecast tr", ["train"]),
        ("forecast runs c", ["compare"]),
        ("forecast train ", ["AAPL", "BRK-B", "ES"]),
        ("forecast train AAPL b", ["BRK-B"]),
        ("forecast data show es", ["ES"]),
        ("forecast signal --symbol A", ["AAPL"]),
        ("forecast backtest ", ["AAPL", "BRK-B", "ES", "latest", "AAPL-1d-0a1b2c3d4e", "ES-tick-500-5f6a7b8c9d"]),
        ("forecast runs remove E", ["ES-tick-500-5f6a7b8c9d"]),
        ("forecast report AAPL-1d-0a1b2c3d4e --backtest ", ["long-flat_band-0.0", "long-short"]),
        ("forecast live add AAPL --backtest long-s", ["long-short"]),
        ("forecast train AAPL --model lstm_e", ["lstm_encoder_decoder"]),
        ("forecast live add AAPL --model den", ["dense"]),
        ("forecast train AAPL --label ab", ["above-median"]),
        ("forecast train AAPL --baseline prev", ["previous_sign"]),
        ("forecast train AAPL --feature vol", ["volatility"]),
        ("forecast backtest --policy long-s", ["long-short"]),
        ("forecast backtest --half-spread a", ["auto"]),
        ("forecast power --mark", ["--market", "--markets"]),
        ("forecast --data-dir elsewhere train ", []),
    ],
)  # fmt: skip
def test_a_word_is_completed_by_what_is_there(place, monkeypatch, capfd, line, words):
    assert completed(monkeypatch, capfd, line) == words


def test_a_store_on_another_machine_is_not_asked(place, monkeypatch, capfd):
    monkeypatch.setenv("FORECAST_STORE", "s3://bucket/prices")
    assert completed(monkeypatch, capfd, "forecast train ") == []


def test_completion_is_quick_and_imports_no_library(place):
    variables = {
        "_FORECAST_COMPLETE": "bash_complete",
        "COMP_WORDS": "forecast backtest AAPL --policy ",
        "COMP_CWORD": "4",
    }
    done = subprocess.run(
        [sys.executable, "-c", ASK, *HEAVY], capture_output=True, text=True, timeout=240, cwd=place,
        env=environment() | variables,
    )  # fmt: skip
    assert "plain,long-short" in done.stdout.splitlines()
    imported, seconds = done.stderr.strip().rsplit(" ", 1)
    assert imported == "[]"
    assert float(seconds) < 0.6  # of a processor, 0.2 where it is idle


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_its_script(place, monkeypatch, capfd, shell):
    monkeypatch.setenv("_FORECAST_COMPLETE", f"{shell}_source")
    if shell == "bash":  # it is asked for its version
        monkeypatch.setattr(click.shell_completion.BashComplete, "_check_version", staticmethod(lambda: None))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "dup2", lambda *_: None)
        assert run([]) == 0
    assert "_FORECAST_COMPLETE" in capfd.readouterr().out
