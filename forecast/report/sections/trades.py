"""Every trade of each network: a list that a page sorts and saves."""

from typing import Any

import numpy as np

from forecast.report import formatting
from forecast.report.charts.equity import axis_times, rounded
from forecast.report.context import PageContext
from forecast.trading.ledgers import round_trips

MOST_TRADES = 2_000
"""Of a network, the newest; all of them are in trades.parquet."""


def trade_lists(context: PageContext) -> list[dict[str, Any]]:
    """Entry, exit, bars held, side, net return and cost of each closed trade of each network's ensemble."""
    lists = []
    for model in context.networks:
        account = context.ensemble(model)
        trades = round_trips(account)
        newest = slice(max(0, len(trades.entry) - MOST_TRADES), None)
        entry, end = trades.entry[newest], trades.exit[newest]
        lists.append(
            {
                "model": formatting.label(model),
                "total": len(trades.entry),
                "entry": axis_times(account.time[entry], daily=context.daily),
                "exit": axis_times(account.time[end], daily=context.daily),
                "bars": (end - entry).tolist(),
                "side": np.where(trades.side[newest] > 0, "long", "short").tolist(),
                "net": rounded(trades.net_return[newest], 4),
                "cost": rounded(trades.cost[newest], 3),
            }
        )
    return lists
