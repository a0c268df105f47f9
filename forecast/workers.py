"""Executors of this machine: spawned processes, of which a killed one costs one task, and none at all."""

import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any


class WorkerDiedError(Exception):
    """The process that worked on a task was killed; the task itself may be fine."""


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Processes(Executor):
    """So many spawned processes, each prepared once by `prepare` (picklable).

    Each is a ProcessPoolExecutor of one: a pool of several is lost whole when one of its processes is killed. A task
    whose process died fails with WorkerDiedError, and the next task gets a new process.
    """

    def __init__(self, jobs: int, *, prepare: Callable[[], object]) -> None:
        self._prepare = prepare
        self._waiting: queue.SimpleQueue[tuple[Future[Any], Callable[..., Any], Any, Any] | None] = queue.SimpleQueue()
        self._closed = False
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(jobs)]
        for thread in self._threads:
            thread.start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """One task more; it must be picklable."""
        future: Future[Any] = Future()
        self._waiting.put((future, fn, args, kwargs))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Ends the processes: after the tasks that wait, or at once with `cancel_futures`, which kills them."""
        self._closed = self._closed or cancel_futures
        for _ in self._threads:
            self._waiting.put(None)
        if cancel_futures:
            kill_children()
        if wait:
            for thread in self._threads:
                thread.join()

    def _work(self) -> None:
        pool = self._pool()
        while (item := self._waiting.get()) is not None and not self._closed:
            future, fn, args, kwargs = item
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(pool.submit(fn, *args, **kwargs).result())
            except BrokenProcessPool:
                future.set_exception(WorkerDiedError("its process was killed, or ran out of memory"))
                if not self._closed:
                    pool = self._pool()
            except BaseException as error:
                future.set_exception(error)
        pool.shutdown(wait=False, cancel_futures=True)

    def _pool(self) -> ProcessPoolExecutor:
        pool = ProcessPoolExecutor(
            max_workers=1,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_start,
            initargs=(self._prepare,),
        )
        pool.submit(int)  # starts the process now: it loads the network library while the data are prepared
        return pool


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
