"""How one file is read: its layout, its shape and its columns, before any of its rows is."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from pipelines.errors import BadFileError, ConfigError, ForecastError
from pipelines.sources.csv import reader
from pipelines.sources.csv.cells import Column, quoted
from pipelines.sources.csv.formats import kinds
from pipelines.sources.csv.layout import columns, layout, shapes, vocabulary
from pipelines.sources.csv.layout.layout import Layout, plain
from pipelines.sources.csv.options import Options
from pipelines.sources.csv.times import bar_times

_TAGS = ("ticker", "symbol", "symbols")
_PARTS_OF_TIMES = {name for names in vocabulary.PARTS.values() for name in names} | {
    *("quarter", "qtr", "week", "weekday", "dow", "dayofweek", "weekofyear", "dayofyear", "doy", "session"),
    *("fiscalyear", "fyear", "half", "decade"),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """How one file is read. places: name -> its number among the file's columns. layout: None of a typed file.

    labels: other columns of words, which may say whose bars they are.
    """

    path: Path
    columns: columns.Columns
    shape: shapes.Shape
    options: Options
    places: Mapping[str, int]
    layout: Layout | None
    date: str | None
    where: Mapping[str, str]
    notes: tuple[str, ...]
    labels: tuple[str, ...] = ()

    @property
    def tz(self) -> str | None:
        return self.options.tz or self.columns.tz or self.shape.tz

    @property
    def calendar(self) -> str:
        return self.options.calendar or self.shape.calendar or "XNYS"

    def column(self, name: str, row: int = 0) -> Column:
        return Column(path=self.path, name=name, row=row)

    def needed(self) -> dict[str, str]:
        """Numbers: needed name -> the file's."""
        own = {**self.columns.values, **self.columns.quotes, **self.columns.actions}
        if self.columns.adjusted and self.columns.actions:
            own["adjusted"] = self.columns.adjusted
        more = {"turnover": self.shape.turnover, "split": self.shape.factor, "more_volume": self.shape.more_volume}
        for needed, column in more.items():
            if column and (name := next((name for name in self.places if plain(name) == column), None)) is not None:
                own[needed] = name
        if self.shape.name == shapes.LOBSTER:
            own["event"] = "type"
        if "correction" in self.columns.special:
            own["correction"] = self.columns.special["correction"]
        return own

    def texts(self) -> list[str]:
        special = [name for needed, name in self.columns.special.items() if needed != "correction"]
        finished = [self.columns.finished] if self.columns.finished else []
        return list(dict.fromkeys([*special, *self.columns.identities, *self.labels, *finished, *self.where]))


