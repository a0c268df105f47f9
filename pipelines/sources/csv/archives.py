"""Archives of several files as the folder that they are: unpacked once, within bounds, until the program ends."""

import atexit
import os
import tarfile
import zipfile
from contextlib import ExitStack
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from pipelines.errors import BadFileError
from pipelines.files import temporary_folder
from pipelines.sources.csv.cells import quoted
from pipelines.sources.csv.formats import compression, kinds

_TARS = (".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")
_PART = 1 << 20
_ORIGINS: dict[Path, Path] = {}


def members(path: Path) -> list[Path]:
    """The files of prices in an archive, by name; the path itself where it is none, or one that holds one file.

    A path below an archive (prices.zip/acme.csv) is that file of it.

    Raises:
        BadFileError: a damaged archive, one that unpacks to too much, or a file that is not in it.
    """
    if _is_file(path):
        return list(_unpacked(path, path.stat().st_size, path.stat().st_mtime_ns)) if _is_archive(path) else [path]
    archive = next((parent for parent in path.parents if _is_archive(parent) and _is_file(parent)), None)
    if archive is None:
        return [path]
    name = path.relative_to(archive).as_posix()
    with kinds.readable(archive):
        inside = _unpack(archive, archive.stat().st_size, archive.stat().st_mtime_ns)
    matches = [
        place for other, place in inside.items() if name.lower() in (other.lower(), PurePosixPath(other).name.lower())
    ]
    if len(matches) != 1:
        names = ", ".join(quoted(other) for other in list(inside)[:8]) + (", ..." if len(inside) > 8 else "")
        raise BadFileError(
            f"Expected a file of the archive {quoted(archive)} ({names}), got {quoted(name)}. Name one of these."
        )
    return matches


def origin(path: Path) -> Path:
    """Where a file lies for good: an unpacked one below its archive, whatever folder it was unpacked to."""
    return _ORIGINS.get(path) or path.resolve()


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False  # what is wrong with it is said when it is opened


def _is_archive(path: Path) -> bool:
    return path.name.lower().endswith((".zip", *_TARS))


@cache
def _unpacked(path: Path, size: int, modified: int) -> tuple[Path, ...]:
    """size, modified: of the archive, so that one that has changed is unpacked again."""
    with kinds.readable(path):
        if path.name.lower().endswith(".zip"):
            if kinds.kind(path) != "zip":
                return (path,)
            with zipfile.ZipFile(path) as archive:
                names = [info.filename for info in archive.infolist() if not info.is_dir()]
            if "xl/workbook.xml" in names or len([name for name in names if "__MACOSX" not in name]) < 2:
                return (path,)
        return tuple(place for _, place in sorted(_unpack(path, size, modified).items()))


@cache
def _folder(path: Path, size: int, modified: int) -> Path:
    opened = ExitStack()
    atexit.register(opened.close)
    return opened.enter_context(temporary_folder("archive"))


@cache
def _unpack(path: Path, size: int, modified: int) -> dict[str, Path]:
    """Unpacks the files of prices of an archive: the name of each there -> where it lies now."""
    root, left = _folder(path, size, modified) / path.name, compression.most_bytes(size)
    places: dict[str, Path] = {}
    opened: Any = zipfile.ZipFile(path) if path.name.lower().endswith(".zip") else tarfile.open(path)  # noqa: SIM115 - closed below
    with opened as archive:
        entries = archive.infolist() if isinstance(archive, zipfile.ZipFile) else archive
        for number, entry in enumerate(entries):
            is_zip = isinstance(entry, zipfile.ZipInfo)
            name = entry.filename if is_zip else entry.name
            if (
                (entry.is_dir() if is_zip else not entry.isfile())
                or "__MACOSX" in name
                or not kinds.may_hold_prices(PurePosixPath(name).name)
            ):
                continue
            if is_zip and entry.flag_bits & 1:
                raise BadFileError(
                    f"Expected an archive that can be read, got {quoted(path)} with a password. Unpack it first."
                )
            place = root / str(number) / PurePosixPath(name).name  # never by the path that the archive says
            place.parent.mkdir(parents=True)
            with archive.open(entry) if is_zip else archive.extractfile(entry) as source, place.open("wb") as target:
                while part := source.read(_PART):
                    left -= len(part)
                    if left < 0:
                        raise BadFileError(
                            f"Expected an archive that unpacks to at most {compression.MAX_RATIO} times its size, got "
                            f"{quoted(path)}, which goes on. Unpack it yourself if it is what you expect."
                        )
                    target.write(part)
            os.utime(place, ns=(modified, modified))  # as old as the archive, however often it is unpacked
            _ORIGINS[place] = path.resolve() / str(number) / PurePosixPath(name).name
            places[name] = place
    tables = {name: place for name, place in places.items() if not name.lower().endswith(".txt")}
    places = tables or places  # a .txt beside tables says what they are
    if not places:
        raise BadFileError(
            f"Expected files of prices in the archive {quoted(path)}, there are none. Unpack it and look."
        )
    return places
