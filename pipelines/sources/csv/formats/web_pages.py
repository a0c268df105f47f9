"""Tables of web pages, which many sites also call .xls, as the text of a CSV file."""

import io
import re
from html.parser import HTMLParser
from pathlib import Path

from pipelines.errors import BadFileError
from pipelines.sources.csv.cells import quoted
from pipelines.sources.csv.formats import documents

MOST = 1 << 27
"""Bytes of a page, which is in memory as a whole."""

_PAGE = re.compile(
    rb"(?is)\s*<(?:!doctype html|!--|html|head|body|table|meta|div|style|script|title|link|center|font|span|p|br|h\d)\b"
    rb"|\s*<\?xml[^>]*>\s*<(?:!doctype )?html"
)
_SILENT = ("script", "style", "template", "noscript", "select", "svg")
_WIDEST, _TALLEST = 200, 1000


def is_page(first: bytes) -> bool:
    """Whether a text begins as a web page or a part of one does, by its first bytes."""
    return _PAGE.match(first) is not None or first.lstrip().lower().startswith(b"<!--")


def table_as_csv(stream: io.BufferedReader, path: Path) -> tuple[io.BufferedReader, str]:
    """The table with the most cells, and which one it is for a person.

    Raises:
        BadFileError: a page without a table, or several of the same columns, as of several symbols.
    """
    with stream:
        content = stream.read(MOST + 1)
    if len(content) > MOST:
        raise BadFileError(
            f"Expected at most {MOST >> 20} MB of a web page, got more in {quoted(path)}. Save it as .csv."
        )
    page = _Page()
    page.feed(content.decode("utf-8", errors="replace"))
    page.close()
    page.finish()
    tables = [table for table in page.tables if len(table) > 1 and max(map(len, table)) > 2]
    if not tables:
        raise BadFileError(
            f"Expected a file of prices, got {quoted(path)}, which is a web page without a table of them. "
            "Download the data itself."
        )
    best = max(tables, key=lambda table: sum(map(len, table)))
    alike = [table for table in tables if table[0] == best[0]]
    if len(alike) > 1:
        raise BadFileError(
            f"{quoted(path)}: Expected a web page with one table of prices, got {len(alike)} with the columns "
            f"{quoted(', '.join(best[0]))}. Save the one that you need as .csv."
        )
    place = next(number for number, table in enumerate(tables, start=1) if table is best)
    return documents.rows_as_csv(best), f"web page, table {place} of {len(tables)}"


class _Page(HTMLParser):
    """tables: each with its rows of cells, in the order in which they end."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: list[list[list[str]]] = []
        self._open: list[_Table] = []
        self._silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self._silent.append(tag)
        elif tag == "table":
            self._open.append(_Table())
        elif self._open and tag == "tr":
            self._open[-1].start_row()
        elif self._open and tag in ("td", "th"):
            spans = {name: int(value) for name, value in attrs if value is not None and value.strip().isdecimal()}
            self._open[-1].start_cell(columns=spans.get("colspan", 1), rows=spans.get("rowspan", 1))
        elif tag in ("br", "p", "div"):
            self.handle_data(" ")

    def handle_endtag(self, tag: str) -> None:
        if self._silent and tag == self._silent[-1]:
            self._silent.pop()
        elif self._open and tag == "table":
            self.tables.append(self._open.pop().finished())
        elif self._open and tag in ("td", "th"):
            self._open[-1].end_cell()

    def handle_data(self, data: str) -> None:
        if self._open and not self._silent:
            self._open[-1].add(data)

    def finish(self) -> None:
        """Takes the tables that the page does not end."""
        while self._open:
            self.tables.append(self._open.pop().finished())


class _Table:
    def __init__(self) -> None:
        self._rows: list[list[str]] = []
        self._cell: list[str] | None = None
        self._spans = (1, 1)
        self._below: dict[int, tuple[str, int]] = {}

    def start_row(self) -> None:
        self._end_row()
        self._rows.append([])

    def start_cell(self, *, columns: int, rows: int) -> None:
        self.end_cell()
        self._cell, self._spans = [], (min(max(columns, 1), _WIDEST), min(max(rows, 1), _TALLEST))

    def add(self, data: str) -> None:
        if self._cell is not None:
            self._cell.append(data)

    def end_cell(self) -> None:
        if self._cell is None:
            return
        text, (columns, rows), self._cell = " ".join("".join(self._cell).split()), self._spans, None
        if not self._rows:
            self._rows.append([])
        self._fill()
        for number in range(columns):
            if rows > 1:
                self._below[len(self._rows[-1])] = (text, rows)
            self._rows[-1].append(text if number == 0 else "")

    def finished(self) -> list[list[str]]:
        self._end_row()
        return [row for row in self._rows if any(row)]

    def _end_row(self) -> None:
        self.end_cell()
        if self._rows:
            self._fill()
            self._below = {column: (text, rows - 1) for column, (text, rows) in self._below.items() if rows > 1}

    def _fill(self) -> None:
        """The cells of rows above that reach down to here."""
        row = self._rows[-1]
        while len(row) in self._below:
            row.append(self._below[len(row)][0])
