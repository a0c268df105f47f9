"""What a person's code opens meanwhile: files, sockets, programs, and the memory of its process.

What it takes from there, no truncated history can show. An audit hook names it; reads past the hook are counted.
"""

import os
import site
import sys
import sysconfig
import zoneinfo
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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

_PROJECT = f"{Path(__file__).parents[1]}{os.sep}"


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
