"""A person's code in a fresh process: what it is asked, and what it answers line by line.

It is sent a history bar by bar as it asks for it, so that no code in it, whatever it searches, can find a later bar.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from pipelines.errors import ConfigError
from pipelines.user_code import WATCHED

_MORE = "more"  # the line in which a process asks for the next part
Arrays = Mapping[str, "np.ndarray[Any, Any]"]
Part = tuple[Mapping[str, Any], Arrays]
"""JSON-ready values and one-dimensional arrays that are sent together."""

Send = Callable[..., None]
"""Sends a line of the answer: a JSON object of the names that it is called with."""


class Effort:
    """Seconds that this process has worked since, or an eighth of those gone by where it waits longer than it works.

    How much of an audit is made must not depend on what else the machine does.
    """

    def __init__(self) -> None:
        self._worked, self._began = time.process_time(), time.monotonic()

    def seconds(self) -> float:
        return max(time.process_time() - self._worked, (time.monotonic() - self._began) / 8)


@dataclass(frozen=True, kw_only=True)
class ProcessAnswer:
    """What a process wrote, line by line, and how it ended."""

    messages: tuple[dict[str, Any], ...]
    ending: str

    def refuse(self, message: Mapping[str, Any], what: str, *, hint: str) -> None:
        """Raises the error of a message, or how the process ended where it never said what it opened.

        Raises:
            ConfigError: either of them.
        """
        if "error" in message:
            raise ConfigError(str(message["error"]))
        if "access" not in message:
            raise ConfigError(f"{what}: expected it to return, got the end of its process ({self.ending}). {hint}")


def ask_process(module: str, request: Mapping[str, Any], parts: Iterable[Part], *, limit: float) -> ProcessAnswer:
    """What a module of this project answers, run in a fresh process; it is ended after so many seconds.

    request: JSON-ready; the module takes it from question(). parts: what it is given besides, one at a time and only
    when it asks for the next: what has not been sent is nowhere in its memory.
    """
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(  # noqa: S603  # this Python, this module
            [sys.executable, "-P", "-m", module],  # -P: the current directory shadows no import of its own
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(_import_path()), "PYTHONWARNINGS": "ignore"},
        )
        timer = threading.Timer(limit, process.kill)
        try:
            timer.start()
            messages = tuple(_dialogue(process, request, iter(parts)))
        finally:
            timer.cancel()
            process.kill()
            process.communicate()
        complaints.seek(0)
        last = " ".join(complaints.read().decode(errors="replace").strip().splitlines()[-1:])[:300]
    return ProcessAnswer(messages=messages, ending=f"exit code {process.returncode}" + (f": {last}" if last else ""))


def _dialogue(
    process: "subprocess.Popen[bytes]", request: Mapping[str, Any], parts: Iterator[Part]
) -> Iterator[dict[str, Any]]:
    """Its lines, but for those in which it asks for the next part."""
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(BrokenPipeError):
        _write(process.stdin, (request, {}))
        for line in process.stdout:
            message = json.loads(line)
            if _MORE in message:
                _write(process.stdin, next(parts, ({}, {})))
            else:
                yield message
    process.wait()


def _write(stream: IO[bytes], part: Part) -> None:
    """A part as its length, a line that describes it, and its arrays' bytes."""
    values, arrays = part
    shapes = {name: [array.dtype.str, len(array)] for name, array in arrays.items()}
    head = json.dumps({"values": values, "arrays": shapes}).encode()
    body = b"".join([head, b"\n", *(np.ascontiguousarray(array).tobytes() for array in arrays.values())])
    stream.write(len(body).to_bytes(8, "big") + body)
    stream.flush()


def _read() -> Part:
    """The part that was sent to this process, and no byte more."""
    content = _exactly(int.from_bytes(_exactly(8), "big"))
    head, _, body = content.partition(b"\n")
    described, arrays, start = json.loads(head), {}, 0
    for name, (kind, length) in described["arrays"].items():
        arrays[name] = np.frombuffer(body, dtype=kind, count=length, offset=start).copy()
        start += arrays[name].nbytes
    return described["values"], arrays


def _exactly(count: int) -> bytes:
    parts = []
    while count:
        parts.append(os.read(0, count))
        if not parts[-1]:
            raise EOFError("the process that asks has ended")
        count -= len(parts[-1])
    return b"".join(parts)


def _import_path() -> list[str]:
    """Where a process that is started finds this project, and what this one imports from."""
    return [str(Path(__file__).parents[2]), *(path for path in sys.path if path)]


def question() -> tuple[dict[str, Any], Callable[[], Part], Send]:
    """What this process is asked: the request, how to ask for the next part (empty after the last), how to answer.

    What the person's code prints goes to stderr.
    """
    WATCHED.set()
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    request = dict(_read()[0])

    def send(**message: Any) -> None:
        out.write(json.dumps(message) + "\n")
        out.flush()

    def more() -> Part:
        send(**{_MORE: True})
        return _read()

    return request, more, send


def stretches(columns: Arrays, ends: Iterable[int]) -> Iterator[dict[str, Any]]:
    """The rows up to and with each end, less those before; at last the rows that remain. ends: ascending."""
    start = 0
    for end in ends:
        yield {name: column[start : end + 1] for name, column in columns.items()}
        start = end + 1
    yield {name: column[start:] for name, column in columns.items()}


class GrowingColumns:
    """Columns of a history that grows by what is sent, handed out as arrays of their own."""

    def __init__(self) -> None:
        self._columns: dict[str, Any] = {}
        self.length = 0

    def append(self, arrays: Arrays) -> None:
        """More rows of the same columns."""
        end = self.length
        for name, array in arrays.items():
            end = self.length + len(array)
            column = self._columns.get(name)
            if column is None or len(column) < end:
                longer = np.empty(max(2 * end, 256), dtype=array.dtype)
                longer[: self.length] = column[: self.length] if column is not None else 0
                self._columns[name] = column = longer
            column[self.length : end] = array
        self.length = end

    def copies(self) -> dict[str, Any]:
        """All rows so far: a slice would lead whoever is given it to what it is a slice of (array.base)."""
        return {name: column[: self.length].copy() for name, column in self._columns.items()}
