"""A small part of `make siege`: a few cases of each kind, in a process that may fork."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.command_line import environment, forecast_here


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="kills by pidfd: Linux")
def test_a_few_cases_of_every_kind_end_without_a_fault(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained / "data", tmp_path / "reference" / "data")
    forecast_here(tmp_path / "reference")("backtest")
    reference = str(tmp_path / "reference")
    arguments = ["--count", "2", "--seed", "7", "--log", str(tmp_path / "log"), "--reference", reference]
    line = [sys.executable, "-W", "ignore", "-m", "tests.siege", *arguments]
    first, again = (
        subprocess.run(line, capture_output=True, text=True, env=environment(), cwd=Path(__file__).parents[2])
        for _ in range(2)
    )
    assert first.returncode == 0, first.stdout + first.stderr
    assert first.stdout.count("2 cases: ") == 6
    assert again.stdout == first.stdout  # it was resumed: nothing was left to try
