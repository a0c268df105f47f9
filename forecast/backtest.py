"""Positions + bars + costs -> a ledger: what each bar earned, what each change of position cost."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import ConfigError
from pipelines.market import Floats, Times


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What one unit of turnover costs, in basis points of the amount traded (1 bp = 0.01 %)."""

    fee_bps: float
    slippage_bps: float

    def __post_init__(self) -> None:
        for name in ("fee_bps", "slippage_bps"):
            value = getattr(self, name)
            if not 0 <= value < 10_000:
                raise ConfigError(f"Need a cost from 0 to 9999 basis points, got {name} {value:g}.")

    @property
    def rate(self) -> float:
        """Cost as a fraction of the amount traded."""
        return (self.fee_bps + self.slippage_bps) / 10_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Ledger:
    """One strategy's account, each array of shape (bars,).

    A row holds from the open of its bar (time, UTC) to the open of the next; the last row closes the position.
    position: fraction of equity, -1 to 1. gross: position x (next open / open - 1). cost: fraction of equity
    paid at the open for the change of position. net: (1 - cost) x (1 + gross) - 1, so that equity is the
    running product of 1 + net.
    model: a network's or a baseline's name. member: "ensemble" or a seed's number.
    """

    symbol: str
    model: str
    member: str
    time: Times
    position: Floats
    gross: Floats
    cost: Floats
    net: Floats


def trade(
    positions: Floats, *, symbol: str, model: str, member: str, opened_at: Times, opens: Floats, costs: Costs
) -> Ledger:
    """The ledger of holding positions[i] from the open of bar i to the open of bar i + 1.

    positions: shape (bars - 1,), decided before each open. opened_at, opens: shape (bars,); at the last open
    whatever is held is sold (or bought back) and paid for.
    """
    if len(opens) != len(positions) + 1 or len(opened_at) != len(opens):
        raise ValueError(f"opens must be one longer than positions. Received: {len(opens)}, {len(positions)}.")
    held = np.append(np.asarray(positions, dtype=np.float64), 0.0)
    earned = np.append(opens[1:] / opens[:-1] - 1.0, 0.0)
    gross = held * earned
    cost = np.abs(np.diff(held, prepend=0.0)) * costs.rate
    net = (1.0 - cost) * (1.0 + gross) - 1.0
    return Ledger(
        symbol=symbol,
        model=model,
        member=member,
        time=opened_at,
        position=held,
        gross=gross,
        cost=cost,
        net=net,
    )


def equity(net: Floats) -> NDArray[np.float64]:
    """Growth of one unit of money, shape (bars,): the running product of 1 + net."""
    return np.asarray(np.cumprod(1.0 + net))
