"""Shares of a panel's symbols at each decision -> one account: fills at each symbol's own next open, costs paid.

The account's times are all opens of all symbols. A symbol without a bar then keeps its last price and cannot be traded;
one that has no further decision since its membership ends is sold at its next open. One whose history ends is held to
its last open: that nothing is decided in its last bars, whose labels are not known, is not known before they are over.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecast.config.trading import Costs
from forecast.trading.market_state import MarketState
from forecast.trading.simulator import Flags, Ledger, account, cost_rates
from pipelines.errors import RunError
from pipelines.market.types import Floats, Times
from pipelines.preprocessing.windows import Rows


@dataclass(frozen=True, kw_only=True, eq=False)
class PanelMarket:
    """What can be traded when, of all symbols of a panel.

    symbols: in the order of the first axis. time: every open, shape (bars,). opens: the price of each symbol then, its
    last one where it has no bar, shape (symbols, bars). able: whether a symbol can be traded, true before its first and
    after its last bar, where nothing of it is held. spread: half of it, shape (symbols, bars), None where it is given.
    symbol, entry: of each row, the numbers of its symbol and of the open at which it is filled, shape (rows,).
    closed: of each row, whether positions are closed at that open because the session ends. exit_row: of each symbol,
    the number of the open at which what is left of it is sold, shape (symbols,).
    """

    symbols: tuple[str, ...]
    time: Times
    opens: Floats
    able: Flags
    spread: Floats | None
    symbol: Rows
    entry: Rows
    closed: Flags
    exit_row: Rows

    def targets(self, shares: Floats) -> Floats:
        """What each symbol is to have from each open on, shape (symbols, bars - 1). shares: shape (rows,).

        What is held of a symbol after its last decision is not there for the others.
        """
        targets = np.zeros((len(self.symbols), len(self.time)))
        targets[self.symbol, self.entry] = np.where(self.closed, 0.0, shares)
        carried = np.zeros_like(targets)
        last = np.zeros(len(self.symbols), dtype=np.int64)
        np.maximum.at(last, self.symbol, self.entry)
        for place in np.flatnonzero(self.exit_row > last + 1):
            carried[place, last[place] + 1 : self.exit_row[place]] = targets[place, last[place]]
        for side in (1.0, -1.0):
            carried_exposure, new_exposure = (
                np.maximum(side * positions, 0.0).sum(axis=0) for positions in (carried, targets)
            )
            over = (carried_exposure > 0.0) & (carried_exposure + new_exposure > 1.0)
            scale = np.divide(
                np.maximum(1.0 - carried_exposure, 0.0),
                new_exposure,
                out=np.ones_like(new_exposure),
                where=over & (new_exposure > 0.0),
            )
            targets = np.where(side * targets > 0.0, targets * scale, targets)
        return (targets + carried)[:, :-1]


@dataclass(frozen=True, kw_only=True, eq=False)
class PanelAccount:
    """One account over a panel. position, traded, contribution: shape (symbols, bars), as fractions of equity.

    contribution: what each symbol earned in each bar less the cost of trading it; interest is the account's. spells:
    positions opened and the share of them that gained, once they are counted. capacity: as
    forecast.statistics.capacity has it, where the volume is known.
    """

    ledger: Ledger
    position: Floats
    traded: Floats
    contribution: Floats
    spells: Mapping[str, float | None] | None = None
    capacity: Mapping[str, float] | None = None


def panel_market(
    states: Mapping[str, MarketState], *, symbol: NDArray[np.object_], entry_at: Times, horizon: int = 1
) -> PanelMarket:
    """The opens from the first fill to the one after the last, of every symbol.

    states: the conditions of each symbol's bars. symbol, entry_at: of each row, whose it is and when it is filled.
    horizon: of the labels, in bars; so many bars at the end of a history have no decision.

    Raises:
        RunError: a fill at a time at which its symbol has no bar, or has no bar after it.
    """
    names = tuple(sorted(set(symbol.tolist())))
    number = {name: place for place, name in enumerate(names)}
    rows = np.array([number[name] for name in symbol.tolist()], dtype=np.int64)
    spans: dict[str, slice] = {}
    for name in names:
        entries, opened = entry_at[rows == number[name]], states[name].opened_at
        first, last = (int(np.searchsorted(opened, at)) for at in (entries.min(), entries.max()))
        if last + 1 >= len(opened) or not np.isin(entries, opened).all():
            raise RunError(f"Predictions and bars of {name} do not belong together. Train the run again: --overwrite.")
        spans[name] = slice(first, len(opened) if last + horizon >= len(opened) - 1 else last + 2)  # its history ends
    used = {name: states[name].rows(span) for name, span in spans.items()}
    time = np.unique(np.concatenate([state.opened_at for state in used.values()]))
    opens, spread = np.empty((len(names), len(time))), np.zeros((len(names), len(time)))
    able = np.ones(opens.shape, dtype=np.bool_)
    closed = np.zeros(len(rows), dtype=np.bool_)
    for name, state in used.items():
        place = number[name]
        bar = np.clip(np.searchsorted(state.opened_at, time, side="right") - 1, 0, None)
        opens[place] = state.opens[bar]
        tradable = state.tradable.copy()
        tradable[-1] = True  # its last open: what is left is sold
        alive = (time >= state.opened_at[0]) & (time <= state.opened_at[-1])
        able[place] = ~alive | ((state.opened_at[bar] == time) & tradable[bar])
        if state.spread is not None:
            spread[place] = state.spread[bar]
        if state.closing is not None:
            of_symbol = rows == place
            closed[of_symbol] = state.closing[np.searchsorted(state.opened_at, entry_at[of_symbol])]
    uniform = all(state.spread is None for state in used.values())
    return PanelMarket(
        symbols=names,
        time=time,
        opens=opens,
        able=able,
        spread=None if uniform else spread,
        symbol=rows,
        entry=np.searchsorted(time, entry_at),
        closed=closed,
        exit_row=np.array([np.searchsorted(time, used[name].opened_at[-1]) for name in names], dtype=np.int64),
    )


def trade_panel(
    shares: Floats, market: PanelMarket, *, title: str, model: str, member: str, costs: Costs
) -> PanelAccount:
    """One account that is given the shares at each decision. shares: shape (rows,)."""
    simulated = account(
        market.targets(shares)[None],
        opened_at=market.time,
        opens=market.opens,
        costs=costs,
        spread=market.spread,
        tradable=market.able,
    )
    position, traded = simulated.position[0], simulated.traded[0]
    earned = np.concatenate([market.opens[:, 1:] / market.opens[:, :-1] - 1.0, np.zeros((len(position), 1))], axis=1)
    rates = cost_rates(market.opens, costs=costs, spread=market.spread)
    ledger = Ledger(
        symbol=title,
        model=model,
        member=member,
        time=market.time,
        position=np.abs(position).sum(axis=0),
        traded=np.abs(traded).sum(axis=0),
        gross_return=simulated.gross_return[0],
        financing=simulated.financing[0],
        cost=simulated.cost[0],
        net_return=simulated.net_return[0],
    )
    contribution = position * earned - np.abs(traded) * rates
    return PanelAccount(ledger=ledger, position=position, traded=traded, contribution=contribution)
