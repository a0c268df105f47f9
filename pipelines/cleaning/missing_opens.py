"""Bars without an open: old histories of Yahoo give 0 for it beside a sound high, low and close.

That is a value that was never recorded, not damage. But an open cannot be invented, for a decision is filled at it: a
history begins after the last stretch in which many are missing, and a bar that lacks one later is left out.
"""

import numpy as np
from numpy.typing import NDArray

from pipelines.cleaning.report import RowFilter
from pipelines.errors import BadPricesError, counted
from pipelines.market.types import Floats, Times

Mask = NDArray[np.bool_]

_STRETCH = 60  # bars
_MANY = 6  # missing opens in a stretch
_ENOUGH = 250  # bars that are worth beginning late for


def missing(values: Floats) -> Mask:
    """Whether a row lacks its open and nothing else. values: open, high, low, close, volume, shape (5, rows)."""
    opened, high, low, close, _ = values
    lacks = np.isnan(opened) | (opened == 0)
    sound = np.isfinite(values[1:4]).all(axis=0) & (low > 0) & (low <= close) & (close <= high)
    return np.asarray(lacks & sound)


def drop(rows: RowFilter, times: Times, values: Floats, *, symbol: str) -> None:
    """Drops what lies before the end of the last stretch with many missing opens, and each later row without one.

    Where that would leave less than a year of bars and less than it takes away, nothing but the rows themselves is
    dropped, and they count towards the share that may be.

    Raises:
        BadPricesError: no row has an open.
    """
    lacks = missing(values) & rows.kept
    if not np.any(lacks):
        return
    remaining = np.flatnonzero(rows.kept)
    order = remaining[np.argsort(times[remaining], kind="stable")]
    if np.all(lacks[order]):
        raise BadPricesError(
            f"{symbol}: Expected an open beside high, low and close, got none (0) in all {len(order):,} rows. "
            "Orders are filled at the open: choose another source, or another time with --start and --end."
        )
    begin = _begin(lacks[order])
    usable_before = int(np.count_nonzero(~lacks[order[:begin]]))
    left = len(order) - begin
    late = begin > 0 and left < min(_ENOUGH, usable_before)
    if 0 < begin < len(order) and not late:
        before = np.zeros(len(times), np.bool_)
        before[order[:begin]] = True
        count = int(np.count_nonzero(lacks & before))
        day = "datetime64[D]"
        rows.drop("before the opens begin", before, counts=False)
        rows.note(
            f"no open (0) in {counted(count, 'bar')} to {times[order[begin - 1]].astype(day)}: the history begins on "
            f"{times[order[begin]].astype(day)}"
        )
    rows.drop("missing open", lacks, counts=late or begin == len(order))


def _begin(lacks: Mask) -> int:
    """The row after the last one of a stretch with many missing opens; 0 where there is no such stretch."""
    count = np.cumsum(lacks)
    recent = count - np.concatenate([np.zeros(min(_STRETCH, len(count)), count.dtype), count[:-_STRETCH]])
    dense = np.flatnonzero(lacks & (recent >= _MANY))
    return int(dense[-1]) + 1 if len(dense) else 0
