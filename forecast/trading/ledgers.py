"""Ledgers as tables, and the trades in them: what ledger.parquet and trades.parquet of a backtest hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.trading.simulator import Ledger
from pipelines.market.times import utc, zoned
from pipelines.market.types import Floats

_COLUMNS = ("position", "gross_return", "financing", "traded", "cost", "net_return")


@dataclass(frozen=True, kw_only=True, eq=False)
class Trades:
    """The trades of one ledger in the order of opening, each array of shape (trades,).

    A trade lasts as long as the position keeps its sign: from the open of row `entry` to the open of row `exit`. side:
    1 long, -1 short. gross_return: before costs and interest, compounded over its bars. financing, cost: sums of the
    ledger's fractions of equity. net_return: after both. open_at_end: closed because the history ends there.

    Together they are the ledger: products of 1 + gross_return and of 1 + net_return, and sums of cost and financing,
    are the same. Where a long turns into a short at one open, the cost of that open is shared between the two in
    proportion to what each of them traded.
    """

    side: NDArray[np.int64]
    entry: NDArray[np.int64]
    exit: NDArray[np.int64]
    gross_return: Floats
    financing: Floats
    cost: Floats
    net_return: Floats
    open_at_end: NDArray[np.bool_]


def round_trips(ledger: Ledger) -> Trades:
    """The trades of a ledger. One whose position is not closed in its last row ends before what is left open."""
    position = ledger.position
    side = np.sign(position)
    before = np.concatenate([[0.0], position[:-1]])
    turned = side != np.sign(before)
    entry, end = np.flatnonzero(turned & (side != 0)), np.flatnonzero(turned & (before != 0))
    entry = entry[: len(end)]
    closing = np.zeros(len(position))  # the part of a row's cost that belongs to the trade it closes
    orders = position_orders(ledger)[end]
    old = np.abs(position[end] - orders)  # of the old trade, when it is closed
    share = np.divide(old, np.abs(orders), out=np.zeros(len(end)), where=orders != 0)  # a ruin is closed by nobody
    closing[end] = ledger.cost[end] * share
    opening = ledger.cost - closing
    financing = np.zeros(len(position)) if ledger.financing is None else ledger.financing
    after_closing = np.maximum(1.0 - closing, 0.0)
    opening_growth = np.divide(
        np.maximum(1.0 - ledger.cost, 0.0), after_closing, out=np.zeros(len(position)), where=after_closing > 0.0
    )
    growth = opening_growth * np.maximum(1.0 + ledger.gross_return - financing, 0.0)
    return Trades(
        side=side[entry].astype(np.int64),
        entry=entry,
        exit=end,
        gross_return=_inside(np.multiply, 1.0 + ledger.gross_return, entry, end) - 1.0,
        financing=_inside(np.add, financing, entry, end),
        cost=_inside(np.add, opening, entry, end) + closing[end],
        net_return=_inside(np.multiply, growth, entry, end) * after_closing[end] - 1.0,
        open_at_end=end == len(position) - 1,
    )


def position_orders(ledger: Ledger) -> Floats:
    """What was traded at each open; ledgers of old do not say, and took a position to stay as large as it was."""
    return np.diff(ledger.position, prepend=0.0) if ledger.traded is None else ledger.traded


def ledger_frame(ledgers: Sequence[Ledger]) -> pd.DataFrame:
    """ledger.parquet: the rows of all ledgers, one ledger after the other."""
    lengths = [len(ledger.time) for ledger in ledgers]
    times = zoned(np.concatenate([ledger.time for ledger in ledgers]))
    values = {name: np.concatenate([getattr(ledger, name) for ledger in ledgers]) for name in _COLUMNS}
    return pd.DataFrame({**_names(ledgers, lengths), "time": times, **values})


def read_ledgers(frame: pd.DataFrame) -> list[Ledger]:
    """The ledgers of a ledger.parquet, in the order in which they were saved."""
    return [
        Ledger(
            symbol=str(rows["symbol"].iloc[0]),
            model=str(model),
            member=str(member),
            time=utc(rows["time"]),
            **{name: rows[name].to_numpy(np.float64) for name in _COLUMNS if name in rows},
        )
        for (model, member), rows in frame.groupby(["model", "member"], sort=False)
    ]


def trade_frame(ledgers: Sequence[Ledger], *, opens: Floats) -> pd.DataFrame:
    """trades.parquet: one row per trade.

    opens: the price at each row of the ledgers, which are of one symbol, shape (bars,).
    """
    trades = [round_trips(ledger) for ledger in ledgers]
    lengths = [len(trade.entry) for trade in trades]
    entry, end = (np.concatenate([getattr(trade, name) for trade in trades]) for name in ("entry", "exit"))
    joined = {
        name: np.concatenate([getattr(trade, name) for trade in trades])
        for name in ("gross_return", "financing", "cost", "net_return", "open_at_end")
    }
    times = ledgers[0].time
    return pd.DataFrame(
        {
            **_names(ledgers, lengths),
            "side": pd.array(
                np.where(np.concatenate([trade.side for trade in trades]) > 0, "long", "short"), dtype="str"
            ),
            "entry_at": zoned(times[entry]),
            "exit_at": zoned(times[end]),
            "bars": end - entry,
            "entry_price": opens[entry],
            "exit_price": opens[end],
            **joined,
        }
    )


def _inside(combine: np.ufunc, values: Floats, entry: NDArray[np.int64], end: NDArray[np.int64]) -> Floats:
    """Sum or product of each trade's rows, shape (trades,)."""
    if not len(entry):
        return np.array([])
    return np.asarray(combine.reduceat(values, np.stack([entry, end], axis=1).ravel())[::2])


def _names(ledgers: Sequence[Ledger], lengths: Sequence[int]) -> dict[str, Any]:
    return {
        name: pd.array([getattr(ledger, name) for ledger in ledgers], dtype="str").repeat(lengths)
        for name in ("symbol", "model", "member")
    }
