"""The one loop that fits members: handed out to workers, tried again, saved as they finish, failures by name."""

import gc
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from forecast.compute import compiled, shared_data, task
from forecast.compute.backend import load_fitting
from forecast.compute.processes import Inline, Processes
from forecast.compute.progress import Progress
from forecast.compute.shared_data import SharedData
from forecast.compute.task import MemberResult, MemberTask
from forecast.networks.results import FitResult
from pipelines.errors import ForecastError, RunError
from pipelines.files import temporary_folder
from pipelines.user_code.worker import WorkerDiedError

_MOST_ATTEMPTS = 3
_COMPILED = "compiled"
_TENSORFLOW_FOLDER = "--tf_xla_persistent_cache_directory"


class WorkerPool(Protocol):
    """Where members are fitted. ahead: how many are handed to the executor before one is back."""

    backend: str
    ahead: int

    def start(self) -> Executor:
        """The executor, its workers loading the backend; the same one every time."""

    def share(self, shared: SharedData) -> Any:
        """What stands for the data in every task: they reach each worker once."""

    def rest(self) -> None:
        """Ends the workers of this machine, all of whose work is done, until the next start."""

    def failure(self) -> ForecastError | None:
        """Why nothing more can come back, None where all is well."""


@dataclass(frozen=True, kw_only=True)
class FitFailure:
    """A member that could not be fitted, and why; the others are not touched by it."""

    order: MemberTask
    reason: str


@dataclass(frozen=True, kw_only=True, eq=False)
class FitJob:
    """One member, the data it is fitted on, and what is done with its result.

    data: what `WorkerPool.share` returned. label: under which its end is shown as progress; None: not shown.
    """

    data: Any
    task: MemberTask
    done: Callable[[MemberResult], None]
    label: str | None = None


class InlinePool:
    """This very process, one member after another: for notebooks and tests."""

    ahead = 1

    def __init__(self, *, backend: str) -> None:
        self.backend = backend

    def start(self) -> Executor:
        return Inline()

    def share(self, shared: SharedData) -> Any:
        return shared_data.to_arrays(shared)

    def rest(self) -> None:
        pass

    def failure(self) -> ForecastError | None:
        return None


class ProcessPool:
    """Processes of this machine, one task at a time each; nothing is started before it is needed."""

    def __init__(self, *, backend: str, jobs: int) -> None:
        self.backend = backend
        self.ahead = 1_000
        self._jobs = jobs
        self._open = ExitStack()
        self._executor: Processes | None = None
        self._folder: Path | None = None
        self._interrupted = False

    def __enter__(self) -> "ProcessPool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(wait=kind is None)  # their processor time counts as this process's children's once they are gone
        self._interrupted |= kind is not None
        if self._folder is not None and not self._interrupted:  # JAX writes in place, and replaces no half a file
            compiled.keep(self.backend, self._folder / _COMPILED)
        self._open.close()

    def start(self) -> Executor:
        if self._executor is None:
            folder = self._aside() / _COMPILED
            compiled.fetch(self.backend, folder)
            prepare = partial(_prepare, self.backend, folder)
            self._executor = Processes(self._jobs, prepare=prepare, kind=lambda _, order: order.kind)
        return self._executor

    def share(self, shared: SharedData) -> Path:
        return shared_data.write(Path(tempfile.mkdtemp(dir=self._aside())), shared_data.to_arrays(shared))

    def rest(self) -> None:
        self._end(wait=True)

    def _end(self, *, wait: bool) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=wait, cancel_futures=True)
            self._interrupted |= self._executor.any_died
            self._executor = None

    def _aside(self) -> Path:
        if self._folder is None:
            self._folder = self._open.enter_context(temporary_folder("members"))
        return self._folder

    def failure(self) -> ForecastError | None:
        return None


_NOT_NEEDED = {"tensorflow": ("sklearn", "pandas", "scipy", "jax"), "jax": ("sklearn", "pandas")}
"""What keras and TensorFlow import where it is installed, for wrappers and conversions that no worker asks for."""


