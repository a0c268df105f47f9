"""A person's own feature: a function Bars -> (bars,) named `module:function`, of the current directory or installed.

What it returns goes through the same certificate as everything else; the sha256 of its file belongs to the run.
"""

import hashlib
import importlib
import importlib.util
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.errors import ConfigError
from pipelines.market.types import Bars, Floats

_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)


def is_user_feature(name: object) -> bool:
    """Whether this is `module:function` and not a name in the table."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def sources(names: Iterable[str]) -> dict[str, str]:
    """The sha256 of the file that each user feature among these names comes from.

    Raises:
        ConfigError: it cannot be found.
    """
    return {name: hashlib.sha256(_file(name).read_bytes()).hexdigest() for name in names if is_user_feature(name)}


def check_sources(names: Iterable[str], expected: Mapping[str, str]) -> None:
    """Whether the features that a run was trained with are still there; nothing is imported.

    Raises:
        ConfigError: one is missing, or its file is another.
    """
    for name, digest in sources(names).items():
        if digest != expected.get(name):
            raise ConfigError(
                f"Need {name} as the run was trained with it (sha256 {expected.get(name, 'unknown')[:12]}), got "
                f"{_file(name)} with {digest[:12]}. Put the old file back or train again."
            )


def compute(name: str, bars: Bars) -> Floats:
    """The feature's values, float64, shape (bars,): NaN in the first rows at most.

    Raises:
        ConfigError: it cannot be imported, fails, or returns something else.
    """
    function = _load(name)
    try:
        found = function(bars)
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        raise ConfigError(
            f"Feature {name} failed at line {place.lineno} of {Path(place.filename).name}: {_said(error)}"
        ) from error
    try:
        values = np.asarray(found, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"Feature {name}: need an array of numbers, got {type(found).__name__}.") from error
    if values.shape != (len(bars),):
        raise ConfigError(f"Feature {name}: need one number a bar, shape ({len(bars)},), got shape {values.shape}.")
    known = ~np.isnan(values)
    if not known.any():
        raise ConfigError(f"Feature {name}: need numbers after the warm-up, got NaN at all {len(bars)} bars.")
    wrong = np.flatnonzero(np.isinf(values) | (~known & (np.arange(len(bars)) > np.argmax(known))))
    if len(wrong):
        day = np.datetime_as_string(bars.closed_at[wrong[0]], unit="s")
        raise ConfigError(
            f"Feature {name}: need a finite number at every bar after the warm-up, got {values[wrong[0]]} at bar "
            f"{wrong[0]} ({day}) and {len(wrong) - 1} others. Return a number there, such as 0."
        )
    return values


def forget(names: Iterable[str]) -> None:
    """Lets the next call import these features anew, so that they remember nothing of what they have seen."""
    _load.cache_clear()
    for name in filter(is_user_feature, names):
        sys.modules.pop(name.partition(":")[0], None)


@lru_cache
def _load(name: str) -> Callable[[Bars], Any]:
    module, _, attribute = name.partition(":")
    file = _file(name)
    with _current_directory():
        try:
            found = importlib.import_module(module)
        except Exception as error:
            raise ConfigError(f"Feature {name}: {file} cannot be imported: {_said(error)}") from error
    function = getattr(found, attribute, None)
    if not callable(function):
        raise ConfigError(f"Feature {name}: need a function {attribute} in {file}, got none.")
    loaded: Callable[[Bars], Any] = function
    return loaded


def _file(name: str) -> Path:
    """The file of a feature's module."""
    module = name.partition(":")[0]
    with _current_directory():
        importlib.invalidate_caches()
        try:
            found = importlib.util.find_spec(module)
        except (ImportError, ValueError):
            found = None
    if found is None or not found.has_location or found.origin is None:
        raise ConfigError(
            f"Feature {name}: need a module {module} in {Path.cwd()} or installed, got none. Start forecast where "
            f"{module.replace('.', '/')}.py is."
        )
    return Path(found.origin)


@contextmanager
def _current_directory() -> Iterator[None]:
    """Imports look into the current directory first."""
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path.remove(here)


def _said(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
