"""The tables of a file as arrays: the rows that are wanted, cells as numbers and times."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import BadFileError
from pipelines.sources.csv import numbers, reader
from pipelines.sources.csv.cells import Column, quoted
from pipelines.sources.csv.layout import vocabulary
from pipelines.sources.csv.layout.layout import plain
from pipelines.sources.csv.layout.plan import Plan
from pipelines.sources.csv.times import date_parts, date_texts, times

if TYPE_CHECKING:
    import pyarrow as pa

_TOTALS = ("total", "totals", "sum", "average", "mean", "summe", "gesamt", "total:", "grand total", "合计", "总计")
_CLOCKS = (
    (r"^((?:1[89]|20)\d{6})\.0$", r"\1", True),
    (r"^(\d{1,2}[A-Za-z]{3}\d{2,4}):(\d\d:\d\d.*)$", r"\1 \2", True),
    (r"^(.*\d) (\d\d)-([AP]M)$", r"\1 \2:00 \3", True),
    (r"^((?:19|20)\d{6})-(\d\d:?\d\d:?\d\d(?:\.\d+)?Z?)$", r"\1 \2", True),
    (r"^(.*\d)[T ]24:?00(?::?00)?(?:\.0+)?$", r"\1", False),
)
"""Ways of writing a time, each with its usual one, and whether intraday times are written so too."""
_SPREADSHEET_DAY = r"^[234]\d{4}(\.\d+)?$"  # from 1954 to 2036, of a history that reaches 1970
_SPREADSHEET_1970 = 25_569
_AROUND = ' \ufeff":'
_NO = ("false", "0", "no", "f", "n")

Arrays = dict[str, Any]


def columns_of(plan: Plan, tables: "Iterator[tuple[pa.Table, Mapping[str, str]]]") -> Arrays:
    """The needed columns of all tables: what is typed is taken table by table, text when all of it is there."""
    import pyarrow as pa

    text_tables: list[tuple[pa.Table, Mapping[str, str]]] = []
    rows: list[NDArray[np.int64]] = []
    count, parts = 0, dict[str, list[Any]]()
    chosen = not_rows = 0
    for table, columns in tables:
        mask = chosen_rows(plan, table, columns)
        chosen += len(table) if mask is None else int(np.count_nonzero(mask))
        none = _not_rows(plan, table, columns)
        if none is not None:
            not_rows += int(np.count_nonzero(none))
            mask = ~none if mask is None else mask & ~none
        if mask is None and rows:
            mask = np.ones(len(table), np.bool_)
        elif mask is not None and not rows and count:
            rows.append(np.arange(1, count + 1))
        if mask is not None:
            rows.append(np.flatnonzero(mask) + count + 1)
            count += len(table)
            table = table.filter(pa.array(mask))
        else:
            count += len(table)
        if len(table) and _is_typed(plan, table, columns):
            for name, values in _taken(plan, table, columns, count - len(table)).items():
                parts.setdefault(name, []).append(values)
        else:
            text_tables.append((table, columns))
    arrays: Arrays = {}
    if text_tables and not parts:
        table = pa.concat_tables([table for table, _ in text_tables], promote_options="permissive")
        arrays = _taken(plan, table, text_tables[0][1], 0)
    elif parts:
        if any(len(table) for table, _ in text_tables):
            raise reader.NotTypedError
        arrays = {
            name: np.concatenate(values) if name != "stamps" else _joined(values) for name, values in parts.items()
        }
    if count == 0:
        raise BadFileError(f"Expected rows below the header, got {quoted(plan.path)} without any.")
    if plan.where and not chosen:
        condition = ", ".join(f"{name}={value}" for name, value in plan.where.items())
        raise BadFileError(
            f"{quoted(plan.path)}: Expected rows with {quoted(condition)}, got none in {count:,}. Check the value of "
            "--where."
        )
    if rows:
        arrays["row"] = np.concatenate(rows)
    if not_rows:
        arrays["notes"] = (f"rows that repeat the header or hold totals left out: {not_rows:,}",)
    return arrays


def chosen_rows(plan: Plan, table: "pa.Table", columns: Mapping[str, str]) -> NDArray[np.bool_] | None:
    """The rows that hold what `where` names; None for all of them."""
    import pyarrow.compute as pc

    mask: NDArray[np.bool_] | None = None
    for name, value in plan.where.items():
        cells = pc.utf8_trim_whitespace(table[columns[name]].cast("string"))
        equal = pc.fill_null(pc.equal(cells, value.strip()), False).to_numpy().astype(np.bool_)
        mask = equal if mask is None else mask & equal
    return mask


def _not_rows(plan: Plan, table: "pa.Table", columns: Mapping[str, str]) -> NDArray[np.bool_] | None:
    """The rows of a text that are the header again (files joined to one) or totals; None where there are none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    name = plan.columns.time[0]
    if plan.layout is None or not len(table) or not pa.types.is_string(table.schema.field(columns[name]).type):
        return None
    cells = pc.utf8_lower(pc.utf8_trim(table[columns[name]], _AROUND))
    header = pc.fill_null(pc.equal(cells, name.strip().lower() or "date"), False)
    none = pc.or_(header, pc.fill_null(pc.is_in(cells, pa.array(_TOTALS)), False))
    for other in plan.needed().values():
        place = table[columns[other]]
        if pa.types.is_string(place.type) and pc.any(header).as_py():
            repeated = pc.utf8_trim(place.filter(header), _AROUND).unique().to_pylist()
            if any((cell or "").lower() != other.strip(_AROUND).lower() for cell in repeated):
                raise BadFileError(
                    f"{quoted(plan.path)}: Expected the same columns in all of the file, got {quoted(repeated[-1])!r} "
                    f"for {quoted(other)!r} in a second header. Make a file of each part, and name both with --file."
                )
    return none.to_numpy().astype(np.bool_) if pc.any(none).as_py() else None


