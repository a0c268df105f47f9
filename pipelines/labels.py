"""Bars -> targets: the return one could have had after the decision, and the time at which it is known."""

from dataclasses import dataclass

import numpy as np

from pipelines.errors import ConfigError, TooFewBarsError
from pipelines.market import Bars, Floats, Times


@dataclass(frozen=True, kw_only=True, eq=False)
class Labels:
    """One row a decision, made at the close of bar 0, 1, ... ; each array of shape (labels,).

    forward_return: open of bar t + 1 to open of bar t + 1 + horizon, simple. target: 1.0 where it is above 0, else 0.0.
    decided_at: close of bar t. entry_at: open of bar t + 1. exit_at: open of bar t + 1 + horizon, when the target is
    known. The last horizon + 1 bars have no label yet and no row here.
    """

    target: Floats
    forward_return: Floats
    decided_at: Times
    entry_at: Times
    exit_at: Times

    def __len__(self) -> int:
        return len(self.target)


def next_open_direction(bars: Bars, *, horizon: int) -> Labels:
    """The sign of the next return that can be traded: decided at a close, bought at the next open.

    Raises:
        ConfigError: a horizon below 1.
        TooFewBarsError: no bar whose label is known.
    """
    if horizon < 1:
        raise ConfigError(f"Need a horizon of 1 bar or more, got {horizon}.")
    known = len(bars) - 1 - horizon
    if known < 1:
        raise TooFewBarsError(
            f"{bars.symbol}: need {horizon + 2} bars for one label, got {len(bars)}. Fetch more history."
        )
    entry = bars.open[1 : 1 + known]
    leave = bars.open[1 + horizon : 1 + horizon + known]
    forward_return = leave / entry - 1.0
    return Labels(
        target=(forward_return > 0).astype(np.float64),
        forward_return=forward_return,
        decided_at=bars.closed_at[:known],
        entry_at=bars.opened_at[1 : 1 + known],
        exit_at=bars.opened_at[1 + horizon : 1 + horizon + known],
    )
