"""The process in which a person's features are computed on one history after another, the shortest first.

It has seen no longer history, so nothing in it (a module, a library, a cache) can remember one. An audit hook writes
down every file, socket and program that a feature opens: what it takes from there, no truncated history can show.
Run as `python -m pipelines.preprocessing.feature_process`: bars and cuts on stdin, JSON objects line by line on stdout.
"""

import base64
import io
import json
import os
import site
import sys
import sysconfig
import time
import zoneinfo
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from pipelines.errors import ConfigError
from pipelines.market.types import Bars
from pipelines.preprocessing import custom_features

BUDGET = 20.0  # seconds for the cuts of one feature; a slow one is computed at fewer of them
_CODE = (".py", ".pyc", ".pyi", ".so", ".pyd", ".dll", ".nbi", ".nbc")
_TABLES = (".csv", ".parquet", ".feather", ".arrow", ".h5", ".hdf5", ".npy", ".npz", ".pkl", ".sqlite", ".db")
_SYSTEM = ("/proc/", "/sys/", "/dev/null", "/dev/urandom", "/dev/random", "/etc/")
_EVENTS = {  # event of sys.addaudithook: what a person calls it
    "socket.connect": "connects to",
    "socket.getaddrinfo": "connects to",
    "socket.sendto": "connects to",
    "socket.bind": "connects to",
    "sqlite3.connect": "reads",
    "subprocess.Popen": "starts",
    "os.system": "starts",
    "os.posix_spawn": "starts",
    "os.exec": "starts",
}


class AccessLog:
    """What is opened while a feature is imported and computed."""

    def __init__(self) -> None:
        self.entries: dict[str, None] = {}
        self.active = False
        self._libraries = tuple(f"{path}{os.sep}" for path in _library_folders())
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.active:
            return
        if event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
            self._add_file(os.fspath(arguments[0]))
        elif event == "mmap.__new__" and arguments[0] >= 0:
            self.active = False  # the look-up below opens nothing that belongs to the feature
            self._add_file(_path_of(arguments[0]))
            self.active = True
        elif event in _EVENTS:
            target = arguments[0] if event != "socket.connect" else arguments[-1]
            target = arguments[-1] if event in ("socket.sendto", "socket.bind") else target
            target = target[0] if isinstance(target, tuple) and target else target
            self.entries[f"{_EVENTS[event]} {_text(target)}"] = None

    def _add_file(self, raw: str | bytes) -> None:
        path = os.path.abspath(os.fsdecode(raw))  # no look-up of links within the hook
        if path.startswith(_SYSTEM) or path.endswith(_CODE) or f"{os.sep}__pycache__{os.sep}" in path:
            return
        if path.startswith(self._libraries) and not path.endswith(_TABLES):
            return
        self.entries[f"reads {_text(path)}"] = None

    def add(self, text: str) -> None:
        """Something that the hook could not see."""
        self.entries[text] = None


def _library_folders() -> Iterator[str]:
    paths = sysconfig.get_paths()
    yield from {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    yield from site.getsitepackages()
    yield site.getusersitepackages()
    yield from zoneinfo.TZPATH


def _path_of(descriptor: int) -> str:
    try:
        return str(Path(f"/proc/self/fd/{descriptor}").readlink())
    except OSError:
        return os.devnull


def _text(target: object) -> str:
    text = os.fsdecode(target) if isinstance(target, bytes | os.PathLike) else str(target)
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:200]


class _ReadCounter:
    """Read calls of this process (Linux): libraries that are not written in Python open files past the audit hook."""

    def __init__(self) -> None:
        try:
            self._file: int | None = os.open("/proc/self/io", os.O_RDONLY)
        except OSError:
            self._file = None

    def count(self) -> int:
        if self._file is None:
            return 0
        lines = os.pread(self._file, 1000, 0).decode().split("\n")
        return next((int(line.split()[1]) for line in lines if line.startswith("syscr")), 0)

    def since(self, before: int) -> int:
        """Read calls since then, less the one that this count takes itself."""
        return 0 if self._file is None else self.count() - before - 1


def main() -> None:
    """Computes what stdin asks for; the features' own output goes to stderr."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    with np.load(io.BytesIO(sys.stdin.buffer.read()), allow_pickle=False) as arrays:
        request = json.loads(str(arrays["request"]))
        bars = Bars(**request["bars"], **{name: arrays[name] for name in request["columns"]})
        cuts = {name: arrays[f"cuts {number}"] for number, name in enumerate(request["features"])}
    log, counter = AccessLog(), _ReadCounter()
    for name in request["features"]:
        _send(out, feature=name, begins=True)
        log.entries.clear()
        try:
            _recompute(name, bars, cuts[name], log=log, counter=counter, out=out)
        except ConfigError as error:
            _send(out, feature=name, error=str(error))
        finally:
            log.active = False
        _send(out, feature=name, access=list(log.entries))


def _recompute(
    name: str, bars: Bars, cuts: np.ndarray[Any, Any], *, log: AccessLog, counter: _ReadCounter, out: TextIO
) -> None:
    """The feature's last value on the history up to each cut, shortest first, and all values of the whole history."""
    shortest = bars.rows(slice(0, int(cuts[0]) + 1))
    log.active = True
    for copy in range(2):  # the first imports what it needs; what the second reads is data
        custom_features.forget([name])
        names, before = len(log.entries), counter.count()
        _attempt(name, shortest)
        if copy and counter.since(before) > _MODULE_READS and len(log.entries) == names:
            log.add("reads a file past Python's audit hook")
    began, stride = time.monotonic(), 1
    values: list[float | str] = []
    rows: list[int] = []
    again: np.ndarray[Any, Any] | None = None
    for place, cut in enumerate(cuts):
        if place % stride and cut != cuts[-1]:
            continue
        history = bars.rows(slice(0, int(cut) + 1))
        started, names, before = time.monotonic(), len(log.entries), counter.count()
        answer = _attempt(name, history)
        if counter.since(before) > 0 and len(log.entries) == names and place > 3:
            log.add("reads a file past Python's audit hook")
        rows.append(int(cut))
        values.append(answer if isinstance(answer, str) else float(answer[-1]))
        if isinstance(answer, np.ndarray) and again is None and 2 * place >= len(cuts):
            again = answer
            repeated = _attempt(name, history)
            if isinstance(repeated, str) or not np.allclose(answer, repeated, rtol=1e-9, atol=0.0, equal_nan=True):
                _send(out, feature=name, unrepeatable=True)
        spent, left = time.monotonic() - began, 2.0 * (time.monotonic() - started) * (len(cuts) - place - 1)
        while stride < len(cuts) and left / stride > max(BUDGET - spent, 1e-3):
            stride *= 2
    try:
        full = custom_features.evaluate(name, bars)
    except ConfigError as error:
        raise ConfigError(f"{error} It was computed on shorter histories before: keep nothing of them.") from error
    encoded = base64.b64encode(full.astype(np.float64).tobytes()).decode()
    _send(out, feature=name, rows=rows, values=values, whole=encoded, precision=float(np.finfo(full.dtype).eps))


_MODULE_READS = 8  # reading a module's own source takes up to so many calls


def _attempt(name: str, history: Bars) -> np.ndarray[Any, Any] | str:
    """The feature's values, or why there are none."""
    try:
        return custom_features.evaluate(name, history)
    except ConfigError as error:
        return str(error)


def _send(out: TextIO, **message: Any) -> None:
    out.write(json.dumps(message) + "\n")
    out.flush()


if __name__ == "__main__":
    main()
