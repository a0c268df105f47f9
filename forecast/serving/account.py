"""The account that `signal --all --cash` gives orders to: from the whole shares that are held to those wanted.

The journal owns what was ordered. An order is filled at the first open after it, or when its run decides on a later
bar; until then the newest one of its run and symbol stands. What is held is what the filled orders add up to.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache

import numpy as np

from forecast.serving.evening import Answer, Evening, PanelAnswer, iso
from forecast.serving.journal import GivenOrder, Journal
from forecast.serving.paper_record import moment
from pipelines.market import calendars
from pipelines.market.types import Actions

Key = tuple[str, str]
"""A run, and a symbol of it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Target:
    """The position that a live run wants of a symbol, at the price of a bar."""

    run: str
    symbol: str
    decided_at: str
    calendar: str
    position: float
    price: float

    @property
    def key(self) -> Key:
        return self.run, self.symbol


def give_orders(
    evening: Evening, *, cash: float, journal: Journal, actions: Callable[[str], Actions], now: np.datetime64
) -> dict[Key, GivenOrder]:
    """The orders of an evening, which the journal keeps, for an account that is split equally over the live runs.

    Parameters
    ----------
    evening
        Where it is not journalled (what-if rules), neither are its orders.
    cash
        The account's money, above 0.
    actions
        Of a symbol, its splits.

    Returns
    -------
    dict
        The order of each run and symbol that decided, and of each that is sold since its run is live no more.
    """
    targets = [target for answer in evening.answers for target in _targets(answer)]
    live = {answer.live.run: answer.live.symbol for answer in evening.answers}
    live |= {failure.run: failure.symbol for failure in evening.failures}
    orders: dict[Key, GivenOrder] = {}

    def decide(orders_given: Sequence[GivenOrder]) -> list[GivenOrder]:
        orders.update(next_orders(orders_given, targets, live=live, cash=cash, actions=actions, now=now))
        standing = set(map(id, orders_given))
        return [order for order in orders.values() if id(order) not in standing]

    if evening.journalled:
        journal.order(decide)
    else:
        decide(journal.read().orders)
    return orders


def next_orders(
    orders_given: Sequence[GivenOrder],
    targets: Sequence[Target],
    *,
    live: Mapping[str, str],
    cash: float,
    actions: Callable[[str], Actions],
    now: np.datetime64,
) -> dict[Key, GivenOrder]:
    """From the shares that are held to those that are wanted; an order that stands already is that one.

    Shares are counted at the close at which the position, or the run's part of the account, is another one than in the
    order before, and kept in between; a split multiplies them. What runs hold that are live no more goes to the first
    target of its symbol, and is sold where there is none; orders of theirs that still stand are withdrawn. Nothing of
    that happens to a symbol of a live run that could not be asked: it may have taken them over.

    orders_given: in their order. live: the runs of the live set, each with the symbol that it was trained on.
    """
    bars = {target.key: target.decided_at for target in targets}
    filled = shares_held(orders_given, now=now, bars=bars)
    standing = {order.key: order for order in orders_given if not _filled(order, now=now, bars=bars)}
    silent = live.keys() - {target.run for target in targets}
    waiting = {order.symbol for order in (*filled.values(), *standing.values()) if order.run in silent}
    waiting |= {live[run] for run in silent}
    left = {key: order for key, order in filled.items() if order.run not in live and order.shares}
    recorded_at, money = iso(now.astype("datetime64[s]")), cash / max(1, len(live))
    fresh = []
    for target in targets:
        own = [filled[target.key]] if target.key in filled else []
        taken = [order for order in left.values() if order.symbol == target.symbol and order.symbol not in waiting]
        left = {key: order for key, order in left.items() if order not in taken}
        before = sum(_shares_at(order, target.decided_at, actions) for order in (*own, *taken))
        fresh.append(_towards(target, [*own, *taken], before=before, money=money, recorded_at=recorded_at))
    for key in [key for key in left | standing if key[0] not in live and key[1] not in waiting]:
        before = _shares_at(left[key], recorded_at, actions) if key in left else 0
        order = replace((standing | left)[key], before=before, shares=0, position=0.0, taken_over=())
        fresh.append(replace(order, recorded_at=recorded_at, decided_at=recorded_at))
    return {order.key: _standing(order, standing.get(order.key)) for order in fresh}


