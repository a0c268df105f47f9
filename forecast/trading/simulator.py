"""Targets + opens + costs -> ledgers: what each bar earned, what each trade and each day of borrowing cost."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecast.config.trading import Costs
from pipelines.market.types import Floats, Times

_YEAR = np.timedelta64(365, "D") / np.timedelta64(1, "ns")  # of interest: actual days over 365

Flags = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Ledger:
    """One strategy's account, each array of shape (bars,).

    A row holds from the open of its bar (time, UTC) to the open of the next; the last row closes the position.
    position: fraction of equity. traded: fraction of equity bought (or sold, negative) at the open: the position less
    what the last one had drifted to. gross_return: position x (next open / open - 1). financing: interest of the bar,
    as a fraction of equity. cost: fraction of equity paid at the open for what was traded. net_return: max(0, 1 -
    cost) x max(0, 1 + gross_return - financing) - 1, so that equity is the running product of 1 + net_return.
    model: a network's or a baseline's name. member: "ensemble" or a seed's number. traded and financing are None in
    ledgers that were saved before there were any.
    """

    symbol: str
    model: str
    member: str
    time: Times
    position: Floats
    gross_return: Floats
    cost: Floats
    net_return: Floats
    traded: Floats | None = None
    financing: Floats | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class SimulatedAccounts:
    """Accounts over several assets. position, traded: shape (accounts, assets, bars); the rest (accounts, bars).

    Fractions and signs are those of a Ledger.
    """

    position: Floats
    traded: Floats
    gross_return: Floats
    financing: Floats
    cost: Floats
    net_return: Floats


def account(
    targets: Floats, *, opened_at: Times, opens: Floats, costs: Costs, spread: Floats | None, tradable: Flags | None
) -> SimulatedAccounts:
    """Accounts that are brought to their targets at every open, and pay for it.

    targets: fractions of equity from the open of a bar to the next, shape (accounts, assets, bars - 1), decided before
    each open. opened_at: shape (bars,). opens: shape (assets, bars). spread: a half-spread in excess of the costs, as
    a fraction, shape (assets, bars). tradable: False where an asset cannot be traded: what is held of it stays,
    shape (assets, bars). At the last open everything is closed and paid for, whatever tradable says.

    An order is sized, and its cost taken, before the cost is known: at most cost squared more than needed. Money that
    is lost whole stays lost: an account at 0 (or below, which is written as 0) trades no more.
    """
    padded = np.concatenate([targets, np.zeros((*targets.shape[:-1], 1))], axis=-1)
    able = np.ones(opens.shape, dtype=np.bool_) if tradable is None else tradable.copy()
    able[:, -1] = True
    rates = cost_rates(opens, costs=costs, spread=spread)
    earned = np.concatenate([opens[:, 1:] / opens[:, :-1] - 1.0, np.zeros((len(opens), 1))], axis=1)
    years = np.append(np.diff(opened_at).astype(np.float64) / _YEAR, 0.0)
    position = _positions(padded, able, earned=earned, years=years, rates=rates, costs=costs)
    gross = (position * earned).sum(axis=1)
    financing = _interest(position, costs) * years
    traded = np.where(able, position - _drifted(position, earned, gross - financing), 0.0)
    cost = (np.abs(traded) * rates).sum(axis=1)
    growth = np.maximum(1.0 - cost, 0.0) * np.maximum(1.0 + gross - financing, 0.0)
    ruined = np.cumsum(growth <= 0.0, axis=1) - (growth <= 0.0) > 0  # every bar after the one that took all
    return SimulatedAccounts(
        position=np.where(ruined[:, None], 0.0, position),
        traded=np.where(ruined[:, None], 0.0, traded),
        gross_return=np.where(ruined, 0.0, gross),
        financing=np.where(ruined, 0.0, financing),
        cost=np.where(ruined, 0.0, cost),
        net_return=np.where(ruined, 0.0, growth - 1.0),
    )


def contributions(simulated: SimulatedAccounts, *, opens: Floats, costs: Costs, spread: Floats | None = None) -> Floats:
    """What each asset earned in each bar less the cost of trading it, shape (accounts, assets, bars).

    opens, costs, spread: those of `account`. Interest is the account's.
    """
    earned = np.concatenate([opens[:, 1:] / opens[:, :-1] - 1.0, np.zeros((len(opens), 1))], axis=1)
    rates = cost_rates(opens, costs=costs, spread=spread)
    contribution: Floats = simulated.position * earned - np.abs(simulated.traded) * rates
    return contribution


def cost_rates(opens: Floats, *, costs: Costs, spread: Floats | None = None) -> Floats:
    """Cost as a fraction of the amount traded at each open, with a half-spread in excess of the costs."""
    rates = np.full(opens.shape, costs.rate)
    return rates if spread is None else rates + spread


def trade_all(
    targets: Floats,
    *,
    symbol: str,
    names: Sequence[tuple[str, str]],
    opened_at: Times,
    opens: Floats,
    costs: Costs,
    spread: Floats | None = None,
    tradable: Flags | None = None,
) -> list[Ledger]:
    """Ledgers of one symbol, one a row of targets; names: its (model, member).

    targets: shape (accounts, bars - 1), decided before each open. opened_at, opens: shape (bars,); at the last open
    whatever is held is sold (or bought back) and paid for. spread, tradable: as `account` takes them, shape (bars,).
    """
    if len(opens) != targets.shape[-1] + 1 or len(opened_at) != len(opens):
        raise ValueError(f"opens must be one longer than positions. Received: {len(opens)}, {targets.shape[-1]}.")
    simulated = account(
        np.asarray(targets, dtype=np.float64)[:, None],
        opened_at=opened_at,
        opens=opens[None],
        costs=costs,
        spread=None if spread is None else spread[None],
        tradable=None if tradable is None else tradable[None],
    )
    return [
        Ledger(
            symbol=symbol,
            model=model,
            member=member,
            time=opened_at,
            position=simulated.position[row, 0],
            traded=simulated.traded[row, 0],
            gross_return=simulated.gross_return[row],
            financing=simulated.financing[row],
            cost=simulated.cost[row],
            net_return=simulated.net_return[row],
        )
        for row, (model, member) in enumerate(names)
    ]


def trade(
    positions: Floats, *, symbol: str, model: str, member: str, opened_at: Times, opens: Floats, costs: Costs
) -> Ledger:
    """One ledger: positions[i] is held from the open of bar i to the open of bar i + 1; shape (bars - 1,)."""
    (ledger,) = trade_all(
        np.asarray(positions, dtype=np.float64)[None],
        symbol=symbol,
        names=[(model, member)],
        opened_at=opened_at,
        opens=opens,
        costs=costs,
    )
    return ledger


def equity(net: Floats) -> NDArray[np.float64]:
    """Growth of one unit of money, shape (bars,): the running product of 1 + net."""
    return np.asarray(np.cumprod(1.0 + net))


def _positions(targets: Floats, able: Flags, *, earned: Floats, years: Floats, rates: Floats, costs: Costs) -> Floats:
    """The targets, and what is left of earlier ones where there can be no trade; shape (accounts, assets, bars)."""
    position = targets.copy()
    for bar in np.flatnonzero(~able.all(axis=0)).tolist():
        before = np.zeros_like(position[:, :, :1]) if not bar else position[:, :, bar - 1 : bar]
        last = slice(max(0, bar - 1), max(0, bar - 1) + 1)
        gain = (before * earned[:, last]).sum(axis=1) - _interest(before, costs) * years[last]
        drifted = _drifted(np.concatenate([before, before], axis=2), np.repeat(earned[:, last], 2, axis=1), gain)[
            :, :, 1
        ]
        traded = np.where(able[:, bar], targets[:, :, bar] - drifted, 0.0)
        after_costs = 1.0 - (np.abs(traded) * rates[:, bar]).sum(axis=1, keepdims=True)
        position[:, :, bar] = np.where(
            able[:, bar], targets[:, :, bar], drifted / np.where(after_costs > 0.0, after_costs, 1.0)
        )
    return position


def _drifted(position: Floats, earned: Floats, gain: Floats) -> Floats:
    """What the fractions have become at each open before anything is traded, shape (accounts, assets, bars)."""
    growth = 1.0 + gain[:, None, : position.shape[2] - 1]
    grown = position[:, :, :-1] * (1.0 + earned[:, : position.shape[2] - 1])
    drifted = np.divide(grown, growth, out=np.zeros_like(grown), where=growth > 0.0)
    return np.asarray(np.concatenate([np.zeros_like(position[:, :, :1]), drifted], axis=2))


def _interest(position: Floats, costs: Costs) -> Floats:
    """Interest a year on what is sold short and on what exceeds one's own money, shape (accounts, bars)."""
    if not costs.borrow_rate and not costs.financing_rate:
        return np.zeros((position.shape[0], position.shape[2]))
    long, short = np.maximum(position, 0.0).sum(axis=1), np.maximum(-position, 0.0).sum(axis=1)
    return np.asarray(costs.borrow_rate * short + costs.financing_rate * np.maximum(long - 1.0, 0.0))
