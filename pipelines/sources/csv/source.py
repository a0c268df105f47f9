"""Bars or trades from files of one's own: text, Parquet, workbooks, JSON; told apart by their columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.cleaning import cleaning
from pipelines.cleaning.report import Places
from pipelines.errors import BadFileError, ConfigError, TooFewBarsError, counted
from pipelines.market.types import Ticks
from pipelines.sources.base import Delivery
from pipelines.sources.csv import actions, archives, conventions, labels, lobster
from pipelines.sources.csv.cells import quoted
from pipelines.sources.csv.file import read_file
from pipelines.sources.csv.formats import kinds
from pipelines.sources.csv.layout import shapes
from pipelines.sources.csv.layout.identity import Identities, Values, choose
from pipelines.sources.csv.options import Options, Reading
from pipelines.sources.csv.part import FilePart
from pipelines.sources.csv.times import bar_times

if TYPE_CHECKING:
    import pandas as pd

_TRADED = {
    "volume": "Name the column of each bar's own volume with --column volume=COLUMN, or write the differences.",
    "size": "Name the column of each trade's own size with --column size=COLUMN, or fetch the trades.",
}
_SLACK = np.timedelta64(3, "D")


@dataclass(frozen=True, kw_only=True, eq=False)
class Loaded:
    """The rows of all files, before one symbol's are chosen and cleaned."""

    frame: "pd.DataFrame"
    kind: str
    options: Options
    readings: tuple[Reading, ...]
    places: Places
    identities: Identities
    notes: tuple[str, ...]
    calendar: str
    events: tuple[str, ...] = ()


def read(symbol: str, *, files: Sequence[Path], **options: Any) -> Delivery:
    """One symbol's bars (with dividends and splits, where the file has such columns), trades or quotes.

    options: see Options.

    Raises:
        BadFileError: a file that cannot be read, a missing column, a cell that is no number or no time.
        ConfigError: something that the file does not say and a person has to.
        BadPricesError: too many rows that cannot be prices.
    """
    return deliver(load(files, Options(**options)), symbol)


def load(files: Sequence[Path], options: Options) -> Loaded:
    """All rows of the files, and of those in the folders among them.

    Raises:
        BadFileError, ConfigError: see read().
    """
    options = replace(options, interval=bar_times.canonical(options.interval))
    paths = every_file(files, options)
    options = options if options.beside else replace(options, beside=tuple(paths))
    parts = [read_file(path, options) for path in paths]
    if not parts:
        raise BadFileError("Expected at least one file, got none. Name it with --file.")
    if len({part.kind for part in parts}) > 1:
        names = [next(part.path for part in parts if part.kind == kind) for kind in ("bars", "ticks")]
        raise BadFileError(
            f"Expected files of one kind, got bars in {quoted(names[0])} and trades in {quoted(names[1])}. "
            "Fetch them one after the other."
        )
    return joined(parts, options)


def joined(parts: Sequence[FilePart], options: Options) -> Loaded:
    """The rows of parts of one kind, one after the other."""
    import pandas as pd

    frames = [part.frame for part in parts]
    frame = frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)
    starts = np.cumsum([0, *map(len, frames)])[:-1]
    numbers = None if "row" not in frame else frame["row"].to_numpy()
    places = Places(
        numbers=numbers, starts=tuple(map(int, starts)), files=tuple(quoted(part.path.name) for part in parts)
    )
    return Loaded(
        frame=frame.drop(columns="row", errors="ignore"),
        kind=parts[0].kind,
        options=options,
        readings=tuple(part.reading for part in parts),
        places=places,
        identities=Identities.join([_with_labels(part, parts) for part in parts], frames),
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
        calendar=parts[0].reading.calendar,
        events=tuple(dict.fromkeys(name for part in parts for name in part.events)),
    )


def _with_labels(part: FilePart, parts: Sequence[FilePart]) -> Values:
    """A file's identities, with the labels that tell it from another file as a symbol is told from another."""
    import pandas as pd

    own = dict(part.identities)
    shared = set.intersection(*(set(other.labels) for other in parts)) if len(parts) > 1 else set()
    for name in sorted(shared):
        if len({other.labels[name] for other in parts}) > 1:
            frame = pd.concat([other.frame for other in parts], ignore_index=True)
            words = np.repeat(np.array([other.labels[name] for other in parts], object), [len(o.frame) for o in parts])
            time = next(column for column in ("date", "opened_at", "at") if column in frame)
            prices = frame["close" if part.kind == "bars" else "price"].to_numpy()
            if labels.are_of_several(words, frame[time].to_numpy(), prices, name=name, kind=part.kind):
                own[name] = part.labels[name]
    return own


