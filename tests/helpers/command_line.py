"""The command line as a process of its own or within this one, the options of a small run, and what is printed."""

import contextlib
import io
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from unittest import mock

Forecast = Callable[..., "subprocess.CompletedProcess[str]"]

SMALL = (
    "--folds", "2", "--seeds", "2", "--epochs", "3", "--units", "4", "--window", "10", "--end", "2003-12-31",
    "--baseline", "previous_sign", "--baseline", "logistic", "--model", "simple_rnn", "--model", "lstm",
)  # fmt: skip


def forecast_in(folder: Path) -> Forecast:
    """A function that runs `forecast ARGUMENTS` as a process of its own with data and reports below a folder."""

    def run(*arguments: str, code: int = 0) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            command_line(folder, *arguments),
            capture_output=True,
            text=True,
            env=environment(),
            stdin=subprocess.DEVNULL,
            cwd=folder,
        )
        assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    return run


def forecast_here(folder: Path) -> Forecast:
    """As `forecast_in`, but within this process, which trains by itself: seconds of imports are paid once."""
    from forecast.__main__ import run as command

    def run(*arguments: str, code: int = 0) -> "subprocess.CompletedProcess[str]":
        line = command_line(folder, *arguments)
        out, err = io.StringIO(), io.StringIO()
        with (
            trained_here(),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            contextlib.chdir(folder),
        ):
            returned = command(line[3:])
        assert returned == code, f"exit code {returned}\n{out.getvalue()}\n{err.getvalue()}"
        return subprocess.CompletedProcess(line, returned, out.getvalue(), err.getvalue())

    return run


def trained_here() -> "contextlib.AbstractContextManager[object]":
    """Whatever is trained is trained within this process."""
    from forecast.compute import backend, executor

    class Here(executor.InlinePool):
        def start(self) -> Executor:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                backend.load_fitting(self.backend)
            return super().start()

    def inline(*, jobs: int, backend: str, cluster: str | None) -> contextlib.nullcontext[Here]:
        return contextlib.nullcontext(Here(backend=backend))

    return mock.patch("forecast.api.training.make_workers", inline)


def command_line(folder: Path, *arguments: str) -> list[str]:
    return [
        sys.executable, "-m", "forecast",
        "--data-dir", str(folder / "data"), "--reports-dir", str(folder / "reports"), *arguments,
    ]  # fmt: skip


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}


def forecast(folder: Path, *arguments: str) -> int:
    """Runs `forecast ARGUMENTS` within this process, with data and reports below a folder; its exit code."""
    from forecast.__main__ import run as command

    return command(command_line(folder, *arguments)[3:])


def only_line(text: str) -> str:
    """The one line of an error message."""
    lines = text.strip().splitlines()
    assert len(lines) == 1, text
    return lines[0]