def shares_held(
    orders_given: Iterable[GivenOrder], *, now: np.datetime64, bars: Mapping[Key, str] | None = None
) -> dict[Key, GivenOrder]:
    """The newest filled order of each run and symbol, whose shares are those that are held.

    bars: the bar on which each decides now, where it does.
    """
    filled: dict[Key, GivenOrder] = {}
    for order in orders_given:
        if _filled(order, now=now, bars=bars or {}):
            filled[order.key] = order
            for run in order.taken_over:
                filled.pop((run, order.symbol), None)
    return filled


def shares_of(orders: Iterable[GivenOrder], run: str) -> dict[str, int]:
    """The shares that the orders of a run are for, by symbol."""
    return {order.symbol: order.shares for order in orders if order.run == run}


def _shares_at(order: GivenOrder, until: str, actions: Callable[[str], Actions]) -> int:
    """Whole shares of an order's after the splits since; one of 0.333333, as a source may have it, is one for three."""
    if not order.shares or until <= order.decided_at:
        return order.shares
    symbol_actions = actions(order.symbol)
    between = (symbol_actions.ex_at > moment(order.decided_at)) & (symbol_actions.ex_at <= moment(until))
    splits = (Fraction(split).limit_denominator(1_000) for split in symbol_actions.split[between].tolist())
    return int(order.shares * math.prod(splits, start=Fraction(1)))


def _targets(answer: Answer | PanelAnswer) -> list[Target]:
    run, calendar = answer.live.run, answer.forecast.calendar
    if isinstance(answer, PanelAnswer):
        return [
            Target(
                run=run, symbol=line.symbol, decided_at=line.decided_at, calendar=calendar, position=line.position,
                price=line.price,
            )
            for line in answer.lines
        ]  # fmt: skip
    entry = answer.entry
    return [
        Target(
            run=run, symbol=entry.symbol, decided_at=entry.decided_at, calendar=calendar,
            position=entry.traded.position, price=entry.price,
        )
    ]  # fmt: skip


def _towards(
    target: Target, sources: Sequence[GivenOrder], *, before: int, money: float, recorded_at: str
) -> GivenOrder:
    """sources: the orders whose shares are held of it, by the run or by runs that are live no more."""
    unchanged = len(sources) == 1 and (sources[0].position, sources[0].money) == (target.position, money)
    return GivenOrder(
        recorded_at=recorded_at, run=target.run, symbol=target.symbol, decided_at=target.decided_at,
        calendar=target.calendar, position=target.position, money=money, before=before,
        shares=before if unchanged else int(money * target.position / target.price),
        taken_over=tuple(order.run for order in sources if order.run != target.run),
    )  # fmt: skip


def _standing(order: GivenOrder, before: GivenOrder | None) -> GivenOrder:
    """The one that was given before and is not filled yet, where it says the same."""
    if before is None:
        return order
    unchanged = replace(order, recorded_at=before.recorded_at, decided_at=before.decided_at) == before
    return before if unchanged else order


def _filled(order: GivenOrder, *, now: np.datetime64, bars: Mapping[Key, str]) -> bool:
    later_bar = bars.get(order.key, "") > order.decided_at
    return later_bar or bool(now >= _first_open(order.recorded_at, order.calendar))


@lru_cache(maxsize=4096)
def _first_open(recorded_at: str, calendar: str) -> np.datetime64:
    opened: np.datetime64 = calendars.next_open(np.array([moment(recorded_at)]), calendar)[0]
    return opened
