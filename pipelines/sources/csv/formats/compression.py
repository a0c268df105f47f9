"""Packed files: opened as what is inside, within bounds."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipelines.errors import BadFileError
from pipelines.sources.csv.cells import quoted
from pipelines.sources.csv.formats import documents

DAMAGED: Any = (EOFError, tarfile.TarError, zlib.error, gzip.BadGzipFile, lzma.LZMAError, zipfile.BadZipFile)
try:  # unpacks three times as fast
    from isal import igzip, isal_zlib
except ImportError:
    _unpack: Any = gzip.open
else:
    _unpack = igzip.open
    DAMAGED += (isal_zlib.error,)

MAX_BYTES = 32 << 30
MAX_RATIO = 400  # real trades compress 5 to 40 times; a bomb a thousand times


def _open_zstd(file: Any, _mode: str) -> Any:
    import pyarrow as pa

    return pa.CompressedInputStream(file, "zstd")


OPENERS: dict[str, Any] = {"gzip": _unpack, "bz2": bz2.open, "xz": lzma.open, "zstd": _open_zstd}
"""How the text in a file of each kind is opened."""


def open_member(path: Path, size: int) -> tuple[Any, str]:
    """The one file in an archive, or the sheet of a workbook."""
    with zipfile.ZipFile(path) as archive:
        return _only_member(archive, path, size)


def _only_member(archive: zipfile.ZipFile, path: Path, size: int) -> tuple[Any, str]:
    inside = [info for info in archive.infolist() if not info.is_dir() and "__MACOSX" not in info.filename]
    unpacked = sum(info.file_size for info in inside)
    if unpacked > most_bytes(size):
        raise BadFileError(
            f"Expected a file that unpacks to at most {MAX_RATIO} times its size, got {quoted(path)}, which says "
            f"{unpacked >> 20:,} MB. Unpack it yourself if it is what you expect."
        )
    if any(info.filename == "xl/workbook.xml" for info in inside):
        return documents.workbook_as_csv(path)
    if len(inside) != 1:
        names = ", ".join(quoted(info.filename) for info in inside[:5]) + (", ..." if len(inside) > 5 else "")
        raise BadFileError(
            f"Expected one file in the archive {quoted(path)}, got {len(inside)} ({names}). "
            "Unpack it and name the one that you want, or their folder, with --file."
        )
    if inside[0].flag_bits & 1:
        raise BadFileError(
            f"Expected an archive that can be read, got {quoted(path)} with a password. Unpack it first."
        )
    try:
        member = archive.open(inside[0])
    except NotImplementedError as error:
        raise BadFileError(
            f"Expected an archive that can be read, got {quoted(path)}: {error}. Unpack it first."
        ) from None
    return Bounded(member, path, size), f"zip of {quoted(inside[0].filename)}"


class Bounded(io.RawIOBase):
    """Decompresses a file up to MAX_BYTES and MAX_RATIO."""

    def __init__(
        self, file: Any, path: Path, size: int, *, base: Any = None, watch: Callable[[int], None] | None = None
    ) -> None:
        self._path = path
        self._file = file
        self._base = base
        self._watch = watch
        self._most = most_bytes(size)
        self._read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count: int = self._file.readinto(buffer)
        self._read += count
        if self._read > self._most:
            raise BadFileError(
                f"Expected a file that unpacks to at most {self._most >> 20:,} MB, got {quoted(self._path)}, which "
                "goes on. Unpack it yourself if it is what you expect."
            )
        if self._watch is not None and self._base is not None:
            self._watch(self._base.tell())
        return count

    def close(self) -> None:
        self._file.close()
        if self._base is not None:
            self._base.close()
        super().close()


def most_bytes(size: int) -> int:
    """What a packed file of so many bytes may unpack to."""
    return min(MAX_BYTES, max(64 << 20, size * MAX_RATIO))
