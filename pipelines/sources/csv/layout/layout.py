"""How a text file is laid out: what separates its cells, where its header is, and where its rows begin."""

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.errors import BadFileError, ConfigError
from pipelines.sources.csv.cells import quoted
from pipelines.sources.csv.formats import streams
from pipelines.sources.csv.numbers import EMPTY

_DELIMITERS = "\t;|,"
_LINES = 200
_ENOUGH = 5  # recognised names: a time and four prices
_QUOTED = re.compile(rb'(?:^|(?<=[,;|\t]))[ ]*"(?:[^"]|"")*"')
_SINGLE_QUOTES = re.compile(r"\s*'[^']*'\s*[,;|\t]\s*'")
_OPEN_QUOTE = re.compile(rb'(?:^|[,;|\t])[ ]*"')
_NUMBER = re.compile(
    r"[-+(]?[^\w\s]{0,2}[A-Z]{0,3}[$€£¥₹]? ?\d[\d.,'’\s]*(?:[eE][-+]?\d+)?[KMBTkmbt%万亿]?\)?"
    r"|\$?\d*[ -]{0,3}(?:\d{1,3} ?[/⁄∕] ?\d{1,3}|[⅛¼⅜½⅝¾⅞])"
)
_TIME = re.compile(
    r"\d{1,4}[-/.年 ]\d{1,2}[-/.月 ]\d{1,4}.*|\d{1,2}[-/. ]?\w{3,10}[-/., ]+\d{2,4}.*"
    r"|(?:\w{2,9}\.?,? )?\w{3,10}\.? \d{1,2},? \d{4}.*"
    r"|\d{8}[ T]?\d*|\d{1,2}:\d\d.*|\d{4}-\w{3}-\d{1,2}.*"
)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """names: of the columns; None where the file has no header. start: the byte of the text at which the rows begin.

    tags: of columns that belong to one of several symbols (yfinance's download), column number -> symbol.
    what: the kind of file for a person. first: the cells of its first rows. header_lines: lines before the rows.
    quote: what cells may be enclosed in.
    """

    path: Path
    delimiter: str
    names: tuple[str, ...] | None
    width: int
    start: int
    what: str
    first: tuple[tuple[str, ...], ...] = ()
    header_lines: int = 0
    tags: tuple[str, ...] = field(default=())
    quote: str = '"'


def read(path: Path, *, skip: int | None = None, header: Sequence[str] | None = None, names: frozenset[str]) -> Layout:
    """The layout of a text file. skip: lines before its header. header: its columns, where it has no header.

    names: names of columns in letters only, by which a header of several lines is recognised.

    Raises:
        BadFileError: an empty file, or one whose cells nothing separates.
    """
    content, what = streams.head(path)
    if not content.strip():
        raise BadFileError(f"Expected a file with a header and rows, got {quoted(path)}, which is empty.")
    lines = _lines(content)
    separator = ""
    first_text = lines[0][0].strip()
    if first_text.lower().startswith("sep=") and len(first_text) == 5:
        separator, lines = first_text[4], [("", lines[0][1]), *lines[1:]]
    if skip is not None and skip >= len(lines):
        raise ConfigError(f"{quoted(path)}: Expected more lines than --skip {skip}, got {len(lines)}.")
    texts = [text for text, _ in lines[skip or 0 :] if text.strip()]
    if not texts:
        raise BadFileError(f"Expected a file with a header and rows, got {quoted(path)}, which is empty.")
    quote = "'" if 2 * sum(_SINGLE_QUOTES.match(text) is not None for text in texts) > len(texts) else '"'
    delimiter = separator or _delimiter(texts, quote, names)
    rows = [split(text, delimiter, quote) for text, _ in lines]
    width = _width(rows[skip or 0 :], delimiter, path, texts[0])
    begin = next(
        (n for n in range(skip or 0, len(rows)) if len(rows[n]) in (width, width + 1) and is_data(rows[n])), None
    )
    while begin is not None and begin > (skip or 0) and _is_bad_data(rows[begin - 1], rows[begin]):
        begin -= 1
    named: tuple[str, ...] | None
    tags: tuple[str, ...] = ()
    if header is not None and not header:
        begin, named = (skip or 0) if begin is None else begin, None
    elif header is not None:
        begin = (skip or 0) if begin is None else begin
        named = tuple(header)
        if len(named) != width:
            raise BadFileError(
                f"{quoted(path)}: Expected {len(named)} columns ({quoted(', '.join(named))}) in each row, got {width} "
                f"in {texts[0][:60]!r}."
            )
    else:
        before = [row for row in rows[skip or 0 : begin] if row and (len(row) >= 2 and abs(len(row) - width) <= 1)]
        if begin is None:
            at = next(n for n in range(skip or 0, len(rows)) if rows[n])
            before, begin, width = [rows[at]], at + 1, len(rows[at])
        named, tags = _names(before, names)
    if named is not None:
        sample = rows[begin] if begin < len(rows) else []
        named, width = _fit(named, sample, path)
        tags = tags + ("",) * (len(named) - len(tags)) if tags else ()
    return Layout(
        path=path,
        delimiter=delimiter,
        names=named,
        width=width,
        start=sum(length for _, length in lines[:begin]),
        what=what,
        first=tuple(tuple(row) for row in rows[begin:] if row),
        header_lines=begin,
        tags=tags,
        quote=quote,
    )


