"""Executors of this machine: spawned processes, of which a killed one costs one task, and none at all."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from typing import Any


class WorkerDiedError(Exception):
    """The process that worked on a task was killed; the task itself may be fine."""


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, kw_only=True, eq=False)
class _Task:
    future: "Future[Any]"
    kind: Hashable
    function: Callable[[], Any]


class Processes(Executor):
    """So many spawned processes, each prepared once by `prepare` (picklable).

    Each is a ProcessPoolExecutor of one: a pool of several is lost whole when one of its processes is killed. A task
    whose process died fails with WorkerDiedError, and the next task gets a new process.

    kind: of a task's arguments, what a process has to compile for it. A process goes on with the kinds that it knows;
    when none of them is left, it takes one that no other knows, and only then helps another out.
    """

    def __init__(
        self, jobs: int, *, prepare: Callable[[], object], kind: Callable[..., Hashable] = lambda *_: None
    ) -> None:
        self._prepare, self._kind = prepare, kind
        self._waiting: list[_Task] = []
        self._change = threading.Condition()
        self._ended = self._closed = False
        self._known: list[set[Hashable]] = [set() for _ in range(jobs)]
        self._threads = [threading.Thread(target=self._work, args=(known,), daemon=True) for known in self._known]
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
            kill_children()
        if wait:
            for thread in self._threads:
                thread.join()

    def _work(self, known: set[Hashable]) -> None:
        pool = self._pool()
        while (task := self._next(known)) is not None:
            if not task.future.set_running_or_notify_cancel():
                continue
            try:
                task.future.set_result(pool.submit(task.function).result())
            except BrokenProcessPool:
                task.future.set_exception(WorkerDiedError("its process was killed, or ran out of memory"))
                if not self._closed:
                    pool = self._pool()
            except BaseException as error:
                task.future.set_exception(error)
        pool.shutdown(wait=False, cancel_futures=True)

    def _next(self, known: set[Hashable]) -> _Task | None:
        """The task that a process which knows these kinds takes; None at the end."""
        with self._change:
            while not (self._waiting or self._ended):
                self._change.wait()
            if self._closed or not self._waiting:
                return None
            anyones = set().union(*self._known)
            places = range(len(self._waiting))
            place = min(places, key=lambda place: _foreign(self._waiting[place].kind, known=known, anyones=anyones))
            task = self._waiting.pop(place)
            known.add(task.kind)
            return task

    def _pool(self) -> ProcessPoolExecutor:
        pool = ProcessPoolExecutor(
            max_workers=1,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_start,
            initargs=(self._prepare,),
        )
        pool.submit(int)  # starts the process now: it loads the network library while the data are prepared
        return pool


def _foreign(kind: Hashable, *, known: set[Hashable], anyones: set[Hashable]) -> int:
    return 0 if kind in known else 2 if kind in anyones else 1


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


def kill_children() -> None:
    """Kills the processes that this one started."""
    for child in multiprocessing.active_children():
        child.kill()


def _start(prepare: Callable[[], object]) -> None:
    """Once a worker: Ctrl-C is the parent's business, and a worker whose parent is gone ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    prepare()


def _end_with(parent: Any) -> None:
    parent.join()
    os._exit(1)
