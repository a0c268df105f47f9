"""What kind of file it is, by its first bytes; text of any encoding and packing as one stream of UTF-8, within bounds.

What cannot be read is named for what it is: nobody should have to guess why a workbook is "no CSV".
"""

import bz2
import codecs
import gzip
import io
import lzma
import os
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipelines.errors import BadFileError
from pipelines.sources.csv import documents
from pipelines.sources.csv.cells import quoted

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
BLOCK = 8 << 20
SUFFIXES = (
    ".csv",
    ".txt",
    ".tsv",
    ".jsonl",
    ".ndjson",
    ".parquet",
    ".feather",
    ".arrow",
    ".xlsx",
    ".zip",
    ".tar",
    ".tgz",
)
PACKED = (".gz", ".bz2", ".xz")

_PARQUET, _FEATHER, _ZIP, _GZIP, _BZ2, _XZ = "parquet", "feather", "zip", "gzip", "bz2", "xz"
_MAGIC = (
    (b"PAR1", _PARQUET), (b"ARROW1", _FEATHER), (b"PK\x03\x04", _ZIP), (b"\x1f\x8b", _GZIP), (b"BZh", _BZ2),
    (b"\xfd7zXZ\x00", _XZ),
)  # fmt: skip
_FOREIGN = (
    (b"\xd0\xcf\x11\xe0", "an Excel workbook of before 2007 (.xls)", "Save it as .xlsx or .csv."),
    (b"%PDF", "a PDF document", "Copy its table to a .csv file."),
    (b"\x89HDF", "an HDF5 file", "Save its table with pandas' to_parquet()."),
    (b"SQLite format 3", "an SQLite database", "Export its table as .csv."),
    (b"DBN", "Databento's binary format", "Ask Databento for CSV, or convert it with its client's to_csv()."),
    (b"\x28\xb5\x2f\xfd", "a file packed with Zstandard", "Unpack it with zstd -d."),
    (b"7z\xbc\xaf", "a 7z archive", "Unpack it first."),
    (b"Rar!", "a RAR archive", "Unpack it first."),
    (b"\x93NUMPY", "a NumPy array", "Save it as .csv or .parquet with its columns' names."),
    (b"ORC", "an ORC file", "Save it as .parquet."),
    (b"FEA1", "a Feather file of version 1", "Save it again with pandas' to_feather() or as .parquet."),
    (b"\x80\x02", "a Python pickle", "Save its table with pandas' to_parquet()."),
    (b"\x80\x03", "a Python pickle", "Save its table with pandas' to_parquet()."),
    (b"\x80\x04", "a Python pickle", "Save its table with pandas' to_parquet()."),
    (b"\x80\x05", "a Python pickle", "Save its table with pandas' to_parquet()."),
)
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # fmt: skip
_WORDS = {
    "gb18030": ("日期", "时间", "开盘", "收盘"), "big5": ("日期", "時間", "開盤", "收盤"),
    "cp932": ("日付", "日時", "始値", "終値"), "cp949": ("날짜", "일자", "시가", "종가"),
    "cp1251": ("дата", "время", "цена", "закр"), "cp1250": ("najwyższy", "zamknięcie"), "cp1254": ("açılış", "düşük"),
}  # fmt: skip
"""Words of a header by which the encoding of a text that is no UTF-8 is known."""
_HEAD = 1 << 18
_LINES = 100
_WIDE, _ANY, _MARGINS = re.compile(rb"[ ]{2,}"), re.compile(rb"[ ]+"), re.compile(rb"(?m)^[ ]+|[ ]+(?=\r?$)")


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Every way in which a file cannot be opened, as one line.

    Raises:
        BadFileError: there is no such file, it may not be read, or it is no file (a folder, a pipe).
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise BadFileError(f"Expected a file, got the folder {quoted(path)}.")
        if not stat.S_ISREG(mode):
            raise BadFileError(
                f"Expected a file, got {quoted(path)}, which is a pipe or a device. Save its content to a file first."
            )
        yield
    except FileNotFoundError:
        raise BadFileError(f"Expected a file, got {quoted(path)}, which is not there. Check its name.") from None
    except PermissionError:
        raise BadFileError(f"Expected a file that may be read, got {quoted(path)}. Change its permissions.") from None
    except DAMAGED as error:
        raise BadFileError(
            f"Expected a whole packed file, got {quoted(path)}, which is cut off or damaged. Fetch it again."
        ) from error
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is None and not str(error):
            raise
        raise BadFileError(
            f"Expected a file that can be read, got {quoted(path)}: "
            f"{quoted(getattr(error, 'strerror', None) or error)}."
        ) from error


