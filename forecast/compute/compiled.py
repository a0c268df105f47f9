"""Networks that were compiled on this machine, kept in the user's cache for the next run.

A run works on copies in a folder of its own. What is kept is code: it lies in a folder that nobody else may write to,
under the sha256 of its content, and is taken only by the same libraries, flags and processor that made it.
"""

import contextlib
import hashlib
import os
import platform
import re
import stat
import sys
from pathlib import Path

from forecast.compute.backend import BACKENDS, compiler_flags, versions
from pipelines.files import of_this_process, remove_litter

CACHE = "FORECAST_CACHE"
"""The environment's name for the folder of compiled networks; `off`: none is kept."""

_MOST = 128 * 2**20  # bytes that are kept
_OFF = {"off", "0", "none"}
_FOLDER = re.compile(rf"({'|'.join(BACKENDS)})-[0-9a-f]{{16}}")
_FILE = re.compile(r"[0-9a-f]{64}\..+", re.DOTALL)


def user_folder() -> Path | None:
    """Where the user's compiled networks are kept; None where none are."""
    chosen = os.environ.get(CACHE, "")
    if chosen:
        return None if chosen.lower() in _OFF else Path(chosen).absolute()
    try:
        if sys.platform == "win32":
            base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
        elif sys.platform == "darwin":
            base = Path.home() / "Library" / "Caches"
        else:
            base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:  # nobody's home
        return None
    return base / "forecast" / "compiled" if base.is_absolute() else None


def fetch(backend: str, folder: Path) -> None:
    """Copies what was kept for this backend, these versions and this machine into a run's own folder.

    A file whose content is not what its name says is removed, and compiled again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(OSError):  # it is compiled again
        for path in _stored_files(_make_folder(backend)):
            digest, _, name = path.name.partition(".")
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() == digest:
                _write(folder / name, content)
            else:
                path.unlink(missing_ok=True)


def keep(backend: str, folder: Path) -> None:
    """Keeps what the workers of a run compiled in its folder. No worker may be writing there any more.

    The newest files stay, up to 128 MiB over all backends and versions.
    """
    with contextlib.suppress(OSError):  # a full disk, a home that cannot be written: nothing is kept
        place = _make_folder(backend)
        if place is None or not folder.is_dir():
            return
        remove_litter(place)
        stored_names = {path.name.partition(".")[2] for path in _stored_files(place)}
        for path in sorted(folder.iterdir()):
            if path.name in stored_names or not path.is_file():
                continue
            content = path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            _write(place / f"{digest}.{path.name}", content)
        _drop_oldest(place.parent)


def _write(path: Path, content: bytes) -> None:
    """The whole file or none, not synced: half a kept file has another sha256."""
    part = path.with_name(of_this_process(f".{path.name[:100]}"))
    try:
        part.write_bytes(content)
        part.replace(path)
    except OSError:  # a full disk
        part.unlink(missing_ok=True)
        raise


def _drop_oldest(base: Path) -> None:
    """Of the files kept here alone: a person may have named a folder with other things in it."""
    size = 0
    places = [place for place in base.iterdir() if _FOLDER.fullmatch(place.name) and _is_private(place)]
    files = [path for place in places for path in _stored_files(place)]
    for path in sorted(files, key=lambda path: path.stat().st_mtime, reverse=True):
        size += path.stat().st_size
        if size > _MOST:
            path.unlink(missing_ok=True)


def _stored_files(place: Path | None) -> list[Path]:
    if place is None:
        return []
    return [path for path in place.iterdir() if _FILE.fullmatch(path.name) and path.is_file()]


def _make_folder(backend: str) -> Path | None:
    """The folder of what this machine compiles with this backend, made where it is missing; None: there is none.

    Raises:
        OSError: it can neither be read nor made.
    """
    base = user_folder()
    if base is None:
        return None
    place = base / f"{backend}-{_machine(backend)}"
    for folder in (base, place):  # parents would get the mode of any folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return place if all(map(_is_private, (base, place))) else None


def _is_private(folder: Path) -> bool:
    """Whether it is a folder, no link, that belongs to this user and that nobody else may write to."""
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode):
        return False
    return not hasattr(os, "getuid") or (status.st_uid == os.getuid() and not status.st_mode & 0o022)


def _machine(backend: str) -> str:
    """What compiled code depends on besides the network: libraries, the compiler's flags, the processor's features."""
    made_by = versions(backend)
    features = [platform.machine(), platform.processor()]
    with contextlib.suppress(OSError):  # not Linux
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
        described = ("vendor_id", "cpu family", "model", "stepping", "flags", "Features")
        features += sorted({line for line in lines if line.split("\t")[0].strip() in described})
    parts = [
        *(f"{name} {made_by[name]}" for name in ("python", "keras", *BACKENDS[backend])),
        compiler_flags(),
        *features,
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
