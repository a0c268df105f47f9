"""A ledger -> its closed trades."""

from typing import TYPE_CHECKING

import numpy as np

from forecast.report.context import ledger as ledger_of
from forecast.statistics.performance import trade_bounds, trade_returns

if TYPE_CHECKING:
    import pandas as pd


def trades(ledger: "pd.DataFrame") -> "pd.DataFrame":
    """One row a closed trade, in the order of the accounts and of their entries.

    A trade lasts as long as the position keeps its sign. entered_at, exited_at: the opens at which it began and ended.
    """
    import pandas as pd

    frames = []
    for (model, member), rows in ledger.groupby(["model", "member"], sort=False):
        account = ledger_of(rows, model=str(model), member=str(member))
        opened, closed = trade_bounds(account)
        frames.append(
            pd.DataFrame(
                {
                    "symbol": account.symbol,
                    "model": account.model,
                    "member": account.member,
                    "side": np.where(account.position[opened] > 0, "long", "short"),
                    "entered_at": pd.DatetimeIndex(account.time[opened]).tz_localize("UTC"),
                    "exited_at": pd.DatetimeIndex(account.time[closed]).tz_localize("UTC"),
                    "bars": closed - opened,
                    "net_return": trade_returns(account),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)
