"""Reading and writing single files of a run's folder; what is missing or damaged is one clear line."""

import hashlib
import io
import json
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.errors import RunError, counted
from pipelines.files import write_atomically
from pipelines.market.types import Floats

if TYPE_CHECKING:
    import pandas as pd

_DIGEST = 32
_MOST_CELLS = 1 << 29  # numbers in one table: 4 GiB of memory
_ROW_GROUP = 1 << 18  # rows, at least
_MOST_JSON = 1 << 25  # bytes; the largest one that a run has is a hundredth of it


def write_arrays(path: Path, arrays: Mapping[str, Floats]) -> Path:
    """Named float64 arrays behind the sha256 of their bytes, so that no damage goes unnoticed."""
    buffer = io.BytesIO()
    np.savez(buffer, **dict(arrays))  # type: ignore[arg-type]  # numpy types a name of its own
    content = buffer.getvalue()
    return write_atomically(path, hashlib.sha256(content).digest() + content)


def read_arrays(path: Path) -> dict[str, Floats] | None:
    """What write_arrays wrote, None where it is missing or damaged."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    if hashlib.sha256(content[_DIGEST:]).digest() != content[:_DIGEST]:
        return None
    with np.load(io.BytesIO(content[_DIGEST:]), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def write_json(path: Path, content: Mapping[str, Any]) -> Path:
    """JSON as people and other programs read it: no NaN, no infinity."""
    return write_atomically(path, json_bytes(content))


def json_bytes(content: Mapping[str, Any]) -> bytes:
    """The same in memory."""
    return json.dumps(content, indent=2, allow_nan=False).encode()


def write_parquet(path: Path, frame: "pd.DataFrame") -> Path:
    """Parquet with times in UTC nanoseconds."""
    return write_atomically(path, parquet_bytes(frame))


def parquet_bytes(frame: "pd.DataFrame | Iterable[pd.DataFrame]") -> bytes:
    """The same in memory. Of frames that come one by one, one table: only a row group of them is held at a time."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    if isinstance(frame, pd.DataFrame):
        frame.to_parquet(buffer, index=False)
        return buffer.getvalue()
    writer: pq.ParquetWriter | None = None
    for rows in _row_groups(frame):
        table = pa.Table.from_pandas(rows, preserve_index=False)
        writer = writer or pq.ParquetWriter(buffer, table.schema, compression="snappy")
        writer.write_table(table.cast(writer.schema))
    if writer is None:
        raise ValueError("Expected one frame or more, got none.")
    writer.close()
    return buffer.getvalue()


def _row_groups(frames: "Iterable[pd.DataFrame]") -> "Iterator[pd.DataFrame]":
    """Frames joined until they have the rows of a row group; one without rows where none has any."""
    import pandas as pd

    waiting: list[pd.DataFrame] = []
    empty: list[pd.DataFrame] = []
    count, written = 0, False
    for frame in frames:
        if not len(frame):  # its columns of text have no type yet
            empty = [frame]
            continue
        waiting.append(frame)
        count += len(frame)
        if count >= _ROW_GROUP:
            yield pd.concat(waiting, ignore_index=True)
            waiting, count, written = [], 0, True
    if waiting:
        yield pd.concat(waiting, ignore_index=True)
    elif not written:
        yield from empty


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object of a run's folder.

    Raises:
        RunError: it is missing or damaged.
    """
    try:
        content = json.loads(read_bytes(path, most=_MOST_JSON).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise damaged(path, error) from error
    if not isinstance(content, dict):
        raise damaged(path, "not a JSON object")
    return content


def read_bytes(path: Path, *, most: int) -> bytes:
    """The content of a regular file of a run; a FIFO, a folder or a link is refused without waiting for it.

    Raises:
        RunError: it is missing, unreadable, larger than `most` bytes, or no regular file.
    """
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode):
            raise damaged(path, "it is no regular file")
        if status.st_size > most:
            raise damaged(path, f"{status.st_size:,} bytes are too many")
        return path.read_bytes()
    except OSError as error:
        raise damaged(path, error) from error


def read_parquet(path: Path, columns: list[str] | None = None) -> "pd.DataFrame":
    """A table of a run's folder.

    Raises:
        RunError: it is missing or damaged.
    """
    import pandas as pd  # half a second that listing runs does not need
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        footer = pq.read_metadata(path)
        check_size(footer.num_rows, footer.num_columns, path)
        return pd.read_parquet(path, columns=columns)
    except (ValueError, OSError, pa.ArrowException) as error:
        raise damaged(path, error) from error


def check_size(rows: int, columns: int, path: Path) -> None:
    """Whether a table that a footer announces fits into memory, before any of it is unpacked.

    Raises:
        RunError: it is a bomb.
    """
    if rows * columns > _MOST_CELLS:
        raise damaged(path, f"{counted(rows, 'row')} of {counted(columns, 'column')}: more than any run has")


def damaged(path: Path, why: object) -> RunError:
    """What to raise for a file of a run that is missing or not what it should be."""
    reason = "is missing" if isinstance(why, FileNotFoundError) else f"cannot be read ({why})"
    return RunError(
        f"{path.name} of run folder {path.parent} {reason}. Train it again: forecast train SYMBOL --overwrite."
    )
