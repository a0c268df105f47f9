"""Cells of text to numbers and times, with the row and the column of the first that is neither."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import BadFileError, ConfigError
from pipelines.market.types import Floats, Times

if TYPE_CHECKING:
    import pyarrow as pa

_THOUSANDS = r"^[+-]?\d{1,3}(,\d{3})+(\.\d*)?$"
_ZONE = r"(Z|[+-]\d\d:?(\d\d)?)$"
_MIDNIGHT = r"^\d{4}-?\d\d-?\d\d([ T]00:00(:00(\.0+)?)?(Z|[+-]\d\d:?(\d\d)?)?)?$"
_EPOCHS = ((1e17, 1), (1e14, 10**3), (1e11, 10**6), (1e8, 10**9))  # from so large on: nanoseconds in one unit


def numbers(column: "pa.ChunkedArray", *, path: Path, name: str, row: int) -> Floats:
    """Floats, NaN where empty; thousands separators are understood. row: the number of rows before these."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_string(column.type):
        try:
            return _floats(column.cast(pa.float64()))
        except pa.ArrowException:
            raise BadFileError(f"{path}: need numbers in column {name!r}, got {column.type}.") from None
    try:
        return _floats(column.cast(pa.float64()))
    except pa.ArrowInvalid:
        text = pc.utf8_trim_whitespace(column)
    plain = pc.if_else(pc.match_substring_regex(text, _THOUSANDS), pc.replace_substring(text, ",", ""), text)
    try:
        return _floats(plain.cast(pa.float64()))
    except pa.ArrowInvalid:
        for number, cell in enumerate(plain.to_pylist(), start=row + 1):
            if cell is not None and not _is_number(cell):
                raise BadFileError(
                    f"{path}: need a number in row {number:,}, column {name!r}, got {cell[:40]!r}."
                ) from None
        raise


