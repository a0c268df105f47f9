"""Cells to times: ISO 8601, dates of any country, moments since 1970 in any unit; never a date that does not exist."""

import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import BadFileError, ConfigError
from pipelines.market.types import Floats, Times
from pipelines.sources.csv.cells import Column, quoted
from pipelines.sources.csv.numbers import EMPTY
from pipelines.sources.csv.times import date_texts

if TYPE_CHECKING:
    import pyarrow as pa

EARLIEST = np.datetime64("1800-01-01", "ns")
"""No exchange has prices from before."""

Unit = Literal["s", "ms", "us", "ns"]
_UNITS: dict[Unit, int] = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_NAMES = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
_LEAST = (1e8, 1e11, 1e14, 1e17)  # from so large on (March 1973): s, ms, us, ns
_OTHER_CLOCKS = {  # of 1992 to 2042, by which nanoseconds since 1970 would be of a year without tick data
    "ticks of .NET (tenths of a microsecond since the year 1)": (6.283e17, 6.442e17),
    "a Windows file time (tenths of a microsecond since 1601)": (1.234e17, 1.392e17),
}
_EPOCH = r"^[+-]?\d{1,19}(\.\d+)?$"
_ZONED_MIDNIGHT = r"^\d{4}-\d\d-\d\d[T ]00:00(:00(\.0+)?)?(Z|[+-]\d\d:?(\d\d)?)$"
_DAY = 86_400
_HALF_AN_HOUR = np.timedelta64(30, "m")


@dataclass(frozen=True, kw_only=True, eq=False)
class Stamps:
    """Times as a file has them. wall: on the file's own clock. utc: None where the file names no zone.

    unit: how they are written, for a person. zone: of the cells, where they name one by its name.
    """

    wall: Times
    utc: Times | None
    unit: str
    zone: str | None = None

    @property
    def midnight(self) -> bool:
        """Whether each is a date, or the midnight of one on its own clock."""
        return all(  # a few of them first, which decide of most files
            bool(np.all((times == times.astype("datetime64[D]")) | np.isnat(times)))
            for times in (self.wall[:100], self.wall)
        )