def plan_file(path: Path, options: Options) -> Plan:
    """What is known of a file from its first lines and from what a person says.

    Raises:
        BadFileError, ConfigError: see pipelines.sources.csv.source.read().
    """
    if reader.is_typed(path):
        names, own, what = reader.names(path), None, path.suffix.lstrip(".")
        shape = shapes.choose(options.shape, names=names, rows=()) or shapes.PLAIN
        where = _where(options, names, path)
        recognised = columns.find(names, path, names_by_need=options.names, preferred=shape.columns)
        plan = Plan(
            path=path, columns=recognised, shape=shape, options=options,
            places={name: n for n, name in enumerate(names)}, layout=None,
            date=_date(path, shape, options, what), where=where, notes=recognised.notes,
        )  # fmt: skip
        used = {*recognised.time, *plan.needed().values(), *plan.texts()}
        is_bars = recognised.kind == "bars"
        return replace(plan, labels=tuple(n for n in reader.labels(path) if is_bars and _may_label(plan, n, used)))
    own = layout.read(path, skip=options.skip, header=options.header, names=columns.recognised())
    shape_or_none = shapes.choose(options.shape, names=own.names, rows=own.first, place=f"{path.resolve()} {own.what}")
    notes: tuple[str, ...] = (f"read from a {own.what}",) if "web page" in own.what else ()
    if own.names is None:
        header = shape_or_none.header if shape_or_none is not None and shape_or_none.header else None
        if header is None and (beside := _header_beside(own, options)) is not None:
            header, notes = beside.names, (*notes, f"no header: columns as in {quoted(beside.path.name)}")
            shape_or_none = shapes.choose(
                options.shape, names=header, rows=own.first, place=f"{path.resolve()} {own.what}"
            )
        if header is None and options.shape == shapes.AUTO and (header := shapes.guess_header(own.first)):
            notes += (f"no header: columns taken as {_listed(header)}, as the prices fit no other order",)
            if "?" in header:
                raise BadFileError(
                    f"{quoted(path)}: Expected a header with the columns' names, got prices in the order "
                    f"{_listed(header)}, where any of ? may be the volume. Name it, for example --header "
                    f"{','.join(name or 'other' for name in header).replace('?', 'volume', 1).replace('?', 'other')}."
                )
        if header is None:
            raise BadFileError(
                f"{quoted(path)}: Expected a header with the columns' names, got "
                f"{quoted(own.delimiter.join(own.first[0] if own.first else ()))[:80]!r}. "
                "Name them in order, for example --header time,open,high,low,close,volume, or the shape with --shape."
            )
        if len(header) != own.width:
            raise BadFileError(
                f"{quoted(path)}: Expected {len(header)} columns ({', '.join(header)}) in each row, got {own.width} in "
                f"{quoted(own.delimiter.join(own.first[0]))[:60]!r}. Name another --shape."
            )
        own = replace(own, names=header)
    shape = shape_or_none or shapes.PLAIN
    if own.names is None:
        raise AssertionError("a layout without names")
    names, places, rest = _tagged(own, options)
    where = _where(rest, names, path)
    recognised = columns.find(names, path, names_by_need=options.names, preferred=shape.columns)
    if shape.says_something and shape.name != shapes.LOBSTER:
        scaled = f", prices divided by {shape.price_scale:,.0f}" if shape.price_scale != 1 else ""
        notes += (f"read as {shape.name}{scaled}",)
    plan = Plan(
        path=path, columns=recognised, shape=shape, options=options, places=places, layout=own,
        date=_date(path, shape, options, own.what), where=where, notes=(*recognised.notes, *notes),
    )  # fmt: skip
    if recognised.kind == "ticks":
        _check_trades(plan, own)
    return plan if recognised.kind == "quotes" else replace(plan, labels=_labels(plan, own))


def _header_beside(own: Layout, options: Options) -> Layout | None:
    """The layout of a file that is read together with one without a header, has one, and as many columns."""
    others = [path for path in dict.fromkeys((*options.beside[:2], *options.beside[-2:])) if path != own.path]
    for path in others if options.header is None else ():
        other = _layout_of(path, options.skip, path.stat().st_mtime_ns)
        same_layout = other is not None and (other.width, other.delimiter) == (own.width, own.delimiter)
        if same_layout and other is not None and other.names is not None and not other.tags:
            return other
    return None


@lru_cache(maxsize=64)
def _layout_of(path: Path, skip: int | None, modified: int) -> Layout | None:
    """modified: of the file, so that one that has changed is read again. None of one that is no text."""
    try:
        with kinds.readable(path):
            return None if reader.is_typed(path) else layout.read(path, skip=skip, names=columns.recognised())
    except ForecastError:
        return None  # what is wrong with it is said when its own turn comes


