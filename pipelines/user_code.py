"""Code of a person's own, named `module:function`: of the current directory, or installed. The one place that loads it.

It runs with the rights of whoever starts it. The sha256 of its files belongs to a run, and a run from elsewhere imports
nothing that differs. What it returns is checked by whoever calls it.
"""

import hashlib
import importlib
import importlib.util
import re
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from importlib.machinery import BuiltinImporter, FrozenImporter, ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from typing import Any

from pipelines.errors import ConfigError

LONGEST_CALL = 60.0  # seconds that one call may take

_NOUNS = {"Baseline": "class"}
PATTERN = r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*"
_NAME = re.compile(PATTERN, re.ASCII)
FAILURES = (Exception, SystemExit)
"""What a person's code may raise: a script that ends with sys.exit must not end the command without a word."""
RESERVED = ("rank", "relative")
"""Modules that no code of one's own can be in: rank:return is a feature across symbols."""


def is_user_code(name: object) -> bool:
    """Whether this is `module:function` and not a name in a table."""
    fits = isinstance(name, str) and _NAME.fullmatch(name) is not None
    return fits and str(name).partition(":")[0] not in RESERVED


def short_name(name: str) -> str:
    """What `module:function` is called on a page: "function"."""
    return name.rpartition(":")[2]


def sources(names: Iterable[str], *, what: str = "Feature") -> dict[str, str]:
    """The sha256 of the files that each of a person's own among these names comes from; nothing is imported.

    what: what they are, for messages.

    Raises:
        ConfigError: it cannot be found.
    """
    return {name: _digest(name, what=what) for name in names if is_user_code(name)}


def files(names: Iterable[str], *, what: str = "Feature") -> dict[str, Path]:
    """The file of each of a person's own among these names; nothing is imported."""
    return {name: _file(name, what=what) for name in names if is_user_code(name)}


def check_sources(names: Iterable[str], expected: Mapping[str, str]) -> None:
    """Whether the code that a run was trained with is still there; nothing is imported, nor a package of its.

    Raises:
        ConfigError: one is missing, or its files are others.
    """
    for name, digest in sources(names).items():
        if digest != expected.get(name):
            raise ConfigError(
                f"Expected {name} as the run was trained with it (sha256 {str(expected.get(name, 'unknown'))[:12]}), "
                f"got {_file(name)} with {digest[:12]}; it was not run. Put the old file back or train again."
            )


def call(name: str, *arguments: Any, what: str, seconds: float = LONGEST_CALL, hint: str = "") -> Any:
    """What `module:function` returns for these arguments.

    what: what it is to the caller ("Feature"), for messages. hint: what to do where it takes too long.

    Raises:
        ConfigError: it cannot be imported, fails, or takes too long.
    """
    return limited(load(name, what=what), *arguments, name=name, what=what, seconds=seconds, hint=hint)


def limited(
    function: Callable[..., Any], *arguments: Any, name: str, what: str, seconds: float = LONGEST_CALL, hint: str = ""
) -> Any:
    """What a person's function returns, or one line that says how it failed. Parameters as `call` has them."""
    try:
        with _current_directory(), _limited(seconds):
            return function(*arguments)
    except _TooLongError as error:
        raise ConfigError(
            f"{what} {name}: expected an answer within {seconds:g} s, got none. {hint}".strip()
        ) from error
    except FAILURES as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = "" if place.filename == __file__ else f" at line {place.lineno} of {Path(place.filename).name}"
        raise ConfigError(f"{what} {name} failed{where}: {one_line(error)}") from error


def forget(names: Iterable[str]) -> None:
    """Lets the next call import these anew, so that they remember nothing of what they have seen."""
    load.cache_clear()
    for name in filter(is_user_code, names):
        sys.modules.pop(name.partition(":")[0], None)


class _TooLongError(BaseException):
    """A call has not returned in time; no `except Exception` of its own may stop this."""


class _SourceLoader(SourceFileLoader):
    """Compiles the .py file itself: a .pyc beside it may be older, or another's."""

    def path_stats(self, path: Any) -> Mapping[str, Any]:
        raise OSError("only the source is read")


