"""Which symbol a row is of: a column that names several is never read as one series."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import BadFileError
from pipelines.sources.csv.cells import quoted

if TYPE_CHECKING:
    import pandas as pd

Values = Mapping[str, "str | NDArray[np.object_]"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Identities:
    """Columns that name a row's symbol, class or venue -> the one value of all rows, or one a row."""

    columns: Values

    @property
    def currency(self) -> str | None:
        """The one currency that a column of this name says, as GBX or EUR."""
        for name, value in self.columns.items():
            if name.strip().lower() == "currency" and isinstance(value, str) and re.fullmatch("[A-Za-z]{3,4}", value):
                return value
        return None

    @classmethod
    def join(cls, parts: Sequence[Values], frames: "Sequence[pd.DataFrame]") -> "Identities":
        """Those of several files, one after the other; "" where a file lacks the column."""
        names = dict.fromkeys(name for part in parts for name in part)
        joined: dict[str, str | NDArray[np.object_]] = {}
        for name in names:
            values = [part.get(name, "") for part in parts]
            single = {value for value in values if isinstance(value, str)}
            if len(single) == 1 and all(isinstance(value, str) for value in values):
                joined[name] = next(iter(single))
            else:
                pieces = [
                    np.full(len(frame), value, object) if isinstance(value, str) else value
                    for value, frame in zip(values, frames, strict=True)
                ]
                joined[name] = np.concatenate(pieces)
        return cls(columns=joined)


def choose(
    identities: Identities, symbol: str, *, several: bool, path: str, events: Sequence[str] = ()
) -> tuple[NDArray[np.bool_] | None, tuple[str, ...]]:
    """The rows of one symbol, None for all, and what to say about it.

    several: whether the file is one of many symbols, of which this one is asked for. events: the columns that say what
    kind of row it is.

    Raises:
        BadFileError: several symbols and none chosen, or not the one that is asked for.
    """
    rows: NDArray[np.bool_] | None = None
    notes: tuple[str, ...] = ()
    if several:
        rows = _of_symbol(identities, symbol, path=path)
    for name, values in identities.columns.items():
        if isinstance(values, str):
            if name not in events and _is_symbol(name) and values and values.strip().upper() != symbol and not several:
                notes += (f"the file's {quoted(name)} is {quoted(values)}, stored as {symbol}",)
            continue
        own = values if rows is None else values[rows]
        unique = sorted({str(value) for value in own})
        if len(unique) > 1:
            examples = ", ".join(quoted(value[:30]) or "nothing" for value in unique[:8]) + (
                ", ..." if len(unique) > 8 else ""
            )
            many = "" if not _is_symbol(name) or several else ", or fetch several symbols at once by these names"
            if name in events:
                trades = next((value for value in unique if value.upper().startswith("T")), unique[0])
                raise BadFileError(
                    f"{path}: Expected rows of one kind, got {len(unique):,} in column {quoted(name)!r} ({examples}). "
                    f"Choose one with --where {_quoted(name, trades)}."
                )
            example = _quoted(name, next((value for value in unique if value), ""))
            raise BadFileError(
                f"{path}: Expected prices of one symbol, got {len(unique):,} values in column {quoted(name)!r} "
                f"({examples}). Choose one with --where {example}{many}."
            )
    return rows, notes


def _of_symbol(identities: Identities, symbol: str, *, path: str) -> NDArray[np.bool_] | None:
    symbols: dict[str, None] = {}
    for name, values in identities.columns.items():
        if not _is_symbol(name):
            continue
        if isinstance(values, str):
            if values.strip().upper() == symbol:
                return None
            symbols[values] = None
            continue
        rows: NDArray[np.bool_] = np.array([str(value).strip().upper() == symbol for value in values], np.bool_)
        if np.any(rows):
            return rows
        symbols |= dict.fromkeys(str(value) for value in values[:100_000])
    examples = ", ".join(quoted(value[:30]) for value in list(symbols)[:12]) or "no column of symbols"
    raise BadFileError(
        f"{path}: Expected rows of {symbol}, got {examples}. Name symbols as the file does, one a command with "
        "--where, or a file a symbol with --file 'folder/{symbol}.csv'."
    )


def _is_symbol(name: str) -> bool:
    from pipelines.sources.csv.layout.layout import plain

    return plain(name) not in (
        "series",
        "sctysrs",
        "currency",
        "exchange",
        "venue",
        "publisherid",
        "per",
        "period",
        "interval",
        "freq",
        "frequency",
        "timeframe",
        "expiry",
        "expiration",
        "maturity",
        "xprydt",
        "market",
        "adjustment",
    )


def _quoted(name: str, value: str) -> str:
    text = f"{quoted(name)}={quoted(value[:30])}"
    return text if text.replace("=", "").replace("_", "").replace(".", "").isalnum() else f"'{text}'"