def _prepare(backend: str, folder: Path) -> None:
    """Loads the network library in a worker, without what it does not need: one to two seconds less.

    folder: in which it keeps what it compiled, for the other workers of this run.
    """
    flags = os.environ.get("TF_XLA_FLAGS", "")
    if _TENSORFLOW_FOLDER not in flags:
        os.environ["TF_XLA_FLAGS"] = f"{flags} {_TENSORFLOW_FOLDER}={folder}".strip()
    os.environ |= {
        "JAX_COMPILATION_CACHE_DIR": str(folder),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        "JAX_PERSISTENT_CACHE_ENABLE_XLA_CACHES": "none",  # else the folder's name is part of what entries are found by
    }
    absent = [name for name in _NOT_NEEDED[backend] if name not in sys.modules]
    sys.modules |= dict.fromkeys(absent)  # type: ignore[arg-type]  # None: as if it were not installed
    gc.disable()  # hardly anything of what is imported is ever garbage
    try:
        load_fitting(backend)
    finally:
        gc.freeze()
        gc.enable()
        for name in absent:  # a person's own model may need it
            if sys.modules.get(name, name) is None:
                del sys.modules[name]


def fit_members(jobs: Sequence[FitJob], *, workers: WorkerPool, progress: Progress) -> None:
    """Fits every member and hands each result to its job's `done` as soon as it is there.

    Raises:
        RunError: some failed three times; the results of the others were handed on.
    """
    if not jobs:
        return
    failures: list[FitFailure] = []
    for number, result in fit_all(workers, [(job.data, job.task) for job in jobs], note=progress.note):
        job = jobs[number]
        if isinstance(result, FitFailure):
            failures.append(result)
            progress.note(f"{result.order.name} failed: {result.reason}. The others are trained.")
            continue
        job.done(result)
        if job.label is not None:
            progress.advance(job.label, epochs=len(result.loss) if isinstance(result, FitResult) else 0)
            if isinstance(result, FitResult) and result.diverged is not None:
                progress.note(
                    f"{job.task.name} diverged in epoch {result.diverged}: it forecasts 0.5 and trades nothing. Lower "
                    "--learning-rate, or keep --clip above 0."
                )
    if failures:
        raise RunError(
            f"{len(failures)} of {len(jobs)} members failed three times: "
            + "; ".join(list(dict.fromkeys(f"{failure.order.name} ({failure.reason})" for failure in failures))[:3])
            + ". The others are kept. Lower --jobs if memory is short, and run the same command again: it resumes."
        )


def fit_all(
    engine: WorkerPool, work: Sequence[tuple[Any, MemberTask]], *, note: Callable[[str], None]
) -> Iterator[tuple[int, MemberResult | FitFailure]]:
    """Yields the number of each piece of work with its fitted member, or why there is none, as they finish.

    work: (what `engine.share` returned, order). A task whose worker died, or that failed, is tried three times.

    Raises:
        ForecastError: workers that cannot give the run's digits, a scheduler that is gone.
    """
    executor = engine.start()
    attempts = [0] * len(work)
    remaining = sorted(range(len(work)), key=lambda number: work[number][1].work)  # the last is taken first
    running: dict[Future[MemberResult], int] = {}
    try:
        while remaining or running:
            while remaining and len(running) < engine.ahead:
                number = remaining.pop()
                running[executor.submit(task.fit, *work[number])] = number
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                number = running.pop(future)
                attempts[number] += 1
                try:
                    fitted = future.result()
                except ForecastError:
                    raise
                except (Exception, CancelledError) as error:
                    if (failure := engine.failure()) is not None:
                        raise failure from error
                    reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
                    if attempts[number] == _MOST_ATTEMPTS:
                        yield number, FitFailure(order=work[number][1], reason=" ".join(reason.split())[:300])
                        continue
                    cause = "its worker died" if isinstance(error, WorkerDiedError) else reason
                    note(f"{work[number][1].name}: {cause}; trying again.")
                    remaining.append(number)
                else:
                    yield number, fitted
    finally:
        for future in running:
            future.cancel()
