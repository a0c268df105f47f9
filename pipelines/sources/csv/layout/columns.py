"""Which column of a file is which, by name and never by position."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from zoneinfo import available_timezones

from pipelines.errors import BadFileError
from pipelines.sources.csv.cells import quoted
from pipelines.sources.csv.layout import vocabulary
from pipelines.sources.csv.layout.layout import plain

_MONEY = re.compile(
    r"\b(usd[tc]?|busd|fdusd|tusd|dai|eur|gbp|jpy|krw|chf|inr|brl|cny|notional|quote|value|turnover)\b|[$€£¥]"
)
_CURRENCY = re.compile(r"[(\[](USD|EUR|GBP|JPY|CHF|CAD|AUD|INR|CNY|HKD|KRW|BRL|SEK|NOK|DKK|PLN|[$€£¥₹])[)\]]\s*$")
_BRACKETS = re.compile(r"(?i)\s*[(\[（](?!.*(prev|prior|adj|52|year|av[ge]))[^)\]）]*[)\]）]\s*$")
_VOLUME = re.compile("^vol|volume|volumen|wolumen|quantit|quantid|tradedq|umsatz|sharestraded|成交量|出来高|거래량")
_NOT_VOLUME = re.compile(r"av(g|erage)|mean|\bs?ma\b|change|chg|deliv|%|relat|ratio|bid|ask|buy|sell|taker|adj|volat")
_SCALES = {
    100: re.compile(r"\w.*[\s(\[](in )?(hundreds?|'?100'?s?)[)\]]*$"),
    1_000: re.compile(r"\w.*[\s(\[](in )?(thousands?|'?000'?s?|tsd\.?|k)[)\]]*$"),
    1_000_000: re.compile(r"\w.*[\s(\[](in )?(millions?|mio\.?|mln\.?|mn|mm|m)[)\]]*$"),
}
_ZONES = {"gmt": "UTC", "utc": "UTC"}
_PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The file's names for what is needed. time: one name, or two that are read together (date and time of day).

    quotes: bid, ask and their sizes, where the file has them, beside trades (kind "ticks") or alone (kind "quotes").
    special: of trades, condition, correction and exchange, where the file has them. identities: columns that say
    which symbol (share class, venue) a row is of, events those of them that say what kind of row it is. finished:
    the column that says whether a bar is. adjusted: its adjusted close. tz: the zone that the header names.
    volume_scale: what volumes are multiplied by, where the header says that they are in thousands or millions.
    """

    kind: str
    time: tuple[str, ...]
    values: Mapping[str, str]
    actions: Mapping[str, str]
    special: Mapping[str, str] = field(default_factory=dict)
    quotes: Mapping[str, str] = field(default_factory=dict)
    events: tuple[str, ...] = ()
    finished: str | None = None
    identities: tuple[str, ...] = ()
    adjusted: str | None = None
    tz: str | None = None
    notes: tuple[str, ...] = ()
    volume_scale: float = 1.0


