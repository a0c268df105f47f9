"""What every source returns."""

from dataclasses import dataclass

import numpy as np

from pipelines.cleaning.report import CleaningReport
from pipelines.market.types import Actions, Bars, Ticks


@dataclass(frozen=True, kw_only=True, eq=False)
class Delivery:
    """Clean raw prices of one symbol, its actions (None where the source knows none), and what was dropped.

    actions_since, actions_until: the time for which the actions are all there are; None for first and last of them.
    """

    prices: Bars | Ticks
    actions: Actions | None
    report: CleaningReport
    actions_since: np.datetime64 | None = None
    actions_until: np.datetime64 | None = None