def kind(path: Path) -> str:
    """parquet, feather, zip, gzip, bz2, xz or text.

    Raises:
        BadFileError: another kind of file, which is named.
    """
    with path.open("rb") as file:
        first = file.read(512)
    for magic, name in _MAGIC:
        if first.startswith(magic):
            return name
    for magic, what, advice in _FOREIGN:
        if first.startswith(magic):
            raise BadFileError(f"Expected a file of prices, got {quoted(path)}, which is {what}. {advice}")
    if path.suffix == ".gz" and first:
        raise BadFileError(f"Expected a gzip file, got {quoted(path)}, which is not compressed. Rename it without .gz.")
    if path.suffix == ".parquet" and first:
        raise BadFileError(f"Expected a Parquet file, got {quoted(path)}, which is something else. Check its name.")
    text = first.lstrip(b"\xef\xbb\xbf \r\n\t").lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<table")):
        raise BadFileError(
            f"Expected a file of prices, got {quoted(path)}, which is a web page or XML. Download the data itself."
        )
    return "text"


def open_text(path: Path, watch: Callable[[int], None] | None = None) -> tuple[io.BufferedReader, str]:
    """The file's text from its first character on, as UTF-8, and what it was made of for a person.

    watch: is told how many bytes of the file have been read.
    """
    what = kind(path)
    size = path.stat().st_size
    raw: Any
    base: Any
    if what == _ZIP:
        raw, name = _member(path, size)
        if name.startswith("workbook"):
            return raw, name
    elif what in (_GZIP, _BZ2, _XZ):
        opener = {_GZIP: _unpack, _BZ2: bz2.open, _XZ: lzma.open}[what]
        base = path.open("rb")
        raw, name = _Bounded(opener(base, "rb"), path, size, base=base, watch=watch), what
    else:
        base = path.open("rb", buffering=0)
        raw, name = base if watch is None else _Bounded(base, path, size, base=base, watch=watch), ""
    stream = io.BufferedReader(raw, BLOCK)
    try:
        encoding, skipped = _encoding(_peek(stream, _HEAD), path)
        _read_exactly(stream, skipped)
        if encoding not in ("utf-8", "ascii"):
            stream = io.BufferedReader(_Transcoded(stream, encoding), BLOCK)
            name = f"{name} {encoding}".strip()
        start = _peek(stream, 64).lstrip()[:1]
        if start in (b"{", b"["):
            return documents.json_as_csv(stream, path), f"{name} JSON".strip()
        if blanks := _blanks(_peek(stream, _HEAD)):
            stream = io.BufferedReader(_Aligned(stream, blanks), BLOCK)
            name = f"{name} columns separated by blanks".strip()
    except BaseException:
        stream.close()
        raise
    return stream, name


def head(path: Path, size: int = _HEAD) -> tuple[bytes, str]:
    """The first bytes of the text, up to its last whole line, and what the file is."""
    stream, name = open_text(path)
    with stream:
        content = _read_exactly(stream, size)
        if len(content) == size and b"\n" in content:
            content = content[: content.rindex(b"\n") + 1]
        return content, name


def skip(stream: io.BufferedReader, count: int) -> None:
    """Moves on by so many bytes."""
    _read_exactly(stream, count)


def _peek(stream: io.BufferedReader, size: int) -> bytes:
    """The next bytes, which stay where they are; fewer only where one reading gives fewer."""
    return stream.peek(size)[:size]