def _is_typed(plan: Plan, table: "pa.Table", columns: Mapping[str, str]) -> bool:
    import pyarrow as pa

    value_types = [table.schema.field(columns[name]).type for name in plan.needed().values()]
    time = [table.schema.field(columns[name]).type for name in plan.columns.time]
    return all(pa.types.is_floating(kind) or pa.types.is_integer(kind) for kind in value_types) and all(
        pa.types.is_timestamp(kind) and kind.tz is None for kind in time
    )


def _taken(plan: Plan, table: "pa.Table", columns: Mapping[str, str], row: int) -> Arrays:
    """Arrays of one table. row: the number of rows before it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    arrays: Arrays = {}
    needed = plan.needed()
    text: dict[Column, Any] = {}
    for name in dict.fromkeys(needed.values()):
        column = table[columns[name]]
        column = column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type) or pa.types.is_null(column.type):
            column = column.cast(pa.string())
            text[plan.column(name, row)] = numbers.ratios(column) if name == needed.get("split") else column
        else:
            arrays[name] = numbers.typed(column, where=plan.column(name, row))
    if text:
        delimiter = "," if plan.layout is None else plan.layout.delimiter
        decimal = plan.options.decimal or plan.shape.decimal
        arrays |= {
            source.name: values for source, values in numbers.parse(text, delimiter=delimiter, decimal=decimal).items()
        }
    result: Arrays = {need: arrays[name] for need, name in needed.items()}
    result["stamps"] = _stamps(plan, [table[columns[name]] for name in plan.columns.time], row)
    for need, name in plan.columns.special.items():
        if need != "correction":
            result[need] = table[columns[name]].cast("string").to_numpy()
    for kind, names in (("identity", plan.columns.identities), ("label", plan.labels)):
        for name in names:
            words = pc.utf8_trim_whitespace(pc.fill_null(table[columns[name]].cast("string"), ""))
            result[f"{kind} {name}"] = _codes(words.dictionary_encode())
    if plan.columns.finished is not None:
        cells_of = pc.utf8_lower(pc.utf8_trim_whitespace(table[columns[plan.columns.finished]].cast("string")))
        result["finished"] = ~pc.fill_null(pc.is_in(cells_of, pa.array(_NO)), False).to_numpy().astype(np.bool_)
    return result


def _codes(column: Any) -> NDArray[np.object_]:
    """Texts as objects, equal ones the same object."""
    if column.num_chunks == 0:
        return np.array([], object)
    column = column.unify_dictionaries().combine_chunks()
    words = np.array([*column.dictionary.to_pylist(), ""], object)
    codes: NDArray[np.object_] = words[column.indices.to_numpy()]
    return codes


def _stamps(plan: Plan, cells: list[Any], row: int) -> times.Stamps:
    import pyarrow as pa
    import pyarrow.compute as pc

    name = " ".join(plan.columns.time)
    column = plan.column(name, row)
    options = plan.options
    time = _joined_parts(plan, cells, row)
    if plan.date is not None and pa.types.is_string(time.type) and _are_clocks(time):
        time = pc.binary_join_element_wise(plan.date, pc.utf8_trim_whitespace(time), " ")
    elif plan.date is not None:
        if pa.types.is_string(time.type):
            seconds = numbers.parse({column: time}, delimiter=",", decimal=".")[column]
        else:
            seconds = numbers.typed(time, where=column)
        wall = times.after_midnight(seconds, plan.date, where=column, unit=plan.shape.clock)
        return times.Stamps(wall=wall, utc=None, unit=f"after midnight of {plan.date}")
    if plan.shape.first_year != 1 and pa.types.is_string(time.type):
        time = date_texts.of_years_since(time, plan.shape.first_year)
    if plan.layout is not None and pa.types.is_string(time.type):
        time = _dates_of_clocks(time, daily=plan.columns.kind == "bars" and options.interval == "1d")
    day_first = plan.shape.day_first if options.day_first is None else options.day_first
    if plan.layout is not None and not pa.types.is_string(time.type):
        return replace(
            times.parse(time, where=column, time_format=None, day_first=None, latest=options.latest), unit="ISO 8601"
        )
    return times.parse(time, where=column, time_format=options.time_format, day_first=day_first, latest=options.latest)


def _joined_parts(plan: Plan, cells: list[Any], row: int) -> Any:
    """One column of times from all that hold a part of them."""
    names = plan.columns.time
    if len(cells) == 1:
        return cells[0]
    parts = dict(
        zip(map(_part, names), zip([plan.column(name, row) for name in names], cells, strict=True), strict=True)
    )
    clock: dict[str, tuple[Column, Any]] = {
        name: parts[name] for name in ("hour", "minute", "second") if name in parts and "hour" in parts
    }
    if "minute" in parts and not clock:
        _check_minutes(*parts["minute"])
    if len(names) > 2 and "year" in parts:
        date = date_parts.joined({name: parts[name] for name in ("year", "month", "day")})
        rest = cells[3:] if not clock else [date_parts.joined(clock)]
        return _with_clock(date, *rest) if rest else date
    if "hour" in clock:
        return cells[0] if _has_clock(cells[0]) else _with_clock(cells[0], date_parts.joined(clock))
    return _with_clock(*cells)


def _check_minutes(where: Column, cells: Any) -> None:
    """Raises where a column of minutes without one of hours holds no times of day such as 09:30 or 930."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pc.all(pc.match_substring_regex(cells.cast(pa.string()), r"^\s*\d{1,2}(\.0+)?\s*$")).as_py() and len(cells):
        hint = "Call the column of hours Hour in the header."
        raise where.bad(0, cells[0].as_py(), expected="a time of day such as 09:30, or a column of hours,", hint=hint)


