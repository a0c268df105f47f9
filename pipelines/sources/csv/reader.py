"""A file of prices as a stream of tables of text, or one clear line about what is wrong with it.

Nothing is guessed by position, and nothing is trusted: a compressed file may not grow beyond bounds, a row may not
have more or fewer cells than the header.
"""

import gzip
import io
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.errors import BadFileError

if TYPE_CHECKING:
    import pyarrow as pa

_DAMAGED: Any = (EOFError, zlib.error, gzip.BadGzipFile)
try:  # unpacks three times as fast
    from isal import igzip, isal_zlib
except ImportError:
    _unpack: Any = gzip.open
else:
    _unpack = igzip.open
    _DAMAGED += (isal_zlib.error,)

MAX_BYTES = 32 << 30
MAX_RATIO = 400  # real trades compress 5 to 40 times; a bomb a thousand times
_BLOCK = 8 << 20
_DELIMITERS = ",;\t|"
_EMPTY = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "-"]


class NotTypedError(Exception):
    """A cell in a column of numbers or times is none: to be read as text, for a message that names it."""


def names(path: Path, *, header: Sequence[str] | None = None) -> list[str]:
    """The names of the columns. header: those of a CSV file that has none of its own.

    Raises:
        BadFileError: see read().
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with _readable(path):
        if path.suffix != ".parquet":
            return _header(path, header)[0]
        try:
            return list(pq.read_schema(path).names)
        except pa.ArrowException as error:
            raise BadFileError(f"Need a Parquet file, got {path}: {_one_line(error)}.") from error


def read(
    path: Path,
    *,
    numbers: Collection[str] = (),
    times: Collection[str] = (),
    header: Sequence[str] | None = None,
) -> Iterator["pa.Table"]:
    """The file's rows in tables of some hundred thousand, in order. Cells of a CSV file are text, empty ones null.

    numbers, times: columns of a CSV file that are read as such at once, which is faster; times without a zone.
    header: as in names().

    Raises:
        BadFileError: the file is missing, empty, cut off, not what its name says, or a row is ragged.
        NotTypedError: a cell in one of these columns is none.
    """
    with _readable(path):
        yield from _parquet(path) if path.suffix == ".parquet" else _csv(path, numbers, times, header)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    if path.is_dir():
        raise BadFileError(f"Need a file, got the folder {path}.")
    try:
        yield
    except FileNotFoundError:
        raise BadFileError(f"Need a file, got {path}, which is not there.") from None
    except PermissionError:
        raise BadFileError(f"Need a file that may be read, got {path}.") from None


def _parquet(path: Path) -> Iterator["pa.Table"]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1 << 19):
                yield pa.Table.from_batches([batch])
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, FileNotFoundError | PermissionError):
            raise
        raise BadFileError(f"Need a Parquet file, got {path}: {_one_line(error)}.") from error


def _csv(
    path: Path, numbers: Collection[str], times: Collection[str], header: Sequence[str] | None
) -> Iterator["pa.Table"]:
    import pyarrow as pa
    from pyarrow import csv

    columns, delimiter = _header(path, header)
    kinds = dict.fromkeys(columns, pa.string())
    kinds |= dict.fromkeys(numbers, pa.float64()) | dict.fromkeys(times, pa.timestamp("ns"))
    ragged: list[str] = []

    def remember(row: Any) -> str:
        ragged.append(f"row {(row.number or 2) - 1:,} has {row.actual_columns} cells")
        return "error"

    try:
        with _open(path) as stream:
            reader = csv.open_csv(
                pa.PythonFile(stream, mode="r"),
                read_options=csv.ReadOptions(
                    use_threads=False, block_size=_BLOCK, column_names=columns if header else None
                ),
                parse_options=csv.ParseOptions(delimiter=delimiter, invalid_row_handler=remember),
                convert_options=csv.ConvertOptions(
                    column_types=kinds,
                    null_values=_EMPTY,
                    strings_can_be_null=True,
                    check_utf8=True,
                ),
            )
            for batch in reader:
                yield pa.Table.from_batches([batch])
    except pa.ArrowInvalid as error:
        if ragged:
            raise BadFileError(
                f"{path}: need {len(columns)} cells in each row as in the header, {ragged[0]}."
            ) from error
        if (numbers or times) and "conversion error" in str(error):
            raise NotTypedError from error
        raise BadFileError(f"Need a CSV file in UTF-8, got {path}: {_one_line(error)}.") from error
    except _DAMAGED as error:
        raise _cut_off(path) from error


def _header(path: Path, given: Sequence[str] | None) -> tuple[list[str], str]:
    """The names in the first line, or the given ones, and what separates them."""
    try:
        with _open(path) as stream:
            head = stream.read(1 << 16)
    except _DAMAGED as error:
        raise _cut_off(path) from error
    if not head.strip():
        raise BadFileError(f"Need a file with a header and rows, got {path}, which is empty.")
    if b"\0" in head:
        raise BadFileError(
            f"Need a text file in UTF-8, got {path}, which holds NUL bytes (another encoding, or damage)."
        )
    line = head.decode("utf-8-sig", errors="replace").lstrip("\r\n").splitlines()[0]
    delimiter = max(_DELIMITERS, key=line.count)
    names = [name.strip().strip('"') for name in line.split(delimiter)]
    if given is not None:
        if len(names) != len(given):
            raise BadFileError(
                f"{path}: need {len(given)} columns ({', '.join(given)}) in each row, got {line[:60]!r}."
            )
        return list(given), delimiter
    if len(names) < 2:
        raise BadFileError(
            f"Need columns separated by comma, semicolon, tab or |, got {path} with the first line {line[:60]!r}."
        )
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise BadFileError(f"{path}: need each column once, got {twice!r} twice in the header.")
    return names, delimiter


def _open(path: Path) -> io.BufferedReader:
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    if path.suffix == ".gz" and not packed and path.stat().st_size:
        raise BadFileError(f"Need a gzip file, got {path}, which is not compressed. Rename it without .gz.")
    if not packed:
        return path.open("rb")
    return io.BufferedReader(_Bounded(path), _BLOCK)


class _Bounded(io.RawIOBase):
    """Decompresses a gzip file up to MAX_BYTES and MAX_RATIO."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = _unpack(path, "rb")
        self._most = min(MAX_BYTES, max(64 << 20, path.stat().st_size * MAX_RATIO))
        self._read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count: int = self._file.readinto(buffer)
        self._read += count
        if self._read > self._most:
            raise BadFileError(
                f"Need a file that unpacks to at most {self._most >> 20:,} MB, got {self._path}, which goes on. "
                "Unpack it yourself if it is what you expect."
            )
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


def _cut_off(path: Path) -> BadFileError:
    return BadFileError(f"Need a whole gzip file, got {path}, which is cut off or damaged. Fetch it again.")


def _one_line(error: Exception) -> str:
    return str(error).splitlines()[0][:200].rstrip(".")
