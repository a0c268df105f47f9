"""Which column of a file is which, by name and never by position."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.errors import BadFileError

_TIMES = (
    "datetime",
    "timestamp",
    "date",
    "time",
    "dt",
    "day",
    "openedat",
    "opentime",
    "gmttime",
    "networkreceivedtime",
)
_BARS: dict[str, tuple[str, ...]] = {
    "open": ("open", "o", "openprice", "openingprice", "first"),
    "high": ("high", "h", "highprice", "max"),
    "low": ("low", "l", "lowprice", "min"),
    "close": ("close", "c", "closeprice", "closingprice", "last", "closelast"),
    "volume": ("volume", "vol", "v", "volumeshares", "tradedvolume"),
}
_TICKS: dict[str, tuple[str, ...]] = {
    "price": ("price", "px", "tradeprice", "last", "lastprice", "mdentrypx", "p"),
    "size": (
        "size",
        "volume",
        "vol",
        "qty",
        "quantity",
        "amount",
        "shares",
        "tradesize",
        "lastsize",
        "mdentrysize",
        "s",
        "v",
    ),
}
_QUOTES: dict[str, tuple[str, ...]] = {
    "bid": ("bid", "bidprice", "bestbid", "bestbidprice", "bidpx", "enbpx"),
    "ask": ("ask", "askprice", "bestask", "bestaskprice", "askpx", "offer", "offerprice", "ofr", "ofrprice", "enspx"),
    "bid_size": ("bidsize", "bidsiz", "bidvolume", "bidvol", "bidqty", "bestbidsize", "bidsz", "bestbidqty"),
    "ask_size": (
        *("asksize", "asksiz", "askvolume", "askvol", "askqty", "bestasksize", "asksz", "bestaskqty"),
        *("offersize", "ofrsiz", "ofrsize"),
    ),
}
_SPECIAL: dict[str, tuple[str, ...]] = {
    "condition": ("cond", "condition", "conditions", "salecondition", "trsc"),
    "correction": ("corr", "correction", "trcorr", "correctionindicator"),
    "exchange": ("ex", "exchange", "venue"),
}
_ACTIONS: dict[str, tuple[str, ...]] = {
    "dividend": ("dividend", "dividends", "exdividend", "divcash", "dividendamount"),
    "split": ("split", "splits", "stocksplit", "stocksplits", "splitratio", "splitfactor", "splitcoefficient"),
}


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The file's names for what is needed. time: one name, or two that are read together (date and time of day).

    quotes: bid, ask and their sizes, where the file has them, beside trades (kind "ticks") or alone (kind "quotes").
    special: of trades, condition, correction and exchange, where the file has them.
    """

    kind: str
    time: tuple[str, ...]
    values: Mapping[str, str]
    actions: Mapping[str, str]
    special: Mapping[str, str] = field(default_factory=dict)
    quotes: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def find(names: Sequence[str], path: Path, *, given: Mapping[str, str] | None = None) -> Columns:
    """Bars if there are open, high, low and close, trades if there is a price, quotes if there are bid and ask.

    given: needed name -> the file's name, for files that call things otherwise.

    Raises:
        BadFileError: a column is missing; the message lists those that are there.
    """
    given = dict(given or {})
    for needed, name in given.items():
        if name not in names:
            raise BadFileError(f"{path}: need the column {name!r} for {needed}, got {_listed(names)}.")
    known = {_plain(name): name for name in reversed(names) if name not in given.values()}
    adjusted = [name for name in names if _plain(name).startswith("adj") and len(_plain(name)) > 3]
    notes = [f"the file's own {', '.join(adjusted)} not used"] if adjusted else []
    time = _time(given, known)
    if not time:
        raise BadFileError(f"{path}: need a column of dates or times (date, datetime, time), got {_listed(names)}.")
    bars = _pick(_BARS, given, known)
    ticks = _pick(_TICKS, given, known)
    quotes = _pick(_QUOTES, given, known)
    if not {"bid", "ask"} <= set(quotes):
        quotes = {}
    prices = [name for name in ("open", "high", "low", "close") if name in bars]
    if len(prices) == 4:
        if "volume" not in bars:
            notes.append("no column of volume: taken as 0")
        return Columns(kind="bars", time=time, values=bars, actions=_pick(_ACTIONS, given, known), notes=tuple(notes))
    if "price" in ticks and len(prices) < 3:
        if "size" not in ticks:
            raise BadFileError(f"{path}: need a column of trade sizes (size, volume), got {_listed(names)}.")
        return Columns(
            kind="ticks",
            time=time,
            values=ticks,
            actions={},
            special=_pick(_SPECIAL, given, known),
            quotes=quotes,
            notes=tuple(notes),
        )
    if quotes and len(prices) < 3:
        return Columns(
            kind="quotes",
            time=time,
            values={},
            actions={},
            special=_pick({"exchange": _SPECIAL["exchange"]}, given, known),
            quotes=quotes,
            notes=tuple(notes),
        )
    missing = [name for name in ("open", "high", "low", "close") if name not in bars]
    raise BadFileError(
        f"{path}: need the columns open, high, low, close for bars (missing: {', '.join(missing)}) price and size "
        f"for trades, or bid and ask for quotes, got {_listed(names)}."
    )


def _time(given: Mapping[str, str], known: Mapping[str, str]) -> tuple[str, ...]:
    if "time" in given:
        return (given["time"],)
    if "date" in known and "time" in known:
        return (known["date"], known["time"])
    return tuple(known[name] for name in _TIMES if name in known)[:1]


def _pick(wanted: Mapping[str, tuple[str, ...]], given: Mapping[str, str], known: Mapping[str, str]) -> dict[str, str]:
    found = {needed: given[needed] for needed in wanted if needed in given}
    for needed, names in wanted.items():
        for name in names:
            if needed not in found and name in known:
                found[needed] = known[name]
    return found


def _plain(name: str) -> str:
    """'1. open', '<OPEN>' and 'Open Price' as open, open and openprice."""
    return re.sub(r"[^a-z]", "", name.lower())


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(name[:30]) for name in names[:20])