def _part(name: str) -> str:
    """year, month, ..., where a column holds that part of a time, else its own name."""
    letters = "minute" if plain(name) == "min" else plain(name)
    return next((part for part, names in vocabulary.PARTS.items() if letters in names), name)


def _has_clock(date: Any) -> bool:
    """Whether what would be dates are moments already, beside which an hour says nothing more."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_timestamp(date.type):
        days = pc.floor_temporal(date, unit="day")
        return bool(pc.any(pc.not_equal(days, date)).as_py())
    return bool(pc.any(pc.match_substring_regex(date.cast(pa.string()), r"\d:\d\d|^\d{9,}")).as_py())


def _are_clocks(time: Any) -> bool:
    """Whether each is a time of day alone, as 09:30:00.125."""
    import pyarrow.compute as pc

    return bool(pc.all(pc.match_substring_regex(time, r"^\s*\d{1,2}:\d\d(:|\s*$)")).as_py())


def _dates_of_clocks(time: Any, *, daily: bool) -> Any:
    """Each as it is usually written (see _CLOCKS): 20240102.0, as pandas writes a column of whole numbers with a gap,
    as 20240102; 24:00 of a daily bar left away, which would be the next date; day numbers of a spreadsheet as dates."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for pattern, replacement, applies in _CLOCKS:
        if (daily or applies) and len(time) and pc.any(pc.match_substring_regex(time, pattern)).as_py():
            time = pc.replace_substring_regex(time, pattern, replacement)
    if daily and len(time) and pc.all(pc.match_substring_regex(time, _SPREADSHEET_DAY)).as_py():
        days = pc.floor(time.cast(pa.float64())).cast(pa.int32())
        if (pc.max(days).as_py() or 0) < _SPREADSHEET_1970:
            return time  # or days since 1970, of 2024 and later: refused as numbers
        time = pc.subtract(days, pa.scalar(_SPREADSHEET_1970, pa.int32())).cast(pa.date32()).cast(pa.string())
    return time


