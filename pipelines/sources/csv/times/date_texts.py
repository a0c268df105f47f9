"""Dates and times of day as people write them: any order, month names, dots, slashes, AM and PM.

A date that does not exist is an error that names its row. Of 01/02/2024 the other cells of the column decide whether
the day or the month comes first; where none does, that is asked.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import ConfigError
from pipelines.market.types import Times
from pipelines.sources.csv.cells import Column, quoted

if TYPE_CHECKING:
    import pyarrow as pa

EIGHT_DIGITS = r"^(1[89]|20)\d{6}$"
_COMPACT = r"(?P<y>(?:18|19|20)\d\d)(?P<m>\d\d)(?P<d>\d\d)(?P<H>\d\d)(?P<M>\d\d)(?P<S>\d\d)?(?P<f>\d{3})?"
_CLOCK = (
    r"(?:[TD ;,]+(?:(?P<H>\d{1,2}):(?P<M>\d\d)(?::(?P<S>\d\d)(?:[.,:](?P<f>\d{1,9}))?)?(?: ?(?P<p>[AaPp])\.?[Mm]\.?)?"
    r"|(?P<c>\d{4}|\d{6})(?P<cf>\d{3})?))?"
)
_ABBREVIATED = {"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "PST": -8, "PDT": -7, "CET": 1, "CEST": 2, "JST": 9}
_ZONE = rf" ?(?P<z>Z|UTC|GMT|{'|'.join(_ABBREVIATED)}|(?:UTC|GMT)?[+-]\d\d(?::?\d\d)?|[A-Z][A-Za-z]+/[A-Z][A-Za-z_/]+)?"
_WEEKDAY = r"(?:\pL{2,10}\.?,? +)?"
_AFTER = r"(?: UTC| ?[(\[][\pL _/]+[)\]]|[, ]?[一二三四五六日月火水木金土])?"
"""A weekday, or the zone's name after its offset."""
_ORDINAL = r"(?:st|nd|rd|th)?"
_NAMED = r"(?P<n>\pL{3,10})"
_DATES = {
    "year, month, day": r"(?P<y>\d{4})[-/.年 ] ?(?P<m>\d{1,2})[-/.月 ] ?(?P<d>\d{1,2})日?",
    "year of the Republic of China, month, day": r"(?P<r>1\d\d)/(?P<m>\d{1,2})/(?P<d>\d{1,2})",
    "yyyymmdd": r"(?P<y>\d{4})(?P<m>\d\d)(?P<d>\d\d)",
    "": r"(?P<a>\d{1,2})(?P<s>[-/. ])(?P<b>\d{1,2})[-/. ](?P<y>\d{4}|\d\d)",
    "six digits": r"(?P<a>\d\d)(?P<s>)(?P<b>\d\d)(?P<y>\d\d)",
    "day, month's name, year": rf"(?P<d>\d{{1,2}}){_ORDINAL}[-/. ]*{_NAMED}\.?[-/., ]*(?P<y>\d{{4}}|\d\d)",
    "month's name, day, year": rf"{_NAMED}\.?[-/. ]*(?P<d>\d{{1,2}}){_ORDINAL},?[-/. ]+(?P<y>\d{{4}})",
    "year, month's name, day": rf"(?P<y>\d{{4}})[-/. ]{_NAMED}[-/. ](?P<d>\d{{1,2}})",
}
_MONTHS = (
    "jan january januar janv janvier ene enero gen gennaio janeiro",
    "feb february februar fev fevr fevrier febrero febbraio fevereiro",
    "mar march mär märz mrz mars marzo março marco mrt",
    "apr april avr avril abr abril aprile",
    "may mai mayo mag maggio maio mei",
    "jun june juni juin junio giu giugno junho",
    "jul july juli juil juillet julio lug luglio julho",
    "aug august aou aout août ago agosto",
    "sep sept september septembre septiembre set settembre setembro",
    "oct october okt oktober octobre octubre ott ottobre out outubro",
    "nov november novembre noviembre novembro",
    "dec december dez dezember décembre dic diciembre dicembre dezembro déc",
)
_MONTH = {name: number for number, names in enumerate(_MONTHS, start=1) for name in names.split()}
_EARLIEST_SHORT = 1950  # of years of two digits
_LATEST, _BUDDHIST = 2400, 543  # a year that is later than any; what the Buddhist era began before ours
_HINT_OF_CALENDARS = "Write dates of the Persian or the Islamic calendar as Gregorian ones: 1402/10/11 is 2024-01-01."
_HINT_OF_CLOCKS = "Name the day of these times, for example --date 2024-01-02."
_HINT = "Another format: --time-format, e.g. '%d/%m/%Y %H:%M:%S'."


