"""What every source returns."""

from dataclasses import dataclass

from pipelines.clean import CleaningReport
from pipelines.market import Actions, Bars, Ticks


@dataclass(frozen=True, kw_only=True, eq=False)
class Delivery:
    """Clean raw prices of one symbol, its actions (None where the source knows none), and what was dropped."""

    prices: Bars | Ticks
    actions: Actions | None
    report: CleaningReport
