"""A person's code in a fresh process: what it is asked, what it answers line by line, and what it opens meanwhile.

An audit hook writes down every file, socket and program: what the code takes from there, no truncated history can show.
"""

import io
import json
import os
import site
import subprocess
import sys
import sysconfig
import time
import zoneinfo
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.errors import ConfigError

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
_SEARCHES = ("gc.get_objects", "gc.get_referrers", "sys._getframe")
"""Events of code that looks for what it was not given."""

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


def ask_process(
    module: str, request: Mapping[str, Any], arrays: Mapping[str, "np.ndarray[Any, Any]"], *, limit: float
) -> ProcessAnswer:
    """What a module of this project answers, run in a fresh process; it is ended after so many seconds.

    request: JSON-ready; the module takes it and the arrays from question().
    """
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, request=np.array(json.dumps(request)), **arrays)
    process = subprocess.Popen(  # noqa: S603  # this Python, this module
        [sys.executable, "-P", "-m", module],  # -P: the current directory shadows no import of its own
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(_import_path()), "PYTHONWARNINGS": "ignore"},
    )
    try:
        output, complaint = process.communicate(buffer.getvalue(), timeout=limit)
    except subprocess.TimeoutExpired:
        process.kill()
        output, complaint = process.communicate()
    except BaseException:
        process.kill()
        process.communicate()
        raise
    last = " ".join(complaint.decode(errors="replace").strip().splitlines()[-1:])[:300]
    return ProcessAnswer(
        messages=tuple(json.loads(line) for line in output.decode(errors="replace").splitlines()),
        ending=f"exit code {process.returncode}" + (f": {last}" if last else ""),
    )


def _import_path() -> list[str]:
    """Where a process that is started finds this project, and what this one imports from."""
    return [str(Path(__file__).parents[2]), *(path for path in sys.path if path)]


def question() -> tuple[dict[str, Any], dict[str, Any], Send]:
    """What this process is asked: the request, its arrays, and how to answer.

    What the person's code prints goes to stderr.
    """
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    with np.load(io.BytesIO(sys.stdin.buffer.read()), allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}

    def send(**message: Any) -> None:
        out.write(json.dumps(message) + "\n")
        out.flush()

    return json.loads(str(arrays.pop("request"))), arrays, send


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
        elif event in _SEARCHES:
            self.active = False  # the look-up below is such an event itself
            if not sys._getframe(1).f_code.co_filename.startswith((*self._libraries, "<frozen")):
                self.add(f"looks into the memory of its process with {event}")
            self.active = True

    def _add_file(self, raw: str | bytes) -> None:
        path = os.path.abspath(os.fsdecode(raw))  # no look-up of links within the hook
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
