"""One file as columns of times and numbers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.cleaning import cleaning
from pipelines.errors import BadFileError
from pipelines.market.types import Floats, Times
from pipelines.sources.csv import bar_times, formats, lobster, numbers, reader, times
from pipelines.sources.csv.cells import Column, quoted
from pipelines.sources.csv.identity import Values
from pipelines.sources.csv.layout import Layout
from pipelines.sources.csv.options import Options, Reading
from pipelines.sources.csv.plan import Plan, plan_file

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_LONGEST_FIRST = 5
_TOTALS = ("total", "totals", "sum", "average", "mean", "summe", "gesamt", "total:", "grand total", "合计", "总计")
_NO = ("false", "0", "no", "f", "n")
_PRICES = ("open", "high", "low", "close", "price", "adjusted", "bid", "ask")


@dataclass(frozen=True, kw_only=True, eq=False)
class FilePart:
    """frame: `date` or `opened_at` of bars, `at` of trades (UTC), and numbers; `row` where rows were left out."""

    path: Path
    kind: str
    frame: "pd.DataFrame"
    identities: Values
    notes: tuple[str, ...]
    reading: Reading
    events: tuple[str, ...] = ()


def read_file(path: Path, options: Options) -> FilePart:
    """All rows of a file that --where keeps.

    Raises:
        BadFileError, ConfigError: see pipelines.sources.csv.source.read().
    """
    with formats.readable(path):
        plan = plan_file(path, options)
        arrays = _typed(plan) if plan.layout is None else _text(plan, plan.layout)
    return _part(plan, arrays)


def read_parts(path: Path, options: Options, *, rows: int, watch: Callable[[int], None]) -> Iterator[FilePart]:
    """The same rows, about so many at a time.

    watch: is told how many bytes of the file have been read.

    Raises:
        BadFileError, ConfigError: what is wrong with a part; the whole file may still be read by read_file().
    """
    with formats.readable(path):
        plan = plan_file(path, options)
        start, sides = 0, dict[str, float]()
        try:
            for tables in _groups(_tables(plan, watch), rows):
                count = sum(len(table) for table, _ in tables)
                masks = [_mask(plan, table, columns) for table, columns in tables]
                if not any(mask is None or np.any(mask) for mask in masks):
                    start += count
                    continue
                arrays = _columns(plan, iter(tables))
                row_numbers = arrays.get("row", np.arange(1, count + 1))
                start, arrays["row"] = start + count, row_numbers + start
                yield _part(plan, arrays, sides)
        except reader.NotTypedError as error:
            raise BadFileError(f"Expected numbers in all of {quoted(path)}, got another cell.") from error


def is_newest_first(at: Times) -> bool:
    """Whether the rows of a file, or of its first part, go back in time."""
    filled = at[~np.isnat(at)]
    steps = np.diff(filled)
    none = np.timedelta64(0, "ns")
    return bool(len(steps) and filled[0] > filled[-1] and 2 * np.sum(steps > none) < np.sum(steps < none))


def _tables(plan: Plan, watch: Callable[[int], None]) -> "Iterator[tuple[pa.Table, Mapping[str, str]]]":
    """The first way of reading that takes the first table is taken for all of them."""
    if plan.layout is None:
        needed = list(dict.fromkeys([*plan.columns.time, *plan.needed().values(), *plan.texts()]))
        yield from ((table, {name: name for name in needed}) for table in reader.typed(plan.path, needed))
        return
    columns = {name: str(place) for name, place in plan.places.items()}
    every, attempts = _attempts(plan, plan.layout)
    for attempt in attempts:
        if not attempt and plan.options.decimal is None:
            raise reader.NotTypedError  # the decimal mark may show late in the file
        tables = reader.text(plan.layout, every, **attempt, watch=watch)
        try:
            first = next(tables, None)
        except reader.NotTypedError:
            continue
        if first is not None:
            yield first, columns
        yield from ((table, columns) for table in tables)
        return


def _groups(tables: Iterator[Any], rows: int) -> Iterator[list[Any]]:
    group: list[Any] = []
    for table in tables:
        group.append(table)
        if sum(len(part) for part, _ in group) >= rows:
            yield group
            group = []
    if group:
        yield group


Arrays = dict[str, Any]


def _attempts(plan: Plan, layout: Layout) -> tuple[list[int], list[dict[str, Any]]]:
    """The columns that are read, and what of them is tried to be read as numbers and times at once."""
    number_places = sorted(
        {plan.places[name] for name in plan.needed().values()} - {plan.places[n] for n in plan.columns.time}
    )
    time_places = [plan.places[name] for name in plan.columns.time]
    text_places = [plan.places[name] for name in plan.texts()]
    every = sorted({*number_places, *time_places, *text_places})
    quick = layout.delimiter == "," and plan.options.decimal in (None, ".")
    plain_times = len(time_places) == 1 and plan.date is None and plan.options.time_format is None
    attempts: list[dict[str, Any]] = [{}]
    if quick:
        only = sorted(set(number_places) - set(text_places))
        attempts = [{"numbers": only}, {}]
        if plain_times:
            attempts.insert(0, {"numbers": only, "times": time_places})
    return every, attempts


def _text(plan: Plan, layout: Layout) -> Arrays:
    """The columns of a text file: typed at once where the cells are as a program writes them, else by their text."""
    every, attempts = _attempts(plan, layout)
    for attempt in attempts:
        try:
            tables = reader.text(layout, every, **attempt)
            return _columns(
                plan, ((table, {name: str(place) for name, place in plan.places.items()}) for table in tables)
            )
        except reader.NotTypedError:
            continue  # again as text: separators of thousands, or a message that names the cell
    raise AssertionError("text is always read")


def _typed(plan: Plan) -> Arrays:
    needed = list(dict.fromkeys([*plan.columns.time, *plan.needed().values(), *plan.texts()]))
    return _columns(plan, ((table, {name: name for name in needed}) for table in reader.typed(plan.path, needed)))


def _columns(plan: Plan, tables: "Iterator[tuple[pa.Table, Mapping[str, str]]]") -> Arrays:
    """The needed columns of all tables: what is typed is taken table by table, text when all of it is there."""
    import pyarrow as pa

    text_tables: list[tuple[pa.Table, Mapping[str, str]]] = []
    rows: list[NDArray[np.int64]] = []
    count, parts = 0, dict[str, list[Any]]()
    chosen = not_rows = 0
    for table, columns in tables:
        mask = _mask(plan, table, columns)
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


def _not_rows(plan: Plan, table: "pa.Table", columns: Mapping[str, str]) -> NDArray[np.bool_] | None:
    """The rows of a text that are the header again (files joined to one) or totals; None where there are none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    name = plan.columns.time[0]
    if plan.layout is None or not len(table) or not pa.types.is_string(table.schema.field(columns[name]).type):
        return None
    cells = pc.utf8_lower(pc.utf8_trim(table[columns[name]], ' \ufeff":'))
    none = pc.fill_null(pc.is_in(cells, pa.array([name.strip().lower() or "date", *_TOTALS])), False)
    return none.to_numpy().astype(np.bool_) if pc.any(none).as_py() else None