def _lines(content: bytes) -> list[tuple[str, int]]:
    """The first lines with their length in bytes; a line break inside quotes does not end one."""
    lines: list[tuple[str, int]] = []
    waiting = b""
    for line in content.splitlines(keepends=True):
        waiting += line
        if b'"' in waiting and _OPEN_QUOTE.search(_QUOTED.sub(b"", waiting)) and len(waiting) < 10_000:
            continue
        lines.append((waiting.decode("utf-8", errors="replace").strip("\r\n"), len(waiting)))
        waiting = b""
        if len(lines) >= _LINES:
            break
    if waiting:
        lines.append((waiting.decode("utf-8", errors="replace").strip("\r\n"), len(waiting)))
    return lines


def split(text: str, delimiter: str, quote: str = '"') -> list[str]:
    """The cells of a line."""
    if not text.strip():
        return []
    try:
        return [
            cell.strip()
            for cell in next(
                csv.reader(
                    [text.replace("\n", " ").replace("\r", " ")],
                    delimiter=delimiter,
                    quotechar=quote,
                    skipinitialspace=True,
                )
            )
        ]
    except (csv.Error, StopIteration):
        return [cell.strip() for cell in text.split(delimiter)]


def _delimiter(texts: Sequence[str], quote: str, names: frozenset[str]) -> str:
    """What makes columns of the lines, best with a header of recognised names."""
    best, score = ",", (False, 0, False)
    for delimiter in _DELIMITERS:
        rows = [split(text, delimiter, quote) for text in texts]
        counts = Counter(map(len, rows))
        width, times = max(counts.items(), key=lambda item: (item[0] > 1, item[1]))
        names_there = max(sum(plain(cell) in names for cell in row) for row in rows)
        own = (width >= 3, names_there, width >= 2 and times >= 0.8 * len(texts))
        if own > score or (width >= 2 and score == (False, 0, False)):
            best, score = delimiter, own
    return best


def _width(rows: Sequence[Sequence[str]], delimiter: str, path: Path, line: str) -> int:
    counts = Counter(len(row) for row in rows if row)
    width = max(counts.items(), key=lambda item: (item[0] > 1, item[1]))[0]
    if width < 2:
        raise BadFileError(
            f"Expected columns separated by comma, semicolon, tab or |, got {quoted(path)} with the first line "
            f"{line[:60]!r}."
        )
    return width


