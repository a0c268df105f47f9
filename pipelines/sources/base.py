"""What every source returns."""

from dataclasses import dataclass

import numpy as np

from pipelines.cleaning.report import CleaningReport
from pipelines.market.types import Actions, Bars, Quotes, Ticks


@dataclass(frozen=True, kw_only=True, eq=False)
class Delivery:
    """Clean raw prices of one symbol, its actions (None where the source knows none), and what was dropped.

    quotes: best bids and asks that came with the trades, None where there are none.
    actions_since, actions_until: the time for which the actions are all there are; None for first and last of them.
    """

    prices: Bars | Ticks | Quotes
    actions: Actions | None
    report: CleaningReport
    quotes: Quotes | None = None
    actions_since: np.datetime64 | None = None
    actions_until: np.datetime64 | None = None