def _mask(plan: Plan, table: "pa.Table", columns: Mapping[str, str]) -> NDArray[np.bool_] | None:
    import pyarrow.compute as pc

    mask: NDArray[np.bool_] | None = None
    for name, value in plan.where.items():
        cells = pc.utf8_trim_whitespace(table[columns[name]].cast("string"))
        equal = pc.fill_null(pc.equal(cells, value.strip()), False).to_numpy().astype(np.bool_)
        mask = equal if mask is None else mask & equal
    return mask


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
            text[plan.column(name, row)] = column.cast(pa.string())
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
    for name in plan.columns.identities:
        result[f"identity {name}"] = pc.utf8_trim_whitespace(
            pc.fill_null(table[columns[name]].cast("string"), "")
        ).dictionary_encode()
    if plan.columns.identities:
        for name in plan.columns.identities:
            result[f"identity {name}"] = _codes(result[f"identity {name}"])
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

    name = " ".join(plan.columns.time)
    column = plan.column(name, row)
    options = plan.options
    time = cells[0] if len(cells) == 1 else _with_clock(*cells)
    if plan.date is not None:
        if pa.types.is_string(time.type):
            seconds = numbers.parse({column: time}, delimiter=",", decimal=".")[column]
        else:
            seconds = numbers.typed(time, where=column)
        wall = times.after_midnight(seconds, plan.date, where=column, unit=plan.shape.clock)
        return times.Stamps(wall=wall, utc=None, unit=f"after midnight of {plan.date}")
    if plan.layout is not None and pa.types.is_string(time.type):
        time = _dates_of_clocks(time, daily=plan.columns.kind == "bars" and options.interval == "1d")
    day_first = plan.shape.day_first if options.day_first is None else options.day_first
    if plan.layout is not None and not pa.types.is_string(time.type):
        return replace(
            times.parse(time, where=column, time_format=None, day_first=None, latest=options.latest), unit="ISO 8601"
        )
    return times.parse(time, where=column, time_format=options.time_format, day_first=day_first, latest=options.latest)