def _check_trades(plan: Plan, own: Layout) -> None:
    """Raises where rows with a price may be orders or one side of quotes, and nobody says that they are trades."""
    if plan.columns.quotes or plan.shape.says_something or "price" in (plan.options.names or {}):
        return
    free = set(plan.places) - {*plan.columns.time, *plan.needed().values(), *plan.columns.events, *plan.where, ""}
    for name in sorted(free, key=plan.places.__getitem__):
        cells = {row[plan.places[name]].lower() for row in own.first if len(row) == own.width}
        if plain(name) in vocabulary.BOOK or (cells & vocabulary.NO_TRADES and plain(name) != "askbid"):
            examples = ", ".join(quoted(cell[:20]) for cell in sorted(cells)[:4])
            raise BadFileError(
                f"{quoted(plan.path)}: Expected trades, or quotes with bid and ask in one row, got {examples} in "
                f"column {quoted(name)!r}, as orders and levels of a book have. Keep one kind with --where "
                f"COLUMN=VALUE, or say that all are trades with --column price={quoted(plan.columns.values['price'])}."
            )


def _labels(plan: Plan, own: Layout) -> tuple[str, ...]:
    """The columns that nothing else is read from, of words or whole numbers that come again; of trades only such as
    are called numbers or names."""
    used = {*plan.columns.time, *plan.needed().values(), *plan.texts()}
    rows = [row for row in own.first if len(row) == own.width]
    cells = {name: [row[place] for row in rows] for name, place in plan.places.items() if _may_label(plan, name, used)}
    times = {tuple(row[plan.places[name]] for name in plan.columns.time) for row in rows}
    several = plan.columns.kind == "bars" and 2 * len(times) <= len(rows)  # bars a time: one label may stand in few
    return tuple(
        name
        for name, column in cells.items()
        if (several or 2 * len(set(column)) <= len(column))
        and (
            all(cell.isdecimal() for cell in column if cell)
            or (plan.columns.kind == "bars" and all(cell[:1].isalpha() for cell in column if cell))
        )
    )


def _may_label(plan: Plan, name: str, used: Collection[str]) -> bool:
    numbers = plan.columns.kind != "bars"
    return (
        bool(name)
        and name not in used
        and plain(name) not in _PARTS_OF_TIMES
        and (not numbers or vocabulary.NUMBERED.search(name) is not None)
    )


def _tagged(own: Layout, options: Options) -> tuple[list[str], dict[str, int], Options]:
    """The columns' names and numbers; of a file whose columns belong to several symbols, those of one."""
    names = list(own.names or ())
    tags = list(dict.fromkeys(tag for tag in own.tags if tag))
    rest = options
    places_read: Sequence[int] = range(len(names))
    if len(tags) > 1:
        wish = next((value for name, value in options.where.items() if plain(name) in _TAGS), None)
        if wish is None or wish not in tags:
            examples = ", ".join(quoted(tag) for tag in tags[:8])
            raise BadFileError(
                f"{quoted(own.path)}: Expected prices of one symbol, got columns of {len(tags)} ({examples}). "
                f"Choose one with --where Ticker={quoted(tags[0])}."
            )
        places_read = [n for n in range(len(names)) if own.tags[n] in ("", wish)]
        left = {name: value for name, value in options.where.items() if plain(name) not in _TAGS}
        rest = replace(options, where=left)
    places: dict[str, int] = {}
    for number in places_read:
        places.setdefault(names[number], number)
    return [names[number] for number in places_read], places, rest


def _where(options: Options, names: Sequence[str], path: Path) -> dict[str, str]:
    return {columns.resolve(name, names, path, "--where"): value for name, value in options.where.items()}


def _date(path: Path, shape: shapes.Shape, options: Options, what: str) -> str | None:
    """The day of times after midnight: --date, or the one in the file's name where the shape has it there."""
    if options.date is not None or shape.day_in_name is None:
        return options.date
    for name in (path.name, what):
        if day := bar_times.day_in_name(shape.day_in_name, name):
            return day
    raise ConfigError(
        f"{quoted(path)}: Expected the day in the file's name, as {shape.name} has it, or --date, got neither. "
        "Add --date, for example --date 2012-06-21."
    )


def _listed(header: Sequence[str]) -> str:
    return ", ".join(name or "-" for name in header)
