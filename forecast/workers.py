"""Tasks spread over spawned processes; results as they finish, a killed worker costs one task, no orphans."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from forecast import backend
from forecast.dataset import Dataset
from forecast.experiment import Experiment
from forecast.member import Architecture, Budget, Fitted
from pipelines.errors import RunError

Task = tuple[str, int, int]  # model, fold number, seed

_MOST_BREAKDOWNS = 3
_shared: tuple[Any, Dataset, Experiment] | None = None


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def fit_all(
    tasks: Sequence[Task], *, dataset: Dataset, experiment: Experiment, jobs: int, note: Callable[[str], None]
) -> Iterator[tuple[Task, Fitted]]:
    """Yields each task with its fitted member as it finishes, in any order; what it yields depends on no order.

    Raises:
        RunError: workers that keep dying.
    """
    left = list(tasks)
    breakdowns = 0
    while left:
        pool = ProcessPoolExecutor(
            max_workers=min(jobs, len(left)),
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_start,
            initargs=(dataset, experiment),
        )
        try:
            futures = {pool.submit(_fit, task): task for task in left}
            for future in as_completed(futures):
                fitted = future.result()
                left.remove(futures[future])
                yield futures[future], fitted
            pool.shutdown()
        except BrokenProcessPool as error:
            breakdowns += 1
            _kill_workers()
            if breakdowns == _MOST_BREAKDOWNS:
                raise RunError(
                    f"A worker process died {breakdowns} times (killed, or out of memory), {len(left)} members are "
                    "left. Free some memory or lower --jobs, and run the same command again: it goes on."
                ) from error
            note("A worker process died; going on with a new one.")
        except BaseException:
            _kill_workers()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _kill_workers() -> None:
    for child in multiprocessing.active_children():
        child.kill()


def _start(dataset: Dataset, experiment: Experiment) -> None:
    """Once a worker: Ctrl-C is the parent's business, and a worker whose parent is gone ends."""
    global _shared
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    _shared = (backend.load_fitting(), dataset, experiment)


def _end_with(parent: Any) -> None:
    parent.join()
    os._exit(1)


def _fit(task: Task) -> Fitted:
    if _shared is None:
        raise RuntimeError("the worker was not started by fit_all")
    fitting, dataset, experiment = _shared
    model, number, seed = task
    fitted: Fitted = fitting.fit(
        dataset.windows,
        dataset.folds[number],
        dataset.scalers[number],
        architecture=Architecture(
            model=model, steps=experiment.window, features=len(experiment.features), units=experiment.units
        ),
        seed=seed,
        budget=Budget(
            epochs=experiment.epochs,
            patience=experiment.patience,
            batch=experiment.batch,
            learning_rate=experiment.learning_rate,
        ),
    )
    return fitted