def _dates_of_clocks(time: Any, *, daily: bool) -> Any:
    """20240102.0, as pandas writes a column of whole numbers with a gap, as 20240102; 24:00 of a daily bar left away,
    which would be the next date."""
    import pyarrow.compute as pc

    for pattern, applies in ((r"^((?:1[89]|20)\d{6})\.0$", True), (r"^(.*\d)[T ]24:?00(?::?00)?(?:\.0+)?$", daily)):
        if applies and len(time) and pc.any(pc.match_substring_regex(time, pattern)).as_py():
            time = pc.replace_substring_regex(time, pattern, r"\1")
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
    if pc.all(pc.match_substring_regex(clock, r"^\d{1,6}$")).as_py():
        longest = pc.max(pc.utf8_length(clock)).as_py() or 0
        clock = pc.utf8_lpad(clock, 4 if longest in (3, 4) else 6, "0")
    return pc.binary_join_element_wise(date, clock, " ")


def _joined(parts: Sequence[times.Stamps]) -> times.Stamps:
    if len(parts) == 1:
        return parts[0]
    utc = None if parts[0].utc is None else np.concatenate([part.utc for part in parts if part.utc is not None])
    return replace(parts[0], wall=np.concatenate([part.wall for part in parts]), utc=utc)


def _part(plan: Plan, arrays: Arrays, sides: dict[str, float] | None = None) -> FilePart:
    """sides: the last bid and ask before these rows, where they are a part of a file; see _carry_sides()."""
    import pandas as pd

    stamps: times.Stamps = arrays.pop("stamps")
    options, notes = plan.options, (*plan.notes, *arrays.pop("notes", ()))
    column = plan.column(" ".join(plan.columns.time))
    identities: dict[str, Any] = {}
    for name in plan.columns.identities:
        values = arrays.pop(f"identity {name}")
        unique = set(values.tolist())
        identities[name] = next(iter(unique)) if len(unique) == 1 else values
    tz = stamps.zone or plan.tz
    if plan.columns.kind != "bars" or options.interval != "1d":
        bar_times.check_clock(stamps, kind=plan.columns.kind, where=column)
    if plan.columns.kind != "bars":
        arrays["at"] = stamps.utc if stamps.utc is not None else times.to_utc(stamps.wall, tz, where=column)
    elif options.interval == "1d":
        arrays["date"], more = bar_times.daily(stamps, tz=tz, calendar=plan.calendar, where=column)
        notes += more
    else:
        shift = cleaning.length(options.interval) if options.stamp == "end" else np.timedelta64(0, "s")
        arrays["opened_at"] = bar_times.intraday(stamps, interval=options.interval, tz=tz, where=column) - shift
    if "event" in arrays:
        arrays, more = _lobster(plan.path, arrays)
        notes += more
    if plan.shape.name == "databento" and "action" in identities:
        arrays, more = _trades_of_databento(arrays, identities.pop("action"))
        notes += more
    for name in set(plan.columns.events) & set(identities):
        _events_of_trades(name, identities, arrays)
    if "finished" in arrays and not np.all(finished := arrays.pop("finished")):
        row = arrays.pop("row", np.arange(1, len(finished) + 1))
        arrays = {name: values[finished] for name, values in (arrays | {"row": row}).items()}
        notes += (f"unfinished bars left out: {np.count_nonzero(~finished):,}",)
    if plan.columns.quotes:
        notes += _carry_sides(plan, arrays, sides)
    if "split" in arrays and plan.shape.factor:
        arrays["split"] = 1 / arrays["split"]
    _scale(plan, arrays)
    if plan.columns.kind == "bars" and "volume" not in arrays:
        arrays["volume"] = np.zeros(len(arrays["open"]))
    frame = pd.DataFrame(arrays, copy=False)
    return FilePart(
        path=plan.path,
        kind=plan.columns.kind,
        frame=frame,
        identities=identities,
        notes=notes,
        reading=_reading(plan, stamps, frame, tz),
        events=plan.columns.events,
    )


