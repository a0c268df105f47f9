"""Where a cell stands, for messages that name the file, the row and the column."""

from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import BadFileError

LONGEST = 120


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a file. row: the number of rows before the cells at hand."""

    path: Path
    name: str
    row: int = 0

    def bad(self, index: int, cell: object, *, expected: str, hint: str = "") -> BadFileError:
        """The error for the cell at index, counted from 0."""
        advice = f" {hint}" if hint else ""
        return BadFileError(
            f"{quoted(self.path)}: Expected {expected} in row {self.row + index + 1:,}, column {quoted(self.name)!r}, "
            f"got {str(cell)[:40]!r}.{advice}"
        )


def quoted(text: object) -> str:
    """A name for a message: not longer than a line, control characters escaped."""
    line = str(text)
    line = line if len(line) <= LONGEST else f"{line[:40]}...{line[-40:]}"
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in line)
