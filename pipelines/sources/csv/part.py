"""A part of a file: the bars or trades in it with their UTC times, and how they were read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.cleaning import cleaning
from pipelines.market.types import Times
from pipelines.sources.csv import conventions, labels
from pipelines.sources.csv.cells import quoted
from pipelines.sources.csv.layout import vocabulary
from pipelines.sources.csv.layout.identity import Values
from pipelines.sources.csv.layout.layout import plain
from pipelines.sources.csv.layout.plan import Plan
from pipelines.sources.csv.options import Reading
from pipelines.sources.csv.tables import Arrays
from pipelines.sources.csv.times import bar_times, times

if TYPE_CHECKING:
    import pandas as pd

_LONGEST_FIRST = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class FilePart:
    """frame: `date` or `opened_at` of bars, `at` of trades (UTC), and numbers; `row` where rows were left out.

    labels: columns that may name a symbol, those that have one value in all rows.
    """

    path: Path
    kind: str
    frame: "pd.DataFrame"
    identities: Values
    notes: tuple[str, ...]
    reading: Reading
    events: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


def file_part(plan: Plan, arrays: Arrays, sides: dict[str, float] | None = None) -> FilePart:
    """sides: the last bid and ask before these rows, where they are a part of a file; see conventions.carry_sides()."""
    import pandas as pd

    stamps: times.Stamps = arrays.pop("stamps")
    tz = stamps.zone or plan.tz
    time, moments, more = _moments(plan, stamps, tz=tz)
    arrays[time] = moments
    notes = (*plan.notes, *arrays.pop("notes", ()), *more)
    identities, one_each = _identities(plan, arrays, moments)
    if "event" in arrays:
        arrays, more = conventions.messages_and_book(plan.path, arrays)
        notes += more
    if plan.shape.name == "databento" and "action" in identities:
        arrays, more = conventions.trades_of_databento(arrays, identities.pop("action"))
        notes += more
    for name in set(plan.columns.events) & set(identities):
        conventions.events_of_trades(name, identities, arrays)
    if plan.columns.kind == "bars":
        none, why = conventions.no_bars(arrays, of_crsp=plain(plan.columns.values["close"]) in ("prc", "dlyprc"))
        notes += why
        if np.any(none):
            arrays = conventions.without(arrays, none)
            identities = {
                name: values if isinstance(values, str) else values[~none] for name, values in identities.items()
            }
    if plan.columns.quotes:
        notes += conventions.carry_sides(plan, arrays, sides)
    if "split" in arrays and plan.shape.factor:
        arrays["split"] = 1 / arrays["split"]
    conventions.scale(plan, arrays)
    if plan.columns.kind == "bars":
        notes += conventions.thirty_seconds(arrays)
    if plan.columns.kind == "bars" and "volume" not in arrays:
        arrays["volume"] = np.zeros(len(arrays["open"]))
    frame = pd.DataFrame(arrays, copy=False)
    return FilePart(
        path=plan.path,
        kind=plan.columns.kind,
        frame=frame,
        identities=identities,
        notes=notes,
        reading=_reading(plan, stamps, frame, tz),
        events=plan.columns.events,
        labels=one_each,
    )


def _moments(plan: Plan, stamps: times.Stamps, *, tz: str | None) -> tuple[str, Times, tuple[str, ...]]:
    """The name and the values of the frame's column of times, and how they were read."""
    kind, interval, where = plan.columns.kind, plan.options.interval, plan.column(" ".join(plan.columns.time))
    if kind == "bars" and interval == "1d":
        dates, notes = bar_times.daily(stamps, tz=tz, calendar=plan.calendar, where=where)
        return "date", dates, notes
    bar_times.check_clock(stamps, kind=kind, where=where)
    if kind != "bars":
        return "at", stamps.utc if stamps.utc is not None else times.to_utc(stamps.wall, tz, where=where), ()
    moments = bar_times.intraday(stamps, interval=interval, tz=tz, where=where)
    named_ends = any(vocabulary.ENDS.fullmatch(plain(name)) for name in plan.columns.time)
    step, stamp = cleaning.length(interval), plan.options.stamp
    return "opened_at", bar_times.opens(moments, step=step, stamp=stamp, named_ends=named_ends, where=where), ()


def _identities(plan: Plan, arrays: Arrays, moments: Times) -> tuple[dict[str, Any], dict[str, str]]:
    """Takes the columns that say whose a row is out of the arrays: one value for all rows, or one a row; and the labels
    that have one value in all rows."""
    identities: dict[str, Any] = {}
    one_each: dict[str, str] = {}
    for name in plan.columns.identities:
        values = arrays.pop(f"identity {name}")
        unique = set(values.tolist())
        identities[name] = next(iter(unique)) if len(unique) == 1 else values
    for name in plan.labels:
        values, kind = arrays.pop(f"label {name}"), plan.columns.kind
        prices = arrays["close" if kind == "bars" else "price"]
        if len(values) and np.all(values == values[0]):
            one_each[name] = str(values[0])
        elif labels.are_of_several(values, moments, prices, name=name, kind=kind):
            identities[name] = values
    return identities, one_each


def _reading(plan: Plan, stamps: times.Stamps, frame: "pd.DataFrame", tz: str | None) -> Reading:
    columns = {
        "time": " + ".join(plan.columns.time),
        **plan.columns.values,
        **plan.columns.quotes,
        **plan.columns.actions,
    }
    columns |= plan.columns.special
    first = tuple(
        {str(name): _text_of(value) for name, value in row.items()}
        for row in frame.head(_LONGEST_FIRST).drop(columns="row", errors="ignore").to_dict("records")
    )
    layout = plan.layout
    return Reading(
        file=quoted(plan.path),
        kind=plan.columns.kind,
        what=(layout.what if layout is not None else plan.path.suffix.lstrip(".")) or "text",
        shape=plan.shape.name,
        header_lines=0 if layout is None else layout.header_lines,
        delimiter="" if layout is None else layout.delimiter,
        columns={needed: quoted(name) or "(unnamed)" for needed, name in columns.items()},
        times=stamps.unit,
        zone=("UTC" if stamps.utc is not None else tz) or "none needed (dates)",
        calendar=plan.calendar,
        interval=plan.options.interval if plan.columns.kind == "bars" else "",
        first=first,
    )


def _text_of(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.10g}"
    text = str(value)
    return quoted(text.removesuffix(" 00:00:00"))