def _events_of_trades(name: str, identities: dict[str, Any], arrays: Arrays) -> None:
    """What kind of row it is matters for rows with a price alone: those of quotes are told by bid and ask."""
    values = identities.pop(name)
    traded = ~np.isnan(arrays["price"]) if "price" in arrays else np.zeros(len(arrays["at"]), np.bool_)
    unique = {values} if isinstance(values, str) else set(values[traded].tolist())
    if np.any(traded):
        identities[name] = next(iter(unique)) if len(unique) == 1 else values


def _trades_of_databento(arrays: Arrays, actions: "str | NDArray[np.object_]") -> tuple[Arrays, tuple[str, ...]]:
    """Orders are no trades: beside quotes they have no price, without them they are left out."""
    trades = np.full(len(arrays["at"]), actions == "T") if isinstance(actions, str) else actions == "T"
    if np.all(trades):
        return arrays, ()
    notes = (f"{np.count_nonzero(~trades):,} orders are no trades",)
    if "bid" in arrays:
        return arrays | {"price": np.where(trades, arrays["price"], np.nan)}, notes
    row = arrays.get("row", np.arange(1, len(trades) + 1))
    return {name: values[trades] for name, values in (arrays | {"row": row}).items()}, notes


def _carry_sides(plan: Plan, arrays: Arrays, sides: dict[str, float] | None) -> tuple[str, ...]:
    """Bid and ask where each row says only what has changed: MetaTrader leaves the other side empty, Lean writes 0."""
    if plan.shape.sides_stand:
        backwards = is_newest_first(arrays["at"])
        if backwards and sides is not None:
            raise BadFileError(f"Expected the oldest quote of {quoted(plan.path)} first, got the newest.")
        for name in ("bid", "ask"):
            before = np.nan if sides is None else sides.get(name, np.nan)
            values = np.append(before, arrays[name][::-1] if backwards else arrays[name])
            rows = np.maximum.accumulate(np.where(np.isnan(values), 0, np.arange(len(values))))
            arrays[name] = values[rows][1:][::-1] if backwards else values[rows][1:]
            if sides is not None:
                sides[name] = float(values[rows][-1])
        return ()
    bid, ask = arrays["bid"], arrays["ask"]
    if plan.shape.name != "lean" or np.any((bid > 0) & (ask > 0)) or not (np.any(bid > 0) and np.any(ask > 0)):
        return ()
    exchange = arrays.get("exchange", np.zeros(len(bid)))
    for name, size in (("bid", "bid_size"), ("ask", "ask_size")):
        for venue in set(exchange.tolist()):
            own = np.flatnonzero(exchange == venue)
            last = np.maximum.accumulate(np.where(arrays[name][own] > 0, np.arange(len(own)), -1))
            for column in (name, size):
                arrays[column] = arrays[column].copy()
                arrays[column][own] = np.where(last >= 0, arrays[column][own[last]], 0.0)
    return ("each quote is of one side: the other stands until its next",)


