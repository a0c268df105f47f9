"""One file, or its parts one after another, as columns of times and numbers."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.errors import BadFileError
from pipelines.sources.csv import reader, tables
from pipelines.sources.csv.cells import quoted
from pipelines.sources.csv.formats import kinds
from pipelines.sources.csv.layout.layout import Layout
from pipelines.sources.csv.layout.plan import Plan, plan_file
from pipelines.sources.csv.options import Options
from pipelines.sources.csv.part import FilePart, file_part
from pipelines.sources.csv.tables import Arrays

if TYPE_CHECKING:
    import pyarrow as pa


def read_file(path: Path, options: Options) -> FilePart:
    """All rows of a file that `where` keeps.

    Raises:
        BadFileError, ConfigError: see pipelines.sources.csv.source.read().
    """
    with kinds.readable(path):
        plan = plan_file(path, options)
        arrays = tables.columns_of(plan, _typed(plan)) if plan.layout is None else _text(plan, plan.layout)
    return file_part(plan, arrays)


def read_parts(path: Path, options: Options, *, rows: int, watch: Callable[[int], None]) -> Iterator[FilePart]:
    """The same rows, about so many at a time.

    watch: is told how many bytes of the file have been read.

    Raises:
        BadFileError, ConfigError: what is wrong with a part; the whole file may still be read by read_file().
    """
    with kinds.readable(path):
        plan = plan_file(path, options)
        start, sides = 0, dict[str, float]()
        try:
            for group in _groups(_tables(plan, watch), rows):
                count = sum(len(table) for table, _ in group)
                masks = [tables.chosen_rows(plan, table, columns) for table, columns in group]
                if not any(mask is None or np.any(mask) for mask in masks):
                    start += count
                    continue
                arrays = tables.columns_of(plan, iter(group))
                row_numbers = arrays.get("row", np.arange(1, count + 1))
                start, arrays["row"] = start + count, row_numbers + start
                yield file_part(plan, arrays, sides)
        except reader.NotTypedError as error:
            raise BadFileError(f"Expected numbers in all of {quoted(path)}, got another cell.") from error


def _tables(plan: Plan, watch: Callable[[int], None]) -> "Iterator[tuple[pa.Table, Mapping[str, str]]]":
    """The first way of reading that takes the first table is taken for all of them."""
    if plan.layout is None:
        yield from _typed(plan)
        return
    every, attempts = _attempts(plan, plan.layout)
    for attempt in attempts:
        if not attempt and plan.options.decimal is None:
            raise reader.NotTypedError  # the decimal mark may show late in the file
        rest = _named(plan, reader.text(plan.layout, every, **attempt, watch=watch))
        try:
            first = next(rest, None)
        except reader.NotTypedError:
            continue
        if first is not None:
            yield first
        yield from rest
        return


def _groups(tables: Iterator[Any], rows: int) -> Iterator[list[Any]]:
    group: list[Any] = []
    for named in tables:
        group.append(named)
        if sum(len(table) for table, _ in group) >= rows:
            yield group
            group = []
    if group:
        yield group


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
            return tables.columns_of(plan, _named(plan, reader.text(layout, every, **attempt)))
        except reader.NotTypedError:
            continue  # again as text: separators of thousands, or a message that names the cell
    raise AssertionError("text is always read")


def _typed(plan: Plan) -> "Iterator[tuple[pa.Table, Mapping[str, str]]]":
    columns = {name: name for name in [*plan.columns.time, *plan.needed().values(), *plan.texts()]}
    return ((table, columns) for table in reader.typed(plan.path, list(columns)))


def _named(plan: Plan, text_tables: "Iterator[pa.Table]") -> "Iterator[tuple[pa.Table, Mapping[str, str]]]":
    """Each table with the names of its columns, which are those of their places."""
    columns = {name: str(place) for name, place in plan.places.items()}
    return ((table, columns) for table in text_tables)