def parse(
    column: "pa.ChunkedArray", *, where: Column, time_format: str | None, day_first: bool | None, latest: np.datetime64
) -> Stamps:
    """Times of one column. time_format: strptime's. day_first: of 01/02/2024. latest: later moments are none.

    Raises:
        BadFileError: a cell that is no time, or one of another kind than the others.
        ConfigError: dates that may be day first or month first.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return _of_type(column)
    if (pa.types.is_integer(kind) or pa.types.is_floating(kind)) and time_format is None:
        digits = column.cast(pa.int64(), safe=False).cast(pa.string()) if pa.types.is_floating(kind) else None
        text = column.cast(pa.string()) if digits is None else digits
        if pc.all(pc.match_substring_regex(text, date_texts.EIGHT_DIGITS)).as_py():
            return Stamps(wall=date_texts.parse(text, where=where, day_first=day_first).wall, utc=None, unit="yyyymmdd")
        return _since_1970(column, where=where, latest=latest)
    text = pc.utf8_trim(
        column.cast(pa.string()), " \t\r\n\v\f\u00a0\ufeff"
    )  # a mark of byte order where files were joined
    text = pc.if_else(pc.is_in(text, pa.array(EMPTY)), pa.scalar(None, pa.string()), text)
    if text.null_count == len(text):
        return Stamps(wall=np.full(len(text), "NaT", "datetime64[ns]"), utc=None, unit="nothing")
    if time_format is not None:
        return _by_format(text, time_format, where=where)
    return _of_text(text, where=where, day_first=day_first, latest=latest)


def _of_text(text: "pa.ChunkedArray", *, where: Column, day_first: bool | None, latest: np.datetime64) -> Stamps:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pc.all(pc.match_substring_regex(text, _ZONED_MIDNIGHT)).as_py():
        try:
            utc = nanoseconds(text.cast(pa.timestamp("ns", "UTC")))
            wall = nanoseconds(pc.utf8_slice_codeunits(text, 0, 10).cast(pa.timestamp("ns")))
            return Stamps(wall=wall, utc=utc, unit="ISO 8601 with a zone")
        except pa.ArrowInvalid:
            pass
    try:
        return Stamps(wall=nanoseconds(text.cast(pa.timestamp("ns"))), utc=None, unit="ISO 8601")
    except pa.ArrowInvalid:
        pass
    try:
        moments = nanoseconds(text.cast(pa.timestamp("ns", "UTC")))
        return Stamps(wall=moments, utc=moments, unit="ISO 8601 with a zone")
    except pa.ArrowInvalid:
        pass
    if pc.all(pc.match_substring_regex(text, _EPOCH)).as_py() and not date_texts.is_compact(text):
        try:
            numbers = text.cast(pa.int64())
        except pa.ArrowInvalid:
            numbers = text.cast(pa.float64())
        return _since_1970(numbers, where=where, latest=latest)
    parts = date_texts.parse(text, where=where, day_first=day_first)
    zoned = None if parts.offset is None else parts.wall - parts.offset
    return Stamps(wall=parts.wall, utc=zoned, unit=parts.order, zone=parts.zone)


def _of_type(column: "pa.ChunkedArray") -> Stamps:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_date(column.type) or column.type.tz is None:
        unit = "dates" if pa.types.is_date(column.type) else "timestamps without a zone"
        return Stamps(wall=nanoseconds(column), utc=None, unit=unit)
    wall = nanoseconds(pc.local_timestamp(column))
    return Stamps(wall=wall, utc=nanoseconds(column), unit=f"timestamps of {column.type.tz}")


def to_utc(wall: Times, tz: str | None, *, where: Column) -> Times:
    """From a zone's clock to UTC: the hour that comes twice in autumn by order, else its first; a skipped one later.

    Raises:
        ConfigError: no tz, or one that does not exist.
    """
    import pandas

    if tz is None:
        first = wall[~np.isnat(wall)][:1].astype("datetime64[s]")
        raise ConfigError(
            f"{quoted(where.path)}: Expected the time zone of column {quoted(where.name)!r} "
            f"({' '.join(map(str, first))}), the file has none. Name it, for example --tz America/New_York or --tz UTC."
        )
    check_zone(tz)
    if tz == "UTC":
        return wall
    local = pandas.DatetimeIndex(wall).tz_localize(tz, ambiguous="NaT", nonexistent="shift_forward")
    utc: Times = local.tz_convert(None).to_numpy().astype("datetime64[ns]")
    twice = np.flatnonzero(np.isnat(utc) & ~np.isnat(wall))
    if len(twice):
        resolved = pandas.DatetimeIndex(wall[twice]).tz_localize(tz, ambiguous=~_second_pass(wall, twice))
        utc = np.array(utc)
        utc[twice] = resolved.tz_convert(None).to_numpy().astype("datetime64[ns]")
    return utc


def _second_pass(wall: Times, twice: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which times of hours that come twice are of the second: those after the clock was put back, by the file's order.

    In a file whose newest row is first, those before. Of one hour's bars the clock stands still.
    """
    filled = wall[~np.isnat(wall)]
    backwards = len(filled) > 1 and filled[0] > filled[-1]
    rows = twice[::-1] if backwards else twice
    second = np.zeros(len(rows), np.bool_)
    for run in np.split(np.arange(len(rows)), np.flatnonzero(np.abs(np.diff(rows)) > 1) + 1):
        steps = np.diff(wall[rows[run]])
        put_back = steps <= -_HALF_AN_HOUR if len(run) != 2 else steps <= np.timedelta64(0, "s")
        if np.any(put_back):
            second[run[int(np.argmax(put_back)) + 1 :]] = True
    return second[::-1] if backwards else second


def on_clock(utc: Times, tz: str) -> Times:
    """UTC times on a zone's clock."""
    import pandas

    check_zone(tz)
    local = pandas.DatetimeIndex(utc).tz_localize("UTC").tz_convert(tz).tz_localize(None)
    wall: Times = local.to_numpy().astype("datetime64[ns]")
    return wall


