"""Which symbols a panel has, and on which days each is a member: from arguments, a watchlist or a universe file."""

import csv
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pipelines.errors import ConfigError, listed
from pipelines.market.types import check_symbol

_HEADER = ["symbol", "from", "to"]
_LONGEST_NAME = 24
_NAMED = 3
_MOST_BYTES = 1 << 24
_DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[/.]\d{1,2}[/.]\d{2,4}")

Period = tuple[date | None, date | None]


@dataclass(frozen=True, kw_only=True)
class Universe:
    """The symbols of a panel, each once.

    name: a title that can stand where a symbol does. membership: "AAPL,1999-11-01,2015-03-18", one line for each period
    in which a symbol is a member, both days included; an empty day is open. Empty where no days are given: each symbol
    is then a member as long as it trades.
    """

    name: str
    symbols: tuple[str, ...]
    membership: tuple[str, ...] = ()


def read_universe(arguments: Sequence[str]) -> Universe:
    """The universe of symbols and files (`@watchlist.txt`, `@universe.csv`).

    A watchlist has symbols apart by lines, blanks or commas. A universe file begins with the line symbol,from,to, in
    capitals or not, its columns apart by commas, semicolons or tabs. Both may have comments after #.

    Raises:
        ConfigError: no symbol, one that comes twice, no such file, days that are none, reversed or overlapping.
    """
    symbols: list[str] = []
    membership: list[str] = []
    for argument in arguments:
        if not argument.startswith("@"):
            symbols.append(check_symbol(argument))
            continue
        lines = _lines(_read(Path(argument[1:])))
        heading = _heading(lines)
        if heading == _HEADER:
            periods = _periods(lines, argument)
            membership += periods
            symbols += dict.fromkeys(line.partition(",")[0] for line in periods)
        elif heading[:1] == _HEADER[:1] and len(heading) > 1:
            raise ConfigError(
                f"Expected the columns symbol,from,to, or one symbol a line, in {argument}, got {lines[0][:80]}."
            )
        else:
            symbols += _watchlist(lines[1:] if heading == _HEADER[:1] else lines, argument)
    if not symbols:
        raise ConfigError("Expected one symbol or more for a panel, got none.")
    if doubled := sorted(symbol for symbol, count in Counter(symbols).items() if count > 1):
        raise ConfigError(f"Expected each symbol of a panel once, got {listed(doubled)} twice or more.")
    if membership and len({line.partition(",")[0] for line in membership}) < len(symbols):
        without = sorted(set(symbols) - {line.partition(",")[0] for line in membership})
        raise ConfigError(f"Expected membership dates for all symbols or for none, got none for {listed(without)}.")
    return Universe(name=_title(arguments, symbols), symbols=tuple(sorted(symbols)), membership=tuple(membership))


def listed_symbols(arguments: Sequence[str]) -> list[str]:
    """Symbols and those of files (`@watchlist.txt`), each once and in their order; the others as they were written.

    Raises:
        ConfigError: no such file, or none with symbols.
    """
    symbols: list[str] = []
    for argument in arguments:
        symbols += read_universe([argument]).symbols if argument.startswith("@") else [argument]
    return list(dict.fromkeys(symbols))


def check_membership(membership: Iterable[str], *, symbols: Sequence[str]) -> tuple[str, ...]:
    """The periods in order, checked.

    Raises:
        ConfigError: a line that is no period of one of the symbols, reversed or overlapping days, a symbol without any.
    """
    lines = sorted(membership)
    periods: dict[str, list[Period]] = {}
    for line in lines:
        symbol, first, last = _parse(line)
        if symbol not in symbols:
            raise ConfigError(f"Expected membership of a symbol of the panel, got {symbol}.")
        if first is not None and last is not None and first > last:
            raise ConfigError(f"Expected {symbol} to be a member from a day to a later one, got {first} to {last}.")
        periods.setdefault(symbol, []).append((first, last))
    for symbol, spans in periods.items():
        spans.sort(key=lambda period: period[0] or date.min)
        for (_, end), (start, _) in itertools.pairwise(spans):
            if end is None or start is None or start <= end:
                raise ConfigError(
                    f"Expected periods of membership of {symbol} that do not overlap, got one to {end or 'no end'} and "
                    f"one from {start or 'ever'}."
                )
    if lines and (without := sorted(set(symbols) - set(periods))):
        raise ConfigError(f"Expected membership dates for all symbols or for none, got none for {listed(without)}.")
    return tuple(lines)