@dataclass(frozen=True, kw_only=True, eq=False)
class DateTexts:
    """wall: on the clock of the cells. offset: theirs from UTC, None where they name no zone or one by its name."""

    wall: Times
    offset: NDArray[np.timedelta64] | None
    zone: str | None
    order: str


def of_years_since(text: "pa.ChunkedArray", first_year: int) -> "pa.ChunkedArray":
    """99/01/04 and 113年1月2日, of years that are counted from one of ours, with the years that we count."""
    import pyarrow as pa
    import pyarrow.compute as pc

    parts = pc.extract_regex(text, r"^\s*(?P<y>\d{2,3})(?P<rest>[-/.年].*)$")
    years = pc.add(pc.struct_field(parts, "y").cast(pa.int64()), first_year - 1).cast(pa.string())
    return pc.coalesce(pc.binary_join_element_wise(years, pc.struct_field(parts, "rest"), ""), text)


def is_compact(text: "pa.ChunkedArray") -> bool:
    """Whether each cell is a date and a time of day without separators: 20240102093000."""
    import pyarrow.compute as pc

    if not pc.all(pc.match_substring_regex(text, rf"^{_COMPACT}$|{EIGHT_DIGITS}")).as_py():
        return False
    if pc.all(pc.match_substring_regex(text, EIGHT_DIGITS)).as_py():
        return True
    parts = pc.extract_regex(text, f"^{_COMPACT}$")
    inside = [("m", 1, 12), ("d", 1, 31), ("H", 0, 23), ("M", 0, 59), ("S", 0, 59)]
    return all(
        bool(np.all((_integers(parts, n) >= least) & (_integers(parts, n) <= most))) for n, least, most in inside
    )


def parse(text: "pa.ChunkedArray", *, where: Column, day_first: bool | None) -> DateTexts:
    """Dates with or without times of day. text: trimmed, null where empty.

    Raises:
        BadFileError: a cell that is no date, or a date that does not exist.
        ConfigError: days and months that may be each other.
    """
    import pyarrow.compute as pc

    if is_compact(text) and not pc.all(pc.match_substring_regex(text, EIGHT_DIGITS)).as_py():
        order, parts = "yyyymmddHHMMSS", pc.extract_regex(text, f"^{_COMPACT}$")
    else:
        order, parts = _most(text)
    fits, empty = parts.is_valid().to_numpy(), text.is_null().to_numpy()
    if np.any(invalid := ~fits & ~empty):
        row = int(np.argmax(invalid))
        zoned = "z" in _fields(parts) and bool(pc.all(pc.not_equal(pc.struct_field(parts, "z"), "")).as_py())
        like = "with a zone like the others" if zoned else "such as 2013-09-02 09:30:00.125"
        hint = _HINT_OF_CLOCKS if re.match(r"\d{1,2}:\d\d", text[row].as_py()) else _HINT
        raise where.bad(row, text[row].as_py(), expected=f"a time {like}", hint=hint)
    if day_first is None and "a" in _fields(parts) and _year_first(text, parts, where=where):
        order, year, month, day = (
            "year, month, day",
            _full(_integers(parts, "a")),
            _integers(parts, "b"),
            _integers(parts, "y"),
        )
    else:
        year = _integers(parts, "r") + 1911 if "r" in _fields(parts) else _full(_integers(parts, "y"))
        month, day, order = _month_and_day(text, parts, order, where=where, day_first=day_first)
    if np.any(fits) and np.all(year[fits] > _LATEST):
        year, order = year - _BUDDHIST, f"{order} (years of the Buddhist era)"
    days, exists = _days(year, month, day)
    clock, right = _clock(parts)
    if np.any(invalid := fits & ~(exists & right)):
        row = int(np.argmax(invalid))
        expected = "a time of day that exists" if exists[row] else "a date that exists"
        hint = _HINT_OF_CALENDARS if 1300 <= year[row] < 1500 else f"Correct the file. {_HINT}"
        raise where.bad(row, text[row].as_py(), expected=expected, hint=hint)
    wall = np.where(fits, days.astype("datetime64[ns]") + clock, np.datetime64("NaT", "ns"))
    offset, zone = _offset(text, parts, where=where)
    return DateTexts(wall=wall, offset=offset, zone=zone, order=order)


