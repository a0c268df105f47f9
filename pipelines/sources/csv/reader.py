"""A file of prices as a stream of tables, or one clear line about what is wrong with it.

Nothing is trusted: a packed file may not grow beyond bounds, a row may not have more or fewer cells than the header.
"""

import re
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.errors import BadFileError
from pipelines.sources.csv.cells import quoted
from pipelines.sources.csv.formats import kinds, streams
from pipelines.sources.csv.layout.layout import Layout, is_data, is_time, split
from pipelines.sources.csv.numbers import EMPTY

if TYPE_CHECKING:
    import pyarrow as pa

_RAGGED = re.compile(r"Row #([\d,]+): Expected (\d+) columns, got (\d+)")
_TYPED = ("parquet", "feather")
_LEAST_ROWS = 10_000_000
_ROWS_A_BYTE = 8  # of a file of trades; a bomb of equal rows has forty and more


class NotTypedError(Exception):
    """A cell in a column of numbers or times is none: to be read as text, for a message that names it."""


def is_typed(path: Path) -> bool:
    """Whether the file says itself what its columns are (Parquet, Feather)."""
    return kinds.kind(path) in _TYPED


def names(path: Path) -> list[str]:
    """The columns of a typed file.

    Raises:
        BadFileError: a damaged file.
    """
    return list(_schema(path).names)


def labels(path: Path) -> list[str]:
    """The columns of a typed file that hold words or whole numbers."""
    import pyarrow as pa

    types = {
        field.name: field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        for field in _schema(path)
    }
    return [name for name, kind in types.items() if pa.types.is_integer(kind) or pa.types.is_string(kind)]


def _schema(path: Path) -> "pa.Schema":
    import pyarrow as pa
    import pyarrow.ipc as ipc
    import pyarrow.parquet as pq

    try:
        if kinds.kind(path) == "feather":
            with ipc.open_file(path) as file:
                return file.schema
        return pq.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from error


def typed(path: Path, columns: Sequence[str]) -> Iterator["pa.Table"]:
    """The rows of a Parquet or Feather file in tables of some hundred thousand, in order.

    Raises:
        BadFileError: a damaged file, or one with more rows than its size can hold.
    """
    import pyarrow as pa
    import pyarrow.ipc as ipc
    import pyarrow.parquet as pq

    try:
        if kinds.kind(path) == "feather":
            with ipc.open_file(path) as file:
                rows = 0
                for number in range(file.num_record_batches):
                    batch = file.get_batch(number)
                    rows += batch.num_rows
                    _check_rows(path, rows)
                    yield pa.Table.from_batches([batch]).select(columns)
            return
        with pq.ParquetFile(path) as file:
            _check_rows(path, file.metadata.num_rows)
            for batch in file.iter_batches(batch_size=1 << 19, columns=list(columns)):
                yield pa.Table.from_batches([batch]).select(columns)
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, FileNotFoundError | PermissionError):
            raise
        raise _damaged(path, error) from error


def text(
    layout: Layout,
    columns: Sequence[int],
    *,
    numbers: Collection[int] = (),
    times: Collection[int] = (),
    watch: Callable[[int], None] | None = None,
) -> Iterator["pa.Table"]:
    """The rows of a text file, the columns called by their numbers; cells are text, empty ones null.

    numbers, times: columns that are read as such at once, which is faster; times without a zone. watch: is
    told how many bytes of the file have been read.

    Raises:
        BadFileError: the file is cut off or a row is ragged.
        NotTypedError: a cell in one of these columns is none.
    """
    import pyarrow as pa
    from pyarrow import csv

    kinds: dict[str, Any] = {str(number): pa.string() for number in columns}
    kinds |= {str(number): pa.float64() for number in numbers} | {str(number): pa.timestamp("ns") for number in times}
    try:
        stream, _ = streams.open_text(layout.path, watch)
        with stream:
            streams.skip(stream, layout.start)
            if not stream.peek(1):
                return
            with _no_trace_of_bytes():
                reader = csv.open_csv(
                    pa.PythonFile(stream, mode="r"),
                    read_options=csv.ReadOptions(
                        use_threads=False,
                        block_size=streams.BLOCK,
                        column_names=[str(number) for number in range(layout.width)],
                    ),
                    parse_options=csv.ParseOptions(
                        delimiter=layout.delimiter,
                        quote_char=layout.quote,
                        newlines_in_values=False,
                        invalid_row_handler=_left_out(layout),
                    ),
                    convert_options=csv.ConvertOptions(
                        column_types=kinds,
                        include_columns=[str(number) for number in columns],
                        null_values=list(EMPTY),
                        strings_can_be_null=True,
                        check_utf8=True,
                    ),
                )
            batches = iter(reader)
            while True:
                with _no_trace_of_bytes():
                    batch = next(batches, None)
                if batch is None:
                    break
                yield pa.Table.from_batches([batch])
    except pa.ArrowInvalid as error:
        message = str(error)
        if ragged := _RAGGED.search(message):
            row, expected, actual = (int(number.replace(",", "")) for number in ragged.groups())
            raise BadFileError(
                f"{quoted(layout.path)}: Expected {expected} cells in each row as in the header, row {row:,} has "
                f"{actual} cells. Correct the file."
            ) from error
        if (numbers or times) and "conversion error" in message:
            raise NotTypedError from error
        if "Empty CSV" in message:
            return
        raise _damaged(layout.path, error) from error


@contextmanager
def _no_trace_of_bytes() -> Iterator[None]:
    """A ragged row that is no UTF-8 cannot be shown to `invalid_row_handler`: Arrow prints that and refuses it."""
    before = sys.unraisablehook

    def hook(unraisable: "sys.UnraisableHookArgs") -> None:
        if not issubclass(unraisable.exc_type, UnicodeDecodeError):
            before(unraisable)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before


def _left_out(layout: Layout) -> Callable[[Any], str]:
    """Whether a line of too few or too many cells is text of a footer, or a count of rows; all else is an error."""
    names, last = {row[0] for row in layout.first if len(row) == layout.width}, -1

    def decide(row: Any) -> str:
        nonlocal last
        cells, number = split(row.text, layout.delimiter, layout.quote) or [""], row.number or 0
        cut_off = re.match(r"[-+(]?\W?\d", cells[0]) or any(name.startswith(cells[0]) for name in names)
        count = len(cells) == 1 and cells[0].isdecimal() and abs(int(cells[0]) - number) <= 1
        dated = len(cells) > 1 and (is_time(cells[0]) or (is_data(cells) and any(map(is_time, cells))))
        if dated or ((cut_off or is_data(cells)) and not count and last != number - 1):
            return "error"
        last = number
        return "skip"

    return decide


def _check_rows(path: Path, rows: int) -> None:
    if rows > max(_LEAST_ROWS, path.stat().st_size * _ROWS_A_BYTE):
        raise BadFileError(
            f"Expected a file of prices, got {quoted(path)}, which holds {rows:,} rows in "
            f"{path.stat().st_size:,} bytes: nearly all of them equal. Save the rows that you need as a file."
        )


def _damaged(path: Path, error: Exception) -> BadFileError:
    expected = {"parquet": "Parquet", "feather": "Feather"}.get(kinds.kind(path), "text")
    reason = quoted(str(error).splitlines()[0][:200].rstrip("."))
    return BadFileError(f"Expected a {expected} file that can be read, got {quoted(path)}: {reason}. Correct the file.")
