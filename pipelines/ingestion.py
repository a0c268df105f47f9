"""From a source's delivery into the store."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipelines.cleaning.report import CleaningReport
from pipelines.errors import TooFewBarsError
from pipelines.market import calendars
from pipelines.market.types import Bars, Ticks, Times
from pipelines.sources.base import Delivery
from pipelines.store.store import Store


@dataclass(frozen=True, kw_only=True)
class Ingested:
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

    def noting(self, notes: Sequence[str]) -> "Ingested":
        """The same with more notes."""
        return replace(self, report=self.report.noting(notes))


def ingest(store: Store, delivery: Delivery) -> Ingested:
    """Writes actions, then prices: an interruption between them leaves prices that are right without the actions."""
    prices, actions = delivery.prices, delivery.actions
    if actions is not None:
        store.write_actions(actions, since=delivery.actions_since, until=delivery.actions_until)
    rows = store.write_bars(prices) if isinstance(prices, Bars) else store.write_ticks(prices)
    sessions = calendars.session_of(_known_at(prices)[[0, -1]], prices.calendar)
    return Ingested(
        symbol=prices.symbol,
        kind="bars" if isinstance(prices, Bars) else "ticks",
        interval=prices.interval if isinstance(prices, Bars) else "",
        rows=rows,
        first=str(sessions[0]),
        last=str(sessions[1]),
        currency=prices.currency,
        calendar=prices.calendar,
        actions=0 if actions is None else len(actions),
        report=delivery.report,
    )


def between(prices: Bars | Ticks, start: object = None, end: object = None) -> Bars | Ticks:
    """The prices of the sessions from start to end (dates, both included; None for all).

    Raises:
        TooFewBarsError: none in that time.
    """
    if start is None and end is None:
        return prices
    sessions = calendars.session_of(_known_at(prices), prices.calendar)
    kept = np.ones(len(prices), np.bool_)
    if start is not None:
        kept &= sessions >= np.datetime64(str(start), "D")
    if end is not None:
        kept &= sessions <= np.datetime64(str(end), "D")
    if not np.any(kept):
        raise TooFewBarsError(
            f"{prices.symbol}: need prices from {start or 'the start'} to {end or 'the end'}, the source has "
            f"{sessions[0]} to {sessions[-1]}."
        )
    return prices.rows(kept)


def _known_at(prices: Bars | Ticks) -> Times:
    return prices.closed_at if isinstance(prices, Bars) else prices.time
