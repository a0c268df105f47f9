"""The process in which a person's code is called: where it ends or crashes, the command says so in one line.

It lives from one call to the next, so that libraries are imported once, and is started anew where code must not
remember, where its file is another by now, and where the current directory or the import path is another one.
"""

import atexit
import os
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pipelines.errors import ConfigError
from pipelines.user_code import loading
from pipelines.user_code.source_files import is_user_code, sources
from pipelines.user_code.worker import Worker, WorkerDiedError

_GRACE = 60.0  # seconds for imports, and for a call that its own limit cannot end because it is in C


class _Process:
    """The one process of this one, and what it was started with. One call at a time."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._worker: Worker | None = None
        self._surroundings: tuple[Any, ...] = ()
        self._sources: dict[str, str] = {}

    def worker(self, sources: Mapping[str, str]) -> Worker:
        """The process, started where there is none that fits. sources: by module, sha256 of what it is asked for."""
        surroundings = (os.getpid(), str(Path.cwd()), tuple(sys.path))
        edited = any(self._sources.get(module, digest) != digest for module, digest in sources.items())
        if edited or surroundings != self._surroundings:
            self.end()
        if self._worker is None:
            self._worker, self._surroundings, self._sources = Worker(int), surroundings, {}
        self._sources |= sources
        return self._worker

    def end(self) -> None:
        """Ends it, and with it whatever a person's code keeps in memory."""
        worker, self._worker = self._worker, None
        if worker is not None and self._surroundings[0] == os.getpid():  # a fork has no right to its parent's
            worker.close()


_process = _Process()


def run(function: Callable[..., Any], *arguments: Any, name: str, what: str, seconds: float) -> Any:
    """What function(*arguments) returns in a process that is watched: this one, if it is, or one of its own.

    function: of a module, calling a person's code; arguments and result can be pickled. name, what: of that code, for
    messages. seconds: that its calls may take in all.

    Raises:
        ConfigError: the process ended before it answered; and what the function raises.
    """
    if loading.WATCHED.is_set():
        return function(*arguments)
    with _process.lock:
        try:
            digests = {name.partition(":")[0]: digest for name, digest in sources([name], what=what).items()}
            worker = _process.worker(digests)
            task = partial(_with_environment, dict(os.environ), function, *arguments)
            return _answer(worker, task, name=name, what=what, seconds=seconds)
        except BaseException as error:
            if not isinstance(error, Exception) or isinstance(error.__cause__, WorkerDiedError):
                _process.end()
            raise


def run_alone(function: Callable[..., Any], *arguments: Any, name: str, what: str, seconds: float) -> Any:
    """The same in a fresh process that ends after it: nothing in it has seen anything else."""
    worker = Worker(int)
    try:
        return _answer(worker, partial(function, *arguments), name=name, what=what, seconds=seconds)
    finally:
        worker.close()


def import_anew(names: Iterable[str]) -> None:
    """Lets the next call of these import their modules anew."""
    own = [name for name in names if is_user_code(name)]
    if own:
        run(loading.import_anew, own, name=own[0], what="Code", seconds=loading.LONGEST_CALL)


def end_process() -> None:
    """Ends the process of `run`: the next call finds nothing that a person's code keeps, wherever it keeps it."""
    with _process.lock:
        _process.end()


def _with_environment(environment: dict[str, str], function: Callable[..., Any], *arguments: Any) -> Any:
    """In the process: with the environment of the one that asks, whatever an earlier call left in it."""
    if os.environ != environment:
        for variable in os.environ.keys() - environment.keys():
            del os.environ[variable]
        os.environ.update(environment)
    return function(*arguments)


def _answer(worker: Worker, task: Callable[[], Any], *, name: str, what: str, seconds: float) -> Any:
    timer = threading.Timer(seconds + _GRACE, worker.kill)
    timer.daemon = True
    timer.start()
    try:
        return worker.call(task)
    except WorkerDiedError as error:
        raise ConfigError(
            f"{what} {name}: expected it to return, got the end of its process ({worker.ending()}). Let it neither "
            "exit nor wait for ever."
        ) from error
    finally:
        timer.cancel()


atexit.register(end_process)
