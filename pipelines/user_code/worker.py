"""A worker process: reads pickled tasks from its stdin, does them one by one, and ends with the process it serves.

It is a Python of its own that never imports the person's script, as `multiprocessing` would: no script needs a
`__main__` guard, and one without a file (a notebook, stdin, `python -c`) works alike.
"""

import json
import os
import pickle
import queue
import signal
import struct
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any, cast

from pipelines.user_code.loading import FAILURES, WATCHED, one_line

_LENGTH = struct.Struct("<Q")
_CODE = (  # Ctrl-C is the business of the process that is served
    "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); import json, sys; "
    "sys.path[:] = json.loads(sys.argv[1]); from pipelines.user_code.worker import main; main()"
)


class WorkerDiedError(Exception):
    """The process that worked on a task was killed; the task itself may be fine."""


class Worker:
    """The process that serves, seen from the one that is served. One thread at a time may use it.

    prepare: called there once, before the first task; picklable, as every task is.
    """

    def __init__(self, prepare: Callable[[], object]) -> None:
        options = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # as multiprocessing does
        self._process = subprocess.Popen(  # noqa: S603  # this very Python
            [sys.executable, *options, "-c", _CODE, json.dumps([path for path in sys.path if isinstance(path, str)])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._tasks, self._answers = cast(IO[bytes], self._process.stdin), cast(IO[bytes], self._process.stdout)
        self._prepared = False
        self._send(pickle.dumps(prepare))

    def call(self, function: Callable[[], Any]) -> Any:
        """What the function returns there, or raises.

        Raises:
            WorkerDiedError: the process ended before it answered.
        """
        task = pickle.dumps(function)
        if not self._prepared:
            self._prepared = True
            self._receive()
        self._send(task)
        return self._receive()

    def ending(self) -> str:
        """How the process ended: "exit code 0", "signal SIGSEGV"; waits for its end."""
        code = self._process.wait()
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    def kill(self) -> None:
        """Ends the process at once; from any thread."""
        self._process.kill()

    def close(self) -> None:
        """Ends the process, whatever it does, and waits for that."""
        self._process.kill()
        self._process.wait()
        self._answers.close()
        with suppress(OSError):  # a part of a task was still to be sent
            self._tasks.close()

    def _send(self, content: bytes) -> None:
        with suppress(OSError):  # it is gone, as the missing answer will say
            _write(self._tasks, content)

    def _receive(self) -> Any:
        try:
            answer = _read(self._answers)
        except (EOFError, OSError) as error:
            raise WorkerDiedError("its process was killed, or ran out of memory") from error
        succeeded, result = pickle.loads(answer)  # noqa: S301  # of our own process
        if not succeeded:
            raise result
        return result


def main() -> None:
    """The life of a worker."""
    WATCHED.set()
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)  # what a library prints is not an answer
    tasks: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_receive_all, args=(requests, tasks), daemon=True).start()
    while True:
        _write(answers, _answer(tasks.get()))


def _receive_all(requests: IO[bytes], tasks: "queue.SimpleQueue[bytes]") -> None:
    """Ends this process, in the middle of a task too, when the one that it serves is gone."""
    try:
        while True:
            tasks.put(_read(requests))
    finally:
        os._exit(1)


def _answer(task: bytes) -> bytes:
    try:
        return pickle.dumps((True, pickle.loads(task)()))  # noqa: S301  # of the process that started this one
    except FAILURES as error:
        error.add_note("".join(traceback.format_exception(error)))
        try:
            pickle.loads(content := pickle.dumps((False, error)))  # noqa: S301  # some cannot be made again
        except Exception:
            content = b""
        if isinstance(error, SystemExit) or not content:  # raised there, it would end that process
            content = pickle.dumps((False, RuntimeError(one_line(error))))
        return content


def _write(stream: IO[bytes], content: bytes) -> None:
    stream.write(_LENGTH.pack(len(content)))
    stream.write(content)
    stream.flush()


def _read(stream: IO[bytes]) -> bytes:
    (length,) = _LENGTH.unpack(_exactly(stream, _LENGTH.size))
    return _exactly(stream, length)


def _exactly(stream: IO[bytes], count: int) -> bytes:
    content = stream.read(count)
    if len(content) < count:
        raise EOFError
    return content