def _most(text: "pa.ChunkedArray") -> tuple[str, Any]:
    """The order that most cells have, and their parts."""
    import pyarrow.compute as pc

    best: tuple[int, str, Any] | None = None
    for order, pattern in _DATES.items():
        parts = pc.extract_regex(text, f"^{_WEEKDAY}{pattern}{_CLOCK}{_ZONE}{_AFTER}$")
        count = len(parts) - parts.null_count
        if best is None or count > best[0]:
            best = count, order, parts
        if count == len(text) - text.null_count:
            break
    if best is None:
        raise AssertionError("no orders of dates")
    return best[1], best[2]


def _month_and_day(
    text: "pa.ChunkedArray", parts: Any, order: str, *, where: Column, day_first: bool | None
) -> tuple[NDArray[np.int64], NDArray[np.int64], str]:
    import pyarrow as pa
    import pyarrow.compute as pc

    fields = _fields(parts)
    if "n" in fields:
        names = pc.utf8_lower(pc.struct_field(parts, "n")).to_pylist()
        month = np.array([0 if name is None else _MONTH.get(name, 0) for name in names], np.int64)
        return month, _integers(parts, "d"), order
    if "m" in fields:
        return _integers(parts, "m"), _integers(parts, "d"), order
    first, second = _integers(parts, "a"), _integers(parts, "b")
    if day_first is None:
        dots = pc.all(pc.equal(pc.struct_field(parts, "s"), pa.scalar("."))).as_py()
        if np.any(first > 12) and np.any(second > 12):
            row = (
                int(np.argmax(second > 12))
                if np.argmax(second > 12) > np.argmax(first > 12)
                else int(np.argmax(first > 12))
            )
            raise where.bad(row, text[row].as_py(), expected="one order of day and month", hint=_HINT)
        day_first = bool(np.any(first > 12)) or (bool(dots) and not np.any(second > 12))
        if not day_first and not np.any(second > 12):
            raise _ambiguous(text, parts, where, example="%m/%d/%Y")
    return (second, first, "day, month, year") if day_first else (first, second, "month, day, year")


def _ambiguous(text: "pa.ChunkedArray", parts: Any, where: Column, *, example: str) -> ConfigError:
    first = text[int(np.argmax(parts.is_valid().to_numpy()))].as_py()
    clock = {1: " %H:%M", 2: " %H:%M:%S"}.get(first.count(":"), "")
    return ConfigError(
        f"{quoted(where.path)}: Expected dates that can be read in one way, got {first[:40]!r} in column "
        f"{quoted(where.name)!r}, and no other cell decides. Say --dayfirst, --monthfirst, or --date-format, e.g. "
        f"'{example}{clock}'."
    )


def _year_first(text: "pa.ChunkedArray", parts: Any, *, where: Column) -> bool:
    """Whether 24-01-02 is the 2nd of January 2024: all are such dates, and as those they lie nearest together.

    Raises:
        ConfigError: as those they lie about as near together as with the year last.
    """
    import pyarrow.compute as pc

    first, middle, last = (_integers(parts, name)[parts.is_valid().to_numpy()] for name in "aby")
    steps = []
    for year, month, day in ((first, middle, last), (last, middle, first), (last, first, middle)):
        days, exists = _days(_full(year), month, day)
        possible = exists & ((year > 99) | (_full(year) >= _EARLIEST_SHORT))
        steps.append(np.abs(np.diff(days)).sum().astype(np.int64) if np.all(possible) else np.iinfo(np.int64).max)
    if steps[0] < np.iinfo(np.int64).max and 0.1 * steps[0] <= min(steps[1:]) <= 10 * steps[0]:
        separated = pc.any(pc.not_equal(pc.struct_field(parts, "s"), "")).as_py()
        raise _ambiguous(text, parts, where, example="%y-%m-%d" if separated else "%y%m%d %H%M%S")
    return steps[0] < min(steps[1:])


def _full(year: NDArray[np.int64]) -> NDArray[np.int64]:
    this = int(np.datetime64("now", "Y").astype(np.int64)) + 1970
    short = np.where(2000 + year > this + 1, 1900, 2000) + year
    return np.where(year < 100, short, year)


def _days(year: NDArray[np.int64], month: NDArray[np.int64], day: NDArray[np.int64]) -> tuple[Any, NDArray[np.bool_]]:
    """Dates, and whether they exist."""
    possible = (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31) & (year >= 1678) & (year <= 2261)
    months = np.where(possible, (year - 1970) * 12 + month - 1, 0).astype("datetime64[M]")
    days = months.astype("datetime64[D]") + np.where(possible, day - 1, 0)
    return days, possible & (days.astype("datetime64[M]") == months)


