"""Volume that changes its unit: shares, lots of 100, contracts, thousands; another venue; splits applied twice."""

from dataclasses import dataclass

import numpy as np

from pipelines.market.adjustments import split_after
from pipelines.market.types import Actions, Bars

_STEP = 10.0  # times, from one month's median to the next
_APART = 4.0  # times, between the months before and those after: real surges die away
_MONTHS = 6  # looked at on both sides
_FEWEST = 2  # months on each side
_BARS = 5  # in a month that counts


@dataclass(frozen=True, kw_only=True)
class VolumeUnitChange:
    """row: the first bar in the new unit. factor: the median volume of its month over that of the month before."""

    row: int
    factor: float


def changes(bars: Bars, actions: Actions) -> list[VolumeUnitChange]:
    """Where the median volume of a month, splits taken out, jumps to another level and stays there."""
    traded = np.flatnonzero(bars.volume > 0)
    if not len(traded):
        return []
    volume = (bars.volume * split_after(bars.opened_at, actions))[traded]
    month = bars.closed_at[traded].astype("datetime64[M]").view(np.int64)
    starts = np.flatnonzero(np.concatenate([[True], np.diff(month) != 0]))
    groups = np.split(volume, starts[1:])
    counted = np.array([len(group) >= _BARS for group in groups])
    level = np.log([float(np.median(group)) for group, counts in zip(groups, counted, strict=True) if counts])
    first = traded[starts[counted]]
    jumps = []
    for place in range(_FEWEST, len(level) - _FEWEST + 1):
        step = level[place] - level[place - 1]
        if abs(step) < np.log(_STEP):
            continue
        before = np.sign(step) * level[max(0, place - _MONTHS) : place]
        after = np.sign(step) * level[place : place + _MONTHS]
        if after.min() - before.max() >= np.log(_APART):
            jumps.append(VolumeUnitChange(row=int(first[place]), factor=float(np.exp(step))))
    return jumps
