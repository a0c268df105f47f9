"""Code of a person's own, imported and called in this very process: the one place that loads it."""

import importlib
import importlib.util
import os
import re
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from typing import Any, NoReturn

from pipelines.errors import ConfigError
from pipelines.user_code.source_files import file_of, is_user_code, spec_of

LONGEST_CALL = 60.0  # seconds that one call may take

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")  # of a terminal, which Keras writes into its messages
_NOUNS = {"Baseline": "class"}
WATCHED = threading.Event()
"""Set in a process that another one watches: a person's code may end it, and that one says so."""
FAILURES = (Exception, SystemExit)
"""What a person's code may raise: a script that ends with sys.exit must not end the command without a word."""


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
        with _current_directory(), _limited(seconds), _no_end():
            return function(*arguments)
    except _TooLongError as error:
        raise ConfigError(
            f"{what} {name}: expected an answer within {seconds:g} s, got none. {hint}".strip()
        ) from error
    except _EndedError as error:
        place = traceback.extract_tb(error.__traceback__)[-2]
        where = f" at line {place.lineno} of {Path(place.filename).name}"
        raise ConfigError(f"{what} {name} failed{where}: {error}") from error
    except FAILURES as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = "" if place.filename == __file__ else f" at line {place.lineno} of {Path(place.filename).name}"
        raise ConfigError(f"{what} {name} failed{where}: {one_line(error)}") from error


def import_anew(names: Iterable[str]) -> None:
    """Lets the next call in this process import these anew, so that their modules remember nothing."""
    load.cache_clear()
    for name in filter(is_user_code, names):
        sys.modules.pop(name.partition(":")[0], None)


class _TooLongError(BaseException):
    """A call has not returned in time; no `except Exception` of its own may stop this."""


class _EndedError(BaseException):
    """A call would have ended this process; no `except Exception` of its own may stop this."""


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
    spec, file = spec_of(module), file_of(name, what=what)
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
def _no_end() -> Iterator[None]:
    """os._exit raises within it, unless the process is watched: the command would end without a word."""
    if WATCHED.is_set():
        yield
        return
    process, end = os.getpid(), os._exit

    def refuse(status: int) -> NoReturn:
        if os.getpid() != process:  # a fork may end
            end(status)
        raise _EndedError(f"os._exit({status})")

    os._exit = refuse
    try:
        yield
    finally:
        os._exit = end


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
    text = _COLOURS.sub("", f"{type(error).__name__}: {error}")
    return " ".join(text.split())[:300]