def check_zone(tz: str) -> None:
    """Raises ConfigError where there is no such time zone."""
    try:
        zoneinfo.ZoneInfo(tz)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(f"Expected a time zone such as America/New_York or UTC, got {tz[:60]!r}.") from None


def after_midnight(values: Floats, date: str, *, where: Column, unit: Unit | None = None) -> Times:
    """Seconds, or milli-, micro- or nanoseconds after midnight of a date, as times on that day's clock.

    unit: None to take the largest by which all are within the day.

    Raises:
        ConfigError: a date that is none.
        BadFileError: numbers that are not within one day.
    """
    try:
        midnight = np.datetime64(date, "D").astype("datetime64[ns]")
    except ValueError:
        midnight = np.datetime64("NaT", "ns")
    if np.isnat(midnight):
        raise ConfigError(f"Expected a date such as 2012-06-21, got {date[:40]!r}.")
    largest = float(np.nanmax(values, initial=0.0))
    for factor in _UNITS.values() if unit is None else (_UNITS[unit],):
        if largest <= _DAY * 1e9 / factor and not np.any(values < 0):
            since = np.round(values * factor)
            empty = np.iinfo(np.int64).min
            times: Times = midnight + np.where(np.isnan(since), empty, since).astype("timedelta64[ns]")
            return times
    row = int(np.nanargmax(np.where(values < 0, np.inf, values)))
    raise where.bad(row, f"{values[row]:.15g}", expected="a time after midnight (0 to 86,400 seconds)")


def nanoseconds(column: Any) -> Times:
    """A column of dates or timestamps as datetime64[ns], NaT where null. A zone is left away.

    Raises:
        pyarrow.ArrowInvalid: a time before 1678 or after 2261.
    """
    import pyarrow as pa

    zone = column.type.tz if pa.types.is_timestamp(column.type) else None
    stamps = column.cast(pa.timestamp("ns", zone)).cast(pa.int64())
    numbers: NDArray[np.int64] = stamps.fill_null(np.iinfo(np.int64).min).to_numpy()
    return np.array(numbers).view("datetime64[ns]")


def _by_format(text: "pa.ChunkedArray", time_format: str, *, where: Column) -> Stamps:
    import pandas

    try:
        parsed = pandas.to_datetime(text.to_pandas(), format=time_format, errors="coerce", utc="%z" in time_format)
    except (ValueError, TypeError) as error:
        raise ConfigError(
            f"Expected a format of times such as '%d/%m/%Y %H:%M:%S', got {time_format[:40]!r}: "
            f"{str(error).splitlines()[0][:100]}."
        ) from None
    invalid = np.flatnonzero(parsed.isna().to_numpy() & ~text.is_null().to_numpy())
    if len(invalid):
        expected = f"a time of the format {time_format!r}"
        raise where.bad(int(invalid[0]), text[int(invalid[0])].as_py(), expected=expected)
    naive = parsed.dt.tz_convert(None) if parsed.dt.tz is not None else parsed
    wall: Times = naive.to_numpy().astype("datetime64[ns]")
    return Stamps(wall=wall, utc=wall if "%z" in time_format else None, unit=time_format)