def _lobster(path: Path, arrays: Arrays) -> tuple[Arrays, tuple[str, ...]]:
    """The trades among messages; with the book beside them all rows, as quotes, of which those of trades have a price.

    Raises:
        BadFileError: a book of another length.
    """
    trades = lobster.trades(arrays.pop("event"))
    not_trades = int(np.count_nonzero(~trades))
    rows = arrays.get("row", np.arange(1, len(trades) + 1))
    book = lobster.book(path)
    if book is None:
        left_out = (f"{not_trades:,} events that are no trades left out",) if not_trades else ()
        return {name: values[trades] for name, values in arrays.items()} | {"row": rows[trades]}, left_out
    if len(rows) and rows[-1] > len(book["bid"]):
        raise BadFileError(
            f"Expected a row of the book for each message of {quoted(path)}, got {len(book['bid']):,} for "
            f"{rows[-1]:,}. Fetch both files again."
        )
    prices = {name: np.where(trades, arrays[name], np.nan) for name in ("price", "size")}
    return arrays | {name: values[rows - 1] for name, values in book.items()} | prices, ("quotes of LOBSTER's book",)


def _scale(plan: Plan, arrays: Arrays) -> None:
    scale = plan.options.price_scale if plan.options.price_scale != 1.0 else plan.shape.price_scale
    for name in _PRICES:
        if scale != 1.0 and name in arrays and not (plan.shape.whole and not _are_integers(arrays[name])):
            arrays[name] = arrays[name] / scale
    volume_scale = plan.shape.volume_scale * plan.columns.volume_scale
    if "turnover" in arrays and _in_shares(arrays.pop("turnover"), arrays):
        volume_scale = plan.columns.volume_scale
    if volume_scale != 1.0 and "volume" in arrays:
        arrays["volume"] = arrays["volume"] * volume_scale


def _in_shares(turnover: Floats, arrays: Arrays) -> bool:
    """Whether the money that was traded is about volume times price: of lots it would be a hundred times that."""
    paid = (arrays["volume"] > 0) & (arrays["close"] > 0) & (turnover > 0)
    return bool(np.any(paid)) and bool(
        0.3 < np.median(turnover[paid] / (arrays["volume"][paid] * arrays["close"][paid])) < 3.0
    )


def _are_integers(values: Floats) -> bool:
    present = values[~np.isnan(values)]
    return bool(np.all(present == np.floor(present)) and np.median(present) > 1e6) if len(present) else False


def _reading(plan: Plan, stamps: times.Stamps, frame: "pd.DataFrame", tz: str | None) -> Reading:
    columns = {
        "time": " + ".join(plan.columns.time),
        **plan.columns.values,
        **plan.columns.quotes,
        **plan.columns.actions,
    }
    columns |= plan.columns.special
    first = tuple(
        {str(name): _text_of(value) for name, value in row.items()}
        for row in frame.head(_LONGEST_FIRST).drop(columns="row", errors="ignore").to_dict("records")
    )
    layout = plan.layout
    return Reading(
        file=quoted(plan.path),
        kind=plan.columns.kind,
        what=(layout.what if layout is not None else plan.path.suffix.lstrip(".")) or "text",
        shape=plan.shape.name,
        header_lines=0 if layout is None else layout.header_lines,
        delimiter="" if layout is None else layout.delimiter,
        columns={needed: quoted(name) or "(unnamed)" for needed, name in columns.items()},
        times=stamps.unit,
        zone=("UTC" if stamps.utc is not None else tz) or "none needed (dates)",
        calendar=plan.calendar,
        interval=plan.options.interval if plan.columns.kind == "bars" else "",
        first=first,
    )


def _text_of(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.10g}"
    text = str(value)
    return quoted(text.removesuffix(" 00:00:00"))
