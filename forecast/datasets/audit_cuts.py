"""The bars at which the audit of the features ends a history: at random, and where leaks hide."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.market.types import Bars, Floats, Times
from pipelines.preprocessing.windows import Rows


def telling_rows(bars: Bars, *, first: int, rng: np.random.Generator, events: Times | None) -> Rows:
    """Rows at which leaks hide: by the calendar, by what happened, and the first and last ones."""
    length = len(bars)
    closed = pd.DatetimeIndex(bars.closed_at)
    change = np.abs(np.append(0.0, np.diff(np.log(bars.close))))
    gaps = np.append(0.0, np.diff(bars.closed_at.view(np.int64)).astype(np.float64))
    groups: list[Rows] = [
        first + np.array([0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144]),
        length - np.array([1, 2, 3, 4, 6, 11, 21]),
    ]

    def draw(rows: NDArray[np.intp], number: int) -> None:
        if len(rows):
            groups.append(np.sort(rng.choice(rows, size=min(number, len(rows)), replace=False)))

    for weekday in range(7):
        draw(np.flatnonzero(closed.weekday == weekday), 8)
    hours = closed.hour * 60 + closed.minute
    common_hours = np.unique(hours)
    for hour in rng.choice(common_hours, size=min(16, len(common_hours)), replace=False):
        draw(np.flatnonzero(hours == hour), 2)
    months = closed.year.to_numpy() * 12 + closed.month.to_numpy()
    for period, number in ((months, 16), ((months - 1) // 3, 8), (closed.year.to_numpy(), 6)):
        starts = np.flatnonzero(np.diff(period)) + 1
        draw(starts, number)
        draw(starts - 1, number)
    days = np.flatnonzero(np.diff(closed.normalize().asi8)) + 1
    if len(days) < length // 2:  # several bars a session
        draw(days, 12)
        draw(days - 1, 12)
    else:
        night = np.diff(closed.normalize().asi8)  # to the next bar
        common = pd.Series(night).groupby(closed.weekday[:-1]).transform("median").to_numpy()
        holidays = np.flatnonzero(night != common)
        draw(holidays, 12)
        draw(holidays + 1, 12)
    for size, number in ((change, 12), (bars.volume, 8), (gaps, 8), (bars.high / bars.low, 6)):
        largest = np.argsort(size, kind="stable")[::-1][:number]
        groups += [largest, largest - 1, largest + 1]
    groups += [np.argsort(change, kind="stable")[::-1][:6] - back for back in (2, 5)]
    turning = np.diff(np.sign(np.diff(bars.close)))
    draw(np.flatnonzero(turning) + 1, 8)
    draw(np.flatnonzero(bars.close >= np.maximum.accumulate(bars.close)), 6)
    draw(np.flatnonzero(bars.close <= np.minimum.accumulate(bars.close)), 4)
    draw(np.flatnonzero(bars.volume == 0.0), 6)
    draw(np.flatnonzero(bars.high == bars.low), 4)
    if events is not None and len(events):
        at = np.searchsorted(bars.opened_at, events)[:8]
        groups += [at, at - 1]
    rows = np.unique(np.concatenate(groups))
    return np.asarray(rows[(rows >= first) & (rows < length)], dtype=np.int64)


def unusual_rows(values: Floats, *, number: int, first: int, rng: np.random.Generator) -> Rows:
    """Rows at which the feature is far from its usual value, or changes; `number` of each kind."""
    rows = np.flatnonzero(np.isfinite(values))
    rows = rows[rows >= first]
    if not len(rows):
        return np.zeros(0, dtype=np.int64)
    candidates = values[rows]
    distance = np.abs(candidates - np.median(candidates))
    extreme = rows[np.argsort(distance, kind="stable")[::-1][:number]]
    rare = rows[candidates != np.median(candidates)]
    ordinary = rng.choice(rare, size=min(number, len(rare)), replace=False) if len(rare) else rare
    changes = rows[1:][np.diff(candidates) != 0.0]
    steps = rng.choice(changes, size=min(number, len(changes)), replace=False) if len(changes) else changes
    return np.unique(np.concatenate([extreme, ordinary, steps, np.maximum(steps - 1, first)])).astype(np.int64)


def chain_rows(bars: Bars, *, first: int, tested: int, rng: np.random.Generator) -> Rows:
    """Rows whose labels, and what is learned from them, are made again: some of each kind at which leaks hide.

    At random, one of each weekday, month ends, around the largest moves, and in the training rows of the first fold.
    first: the first row with a window. tested: the first test decision.
    """
    length, closed = len(bars), pd.DatetimeIndex(bars.closed_at)
    change = np.abs(np.append(0.0, np.diff(np.log(bars.close))))
    ends = np.flatnonzero(np.diff(closed.year.to_numpy() * 12 + closed.month.to_numpy()))
    largest = np.argsort(change[first:], kind="stable")[::-1][:4] + first
    groups = [np.arange(first, length), ends, np.arange(first, max(tested, first + 1))]
    groups += [np.flatnonzero(closed.weekday == day) for day in range(7)]
    counts = [6, 4, 5, *[1] * 7]
    drawn = [
        rng.choice(candidates, size=min(number, len(candidates)), replace=False)
        for rows, number in zip(groups, counts, strict=True)
        if len(candidates := rows[rows >= first])
    ]
    return np.unique(np.concatenate([*drawn, largest, np.maximum(largest - 1, first)])).astype(np.int64)
