"""From a source's delivery into the store, and bringing what is stored up to date."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from pipelines.cleaning.quality_checks import missing_sessions
from pipelines.cleaning.report import CleaningReport
from pipelines.errors import TooFewBarsError, UnknownSymbolError, counted
from pipelines.market import calendars
from pipelines.market.types import Actions, Bars, Quotes, Ticks, Times
from pipelines.sources.base import Delivery
from pipelines.store.store import Method, Store

OVERLAP = 10
"""Sessions that are asked for again, for late corrections."""

_RECENT = 60  # sessions in which a gap is asked for again
_ROUNDING = 1e-4  # providers round; a change of price below this is none


@dataclass(frozen=True, kw_only=True)
class IngestionResult:
    """What was written: one line of `forecast fetch`."""

    symbol: str
    kind: str
    interval: str
    rows: int
    first: str
    last: str
    currency: str
    calendar: str
    actions: int
    report: CleaningReport

    def noting(self, notes: Sequence[str]) -> "IngestionResult":
        """The same with more notes."""
        return replace(self, report=self.report.noting(notes))


def ingest(store: Store, delivery: Delivery, *, method: Method = "replace") -> IngestionResult:
    """Writes bars and actions as one act; of ticks and quotes, the actions first.

    method: "replace" puts the rows in the place of all between their first and last; "merge" leaves stored rows of
    other times where they are. What stays or goes so is noted.
    """
    prices, actions = delivery.prices, delivery.actions
    notes: tuple[str, ...] = ()
    if others := store.others(prices):
        fate = "kept (--replace removes them)" if method == "merge" else "removed"
        notes = (f"{counted(others, 'row')} of the store between the first and the last of these {fate}",)
    since, until = delivery.actions_since, delivery.actions_until
    if actions is not None and not isinstance(prices, Bars):
        store.write_actions(actions, since=since, until=until)
    if delivery.quotes is not None and len(delivery.quotes):
        store.write_quotes(delivery.quotes, method=method)
    if isinstance(prices, Bars) and actions is not None:
        paid = actions
        if method == "merge":
            paid, since, until = _merged(store, prices, actions), prices.opened_at[0], prices.closed_at[-1]
        rows = store.write(prices, paid, since=since, until=until, method=method)
    else:
        rows = _write(store, prices, method)
    sessions = calendars.session_of(_known_at(prices)[[0, -1]], prices.calendar)
    return IngestionResult(
        symbol=prices.symbol,
        kind=type(prices).__name__.lower(),
        interval=prices.interval if isinstance(prices, Bars) else "",
        rows=rows,
        first=str(sessions[0]),
        last=str(sessions[1]),
        currency=prices.currency,
        calendar=prices.calendar,
        actions=0 if actions is None else len(actions),
        report=delivery.report.noting(notes),
    )


def _write(store: Store, prices: Bars | Ticks | Quotes, method: Method) -> int:
    if isinstance(prices, Bars):
        return store.write_bars(prices, method=method)
    if isinstance(prices, Ticks):
        return store.write_ticks(prices, method=method)
    return store.write_quotes(prices, method=method)


def _merged(store: Store, bars: Bars, actions: Actions) -> Actions:
    """The actions from the first to the last bar: these for the sessions that the bars have, the stored for others."""
    stored = store.read_actions(bars.symbol)
    sessions = np.unique(calendars.session_of(bars.closed_at, bars.calendar))
    stays = ~np.isin(calendars.session_of(stored.ex_at + np.timedelta64(1, "ns"), bars.calendar), sessions)
    stays &= (stored.ex_at >= bars.opened_at[0]) & (stored.ex_at <= bars.closed_at[-1])
    ex_at = np.concatenate([stored.ex_at[stays], actions.ex_at])
    order = np.argsort(ex_at, kind="stable")
    return Actions(
        symbol=bars.symbol,
        ex_at=ex_at[order],
        dividend=np.concatenate([stored.dividend[stays], actions.dividend])[order],
        split=np.concatenate([stored.split[stays], actions.split])[order],
    )


def between(prices: Bars | Ticks | Quotes, start: object = None, end: object = None) -> Bars | Ticks | Quotes:
    """The prices of the sessions from start to end (dates, both included; None for all).

    Raises:
        TooFewBarsError: none in that time.
    """
    if start is None and end is None:
        return prices
    sessions = calendars.session_of(_known_at(prices), prices.calendar)
    inside = np.ones(len(prices), np.bool_)
    if start is not None:
        inside &= sessions >= np.datetime64(str(start), "D")
    if end is not None:
        inside &= sessions <= np.datetime64(str(end), "D")
    if not np.any(inside):
        raise TooFewBarsError(
            f"{prices.symbol}: need prices from {start or 'the start'} to {end or 'the end'}, the source has "
            f"{sessions[0]} to {sessions[-1]}."
        )
    return prices.rows(inside)


def within(delivery: Delivery, start: object = None, end: object = None) -> Delivery:
    """The delivery with the prices, and the quotes beside them, of the sessions from start to end.

    Raises:
        TooFewBarsError: no prices in that time.
    """
    quotes = delivery.quotes
    if quotes is not None and (start is not None or end is not None):
        sessions = calendars.session_of(quotes.time, quotes.calendar)
        first, last = (np.datetime64(str(day), "D") if day else None for day in (start, end))
        inside = np.ones(len(quotes), np.bool_)
        if first is not None:
            inside &= sessions >= first
        if last is not None:
            inside &= sessions <= last
        quotes = quotes.rows(inside)
    return replace(delivery, prices=between(delivery.prices, start, end), quotes=quotes)


def _known_at(prices: Bars | Ticks | Quotes) -> Times:
    return prices.closed_at if isinstance(prices, Bars) else prices.time


def update(
    store: Store,
    symbol: str,
    *,
    interval: str,
    start: date | None,
    read: Callable[[date | None], Delivery],
) -> IngestionResult:
    """Fetches what is missing and the last sessions again; everything, when a split or dividend has appeared.

    read: asks the source from a date on (None for all). start: the first session that is wanted, None for what is
    there already, or all. The version before stays readable, see Store.bars_at.
    """
    stored = _stored(store, symbol, interval)
    if stored is None or not len(stored):
        return ingest(store, read(start))
    sessions = calendars.session_of(stored.closed_at, stored.calendar)
    if start is not None and start < sessions[0].astype(object):
        return ingest(store, read(start))
    gaps = missing_sessions(stored)
    recent = gaps[gaps >= sessions[-min(_RECENT, len(sessions))]]
    again = min([sessions[-min(OVERLAP, len(sessions))], *recent[:1]])
    delivery = read(again.astype(object))
    notes: list[str] = []
    if new := _new_actions(store.read_actions(symbol), delivery, since=again):
        notes.append(f"{new}: the whole history was fetched again")
        delivery = read(sessions[0].astype(object))
    if isinstance(delivery.prices, Bars) and (changed := _changes(stored, delivery.prices)):
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        version = f"`forecast data check {symbol} --undo {store.version()}` brings the old ones back"
        notes.append(f"changed at the source: {', '.join(changed[:3])}{more}; {version}")
    done = ingest(store, delivery)
    history = store.read_bars(symbol, interval=interval)
    if len(missing := missing_sessions(history)):
        notes.append(f"{counted(len(missing), 'session')} without a bar, the last {missing[-1]}")
    return done.noting(notes)


def _stored(store: Store, symbol: str, interval: str) -> Bars | None:
    try:
        return store.read_bars(symbol, interval=interval)
    except UnknownSymbolError:
        return None


def _new_actions(stored_actions: Actions, delivery: Delivery, *, since: np.datetime64) -> str:
    """'2 new dividends or splits (2024-01-03, ...)', or nothing."""
    if delivery.actions is None:
        return ""
    stored = {
        str(ex_at): (dividend, split)
        for ex_at, dividend, split in zip(
            stored_actions.ex_at, stored_actions.dividend, stored_actions.split, strict=True
        )
    }
    appeared = [
        str(ex_at.astype("datetime64[D]"))
        for ex_at, dividend, split in zip(
            delivery.actions.ex_at, delivery.actions.dividend, delivery.actions.split, strict=True
        )
        if ex_at >= since and not np.allclose(stored.get(str(ex_at), (-1.0, -1.0)), (dividend, split), rtol=_ROUNDING)
    ]
    return f"{len(appeared)} new dividends or splits ({', '.join(appeared[:3])})" if appeared else ""


def _changes(stored: Bars, fetched: Bars) -> list[str]:
    """The bars that are in both and differ, each with its session and the largest change of a price."""
    _, old, new = np.intersect1d(stored.opened_at, fetched.opened_at, return_indices=True)
    prices = ("open", "high", "low", "close")
    change = np.stack([getattr(fetched, name)[new] / getattr(stored, name)[old] - 1 for name in prices])
    largest = np.take_along_axis(change, np.abs(change).argmax(axis=0)[None], axis=0)[0]
    sessions = calendars.session_of(stored.closed_at[old], stored.calendar)
    return [f"{sessions[row]} by {largest[row]:+.2%}" for row in np.flatnonzero(np.abs(largest) > _ROUNDING)]