@lru_cache
def load(name: str, *, what: str = "Feature") -> Callable[..., Any]:
    """The function or class itself.

    Raises:
        ConfigError: it cannot be imported, or is not there.
    """
    module, _, attribute = name.partition(":")
    spec, file = _spec(module), _file(name, what=what)
    present = getattr(sys.modules.get(module), "__file__", None)
    if module in sys.modules and (present is None or Path(present).resolve() != file.resolve()):
        raise ConfigError(
            f"{what} {name}: expected a module name of its own, got {module} in {file}, which another module in use "
            f"has ({present or 'built in'}). Rename the file."
        )
    with _current_directory():
        try:
            loaded = sys.modules.get(module) or _import(module, spec)
        except FAILURES as error:
            raise ConfigError(f"{what} {name}: {file} cannot be imported: {one_line(error)}") from error
    function = getattr(loaded, attribute, None)
    if not callable(function):
        noun = _NOUNS.get(what, "function")
        raise ConfigError(f"{what} {name}: expected a {noun} {attribute} in {file}, got none.")
    loaded_function: Callable[..., Any] = function
    return loaded_function


def _import(module: str, spec: ModuleSpec | None) -> Any:
    if spec is None or not isinstance(spec.loader, SourceFileLoader) or spec.origin is None:
        return importlib.import_module(module)
    if parent := module.rpartition(".")[0]:
        importlib.import_module(parent)
    spec.loader = _SourceLoader(module, spec.origin)
    loaded = sys.modules[module] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(loaded)
    except BaseException:
        sys.modules.pop(module, None)
        raise
    return loaded


def _digest(name: str, *, what: str) -> str:
    """sha256 of the module; where it lies in packages, of what their __init__ files hold as well."""
    module = name.partition(":")[0]
    parts = module.split(".")
    files = [_file(name, what=what)]
    for length in range(1, len(parts)):
        spec = _spec(".".join(parts[:length]))
        if spec is not None and spec.has_location and spec.origin is not None:
            files.append(Path(spec.origin))
    digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    return digests[0] if len(digests) == 1 else hashlib.sha256(" ".join(digests).encode()).hexdigest()


def _file(name: str, *, what: str = "Feature") -> Path:
    """The file of the module."""
    module = name.partition(":")[0]
    spec = _spec(module)
    if spec is None or not spec.has_location or spec.origin is None:
        raise ConfigError(
            f"{what} {name}: expected a module {module} in {Path.cwd()} or installed, got none. Start forecast where "
            f"{module.replace('.', '/')}.py is."
        )
    return Path(spec.origin)


def _spec(module: str) -> ModuleSpec | None:
    """Where a module is, without importing the packages that it lies in, as importlib.util.find_spec would."""
    importlib.invalidate_caches()
    parts = module.split(".")
    path: list[str] | None = [str(Path.cwd()), *sys.path]
    spec: ModuleSpec | None = None
    for length in range(1, len(parts) + 1):
        name = ".".join(parts[:length])
        spec = PathFinder.find_spec(name, path) or _of_other_finders(name, path if length > 1 else None)
        if spec is None:
            return None
        locations = spec.submodule_search_locations
        path = None if locations is None else list(locations)
        if path is None and length < len(parts):
            return None
    return spec


def _of_other_finders(name: str, path: list[str] | None) -> ModuleSpec | None:
    """The spec of a module that an installed finder knows, such as that of an editable package."""
    for finder in sys.meta_path:
        if finder in (PathFinder, BuiltinImporter, FrozenImporter) or not hasattr(finder, "find_spec"):
            continue
        if (spec := finder.find_spec(name, path)) is not None:
            return spec
    return None


@contextmanager
def _current_directory() -> Iterator[None]:
    """Imports look into the current directory first."""
    directory = str(Path.cwd())
    sys.path.insert(0, directory)
    try:
        yield
    finally:
        sys.path.remove(directory)


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Raises _TooLongError where this takes longer; elsewhere than in the main thread of a Unix there is no limit."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: object) -> None:
        raise _TooLongError

    began = time.monotonic()
    before = signal.signal(signal.SIGALRM, stop)
    left, interval = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
        if left:
            signal.setitimer(signal.ITIMER_REAL, max(left - (time.monotonic() - began), 1e-3), interval)


def one_line(error: BaseException) -> str:
    """An error as a part of a message."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