def deliver(loaded: Loaded, symbol: str, *, before: Ticks | None = None) -> Delivery:
    """One symbol's rows, cleaned. before: the trades before these, by which the first of them are judged.

    Raises:
        BadFileError: rows of several symbols, or none of the one that is asked for.
        ConfigError, BadPricesError, TooFewBarsError: see read().
    """
    options, path = loaded.options, loaded.readings[0].file
    rows, chosen = choose(loaded.identities, symbol, several=options.several, path=path, events=loaded.events)
    frame, places = loaded.frame, loaded.places
    if rows is not None:
        frame, places = frame[rows].reset_index(drop=True), places.chosen(rows)
    frame, places = _between(frame, places, symbol, options)
    market: dict[str, Any] = {
        "calendar": loaded.calendar,
        "assumed": options.calendar is None,
        "currency": options.currency or loaded.identities.currency or "",
        "max_dropped": options.max_dropped,
        "until": options.latest,
        "hours": options.hours,
        "places": places,
    }
    notes = (*loaded.notes, *chosen)
    daily = loaded.kind == "bars" and options.interval == "1d"  # a day's own volume may rise for weeks
    for name, hint in _TRADED.items():
        if not daily and name in frame and name in loaded.readings[0].columns:
            column = loaded.readings[0].columns[name]
            conventions.check_not_cumulative(frame[name].to_numpy(), path=path, column=column, hint=hint)
    if loaded.kind != "bars":
        frame, places, more = _of_exchange(frame, places, options.exchange, path)
        market |= {"places": places}
        return _tape(frame, symbol, market, quoted="bid" in frame, notes=(*notes, *more), before=before)
    bars, report = cleaning.bars(frame, symbol=symbol, interval=options.interval, **market)
    paid = None
    if any(name in frame for name in ("dividend", "split", "gains", "cumulative_factor", "factor_less_one")):
        bars, paid, more = actions.raw(frame, bars, adjusted=options.adjusted)
        notes += more
    elif options.adjusted:
        raise ConfigError(
            f"{path}: Expected columns of dividends or splits with --adjusted, by which prices as traded can be worked "
            "out, got none. Leave --adjusted out to store the prices as they are."
        )
    return Delivery(prices=bars, actions=paid, report=report.noting(notes))


def _of_exchange(
    frame: "pd.DataFrame", places: Places, exchange: str | None, path: str
) -> "tuple[pd.DataFrame, Places, tuple[str, ...]]":
    """The rows of the only exchange that is kept."""
    if exchange is None or "exchange" not in frame:
        return frame, places, ()
    chosen = (frame["exchange"] == exchange).to_numpy().astype(np.bool_)
    if not np.any(chosen):
        exchanges = ", ".join(quoted(name) for name in frame["exchange"].dropna().unique()[:12])
        raise BadFileError(
            f"{path}: Expected rows of the exchange {exchange!r}, got those of {exchanges}. "
            "Name one of these with --exchange."
        )
    note = f"{counted(np.count_nonzero(~chosen), 'row')} of other exchanges left out"
    return frame[chosen].reset_index(drop=True), places.chosen(chosen), (note,)


def _tape(
    frame: "pd.DataFrame",
    symbol: str,
    market: Mapping[str, Any],
    *,
    quoted: bool,
    notes: tuple[str, ...],
    before: Ticks | None,
) -> Delivery:
    """Trades, and quotes where the file has them: each row with a price is a trade, each with bid and ask a quote."""
    frame, places = frame.rename(columns={"at": "time"}), market["places"]
    quotes = None
    if quoted:
        own = (frame["bid"].notna() & frame["ask"].notna()).to_numpy()
        options = dict(market) | {"places": places.chosen(own)}
        quotes, report = cleaning.quotes(frame[own].reset_index(drop=True), symbol=symbol, **options)
        traded = frame["price"].notna().to_numpy() if "price" in frame else np.zeros(len(frame), np.bool_)
        if not np.any(traded):
            none = ("no row with a price: quotes only",) if "price" in frame else ()
            return Delivery(prices=quotes, actions=None, report=report.noting((*notes, *none)))
        frame, market = frame[traded].reset_index(drop=True), dict(market) | {"places": places.chosen(traded)}
        notes += (f"quotes: {report.summary()}",)
    ticks, report = cleaning.ticks(frame, symbol=symbol, before=before, **market)
    return Delivery(prices=ticks, actions=None, report=report.noting(notes), quotes=quotes)


def _between(frame: "pd.DataFrame", places: Places, symbol: str, options: Options) -> "tuple[pd.DataFrame, Places]":
    """The rows from start to end, before anything is counted: of times of day with some days more at both ends."""
    if (options.start is None and options.end is None) or not len(frame):
        return frame, places
    name = next(name for name in ("date", "opened_at", "at") if name in frame)
    slack = np.timedelta64(0, "D") if name == "date" else _SLACK
    times = frame[name].to_numpy().astype("datetime64[ns]")
    inside = np.ones(len(times), np.bool_)
    if options.start is not None:
        inside &= ~(times < np.datetime64(options.start, "ns") - slack)
    if options.end is not None:
        inside &= ~(times > np.datetime64(options.end, "ns") + slack)
    if not np.any(inside & ~np.isnat(times)):
        first, last = (np.datetime_as_string(moment, "D") for moment in (np.nanmin(times), np.nanmax(times)))
        raise TooFewBarsError(
            f"{symbol}: Expected prices from {options.start or 'the start'} to {options.end or 'the end'}, the source "
            f"has {first} to {last}. Name other dates."
        )
    return frame[inside].reset_index(drop=True), places.chosen(inside)


def every_file(files: Sequence[Path], options: Options) -> list[Path]:
    """The files, and those in the folders and archives among them, by name."""
    paths: list[Path] = []
    for path in files:
        try:
            folder = path.is_dir()
        except (OSError, ValueError):
            folder = False  # what is wrong with it is said when it is opened
        for place in kinds.inside(path) if folder else [path]:
            paths += archives.members(place)
    if options.shape == shapes.LOBSTER:
        paths = [path for path in paths if lobster.BOOK not in path.name]  # the book's states that belong to messages
    return paths
