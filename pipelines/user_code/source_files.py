"""Where code of a person's own is and what its files hold; nothing is imported."""

import hashlib
import importlib
import re
import sys
from collections.abc import Iterable, Mapping
from importlib.machinery import BuiltinImporter, FrozenImporter, ModuleSpec, PathFinder
from pathlib import Path

from pipelines.errors import ConfigError

PATTERN = r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*"
_NAME = re.compile(PATTERN, re.ASCII)
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
    return {name: file_of(name, what=what) for name in names if is_user_code(name)}


def check_sources(names: Iterable[str], expected: Mapping[str, str]) -> None:
    """Whether the code that a run was trained with is still there; nothing is imported, nor a package of its.

    Raises:
        ConfigError: one is missing, or its files are others.
    """
    for name, digest in sources(names).items():
        if digest != expected.get(name):
            raise ConfigError(
                f"Expected {name} as the run was trained with it (sha256 {str(expected.get(name, 'unknown'))[:12]}), "
                f"got {file_of(name)} with {digest[:12]}; it was not run. Put the old file back or train again."
            )


def _digest(name: str, *, what: str) -> str:
    """sha256 of the module; where it lies in packages, of what their __init__ files hold as well."""
    module = name.partition(":")[0]
    parts = module.split(".")
    files = [file_of(name, what=what)]
    for length in range(1, len(parts)):
        spec = spec_of(".".join(parts[:length]))
        if spec is not None and spec.has_location and spec.origin is not None:
            files.append(Path(spec.origin))
    digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    return digests[0] if len(digests) == 1 else hashlib.sha256(" ".join(digests).encode()).hexdigest()


def file_of(name: str, *, what: str = "Feature") -> Path:
    """The file of the module."""
    module = name.partition(":")[0]
    spec = spec_of(module)
    if spec is None or not spec.has_location or spec.origin is None:
        raise ConfigError(
            f"{what} {name}: expected a module {module} in {Path.cwd()} or installed, got none. Start forecast where "
            f"{module.replace('.', '/')}.py is."
        )
    return Path(spec.origin)


def spec_of(module: str) -> ModuleSpec | None:
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