def periods_of(membership: Sequence[str], symbol: str) -> list[Period]:
    """A symbol's periods, both days included."""
    lines = [line for line in membership if line.partition(",")[0] == symbol]
    return [_parse(line)[1:] for line in lines]


def _parse(line: str) -> tuple[str, date | None, date | None]:
    cells = [cell.strip() for cell in line.split(",")]
    try:
        symbol, first, last = cells
        days = [date.fromisoformat(cell) if cell else None for cell in (first, last)]
    except ValueError as error:
        raise ConfigError(f"Expected symbol,from,to with dates like 2015-03-18, got {line[:80]!r}.") from error
    return check_symbol(symbol), days[0], days[1]


def _lines(text: str) -> list[str]:
    """The lines that say something, without what stands after #."""
    bare = (line.partition("#")[0].strip(" \r") for line in text.splitlines())
    return [line for line in bare if line.strip()]


def _heading(lines: Sequence[str]) -> list[str]:
    """The columns that the first line names, in lower case."""
    return [cell.lower() for cell in _cells(lines[0], apart=_apart(lines[0]))] if lines else []


def _apart(line: str) -> str:
    """What stands between the columns, as spreadsheets write them: a comma, a semicolon or a tab."""
    return next((mark for mark in ",;\t" if mark in line), ",")


def _cells(line: str, *, apart: str) -> list[str]:
    return [cell.strip() for cell in next(csv.reader([line], delimiter=apart))]


def _periods(lines: Sequence[str], source: str) -> list[str]:
    apart = _apart(lines[0])
    periods = []
    for line in lines[1:]:
        cells = _cells(line, apart=apart)
        if not any(cells):
            continue
        if len(cells) != len(_HEADER):
            raise ConfigError(f"Expected symbol,from,to in {source}, got {line[:80]!r}.")
        symbol, first, last = _parse(",".join(cells))
        periods.append(",".join([symbol, *(day.isoformat() if day else "" for day in (first, last))]))
    if not periods:
        raise ConfigError(f"Expected one symbol or more in {source}, got none.")
    return list(check_membership(periods, symbols=sorted({line.partition(",")[0] for line in periods})))


def _watchlist(lines: Iterable[str], source: str) -> list[str]:
    words = [word for word in re.split(r"[\s,;]+", " ".join(lines)) if word]
    if date_like := next(filter(_DATE.fullmatch, words), None):
        raise ConfigError(
            f"Expected symbols alone in {source}, got a date, {date_like}. Begin it with the line symbol,from,to where "
            "it has days of membership."
        )
    return [check_symbol(word) for word in words]


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ConfigError(f"Expected a list of symbols, got {path} with {path.stat().st_size:,} bytes.")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"Expected a list of symbols in {path}, which is no text in UTF-8. Save it as CSV in UTF-8."
        ) from error
    except OSError as error:
        reasons = {FileNotFoundError: "is not there", IsADirectoryError: "is a folder"}
        reason = reasons.get(type(error), f"cannot be read ({error.strerror})")
        raise ConfigError(f"Expected a list of symbols in {path}, which {reason}. Check its name.") from error


def _title(arguments: Sequence[str], symbols: Sequence[str]) -> str:
    """The file's name, or the first symbols."""
    if len(arguments) == 1 and arguments[0].startswith("@"):
        stem = re.sub(r"[^A-Z0-9]+", "-", Path(arguments[0][1:]).stem.upper()).strip("-")
        return (stem or "PANEL")[:_LONGEST_NAME]
    first = "_".join(sorted(symbols)[:_NAMED])[:_LONGEST_NAME]
    return first if len(symbols) <= _NAMED else f"{first}_{len(symbols) - _NAMED}"