def _read_exactly(stream: io.BufferedReader, size: int) -> bytes:
    parts = []
    while size > 0 and (part := stream.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _encoding(first: bytes, path: Path) -> tuple[str, int]:
    """The encoding of a text and how many bytes name it."""
    for mark, name in _MARKS:
        if first.startswith(mark):
            return name, len(mark)
    if len(first) >= 4 and first[1::2].count(0) > len(first[1::2]) * 0.6:
        return "utf-16-le", 0
    if len(first) >= 4 and first[::2].count(0) > len(first[::2]) * 0.6:
        return "utf-16-be", 0
    if b"\0" in first:
        raise BadFileError(
            f"Expected a text file, got {quoted(path)}, which holds NUL bytes (another kind of file, or damage)."
        )
    lines = first[: first.rindex(b"\n")] if b"\n" in first else first
    try:
        lines.decode("utf-8")
    except UnicodeDecodeError:
        return next((name for name, words in _WORDS.items() if _says(lines, name, words)), "cp1252"), 0
    return "utf-8", 0


def _says(text: bytes, encoding: str, words: tuple[str, ...]) -> bool:
    try:
        read = text.decode(encoding).lower()
    except UnicodeDecodeError:
        return False
    return any(word in read for word in words)


def _member(path: Path, size: int) -> tuple[Any, str]:
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
    return _Bounded(member, path, size), f"zip of {quoted(inside[0].filename)}"


class _Bounded(io.RawIOBase):
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


def _blanks(first: bytes) -> re.Pattern[bytes] | None:
    """What separates the columns of a text in which nothing but blanks does: two and more, or any number of them."""
    lines = [line.strip() for line in first.splitlines()[:-1] or first.splitlines() if line.strip()][:_LINES]
    if len(lines) < 2 or re.search(rb"[\t;|]", b"\n".join(lines)) or any(b"," in line for line in lines):
        return None
    for pattern in (_WIDE, _ANY):
        counts = [len(pattern.split(line)) for line in lines]
        usual = max(set(counts), key=counts.count)
        few = [count for count in counts if count != usual]
        if usual >= 4 and len(few) <= max(2, len(lines) // 10) and max(counts) == usual:
            return pattern
    return None


class _Aligned(io.RawIOBase):
    """Columns separated by blanks as columns separated by tabs."""

    def __init__(self, stream: io.BufferedReader, blanks: re.Pattern[bytes]) -> None:
        self._stream = stream
        self._blanks = blanks
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left:
            part = self._stream.read(1 << 20)
            if not part:
                break
            part += self._stream.readline()
            self._left = self._blanks.sub(b"\t", _MARGINS.sub(b"", part))
        count = min(len(buffer), len(self._left))
        buffer[:count], self._left = self._left[:count], self._left[count:]
        return count

    def close(self) -> None:
        self._stream.close()
        super().close()


class _Transcoded(io.RawIOBase):
    """Text of another encoding as UTF-8."""

    def __init__(self, stream: io.BufferedReader, encoding: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left:
            part = self._stream.read1(1 << 20)
            self._left = self._decoder.decode(part, final=not part).encode("utf-8")
            if not part:
                break
        count = min(len(buffer), len(self._left))
        buffer[:count], self._left = self._left[:count], self._left[count:]
        return count

    def close(self) -> None:
        self._stream.close()
        super().close()


def may_hold_prices(name: str) -> bool:
    """Whether a file in a folder or an archive is one of prices, by its name."""
    if name.startswith("."):
        return False
    name = name.lower()
    for packed in PACKED:
        name = name.removesuffix(packed)
    return name.endswith(SUFFIXES)


def most_bytes(size: int) -> int:
    """What a packed file of so many bytes may unpack to."""
    return min(MAX_BYTES, max(64 << 20, size * MAX_RATIO))


def inside(folder: Path) -> list[Path]:
    """The files of a folder that may hold prices, by name.

    Raises:
        BadFileError: there are none.
    """

    with os.scandir(folder) as entries:
        paths = sorted(folder / entry.name for entry in entries if may_hold_prices(entry.name) and entry.is_file())
    if not paths:
        raise BadFileError(
            f"Expected {', '.join(SUFFIXES)} files (.gz too) in the folder {quoted(folder)}, there are none."
        )
    return paths
