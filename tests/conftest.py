"""Fixtures that run the real command line, and one small trained run that many tests read."""

import contextlib
import io
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from unittest import mock

import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings

settings.register_profile("forecast", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("forecast")

Forecast = Callable[..., "subprocess.CompletedProcess[str]"]

SMALL = (
    "--folds", "2", "--seeds", "2", "--epochs", "3", "--units", "4", "--window", "10", "--end", "2003-12-31",
    "--baseline", "previous_sign", "--baseline", "logistic", "--model", "simple_rnn", "--model", "lstm",
)  # fmt: skip


def forecast_in(folder: Path, *, timeout: float = 240) -> Forecast:
    """A function that runs `forecast ARGUMENTS` as a process of its own with data and reports below a folder."""

    def run(*arguments: str, code: int = 0) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            command_line(folder, *arguments),
            capture_output=True,
            text=True,
            env=environment(),
            timeout=timeout,
            cwd=folder,
        )
        assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    return run


def forecast_here(folder: Path) -> Forecast:
    """As `forecast_in`, but within this process, which trains by itself: seconds of imports are paid once."""
    from forecast.__main__ import run as command
    from forecast.compute import backend, executor

    class Here(executor.InlinePool):
        def start(self) -> Executor:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                backend.load_fitting(self.backend)
            return super().start()

    def inline(*, jobs: int, backend: str, cluster: str | None) -> contextlib.nullcontext[Here]:
        return contextlib.nullcontext(Here(backend=backend))

    def run(*arguments: str, code: int = 0) -> "subprocess.CompletedProcess[str]":
        line = command_line(folder, *arguments)
        out, err = io.StringIO(), io.StringIO()
        with (
            mock.patch("forecast.cli.commands.train.make_workers", inline),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            contextlib.chdir(folder),
        ):
            returned = command(line[3:])
        assert returned == code, f"exit code {returned}\n{out.getvalue()}\n{err.getvalue()}"
        return subprocess.CompletedProcess(line, returned, out.getvalue(), err.getvalue())

    return run


def command_line(folder: Path, *arguments: str) -> list[str]:
    return [
        sys.executable, "-m", "forecast",
        "--data-dir", str(folder / "data"), "--reports-dir", str(folder / "reports"), *arguments,
    ]  # fmt: skip


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(Path(__file__).parents[1]), "COLUMNS": "100"}


@pytest.fixture
def forecast(tmp_path: Path) -> Forecast:
    """The command line on an empty folder."""
    return forecast_in(tmp_path)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with AAPL and MSFT in the store and a small finished run of AAPL. Tests only read it.

    Trained once for all processes of pytest-xdist; each has a copy.
    """
    folder = tmp_path_factory.mktemp("trained")
    several = "PYTEST_XDIST_WORKER" in os.environ
    first = (folder.parent.parent if several else folder.parent) / "trained-once"
    with FileLock(first.with_suffix(".lock")):
        if not (first / "whole").exists():
            first.mkdir()
            run = forecast_in(first)
            run("fetch", "AAPL", "MSFT", "--source", "sample")
            run("train", "AAPL", *SMALL)
            (first / "whole").touch()
    shutil.copytree(first, folder, dirs_exist_ok=True)
    return folder


def only_line(text: str) -> str:
    """The one line of an error message."""
    lines = text.strip().splitlines()
    assert len(lines) == 1, text
    return lines[0]