def _clock(parts: Any) -> tuple[NDArray[np.timedelta64], NDArray[np.bool_]]:
    """Time after midnight, and whether there is such a time of day."""
    import pyarrow.compute as pc

    fields = _fields(parts)
    hour, minute, second = (_integers(parts, name) if name in fields else 0 for name in "HMS")
    fraction = _nanoseconds(pc.struct_field(parts, "f")) if "f" in fields else 0
    if "c" in fields:
        joined = pc.struct_field(parts, "c")
        compact = pc.fill_null(pc.greater(pc.utf8_length(joined), 0), False).to_numpy()
        digits = _whole_text(pc.utf8_rpad(joined, 6, "0"))
        hour = np.where(compact, digits // 10_000, hour)
        minute = np.where(compact, digits // 100 % 100, minute)
        second = np.where(compact, digits % 100, second)
        fraction = np.where(compact, _nanoseconds(pc.struct_field(parts, "cf")), fraction)
    right = (np.asarray(hour) <= 23) & (np.asarray(minute) <= 59) & (np.asarray(second) <= 59)
    right |= (
        (np.asarray(hour) == 24) & (np.asarray(minute) == 0) & (np.asarray(second) == 0) & (np.asarray(fraction) == 0)
    )
    if "p" in fields:
        half = pc.fill_null(pc.utf8_lower(pc.struct_field(parts, "p")), "").to_numpy(zero_copy_only=False)
        named = half != ""
        right &= ~named | ((np.asarray(hour) >= 1) & (np.asarray(hour) <= 12))
        hour = np.where(named, np.asarray(hour) % 12 + np.where(half == "p", 12, 0), hour)
    nanoseconds = ((np.asarray(hour) * 60 + minute) * 60 + second) * 10**9 + fraction
    return np.asarray(nanoseconds, np.int64).astype("timedelta64[ns]"), right


def _offset(text: "pa.ChunkedArray", parts: Any, *, where: Column) -> tuple[NDArray[np.timedelta64] | None, str | None]:
    """What the cells' zones are off UTC; or the one zone that they all name."""
    import pyarrow.compute as pc

    if "z" not in _fields(parts):
        return None, None
    zones = pc.fill_null(pc.struct_field(parts, "z"), "")
    unique = [zone for zone in pc.unique(zones).to_pylist() if zone]
    if not unique:
        return None, None
    lacking = pc.and_(pc.equal(zones, ""), text.is_valid())
    named = [zone for zone in unique if "/" in zone]
    if pc.any(lacking).as_py() or (named and len(unique) > 1):
        odd = lacking if pc.any(lacking).as_py() else pc.not_equal(zones, named[0])
        few = 2 * pc.sum(odd).as_py() <= len(text) - text.null_count
        row = pc.index(odd, few).as_py()
        like = "with a zone" if few and pc.any(lacking).as_py() else "without a zone" if not few else "with the zone"
        raise where.bad(row, text[row].as_py(), expected=f"a time {like} like the others")
    if named:
        return None, named[0]
    minutes = {zone: _minutes(zone) for zone in unique}
    values = [minutes.get(zone, 0) for zone in zones.to_pylist()]
    return np.array(values, np.int64).astype("timedelta64[m]").astype("timedelta64[ns]"), None


def _minutes(zone: str) -> int:
    if zone in _ABBREVIATED:
        return 60 * _ABBREVIATED[zone]
    digits = zone.removeprefix("UTC").removeprefix("GMT").replace(":", "")
    if digits in ("", "Z"):
        return 0
    sign = -1 if digits[0] == "-" else 1
    return sign * (int(digits[1:3]) * 60 + int(digits[3:5] or 0))


def _fields(parts: Any) -> list[str]:
    return [parts.type.field(number).name for number in range(parts.type.num_fields)]


def _integers(parts: Any, name: str) -> NDArray[np.int64]:
    import pyarrow.compute as pc

    return _whole_text(pc.struct_field(parts, name))


def _whole_text(text: Any) -> NDArray[np.int64]:
    import pyarrow as pa
    import pyarrow.compute as pc

    filled = pc.fill_null(text, "0")
    filled = pc.if_else(pc.equal(filled, ""), "0", filled)
    integers: NDArray[np.int64] = filled.cast(pa.int64()).to_numpy()
    return integers


def _nanoseconds(text: Any) -> NDArray[np.int64]:
    import pyarrow.compute as pc

    return _whole_text(pc.utf8_rpad(pc.fill_null(text, ""), 9, "0"))
