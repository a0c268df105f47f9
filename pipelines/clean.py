"""Rows of a file or a provider to bars or ticks: every row that is dropped is counted, with its reason."""

from dataclasses import dataclass, field


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

    def summary(self) -> str:
        """One line for a person.

        >>> why = "negative volume"
        >>> CleaningReport(rows_in=10, rows_out=8, dropped={why: 2}, first_row={why: 4}).summary()
        '8 of 10 rows kept; dropped: 2 negative volume (first: row 4)'
        """
        text = f"{self.rows_out:,} of {self.rows_in:,} rows kept"
        if self.dropped:
            reasons = (f"{count:,} {why} (first: row {self.first_row[why]:,})" for why, count in self.dropped.items())
            text += "; dropped: " + ", ".join(reasons)
        return "; ".join([text, *self.notes])
