"""A command in a process of its own, forked from this one: what is imported here it need not import, and nothing that
it does stays here. It can be killed at any moment, given less memory or disk, and it cannot hang for ever."""

import gc
import os
import resource
import select
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from tests.helpers.command_line import trained_here

TIMEOUT = 300.0
_MODULES = (
    "deltalake", "pyarrow.dataset", "pyarrow.parquet", "h5py", "scipy.stats", "sklearn.linear_model",
    "exchange_calendars", "jinja2", "plotly.graph_objects", "yfinance", "forecast.__main__", "forecast.api",
    "forecast.evaluation.backtest", "forecast.evaluation.judging.judged_run", "forecast.evaluation.portfolio",
    "forecast.report.pages.run", "forecast.serving.signal", "forecast.serving.evening",
    "pipelines.sources.csv.source", "pipelines.sources.yahoo.source", "pipelines.store.store",
    *(f"forecast.cli.commands.{name}"
      for name in ("backtest", "config", "data", "fetch", "judge", "live", "report", "runs", "signal")),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a process ended. code: None where it was killed, by us or, where it hung, by the clock."""

    code: int | None
    out: str
    err: str
    seconds: float
    hung: bool = False


def warm() -> None:
    """Imports what commands need, and uses none of it: a library whose threads run cannot be forked."""
    for name in _MODULES:
        import_module(name)
    import_module("pipelines.market.calendars").schedule("XNYS")
    gc.collect()
    gc.freeze()  # else every child's collector touches, and so copies, all that was imported


def warm_networks() -> None:
    """The same for what trains: seconds and much memory that other commands do without."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import_module("forecast.compute.backend").load_fitting("tensorflow")
    gc.freeze()


def forked(
    work: Callable[[], int],
    folder: Path,
    *,
    kill_after: float | None = None,
    limit: tuple[int, int] | None = None,
    timeout: float = TIMEOUT,
) -> Outcome:
    """Runs `work` in `folder`. limit: one of resource.RLIMIT_*, and its value."""
    folder.mkdir(parents=True, exist_ok=True)
    pipes = [os.pipe(), os.pipe()]  # no files: their size may be limited
    began = time.monotonic()
    pid = os.fork()
    if pid == 0:
        _child(work, folder, pipes[0][1], pipes[1][1], limit)
    for _, end in pipes:
        os.close(end)
    out, err = (reader for reader, _ in pipes)
    handle, texts, ended = os.pidfd_open(pid), {out: b"", err: b""}, False
    waiting = [handle, out, err]
    while handle in waiting:
        left = began + (timeout if kill_after is None else kill_after) - time.monotonic()
        if not (ready := select.select(waiting, [], [], max(left, 0.0))[0]):
            try:
                os.killpg(pid, signal.SIGKILL)
            except ProcessLookupError:  # it has not come as far as to lead a group
                os.kill(pid, signal.SIGKILL)
            break
        for stream in ready:
            if stream == handle:
                ended = True
                waiting.remove(handle)
            elif part := os.read(stream, 1 << 16):
                texts[stream] += part
            else:
                waiting.remove(stream)
    status = os.waitpid(pid, 0)[1]
    for stream in (out, err):
        while ended and select.select([stream], [], [], 0)[0] and (part := os.read(stream, 1 << 16)):
            texts[stream] += part
    for stream in (handle, out, err):
        os.close(stream)
    return Outcome(
        code=os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
        out=texts[out].decode(errors="replace"),
        err=texts[err].decode(errors="replace"),
        seconds=time.monotonic() - began,
        hung=not ended and kill_after is None,
    )


def command(folder: Path, *arguments: str, **options: object) -> Outcome:
    """`forecast ARGUMENTS` on the data and reports below a folder, with a temporary folder there, too.

    Networks are trained in the same process: seconds of imports are paid once.
    """
    from forecast.__main__ import run

    line = ["--data-dir", str(folder / "data"), "--reports-dir", str(folder / "reports"), *arguments]

    def work() -> int:
        with trained_here():
            return run(line)

    return forked(work, folder, **options)  # type: ignore[arg-type]


def temporary(folder: Path) -> Path:
    """Where processes in `folder` keep what is temporary."""
    return folder / "tmp"


def _child(work: Callable[[], int], folder: Path, out: int, err: int, limit: tuple[int, int] | None) -> None:
    code = 1
    with suppress(BaseException):
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w", errors="backslashreplace"), open(2, "w")  # noqa: SIM115
        temporary(folder).mkdir(exist_ok=True)
        tempfile.tempdir = str(temporary(folder))
        os.chdir(folder)
        if limit is not None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(limit[0], (limit[1], limit[1]))
        try:
            code = work()
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)