def is_data(row: Sequence[str]) -> bool:
    """Whether a line holds numbers and times, as no header and no footer does."""
    filled = [cell for cell in row if cell not in EMPTY]
    if any(row) and len(filled) < sum(map(bool, row)) and all(map(is_time, filled)):
        return True  # a date and #N/A
    values = sum(bool(_NUMBER.fullmatch(cell) or _TIME.fullmatch(cell)) for cell in filled)
    return values >= 2 and values >= 0.4 * len(filled)


def _is_bad_data(row: Sequence[str], after: Sequence[str]) -> bool:
    """Whether a line above the first row of data is one too, with wrong cells: it has a time where that has one."""
    pairs = zip(row, after, strict=False)
    return len(row) == len(after) and any(is_time(cell) and is_time(other) for cell, other in pairs)


def is_time(cell: str) -> bool:
    """Whether a cell looks like a date or a time."""
    return _TIME.fullmatch(cell) is not None


def plain(name: str) -> str:
    """'1. open', '<OPEN>' and 'Open Price' as open, open and openprice."""
    return re.sub(r"[\W\d_]", "", name.lower())


def _names(rows: Sequence[Sequence[str]], recognised: frozenset[str]) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    """The header out of the lines before the data, and the symbols of its columns."""
    if not rows:
        return None, ()
    scores = [sum(plain(cell) in recognised for cell in row) for row in rows]
    row = max(range(len(rows)), key=lambda number: (scores[number], number))
    names = [cell.strip().strip('"').strip() for cell in rows[row]]
    tags: tuple[str, ...] = ()
    for other, line in enumerate(rows):
        if other == row or len(rows) == 1:
            continue
        if line[0] and plain(line[0]) in recognised and plain(names[0]) not in recognised:
            names[0] = line[0]  # "Date" stands alone in its line (pandas writes the index's name so)
        filled = [cell for cell in line[1:] if cell]
        if (
            plain(line[0]) in ("ticker", "symbol", "symbols", "price", "")
            and len(filled) == len(line) - 1
            and len(set(Counter(filled).values())) == 1  # each has as many columns: no units
            and scores[other] < scores[row]
        ):
            tags = ("", *line[1:])
    return (tuple(names), tags) if tags else _without_common_words(names, recognised)


def _without_common_words(names: Sequence[str], recognised: frozenset[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """ACME.Open, ACME.High, ... as Open, High, ... of ACME, where no column is called Open itself."""
    words = [re.findall(r"[^\W_]+", name) for name in names]
    named_words = list(zip(words, names, strict=True))
    counts = Counter(word for own in words for word in set(own))
    repeated = {word for word, count in counts.items() if count >= 4 and not word.lower().startswith("adj")}

    def without(common: set[str]) -> list[str]:
        return [" ".join(word for word in own if word not in common) or name for own, name in named_words]

    common = {word for word in repeated if plain(word) not in recognised}
    telling = {word for name in without(common) if plain(name) in recognised for word in name.split()}
    common |= repeated - telling  # T.Open is the open of T, Open Price no price of Price
    bare = without(common)
    before, after = (sum(plain(name) in recognised for name in either) for either in (names, bare))
    if before >= _ENOUGH or after < 4 + before:
        return tuple(names), ()
    return tuple(bare), tuple(" ".join(word for word in own if word in common) for own in words)


def _fit(names: tuple[str, ...], row: Sequence[str], path: Path) -> tuple[tuple[str, ...], int]:
    """One name a cell: rows may end with a separator, and R leaves the name of the rows' names out."""
    width = len(row) or len(names)
    if width == len(names) + 1 and re.fullmatch(r"\d{1,2}:\d\d(:\d\d(\.\d+)?)?", row[1]):
        return ("date", "time", *names[1:]), width  # 2024-01-02 09:30 where blanks separate columns
    if width == len(names) + 1:
        return ((*names, "") if not row[-1] else ("", *names)), width
    if width == len(names) - 1 and not names[-1]:
        return names[:-1], width
    if width != len(names):
        raise BadFileError(
            f"{quoted(path)}: Expected {len(names)} cells in each row as in the header, row 1 has {width} cells. "
            "Correct the file."
        )
    return names, width