def _since_1970(column: "pa.ChunkedArray", *, where: Column, latest: np.datetime64) -> Stamps:
    """Numbers since 1970 in s, ms, us or ns: each cell by its size, the small ones as their neighbours."""
    import pyarrow as pa
    import pyarrow.compute as pc

    values = np.asarray(column.cast(pa.float64(), safe=False).fill_null(np.nan).to_numpy())
    filled = ~np.isnan(values)
    size = np.abs(values)
    if not np.any(size[filled] >= _LEAST[0]):
        raise BadFileError(
            f"{quoted(where.path)}: Expected times in column {quoted(where.name)!r}, got numbers around "
            f"{np.nanmedian(values) if np.any(filled) else 0:g}. Seconds after midnight need --date, dates such as "
            "240102 --date-format %y%m%d; day numbers of a spreadsheet have to be formatted as dates there."
        )
    for what, (first, last) in _OTHER_CLOCKS.items():
        if np.all((values[filled] >= first) & (values[filled] <= last)) and np.any(values[filled] % 8.64e13):
            raise BadFileError(
                f"{quoted(where.path)}: Expected times since 1970 in column {quoted(where.name)!r}, got "
                f"{column.drop_null()[0].as_py()}, which would be of {'1990' if first > 5e17 else '1974'} and is more "
                f"likely {what}. Write them as dates, such as 2013-09-02 09:30:00.125."
            )
    natural = np.digitize(np.where(filled, size, 0), _LEAST[1:])
    units = list(_UNITS)
    unit = natural.copy()
    possible = _possible(values, natural, latest)
    if len(np.unique(natural[filled])) > 1 or not np.all(possible[filled]):
        unit = _unit_of_each(values, natural, possible, filled, latest)
    if np.any(impossible := filled & (unit < 0)):
        row = int(np.argmax(impossible))
        expected = f"a time from {EARLIEST.astype('datetime64[D]')} to {latest.astype('datetime64[D]')}"
        raise where.bad(row, column[row].as_py(), expected=expected)
    factor = np.array(list(_UNITS.values()), np.int64)[np.maximum(unit, 0)]
    if pa.types.is_integer(column.type):
        integers = pc.fill_null(column.cast(pa.int64()), 0).to_numpy()
        since = integers * factor
    else:  # a float holds a time of today to a quarter of a microsecond
        since = np.round(np.where(filled, values, 0) * (factor / 1000)).astype(np.int64) * 1000
        since = np.where(
            np.where(filled, values == np.floor(values), False),
            np.where(filled, values, 0).astype(np.int64) * factor,
            since,
        )
    since = np.where(filled, since, np.iinfo(np.int64).min)
    names = " and ".join(_NAMES[units[code]] for code in np.unique(unit[filled]))
    moments = since.view("datetime64[ns]")
    return Stamps(wall=moments, utc=moments, unit=f"{names} since 1970")


def _possible(values: Floats, unit: NDArray[np.int64], latest: np.datetime64) -> NDArray[np.bool_]:
    seconds = values * np.array([factor / 1e9 for factor in _UNITS.values()])[unit]
    first, last = (moment.astype("datetime64[s]").astype(np.int64) for moment in (EARLIEST, latest))
    inside: NDArray[np.bool_] = (seconds >= first) & (seconds <= last)
    return inside


def _unit_of_each(
    values: Floats,
    natural: NDArray[np.int64],
    possible: NDArray[np.bool_],
    filled: NDArray[np.bool_],
    latest: np.datetime64,
) -> NDArray[np.int64]:
    """The unit of each cell of a column with several, -1 for none.

    A number of the first months after 1970 may be of a finer unit than its size says: it is, where that brings it
    nearer to the next cell that can be read in one way only, as most can.
    """
    present = np.unique(natural[filled & possible])
    fits = np.stack([_possible(values, np.full(len(values), code), latest) for code in range(len(_UNITS))])
    for code in range(len(_UNITS)):
        fits[code] &= filled & ((natural == code) | ((natural < code) & np.isin(code, present)))
    single = np.flatnonzero(fits.sum(axis=0) == 1)
    unit = np.where(fits.any(axis=0), np.argmax(fits, axis=0), -1)
    several = np.flatnonzero(fits.sum(axis=0) > 1)
    unit[several] = natural[several]
    if len(single) > len(several) > 0:
        scale: Mapping[int, float] = {code: factor / 1e9 for code, factor in enumerate(_UNITS.values())}
        sure = values[single] * np.array([scale[code] for code in unit[single]])
        right = np.minimum(np.searchsorted(single, several), len(single) - 1)
        left = np.maximum(right - 1, 0)
        nearer = np.where(np.abs(single[left] - several) <= np.abs(single[right] - several), left, right)
        distance = np.stack(
            [
                np.where(fits[code, several], np.abs(values[several] * scale[code] - sure[nearer]), np.inf)
                for code in scale
            ]
        )
        unit[several] = np.argmin(distance, axis=0)
    return unit