@dataclass(frozen=True, kw_only=True, eq=False)
class _Header:
    """The names of a file's columns, in their order.

    named: needed name -> the file's name, as a person or a known shape says. free: the others. by_plain_name: those in
    letters only, without units.
    """

    path: Path
    names: Sequence[str]
    named: Mapping[str, str]
    free: Sequence[str]
    by_plain_name: Mapping[str, str]

    def pick(self, needs: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
        """Needed name -> the file's name, of those that it has. needs: what files call each, likeliest first."""
        picked = {needed: self.named[needed] for needed in needs if needed in self.named}
        for needed, aliases in needs.items():
            for alias in aliases:
                if needed not in picked and alias in self.by_plain_name:
                    picked[needed] = self.by_plain_name[alias]
        return picked


def recognised() -> frozenset[str]:
    """All names, in letters only, that mean something: a header has some of them."""
    groups = (vocabulary.BARS, vocabulary.TICKS, vocabulary.QUOTES, vocabulary.SPECIAL, vocabulary.ACTIONS)
    names = {name for group in groups for aliases in group.values() for name in aliases}
    return frozenset(names | set(vocabulary.TIMES) | set(vocabulary.IDENTITIES))


def find(
    names: Sequence[str],
    path: Path,
    *,
    names_by_need: Mapping[str, str] | None = None,
    preferred: Mapping[str, str] | None = None,
) -> Columns:
    """Bars if there are open, high, low and close, trades if there is a price, quotes if there are bid and ask.

    names_by_need: needed name -> the file's name, for files that call things otherwise. preferred: the same of a known
    shape, in letters only.

    Raises:
        BadFileError: a column is missing; the message lists those that are there.
    """
    header = _header(names, path, names_by_need=names_by_need or {}, preferred=preferred or {})
    time = _time(header)
    if not time:
        raise BadFileError(
            f"{quoted(path)}: Expected a column of dates or times (date, datetime, time), got {listed(names)}. "
            "Name it, for example --column time=COLUMN."
        )
    _check_parts(time, names, path)
    bars, ticks, quotes = (header.pick(needs) for needs in (vocabulary.BARS, vocabulary.TICKS, vocabulary.QUOTES))
    prices = [name for name in _PRICES if name in bars]
    _check_one_of_each({needed: bars[needed] for needed in prices if needed not in header.named}, names, path)
    adjusted = [name for name in names if plain(name).startswith("adj") and len(plain(name)) > 3]
    taken = {*time, *bars.values(), *header.named.values()}
    common = Columns(
        kind="",
        time=time,
        values={},
        actions={},
        identities=tuple(name for name in names if _is_identity(plain(name)) and name not in taken),
        adjusted=next((name for name in adjusted if "close" in plain(name)), None),
        tz=_zone(time),
        notes=(f"the file's own {', '.join(adjusted)} not used",) if adjusted else (),
    )
    if len(prices) == len(_PRICES):
        return _of_bars(header, bars, common=common)
    quotes = quotes if {"bid", "ask"} <= set(quotes) else {}
    if "price" in ticks and len(prices) < 3:
        return _of_trades(header, ticks, quotes=quotes, common=common)
    if quotes and len(prices) < 3:
        return _of_quotes(header, quotes, common=common)
    missing = [name for name in _PRICES if name not in bars]
    raise BadFileError(
        f"{quoted(path)}: Expected the columns open, high, low, close for bars (missing: {', '.join(missing)}), price "
        f"and size for trades, or bid and ask for quotes, got {listed(names)}. "
        f"Name them, for example --column {missing[0]}=COLUMN."
    )


def _header(
    names: Sequence[str], path: Path, *, names_by_need: Mapping[str, str], preferred: Mapping[str, str]
) -> _Header:
    named = {needed: resolve(name, names, path, needed) for needed, name in names_by_need.items()}
    free = [name for name in reversed(names) if name not in named.values()]
    bare = {plain(_BRACKETS.sub("", name)): name for name in free if not _MONEY.search(name.lower())}
    by_plain_name = (
        bare | {plain(_CURRENCY.sub("", name)): name for name in free} | {plain(name): name for name in free}
    )
    by_plain_name.pop("", None)
    for needed, name in preferred.items():
        if needed not in named and name in by_plain_name:
            named[needed] = by_plain_name[name]
    return _Header(path=path, names=names, named=named, free=free[::-1], by_plain_name=by_plain_name)


def _of_bars(header: _Header, bars: Mapping[str, str], *, common: Columns) -> Columns:
    """bars: what the file calls open, high, low, close, and volume if one of its names means that."""
    notes = list(common.notes)
    volume = bars.get("volume")
    if volume is None:
        other = [name for name in header.free if _VOLUME.search(plain(name)) and not _NOT_VOLUME.search(name.lower())]
        shares = [name for name in other if not _MONEY.search(name.lower())]
        volume = next(iter(shares or other), None)
        if volume is None:
            notes.append("no column of volume: taken as 0")
        else:
            notes.append(f"{quoted(volume)} taken as volume{'' if shares else ' (money, not shares)'}")
    if plain(bars["open"]) in ("bidopen", "openbid"):
        notes.append("prices of the bid")
    scale = next((by for by, unit in _SCALES.items() if unit.search((volume or "").lower())), 1)
    if volume is not None and scale > 1:
        notes.append(f"{quoted(volume)} multiplied by {scale:,}")
    values = {**bars, **({} if volume is None else {"volume": volume})}
    _once(header.names, values.values(), header.path)
    taken = {*common.time, *values.values()}
    more = tuple(name for name in header.names if plain(name) in vocabulary.OF_BARS and name not in taken)
    return replace(
        common,
        kind="bars",
        values=values,
        actions=header.pick(vocabulary.ACTIONS),
        identities=(*common.identities, *more),
        finished=next((name for name in header.names if plain(name) in vocabulary.UNFINISHED), None),
        notes=tuple(notes),
        volume_scale=float(scale),
    )


def _of_trades(header: _Header, ticks: Mapping[str, str], *, quotes: Mapping[str, str], common: Columns) -> Columns:
    """ticks: what the file calls price and size. quotes: bid and ask beside them, if it has both."""
    if "size" not in ticks:
        raise BadFileError(
            f"{quoted(header.path)}: Expected a column of trade sizes (size, volume), got {listed(header.names)}. "
            "Name it, for example --column size=COLUMN."
        )
    _once(header.names, ticks.values(), header.path)
    return replace(
        _with_events(header, common), kind="ticks", values=ticks, special=header.pick(vocabulary.SPECIAL), quotes=quotes
    )


def _of_quotes(header: _Header, quotes: Mapping[str, str], *, common: Columns) -> Columns:
    special = header.pick({"exchange": vocabulary.SPECIAL["exchange"]})
    return replace(_with_events(header, common), kind="quotes", special=special, quotes=quotes)


def _with_events(header: _Header, common: Columns) -> Columns:
    """With the columns that say what kind of row each is."""
    events = tuple(
        name for name in header.names if plain(name) in vocabulary.EVENTS and name not in header.named.values()
    )
    return replace(common, identities=(*common.identities, *events), events=events)


def resolve(name: str, names: Sequence[str], path: Path, needed: str) -> str:
    """The column that a person means: by its exact name, or by its letters.

    Raises:
        BadFileError: there is none.
    """
    if name in names:
        return name
    matches = [other for other in names if other.lower() == name.strip().lower()]
    letters = "".join(filter(str.isalnum, name.lower()))
    matches = matches or [other for other in names if "".join(filter(str.isalnum, other.lower())) == letters != ""]
    if len(matches) != 1:
        raise BadFileError(
            f"{quoted(path)}: Expected the column {quoted(name)!r} for {needed}, got {listed(names)}. Use one of these."
        )
    return matches[0]


def listed(names: Sequence[str]) -> str:
    return ", ".join(repr(quoted(name[:30])) for name in names[:20]) + (", ..." if len(names) > 20 else "")


def _is_identity(name: str) -> bool:
    return name in vocabulary.IDENTITIES or vocabulary.IDENTITY_PARTS.search(name) is not None


def _check_one_of_each(picked: Mapping[str, str], names: Sequence[str], path: Path) -> None:
    """Raises where another column is called the same but for digits, signs, case or currency: Open beside Open.1."""
    for needed, name in picked.items():
        namesakes = [other for other in names if plain(_CURRENCY.sub("", other)) == plain(_CURRENCY.sub("", name))]
        if len(set(namesakes)) > 1:
            raise BadFileError(
                f"{quoted(path)}: Expected one column of the {needed}, got {listed(namesakes)}. "
                f"Name the ones that you want, for example --column {needed}={quoted(namesakes[0])!r}."
            )


def _once(names: Sequence[str], used: object, path: Path) -> None:
    for name in used:  # type: ignore[attr-defined]
        if names.count(name) > 1:
            raise BadFileError(
                f"{quoted(path)}: Expected each column once, got {quoted(name)!r} twice in the header. "
                "Correct the header, or keep one symbol in the file."
            )


def _time(header: _Header) -> tuple[str, ...]:
    named, by_plain_name, names = header.named, header.by_plain_name, header.names
    if "time" in named:
        return (named["time"],)
    hour = set(vocabulary.PARTS["hour"]) & set(by_plain_name)
    for date, clock in product(vocabulary.DATES, vocabulary.CLOCKS):
        if date in by_plain_name and clock in by_plain_name and not (clock == "minute" and hour):
            return (by_plain_name[date], by_plain_name[clock])
    if parts := _parts(by_plain_name):
        return parts
    for name in vocabulary.TIMES:
        if name in by_plain_name:
            return (by_plain_name[name],)
    for name in names:
        if plain(name).startswith(("time", "date", "utc", "gmt")) and name not in named.values():
            return (name,)
    ends = {name for name in by_plain_name.values() if re.search("(?<!up)date$|time$|日期$|日付$", plain(name))}
    ends = {name for name in ends if not _is_identity(plain(name))}
    if len(ends) == 1:
        return tuple(ends)
    if names and names[0].strip().lower() in ("", "index", "unnamed: 0", "price") and names.count(names[0]) == 1:
        return (names[0],)  # pandas writes an index without a name so
    return ()


def _check_parts(time: Sequence[str], names: Sequence[str], path: Path) -> None:
    """Raises where another column is called like one that holds a part of the time: MM beside mm."""
    for name in time if len(time) > 2 else ():
        if len(namesakes := [other for other in names if plain(other) == plain(name)]) > 1:
            raise BadFileError(
                f"{quoted(path)}: Expected one column of each part of a date, got {listed(namesakes)}. Call them year, "
                "month, day, hour, minute and second in the header."
            )


def _parts(by_plain_name: Mapping[str, str]) -> tuple[str, ...]:
    """Year, month and day in columns of their own, or a date, each with the hour and what follows; () without them."""
    parts = {
        part: by_plain_name[name]
        for part, names in vocabulary.PARTS.items()
        for name in reversed(names)
        if name in by_plain_name
    }
    if (
        "min" in by_plain_name
        and "minute" not in parts
        and (set(vocabulary.BARS["low"]) - {"min"}) & set(by_plain_name)
    ):
        parts["minute"] = by_plain_name["min"]
    date = next((by_plain_name[name] for name in vocabulary.DATES if name in by_plain_name), None)
    if date is not None:
        return (date, *_clock_parts(parts)) if "hour" in parts else ()
    full = set(vocabulary.TIMES) - {*vocabulary.CLOCKS, *vocabulary.PARTS["day"], "t"}
    if full & set(by_plain_name) or not {"year", "month", "day"} <= set(parts):
        return ()
    clocks = [by_plain_name[name] for name in vocabulary.CLOCKS if name in by_plain_name]
    own = _clock_parts(parts) or tuple(clocks[:1])
    return (parts["year"], parts["month"], parts["day"], *own)


def _clock_parts(parts: Mapping[str, str]) -> tuple[str, ...]:
    if "hour" not in parts:
        return ()
    return (parts["hour"], *(parts[name] for name in ("minute", "second") if name in parts))


def _zone(time: Sequence[str]) -> str | None:
    """The zone in 'Gmt time', 'Time (UTC)', 'Date (EET)'."""
    if all(name.endswith("[G]") for name in time):
        return "UTC"  # Refinitiv's Date[G] and Time[G]
    if len(time) != 1:
        return None
    words = re.split(r"[\s()]+", time[0])
    for word in (*words, *time[0].replace("_", " ").split()):
        if word.lower() in _ZONES:
            return _ZONES[word.lower()]
        if ("/" in word or word in ("EET", "CET", "WET", "MET")) and word in available_timezones():
            return word
    return None
