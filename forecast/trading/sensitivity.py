"""What an account would have become at other costs, and at other thresholds."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from forecast.config.trading import TradingConfig
from forecast.trading.ledgers import position_orders
from forecast.trading.market_state import conditions, place
from forecast.trading.signals import decide, positions
from forecast.trading.simulator import Ledger, trade_all
from pipelines.market.types import Floats, Times


def at_cost(ledger: Ledger, *, rate: float, paid_rate: float) -> Ledger:
    """The same trades at another cost of trading.

    rate: the cost, as a fraction of what is traded. paid: the one that the ledger was made with; what it paid beyond
    that (a spread that changed from bar to bar) stays.
    """
    traded = np.abs(position_orders(ledger))
    cost = np.maximum(ledger.cost + (rate - paid_rate) * traded, 0.0)
    earned = ledger.gross_return if ledger.financing is None else ledger.gross_return - ledger.financing
    net = np.maximum(1.0 - cost, 0.0) * np.maximum(1.0 + earned, 0.0) - 1.0
    return replace(ledger, cost=cost, net_return=net)


def at_thresholds(
    probability: Floats,
    entry_at: Times,
    bars: pd.DataFrame,
    *,
    thresholds: Sequence[float],
    rules: TradingConfig,
    model: str,
    closes_with: str | None = None,
    horizon: int = 1,
) -> list[Ledger]:
    """One account a threshold, all else as the rules say; the whole account is the size of a position.

    probability, entry_at: shape (decisions,), the open after each decision. closes_with: the calendar with whose
    sessions positions are closed, None where they are held overnight. horizon: of the labels, as `accounts` takes it.
    """
    state = conditions(bars, rules=rules, bars_per_year=None, closes_with=closes_with)
    traded = state.rows(place(state.opened_at, entry_at, horizon=horizon))
    band = np.asarray(thresholds, dtype=np.float64)[:, None]
    signals = decide(np.broadcast_to(probability, (len(thresholds), len(probability))), band=band)
    return trade_all(
        traded.held_to_the_end(positions(signals, policy=rules.policy)),
        symbol=str(bars["symbol"].iloc[0]),
        names=[(model, f"threshold-{threshold:g}") for threshold in thresholds],
        opened_at=traded.opened_at,
        opens=traded.opens,
        costs=rules.costs,
        spread=traded.spread,
        tradable=traded.tradable,
    )