def dates(column: "pa.ChunkedArray") -> "Times | None":
    """Dates where every cell is a date alone or a midnight on its own clock, else None. Empty cells are NaT."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_date(column.type):
        return _times(column.cast(pa.timestamp("ns")))
    if pa.types.is_timestamp(column.type):
        wall = _wall_clock(column)
        return wall if np.all((wall == wall.astype("datetime64[D]")) | np.isnat(wall)) else None
    if not pa.types.is_string(column.type):
        column = column.cast(pa.string())
    text = pc.utf8_trim_whitespace(column)
    if not pc.all(pc.match_substring_regex(text, _MIDNIGHT)).as_py():
        return None
    day = pc.utf8_slice_codeunits(pc.replace_substring(pc.utf8_slice_codeunits(text, 0, 10), "-", ""), 0, 8)
    try:
        return _times(pc.strptime(day, format="%Y%m%d", unit="s").cast(pa.timestamp("ns")))
    except pa.ArrowInvalid:
        return None


def times(column: "pa.ChunkedArray", *, tz: str | None, shape: str | None, path: Path, name: str, row: int) -> Times:
    """UTC times. tz: the zone of times that name none. shape: a strptime format for text that is not ISO 8601.

    Raises:
        BadFileError: a cell that is no time, or some cells with a zone and some without.
        ConfigError: times without a zone and no tz, or a tz that does not exist.
    """
    import pyarrow as pa

    if pa.types.is_timestamp(column.type):
        wall = _times(column.cast(pa.timestamp("ns", column.type.tz)))
        return wall if column.type.tz else _to_utc(wall, tz, path=path, name=name)
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        return _since_1970(_floats(column.cast(pa.float64())), column, path=path, name=name)
    return _from_text(column, tz=tz, shape=shape, path=path, name=name, row=row)


def after_midnight(column: "pa.ChunkedArray", date: str, *, path: Path, name: str, row: int) -> "pa.ChunkedArray":
    """Seconds after midnight of a date, as times on that day's clock.

    Raises:
        ConfigError: a date that is none.
    """
    import pyarrow as pa

    try:
        midnight = np.datetime64(date, "D").astype("datetime64[ns]")
    except ValueError:
        raise ConfigError(f"Need a date such as 2012-06-21, got {date!r}.") from None
    seconds = numbers(column, path=path, name=name, row=row)
    return pa.chunked_array([pa.array(midnight + np.round(seconds * 1e9).astype("timedelta64[ns]"))])


def _from_text(
    column: "pa.ChunkedArray", *, tz: str | None, shape: str | None, path: Path, name: str, row: int
) -> Times:
    import pyarrow as pa
    import pyarrow.compute as pc

    text = column
    if shape is None:
        try:
            return _to_utc(_times(text.cast(pa.timestamp("ns"))), tz, path=path, name=name)
        except pa.ArrowInvalid:
            text = pc.utf8_trim_whitespace(column)
    if shape is not None:
        return _to_utc(_by_shape(text, shape, path=path, name=name, row=row), tz, path=path, name=name)
    try:
        return _to_utc(_times(text.cast(pa.timestamp("ns"))), tz, path=path, name=name)
    except pa.ArrowInvalid:
        pass
    try:
        return _times(text.cast(pa.timestamp("ns", "UTC")))
    except pa.ArrowInvalid:
        pass
    if pc.all(pc.match_substring_regex(text, r"^\d{9,}(\.\d+)?$")).as_py():
        return _since_1970(_floats(text.cast(pa.float64())), text, path=path, name=name)
    first = next(cell for cell in text.to_pylist() if cell is not None)
    zoned = pc.match_substring_regex(first, _ZONE).as_py() and ":" in first
    kind = pa.timestamp("ns", "UTC") if zoned else pa.timestamp("ns")
    for number, cell in enumerate(text.to_pylist(), start=row + 1):
        try:
            pa.scalar(cell, pa.string()).cast(kind)
        except pa.ArrowInvalid:
            like = "with a zone like the rows before" if zoned else "such as 2013-09-02 09:30:00.125"
            raise BadFileError(
                f"{path}: need a time {like} in row {number:,}, column {name!r}, got {cell[:40]!r}. "
                "Another shape: --time-format, e.g. '%d/%m/%Y %H:%M:%S'."
            ) from None
    raise BadFileError(f"{path}: need times in column {name!r}.")


def _by_shape(text: "pa.ChunkedArray", shape: str, *, path: Path, name: str, row: int) -> Times:
    import pandas

    found = pandas.to_datetime(text.to_pandas(), format=shape, errors="coerce")
    wrong = np.flatnonzero(found.isna().to_numpy() & ~text.is_null().to_numpy())
    if len(wrong):
        number, cell = row + int(wrong[0]) + 1, text[int(wrong[0])].as_py()
        raise BadFileError(
            f"{path}: need a time of the shape {shape!r} in row {number:,}, column {name!r}, got {cell!r}."
        )
    times: Times = found.to_numpy().astype("datetime64[ns]")
    return times


def _to_utc(wall: Times, tz: str | None, *, path: Path, name: str) -> Times:
    """From a zone's clock to UTC: the hour that comes twice in autumn by order, else its first; a skipped one later."""
    import zoneinfo

    import pandas

    if tz is None:
        first = wall[~np.isnat(wall)][:1].astype("datetime64[s]")
        raise ConfigError(
            f"{path}: need the time zone of column {name!r} ({' '.join(map(str, first))}), the file has none. "
            "Name it, for example --tz America/New_York or --tz UTC."
        )
    try:
        zoneinfo.ZoneInfo(tz)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(f"Need a time zone such as America/New_York or UTC, got {tz!r}.") from None
    index = pandas.DatetimeIndex(wall)
    try:
        local = index.tz_localize(tz, ambiguous="infer", nonexistent="shift_forward")
    except ValueError:
        local = index.tz_localize(tz, ambiguous=np.ones(len(index), np.bool_), nonexistent="shift_forward")
    utc: Times = local.tz_convert(None).to_numpy().astype("datetime64[ns]")
    return utc


def _since_1970(values: Floats, column: "pa.ChunkedArray", *, path: Path, name: str) -> Times:
    """Whole numbers since 1970 in s, ms, us or ns, told by their size."""
    import pyarrow as pa

    middle = float(np.nanmedian(values))
    for least, factor in _EPOCHS:
        if abs(middle) >= least:
            if pa.types.is_floating(column.type) or not np.array_equal(values, np.floor(values)):
                # a float holds a time of today to a quarter of a microsecond
                return np.round(values * (factor / 1000)).astype("datetime64[us]").astype("datetime64[ns]")
            whole: NDArray[np.int64] = column.cast(pa.int64()).to_numpy()
            return (whole * factor).astype("datetime64[ns]")
    raise BadFileError(
        f"{path}: need times in column {name!r}, got numbers around {middle:g}. Seconds after midnight need --date."
    )


def _wall_clock(column: Any) -> Times:
    import pyarrow.compute as pc

    return _times(pc.local_timestamp(column) if column.type.tz else column)


def _times(column: Any) -> Times:
    import pyarrow as pa

    stamps = column.cast(pa.timestamp("ns", column.type.tz))
    return _whole(stamps).view("datetime64[ns]")


def _whole(stamps: Any) -> NDArray[np.int64]:
    import pyarrow as pa

    nat = np.iinfo(np.int64).min
    numbers: NDArray[np.int64] = stamps.cast(pa.int64()).fill_null(nat).to_numpy()
    return np.array(numbers)


def _floats(column: Any) -> Floats:
    values: Floats = column.fill_null(np.nan).to_numpy()
    return values


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell
