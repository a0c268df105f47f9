"""How many rows were dropped, and why."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import BadPricesError

if TYPE_CHECKING:
    from pipelines.market.types import Times

Rows = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class CleaningReport:
    """What cleaning did.

    dropped: reason -> number of rows. first_row: reason -> the first such row, as the file numbers its rows (the
    first row of data is 1). notes: what was mended without dropping, and what looks odd.
    """

    rows_in: int
    rows_out: int
    dropped: dict[str, int] = field(default_factory=dict)
    first_row: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @classmethod
    def all_kept(cls, rows: int) -> "CleaningReport":
        """Nothing dropped, nothing to say."""
        return cls(rows_in=rows, rows_out=rows)

    def noting(self, notes: Sequence[str]) -> "CleaningReport":
        """The same report with more notes."""
        return replace(self, notes=(*self.notes, *notes))

    def summary(self) -> str:
        """One line for a person.

        >>> why = "negative volume"
        >>> CleaningReport(rows_in=10, rows_out=8, dropped={why: 2}, first_row={why: 4}).summary()
        '8 of 10 rows kept; dropped: 2 negative volume (first: row 4)'
        """
        text = f"{self.rows_out:,} of {self.rows_in:,} rows kept"
        if self.dropped:
            text += "; dropped: " + reasons(self.dropped, self.first_row)
        return "; ".join([text, *self.notes])


def reasons(dropped: dict[str, int], first_row: dict[str, int]) -> str:
    """'2 negative volume (first: row 4), 1 missing value (first: row 9)'."""
    return ", ".join(f"{count:,} {why} (first: row {first_row[why]:,})" for why, count in dropped.items())


class RowFilter:
    """Drops rows, one reason each, and remembers why."""

    def __init__(self, rows: int) -> None:
        self.kept = np.ones(rows, np.bool_)
        self._dropped: dict[str, int] = {}
        self._first: dict[str, int] = {}
        self._bad = 0
        self._notes: list[str] = []

    def drop(self, why: str, rows: NDArray[np.bool_], *, counts: bool = True) -> None:
        """Drops the rows that are still there. counts: towards the share that may be dropped."""
        found = np.flatnonzero(rows & self.kept)
        if len(found) == 0:
            return
        self.kept[found] = False
        self._dropped[why] = self._dropped.get(why, 0) + len(found)
        self._first[why] = min(self._first.get(why, int(found[0]) + 1), int(found[0]) + 1)
        self._bad += len(found) if counts else 0

    def note(self, text: str) -> None:
        self._notes.append(text)

    def in_order(self, times: "Times") -> Rows:
        """The rows that are left, by time; rows of equal time in file order (of a newest-first file, reversed)."""
        rows = np.flatnonzero(self.kept)
        moments = (times if len(rows) == len(times) else times[rows]).view(np.int64)
        if np.all(moments[1:] >= moments[:-1]):
            return rows
        step = np.diff(moments)
        if not np.any(step > 0):
            self.note("rows were stored newest first: reversed")
            backwards: Rows = rows[::-1].copy()
            return backwards
        self.note(f"rows were out of time order (first: row {rows[np.argmax(step < 0) + 1] + 1:,}): sorted")
        ordered: Rows = rows[np.argsort(times[rows], kind="stable")]
        return ordered

    def once(self, order: Rows, times: "Times", values: NDArray[np.float64]) -> Rows:
        """Of rows in order, the last one of each time. values: shape (columns, rows of the file)."""
        again = times[order[1:]] == times[order[:-1]]
        if not np.any(again):
            return order
        identical = np.all(values[:, order[1:]] == values[:, order[:-1]], axis=0)
        for why, rows, counts in (
            ("same row again", order[:-1][again & identical], False),
            ("same time with other values", order[:-1][again & ~identical], True),
        ):
            mask = np.zeros(len(self.kept), np.bool_)
            mask[rows] = True
            self.drop(why, mask, counts=counts)
        single: Rows = order[np.append(~again, True)]
        return single

    def refuse(self, symbol: str, max_dropped: float) -> None:
        """Raises BadPricesError where too much, or everything, was dropped."""
        rows = len(self.kept)
        if rows == 0:
            raise BadPricesError(f"{symbol}: need at least one row of prices, got none.")
        if self._bad > max_dropped * rows:
            raise BadPricesError(
                f"{symbol}: need at most {max_dropped:.1%} bad rows, got {self._bad:,} of {rows:,}: "
                f"{reasons(self._dropped, self._first)}. Mend the file, or accept the loss with --max-dropped "
                f"{min(1.0, np.ceil(self._bad / rows * 100) / 100):g}."
            )
        if not np.any(self.kept):
            raise BadPricesError(f"{symbol}: no row is left; dropped: {reasons(self._dropped, self._first)}.")

    def report(self, rows_out: int) -> CleaningReport:
        return CleaningReport(
            rows_in=len(self.kept),
            rows_out=rows_out,
            dropped=self._dropped,
            first_row=self._first,
            notes=tuple(self._notes),
        )
