"""Dates and times of day in columns of their own: year, month, day, hour, minute, second."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.sources.csv.cells import Column
from pipelines.sources.csv.numbers import EMPTY

if TYPE_CHECKING:
    import pyarrow as pa

_CELLS = {
    "year": (r"(?:18|19|20|21)\d\d", "a year of four digits such as 2024"),
    "month": (r"0?[1-9]|1[0-2]|\pL{3,10}\.?", "a month, 1 to 12 or its name"),
    "day": (r"0?[1-9]|[12]\d|3[01]", "a day of the month, 1 to 31"),
    "hour": (r"[01]?\d|2[0-3]", "an hour, 0 to 23"),
    "minute": (r"[0-5]?\d", "a minute, 0 to 59"),
    "second": (r"[0-5]?\d(?:\.\d{1,9})?", "a second, 0 to 59"),
}


def joined(parts: "Mapping[str, tuple[Column, pa.ChunkedArray]]") -> "pa.ChunkedArray":
    """Texts such as 2024-01-02 or 09:30:00 of the columns of each part; null where one of them is empty.

    parts: year, month and day, or hour and what there is of minute and second, which are 0 without a column.

    Raises:
        BadFileError: a cell that is no such part, or none in a row that has the others.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    cells = {name: _cells(name, where, column) for name, (where, column) in parts.items()}
    empty = np.stack([column.is_null().to_numpy() for column in cells.values()])
    if np.any(partly_empty := np.any(empty, axis=0) & ~np.all(empty, axis=0)):
        row = int(np.argmax(partly_empty))
        name = list(parts)[int(np.argmax(empty[:, row]))]
        raise parts[name][0].bad(row, "", expected=_CELLS[name][1], hint="Fill it in as in the other rows.")
    if "hour" not in cells:
        return pc.binary_join_element_wise(cells["year"], cells["month"], cells["day"], "-")
    zero = pa.scalar("00", pa.string())
    return pc.binary_join_element_wise(cells["hour"], cells.get("minute", zero), cells.get("second", zero), ":")


def _cells(name: str, where: Column, column: "pa.ChunkedArray") -> "pa.ChunkedArray":
    import pyarrow as pa
    import pyarrow.compute as pc

    pattern, expected = _CELLS[name]
    text: Any = pc.utf8_trim_whitespace(column.cast(pa.string()))
    text = pc.if_else(pc.is_in(text, pa.array(EMPTY)), pa.scalar(None, pa.string()), text)
    if name != "second":
        text = pc.replace_substring_regex(text, r"\.0+$", "")  # whole numbers as pandas writes them beside a gap
    invalid = pc.fill_null(pc.invert(pc.match_substring_regex(text, f"^(?:{pattern})$")), False)
    if pc.any(invalid).as_py():
        row = pc.index(invalid, True).as_py()
        raise where.bad(row, text[row].as_py(), expected=expected)
    return text if name == "year" else _two_digits(text)


def _two_digits(text: "pa.ChunkedArray") -> "pa.ChunkedArray":
    import pyarrow.compute as pc

    return pc.replace_substring_regex(text, r"^(\d)(\.|$)", r"0\1\2")
