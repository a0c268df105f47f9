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
_AGAIN = "same time with other values"


@dataclass(frozen=True, kw_only=True, eq=False)
class Places:
    """Where rows stand in the files that they come from.

    numbers: the row's number in its file, the first row of data being 1; None where no row was left out before.
    starts: the index of each file's first row. files: their names.
    """

    numbers: NDArray[np.int64] | None = None
    starts: tuple[int, ...] = (0,)
    files: tuple[str, ...] = ("",)

    def row(self, index: int) -> int:
        if self.numbers is not None:
            return int(self.numbers[index])
        return index + 1 - self.starts[self._file(index)]

    def file(self, index: int) -> str:
        """The name of the row's file, "" where there is one file only."""
        return self.files[self._file(index)] if len(self.files) > 1 else ""

    def chosen(self, rows: NDArray[np.bool_]) -> "Places":
        """The places of some of the rows."""
        index = np.flatnonzero(rows)
        numbers = self.numbers
        if numbers is None:
            file = np.searchsorted(self.starts, index, side="right") - 1
            numbers = index + 1 - np.array(self.starts)[file]
        else:
            numbers = numbers[index]
        return Places(numbers=numbers, starts=tuple(np.searchsorted(index, self.starts).tolist()), files=self.files)

    def _file(self, index: int) -> int:
        return int(np.searchsorted(self.starts, index, side="right")) - 1


@dataclass(frozen=True, kw_only=True)
class CleaningReport:
    """What cleaning did.

    dropped: reason -> number of rows. first_row: reason -> the first such row, as the file numbers its rows (the
    first row of data is 1). first_file: of several files, the one that this row is in. notes: what was mended
    without dropping, and what looks odd.
    """

    rows_in: int
    rows_out: int
    dropped: dict[str, int] = field(default_factory=dict)
    first_row: dict[str, int] = field(default_factory=dict)
    first_file: dict[str, str] = field(default_factory=dict)
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
            text += "; dropped: " + reasons(self.dropped, self.first_row, self.first_file)
        return "; ".join([text, *self.notes])


def reasons(dropped: dict[str, int], first_row: dict[str, int], first_file: dict[str, str]) -> str:
    """'2 negative volume (first: row 4), 1 missing close (first: row 9 of b.csv)'."""
    of = {why: f" of {name}" if name else "" for why, name in first_file.items()}
    return ", ".join(
        f"{count:,} {why} (first: row {first_row[why]:,}{of.get(why, '')})" for why, count in dropped.items()
    )


class RowFilter:
    """Drops rows, one reason each, and remembers why."""

    def __init__(self, rows: int, places: Places | None = None) -> None:
        self._places = places or Places()
        self.kept = np.ones(rows, np.bool_)
        self._dropped: dict[str, int] = {}
        self._first: dict[str, int] = {}
        self._bad = 0
        self._notes: list[str] = []

    def drop(self, why: str, rows: NDArray[np.bool_], *, counts: bool = True) -> None:
        """Drops the rows that are still there. counts: towards the share that may be dropped."""
        dropped = np.flatnonzero(rows & self.kept)
        if len(dropped) == 0:
            return
        self.kept[dropped] = False
        self._dropped[why] = self._dropped.get(why, 0) + len(dropped)
        self._first[why] = min(self._first.get(why, int(dropped[0])), int(dropped[0]))
        self._bad += len(dropped) if counts else 0

    def place(self, index: int) -> str:
        """'row 4', or 'row 4 of b.csv'."""
        name = self._places.file(index)
        return f"row {self._places.row(index):,}" + (f" of {name}" if name else "")

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
        self.note(f"rows were out of time order (first: {self.place(int(rows[np.argmax(step < 0) + 1]))}): sorted")
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
            (_AGAIN, order[:-1][again & ~identical], True),
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
            raise BadPricesError(f"{symbol}: Expected at least one row of prices, got none. Check the source.")
        if self._bad > max_dropped * rows:
            twice = self._dropped.get(_AGAIN, 0)
            advice = (
                "Where a file holds several symbols, venues or contracts, choose one with --where COLUMN=VALUE; where "
                "each has its own file, use --file 'folder/{symbol}.csv'."
                if twice > 0.5 * self._bad
                else "Correct these rows at their source."
            )
            raise BadPricesError(
                f"{symbol}: Expected at most {max_dropped:.1%} bad rows (--max-dropped), got {self._bad:,} of "
                f"{rows:,}: {self._reasons()}. {advice}"
            )
        if not np.any(self.kept):
            raise BadPricesError(
                f"{symbol}: Expected prices, no row is left; dropped: {self._reasons()}. Check the source."
            )

    def report(self, rows_out: int) -> CleaningReport:
        return CleaningReport(
            rows_in=len(self.kept),
            rows_out=rows_out,
            dropped=self._dropped,
            first_row=self._rows(),
            first_file=self._files(),
            notes=tuple(self._notes),
        )

    def _reasons(self) -> str:
        return reasons(self._dropped, self._rows(), self._files())

    def _rows(self) -> dict[str, int]:
        return {why: self._places.row(index) for why, index in self._first.items()}

    def _files(self) -> dict[str, str]:
        return {why: name for why, index in self._first.items() if (name := self._places.file(index))}