def _with_clock(date: Any, time: Any) -> Any:
    """A date and a time of day joined; the latter alone where it has the date in it already."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_timestamp(date.type) or pa.types.is_date(date.type):
        date = pc.strftime(date, format="%Y-%m-%d")
    date, clock = (pc.utf8_trim_whitespace(column.cast("string")) for column in (date, time))
    if pc.any(
        pc.match_substring_regex(clock, r"^(\d{4}[-/.]\d{1,2}[-/.]|\d{1,2}[-/.]\d{1,2}[-/.]|\d{9,}|\d{8}[ T]|\pL{3})")
    ).as_py():
        return clock
    if pc.all(pc.match_substring_regex(clock, r"^\d{1,8}(\.0+)?$")).as_py():
        clock = _clocks(clock)
    return pc.binary_join_element_wise(date, clock, " ")


def _clocks(digits: Any) -> Any:
    """HHMM or HHMMSS; where these are no times of day, seconds or milliseconds after midnight as HH:MM:SS.mmm."""
    import pyarrow as pa
    import pyarrow.compute as pc

    digits = pc.replace_substring_regex(digits, r"\.0+$", "")
    longest = pc.max(pc.utf8_length(digits)).as_py() or 0
    width = 4 if longest in (3, 4) else 6
    values = digits.cast(pa.int32())
    numbers = values.fill_null(0).to_numpy()
    if longest <= width and np.all(numbers // 100 % 100 < 60) and np.all(numbers % 100 < 60):
        return pc.utf8_lpad(digits, width, "0")
    unit = 1 if np.max(numbers) >= 86_400 else 1_000
    return pc.multiply(values, pa.scalar(unit, pa.int32())).cast(pa.time32("ms")).cast(pa.string())


def _joined(parts: Sequence[times.Stamps]) -> times.Stamps:
    if len(parts) == 1:
        return parts[0]
    utc = None if parts[0].utc is None else np.concatenate([part.utc for part in parts if part.utc is not None])
    return replace(parts[0], wall=np.concatenate([part.wall for part in parts]), utc=utc)
