"""A person's code in a fresh process: what it is asked, what it answers line by line, and what it opens meanwhile.

It is sent a history bar by bar as it asks for it, so that no code in it, whatever it searches, can find a later bar.
An audit hook writes down every file, socket and program: what the code takes from there, no truncated history can show.
"""

import json
import os
import site
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
import zoneinfo
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from pipelines.errors import ConfigError
from pipelines.user_code import WATCHED

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
    "os.listdir": "lists",
    "os.scandir": "lists",
}
_MORE = "more"  # the line in which a process asks for the next part
_SEARCHES = {
    "gc.get_objects": "looks into the memory of its process with gc.get_objects",
    "gc.get_referrers": "looks into the memory of its process with gc.get_referrers",
    "sys._getframe": "looks into the memory of its process with sys._getframe",
    "sys._current_frames": "looks into the memory of its process with sys._current_frames",
    "ctypes.dlopen": "calls C with ctypes",
    "ctypes.dlsym": "calls C with ctypes",
    "ctypes.cdata": "looks into the memory of its process with ctypes",
    "os.fork": "starts a process of its own",
}
"""Events of code that looks for what it was not given; libraries may."""

PAST_THE_HOOK = "reads a file past Python's audit hook"
"""What is said of read calls of the process for which the hook has no name."""

_MACHINE = "lscpu"  # a program that says how many cores there are, which joblib asks

Arrays = Mapping[str, "np.ndarray[Any, Any]"]
Part = tuple[Mapping[str, Any], Arrays]
"""JSON-ready values and one-dimensional arrays that are sent together."""

_PROJECT = f"{Path(__file__).parents[1]}{os.sep}"

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


class AccessLog:
    """What is opened while a feature is imported and computed."""

    def __init__(self) -> None:
        self.entries: dict[str, None] = {}
        self.of_the_system = 0  # files such as /proc/cpuinfo that were opened: they have no entry, but read calls
        self.active = False
        self._libraries = tuple(f"{path}{os.sep}" for path in _library_folders())
        paths = sysconfig.get_paths()
        self._standard, self._installed = (
            tuple(f"{paths[name]}{os.sep}" for name in names)
            for names in (("stdlib", "platstdlib"), ("purelib", "platlib"))
        )
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
        elif event in ("os.listdir", "os.scandir") and not self._by_the_person():
            return
        elif event in _EVENTS:
            target = arguments[0] if event != "socket.connect" else arguments[-1]
            target = arguments[-1] if event in ("socket.sendto", "socket.bind") else target
            target = target[0] if isinstance(target, tuple) and target else target
            if target != _MACHINE:
                self.entries[f"{_EVENTS[event]} {_text(target)}"] = None
        elif event in _SEARCHES and self._by_the_person(through="inspect.py" if event == "sys._getframe" else ""):
            self.add(_SEARCHES[event])

    def _by_the_person(self, *, through: str = "") -> bool:
        """Whether it is the person's own code that led here, maybe through the standard library, and no import.

        through: the one file of it that counts, since logging, warnings and namedtuple look at frames too.
        """
        self.active = False  # the look-up is such an event itself
        frame = sys._getframe(2)
        self.active = True
        while frame.f_back is not None and self._is_standard(frame.f_code.co_filename):
            if not frame.f_code.co_filename.endswith(through):
                return False
            if frame.f_code.co_filename.startswith("<frozen importlib"):
                return False
            frame = frame.f_back
        return not frame.f_code.co_filename.startswith((*self._libraries, _PROJECT))

    def _is_standard(self, file: str) -> bool:
        return file.startswith(("<", *self._standard)) and not file.startswith(self._installed)

    def _add_file(self, raw: str | bytes) -> None:
        path = os.path.abspath(os.fsdecode(raw))  # no look-up of links within the hook
        if _of_another_process(path):
            self.entries[f"looks into another process by {path}"] = None
            return
        if path.startswith(_SYSTEM):
            self.of_the_system += 1
        if path.startswith(_SYSTEM) or path.endswith(_CODE) or f"{os.sep}__pycache__{os.sep}" in path:
            return
        if path in sys.path or (path.startswith(self._libraries) and not path.endswith(_TABLES)):
            return  # importlib.metadata looks into python311.zip, which is on the path and not there
        self.entries[f"reads {_text(path)}"] = None

    def add(self, text: str) -> None:
        """Something that the hook could not see."""
        self.entries[text] = None

    def add_mapped(self, before: frozenset[str]) -> None:
        """Files that are mapped into memory now and were not before, by whatever library."""
        for path in sorted(mapped_files() - before):
            if ".so" not in path and not path.startswith(("/usr/lib", "/lib")):
                self._add_file(path)


class ReadCounter:
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


def opened_by(call: Callable[[], object]) -> tuple[str, ...]:
    """What a call opens, a line each, made twice: what the first one reads past the audit hook belongs to imports."""
    log, counter, mapped = AccessLog(), ReadCounter(), mapped_files()
    for first in (True, False):
        modules, openings, reads = len(sys.modules), len(log.entries) + log.of_the_system, counter.count()
        log.active = True
        try:
            call()
        finally:
            log.active = False
        unnamed = counter.since(reads) > 0 and len(log.entries) + log.of_the_system == openings
        if unnamed and not first and len(sys.modules) == modules:
            log.add(PAST_THE_HOOK)
    log.add_mapped(mapped)
    return tuple(log.entries)


def _of_another_process(path: str) -> bool:
    """Whether a path is that of another process than this one (Linux)."""
    parts = path.split("/", 3)
    return parts[:2] == ["", "proc"] and parts[2].isdigit() and int(parts[2]) != os.getpid()


def mapped_files() -> frozenset[str]:
    """The files that this process has mapped into its memory (Linux; elsewhere none are known)."""
    try:
        lines = Path("/proc/self/maps").read_text(errors="surrogateescape").splitlines()
    except OSError:
        return frozenset()
    return frozenset(fields[5] for line in lines if len(fields := line.split(None, 5)) == 6 and fields[5][0] == "/")


@contextmanager
def no_more_files() -> Iterator[None]:
    """Within it no library can open a file, a socket or a pipe, however it does so (Unix; elsewhere they can)."""
    try:
        import resource
    except ImportError:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


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
