"""Executors of this machine: processes, of which a killed one costs one task, and none at all."""

import os
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from functools import partial
from typing import Any

from pipelines.user_code.worker import Worker, WorkerDiedError


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, kw_only=True, eq=False)
class _Task:
    future: "Future[Any]"
    kind: Hashable
    function: Callable[[], Any]


class Processes(Executor):
    """So many processes, each prepared once by `prepare` (picklable), started at once and ended by `shutdown`.

    A task whose process died fails with WorkerDiedError, and the next task gets a new process. any_died: whether one
    did, in the middle of a task.

    kind: of a task's arguments, what a process has to compile for it. A process goes on with the kinds that it knows;
    when none of them is left, it takes one that no other knows, and only then helps another out.
    """

    def __init__(
        self, jobs: int, *, prepare: Callable[[], object], kind: Callable[..., Hashable] = lambda *_, **__: None
    ) -> None:
        self._prepare, self._kind = prepare, kind
        self._waiting: list[_Task] = []
        self._change = threading.Condition()
        self._ended = self._closed = self.any_died = False
        self._kinds: list[set[Hashable]] = [set() for _ in range(jobs)]
        self._workers: list[Worker] = []
        self._threads = [threading.Thread(target=self._work, args=(kinds,), daemon=True) for kinds in self._kinds]
        for thread in self._threads:
            thread.start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """One task more; it must be picklable."""
        task = _Task(future=Future(), kind=self._kind(*args, **kwargs), function=partial(fn, *args, **kwargs))
        with self._change:
            self._waiting.append(task)
            self._change.notify()
        return task.future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Ends the processes: after the tasks that wait, or at once with `cancel_futures`, which kills them."""
        with self._change:
            self._ended = True
            self._closed = self._closed or cancel_futures
            self._change.notify_all()
            if cancel_futures:
                for worker in self._workers:
                    worker.kill()
        if wait:
            for thread in self._threads:
                thread.join()

    def _work(self, kinds: set[Hashable]) -> None:
        worker: Worker | None
        try:
            worker = self._start()  # it loads the network library while the data are prepared
        except (OSError, WorkerDiedError):
            worker = None  # the first task tries again, and says why not
        while (task := self._next(kinds)) is not None:
            if not task.future.set_running_or_notify_cancel():
                continue
            try:
                worker = worker or self._start()
                task.future.set_result(worker.call(task.function))
            except BaseException as error:
                if isinstance(error, WorkerDiedError):
                    self.any_died = True
                    self._end(worker)
                    worker = None
                task.future.set_exception(error)
        self._end(worker)

    def _start(self) -> Worker:
        with self._change:
            if self._closed:
                raise WorkerDiedError("the processes were ended")
            self._workers.append(worker := Worker(self._prepare))
            return worker

    def _end(self, worker: Worker | None) -> None:
        if worker is not None:
            worker.close()
            with self._change:
                self._workers.remove(worker)

    def _next(self, kinds: set[Hashable]) -> _Task | None:
        """The task that a process which knows these kinds takes; None at the end."""
        with self._change:
            while not (self._waiting or self._ended):
                self._change.wait()
            if self._closed or not self._waiting:
                return None
            anyones = set().union(*self._kinds)
            places = range(len(self._waiting))
            place = min(places, key=lambda place: _foreign(self._waiting[place].kind, kinds=kinds, anyones=anyones))
            task = self._waiting.pop(place)
            kinds.add(task.kind)
            return task


def _foreign(kind: Hashable, *, kinds: set[Hashable], anyones: set[Hashable]) -> int:
    return 0 if kind in kinds else 2 if kind in anyones else 1


class Inline(Executor):
    """No process at all: a task is done when it is submitted."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """The task's result, there already."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future
