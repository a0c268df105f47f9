"""Cells to numbers: grouping, decimal commas, currency signs, K, M and B; asked about where they say two things."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np

from pipelines.errors import BadFileError, ConfigError
from pipelines.market.types import Floats
from pipelines.sources.csv.cells import Column, quoted

if TYPE_CHECKING:
    import pyarrow as pa

Decimal = Literal[".", ","]

EMPTY = (
    "", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "Null", "None", "-", "--", "–", "—", "#N/A", "N.A.", "nil",
    "<NA>", "NaT", "#N/A N/A", "#VALUE!", "#REF!", "#DIV/0!", "#NAME?",
    ".", "\\N", "#NUM!", "#N/A Field Not Applicable", "#N/A Invalid Security",
)  # fmt: skip

_SIGNS = r"(?:(?:US|R|HK|C|A|S|NZ|NT)?\$|[€£¥₹₩₽฿₺₪₫₴]|zł|kr\.?|Rs\.?|p|USD|EUR|GBP|INR|CHF|JPY|CNY|BRL)"
_CURRENCY = rf"^([-+]?){_SIGNS}|{_SIGNS}$"
_BLANKS = "[\\s\u00a0\u202f\u2009'’`]"
_NO_GROUP = rf"\d{_BLANKS}+(\d{{1,2}}|\d{{4,}})(\D.*)?$|\d['’`]\D"  # 110'16 is 110 and 16 thirty-seconds
_UNITS = {
    "k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12, "mn": 1e6, "mio": 1e6, "bn": 1e9, "mrd": 1e9, "tn": 1e12,
    "lakh": 1e5, "l": 1e5, "cr": 1e7, "万": 1e4, "亿": 1e8,
}  # fmt: skip
_UNIT = r"(?i)(?P<number>.*[\d.,])(?P<unit>" + "|".join(sorted(_UNITS, key=len, reverse=True)) + r")\.?$"
_EXPONENT = r"([eE][-+]?\d{1,3})?"
_UNSURE = r"^[-+]?[1-9]\d{0,2}[.,]\d{3}$"
_EVIDENCE: Mapping[Decimal, str] = {
    ".": r"^[-+]?(\d{1,3}(,\d{2,3})+\.\d*|\d*\.(\d{0,2}|\d{4,})|(0+|\d{4,})?\.\d{3}|\d{1,3}(,\d{2,3}){2,})"
    rf"{_EXPONENT}$",
    ",": r"^[-+]?(\d{1,3}(\.\d{3})+,\d*|\d*,(\d{0,2}|\d{4,})|(0+|\d{4,})?,\d{3}|\d{1,3}(\.\d{3}){2,})"
    rf"{_EXPONENT}$",
}
_NUMBER: Mapping[Decimal, str] = {
    ".": rf"^[-+]?(\d+|\d{{1,3}}(,\d{{3}})+|\d{{1,2}}(,\d{{2}})*,\d{{3}})?(\.\d*)?{_EXPONENT}$",
    ",": rf"^[-+]?(\d+|\d{{1,3}}(\.\d{{3}})+)?(,\d*)?{_EXPONENT}$",
}
_EIGHTHS = r"^\d{2,3}'([0-2]\d|3[01])[0257]$"  # 110'165 is 110 and 16.5 thirty-seconds
_LEAST = 5
_FRACTION = r"^\+?(?:(?P<whole>\d+|\d{1,3}(?:,\d{3})+)(?:\s*-\s*|\s+))?(?P<top>\d{1,3})\s*/\s*(?P<bottom>\d{1,3})$"
_BOTTOMS = (2, 4, 8, 16, 32, 64, 128, 256)
"""What prices were quoted in before decimals; of anything else nobody knows what it is."""
_SIGNS_OF_FRACTIONS = {
    "⅛": " 1/8", "¼": " 1/4", "⅜": " 3/8", "½": " 1/2", "⅝": " 5/8", "¾": " 3/4", "⅞": " 7/8", "⁄": "/", "∕": "/",
}  # fmt: skip
_HINTS = {
    r"\d+['’:^-]\d{1,3}\+?": "Thirty-seconds have to be written as decimals: 110'16 and 110-16 are 110.5.",
    r".*\d\s*/\s*\d.*": "A fraction has 2, 4, 8, 16, 32, 64, 128 or 256 below the line and less above it: 45 3/8.",
}
RATIO = r"(?i)^(?P<new>\d+(?:\.\d+)?)\s*(?::|/|-?\s*for\s*-?)\s*(?P<old>\d+(?:\.\d+)?)$"
_WORDS = r"(?i)^[-+]?(inf|infinity)$"


def typed(column: "pa.ChunkedArray", *, where: Column) -> Floats:
    """A column of a typed file (Parquet), or one that was read as numbers.

    Raises:
        BadFileError: a type that is no number.
    """
    import pyarrow as pa

    try:
        values: Floats = column.cast(pa.float64()).fill_null(np.nan).to_numpy()
    except pa.ArrowException:
        raise BadFileError(
            f"{quoted(where.path)}: Expected numbers in column {quoted(where.name)!r}, got {column.type}."
        ) from None
    return values


def ratios(column: "pa.ChunkedArray") -> "pa.ChunkedArray":
    """2:1 and 2-for-1, as splits are written, as 2: the new shares for an old one."""
    import pyarrow as pa
    import pyarrow.compute as pc

    parts = pc.extract_regex(pc.utf8_trim_whitespace(column), RATIO)
    if parts.null_count == len(parts):
        return column
    new, old = (pc.struct_field(parts, name).cast(pa.float64()) for name in ("new", "old"))
    return pc.coalesce(pc.divide(new, old).cast(pa.string()), column)


def parse(
    columns: "Mapping[Column, pa.ChunkedArray]", *, delimiter: str, decimal: Decimal | None
) -> dict[Column, Floats]:
    """Numbers of all columns of a file, NaN where empty. decimal: None to let the cells of all of them decide.

    Raises:
        BadFileError: a cell that is no number.
        ConfigError: cells that may be thousands or decimals, and nothing in the file decides.
    """
    plain = {where: _plain(column) for where, column in columns.items()}
    mark = decimal or _decimal({where: text for where, (text, _) in plain.items()}, delimiter)
    return {where: _floats(text, unit, mark, where, columns[where]) for where, (text, unit) in plain.items()}


def _plain(column: "pa.ChunkedArray") -> "tuple[pa.ChunkedArray, Floats | None]":
    """The text without blanks, currency and unit, null where nothing is left; and what the units multiply by."""
    import pyarrow as pa
    import pyarrow.compute as pc

    text = column if pa.types.is_string(column.type) else column.cast(pa.string())
    text = pc.if_else(pc.is_in(text, pa.array(EMPTY)), pa.scalar(None, pa.string()), text)
    try:
        text.cast(pa.float64())
        return text, None  # numbers as a program writes them
    except pa.ArrowInvalid:
        text = pc.utf8_trim_whitespace(text)
    if pc.any(pc.match_substring_regex(text, f"[{''.join(_SIGNS_OF_FRACTIONS)}]")).as_py():
        for sign, fraction in _SIGNS_OF_FRACTIONS.items():
            text = pc.replace_substring(text, sign, fraction)
        text = pc.utf8_trim_whitespace(text)
    text = pc.if_else(pc.is_in(text, pa.array(EMPTY)), pa.scalar(None, pa.string()), text)
    odd = pc.fill_null(pc.match_substring_regex(text, _NO_GROUP), False)
    if len(text) - text.null_count >= _LEAST and pc.all(pc.match_substring_regex(text, _EIGHTHS)).as_py():
        odd = pc.is_valid(text)
    bare = pc.if_else(odd, text, pc.replace_substring_regex(text, _BLANKS, ""))
    bare = pc.replace_substring_regex(bare, _CURRENCY, r"\1")
    bare = pc.replace_substring_regex(bare, r"^\((.*)\)$", r"-\1")
    bare = pc.replace_substring_regex(bare, "^−", "-")
    if not pc.any(pc.match_substring_regex(bare, _UNIT)).as_py():
        return bare, None
    parts = pc.extract_regex(bare, _UNIT)
    units = pc.utf8_lower(pc.struct_field(parts, "unit"))
    factor = np.ones(len(bare))
    for unit, size in _UNITS.items():
        factor[pc.fill_null(pc.equal(units, unit), False).to_numpy().astype(np.bool_)] = size
    return pc.coalesce(pc.struct_field(parts, "number"), bare), factor


def _decimal(columns: "Mapping[Column, pa.ChunkedArray]", delimiter: str) -> Decimal:
    import pyarrow.compute as pc

    proof: dict[Decimal, str] = {}
    unsure: tuple[Column, str] | None = None
    for where, text in columns.items():
        for mark, pattern in _EVIDENCE.items():
            if mark not in proof and (cell := _first(text, pattern)) is not None:
                proof[mark] = f"{cell!r} in column {quoted(where.name)!r}"
        if unsure is None and pc.any(pc.match_substring_regex(text, _UNSURE)).as_py():
            unsure = where, str(_first(text, _UNSURE))
    path = quoted(next(iter(columns)).path) if columns else ""
    if len(proof) == 2:
        raise ConfigError(
            f"{path}: Expected one decimal mark, got {proof['.']} and {proof[',']}. "
            "Name it with --decimal . or --decimal ,"
        )
    if proof:
        return next(iter(proof))
    fractions = any(pc.any(pc.match_substring_regex(text, _FRACTION)).as_py() for text in columns.values())
    if unsure is None or fractions or (delimiter == "," and "." in unsure[1]):
        return "."
    where, cell = unsure
    plain = cell.replace(",", "").replace(".", "")
    integer, part = cell.replace(",", ".").split(".")
    raise ConfigError(
        f"{path}: Expected numbers that can be read in one way, got {cell!r} in column {quoted(where.name)!r}, which "
        f"is {integer}.{part} or {plain}, and no other cell decides. Name the decimal mark with --decimal . or "
        "--decimal ,"
    )


def _first(text: "pa.ChunkedArray", pattern: str) -> str | None:
    import pyarrow.compute as pc

    row = pc.index(pc.fill_null(pc.match_substring_regex(text, pattern), False), True).as_py()
    return None if row < 0 else str(text[row].as_py())


def _floats(
    text: "pa.ChunkedArray", factor: Floats | None, mark: Decimal, where: Column, cells: "pa.ChunkedArray"
) -> Floats:
    """Numbers of the bare text; an error shows the cell as the file has it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if mark == ".":
        try:
            return _scaled(text.cast(pa.float64()), factor)
        except pa.ArrowInvalid:
            pass
    fractions = None
    if mark == "." and pc.any(pc.match_substring_regex(text, "/")).as_py():
        text, fractions = _without_fractions(text)
    number = pc.match_substring_regex(text, _NUMBER[mark])
    number = pc.and_(number, pc.match_substring_regex(text, r"\d"))
    invalid = pc.fill_null(pc.invert(pc.or_(number, pc.match_substring_regex(text, _WORDS))), False)
    if pc.any(invalid).as_py():
        row = pc.index(invalid, True).as_py()
        other = "" if mark == "." else " with a decimal comma"
        hint = next((hint for cell, hint in _HINTS.items() if re.fullmatch(cell, text[row].as_py())), "")
        raise where.bad(row, str(cells[row].as_py()), expected=f"a number{other}", hint=hint)
    text = pc.replace_substring(text, "," if mark == "." else ".", "")
    text = pc.replace_substring(text, ",", ".") if mark == "," else text
    values = _scaled(text.cast(pa.float64()), factor)
    return (
        values
        if fractions is None
        else np.where(np.isnan(fractions), values, fractions * (1.0 if factor is None else factor))
    )


def _without_fractions(text: "pa.ChunkedArray") -> "tuple[pa.ChunkedArray, Floats]":
    """45 3/8, 45-3/8 and 3/8 as numbers, NaN elsewhere; and the text of the other cells, null in the place of these."""
    import pyarrow as pa
    import pyarrow.compute as pc

    parts = pc.extract_regex(text, _FRACTION)
    digits = (pc.replace_substring(pc.struct_field(parts, name), ",", "") for name in ("whole", "top", "bottom"))
    cells = [pc.if_else(pc.equal(cell, ""), "0", cell).cast(pa.float64()) for cell in digits]
    integers, top, bottom = (cell.fill_null(np.nan).to_numpy() for cell in cells)
    right = np.isin(bottom, _BOTTOMS) & (top < bottom)
    values = np.where(right, integers + top / np.where(right, bottom, 1.0), np.nan)
    return pc.if_else(pa.array(~np.isnan(values)), pa.scalar(None, pa.string()), text), values


def _scaled(column: "pa.ChunkedArray", factor: Floats | None) -> Floats:
    values: Floats = column.fill_null(np.nan).to_numpy()
    return values if factor is None else values * factor
