"""Prices on the wrong level: by a power of ten (units, lost digits) or by a split applied where it should not be."""

import numpy as np

from pipelines.market.adjustments import split_after
from pipelines.market.types import Actions, Bars, Floats

_POWERS = (10.0, 100.0, 1000.0)
_BACK_WITHIN = 30  # bars after which a bad print must have gone back
_NEAR_SPLIT = 15  # bars around an ex date where a split may be applied wrongly
_TOLERANCE = 0.3  # of the logarithm of a split
_NEAR_POWER = 0.3  # of a logarithm: what is looked at as a power of ten at all
_EXACT = 0.005  # a power of ten is one within half a percent, beside what prices move by anyway
_FAR = float(np.log(3))  # of single prices, from the closes around them
_USUAL_MOVES = 6  # times the median absolute return: what prices move by anyway


def wrong_by(bars: Bars, actions: Actions) -> Floats:
    """What each price is wrong by: open, high, low, close, shape (4, bars); 1 where right, 100 for pence.

    Levels are counted from jump to jump of the prices with splits taken out. The newest level with trades is right.
    """
    prices = np.stack([bars.open, bars.high, bars.low, bars.close]) / split_after(bars.opened_at, actions)
    if len(bars) < 3:
        return np.ones_like(prices)
    cells = _single_cells(np.log(prices))
    middle = np.nanmedian(np.where(cells == 0, np.log(prices), np.nan), axis=0)
    jump = _jumps(middle, bars, actions)
    level = np.concatenate([[0.0], np.cumsum(jump)])
    traded = np.flatnonzero(bars.volume > 0)
    right = level[traded[-1]] if len(traded) else level[-1]
    off = np.where(np.abs(level - right) < 1e-9, 0.0, level - right)
    return np.exp(np.where((off == 0) & (cells != 0), cells, off))


def far_cells(bars: Bars, actions: Actions) -> Floats:
    """By what single prices are far from the closes around them without being an exact power of ten off; 1 elsewhere.

    Such a price may be true, so it is never repaired. Open, high, low, close, shape (4, bars).
    """
    if len(bars) < 3:
        return np.ones((4, len(bars)))
    prices = np.log(np.stack([bars.open, bars.high, bars.low, bars.close]) / split_after(bars.opened_at, actions))
    away = prices - _closes_around(prices)
    far = (np.abs(away) > _FAR) & (wrong_by(bars, actions) == 1) & (np.abs(away[3]) <= _FAR)
    return np.exp(np.where(far, away, 0.0))


def _jumps(middle: Floats, bars: Bars, actions: Actions) -> Floats:
    """The logarithm of the factor at each change from one bar to the next, 0 where there is none; shape (bars - 1,)."""
    change = np.diff(middle)
    jump = np.zeros(len(change))
    noise = _noise(change)
    for power in _POWERS:
        near = (np.abs(np.abs(change) - np.log(power)) <= noise) & (jump == 0)
        jump[near] = np.sign(change[near]) * np.log(power)
    large = jump.copy()
    jump[:] = 0
    _pair(jump, large)
    hundred = np.abs(np.abs(large) - np.log(100)) < 1e-9
    jump = np.where((jump == 0) & hundred, large, jump)
    rows = np.searchsorted(bars.closed_at, actions.ex_at, side="right")
    for row, split in zip(rows, actions.split, strict=True):
        size = abs(np.log(split))
        if size < 0.1:
            continue
        first, last = max(0, row - _NEAR_SPLIT), min(len(change), row + _NEAR_SPLIT)
        near = np.abs(np.abs(change[first:last]) - size) < _TOLERANCE * size
        jumps = np.where(near, np.sign(change[first:last]) * size, 0.0)
        at_ex_date = row - 1 - first
        if 0 <= at_ex_date < len(jumps) and jumps[at_ex_date] * np.log(split) > 0:
            undone = np.any(jumps[at_ex_date + 1 :] * jumps[at_ex_date] < 0)
            # one that stays is a real move, as where capital is paid back with a consolidation
            jumps[at_ex_date] *= undone
        jump[first:last] = np.where(jumps != 0, jumps, jump[first:last])
    return jump


def _noise(change: Floats) -> float:
    """How far from a power of ten a change may be: half a percent, and what this symbol moves by from bar to bar."""
    median = float(np.median(np.abs(change)))
    return min(_NEAR_POWER, _EXACT + _USUAL_MOVES * median)


def _pair(jump: Floats, large: Floats) -> None:
    """Takes over jumps that are undone by the opposite one soon after: bad prints."""
    open_row = -1
    for row in np.flatnonzero(large):
        if open_row >= 0 and row - open_row <= _BACK_WITHIN and abs(large[row] + large[open_row]) < 1e-9:
            jump[open_row], jump[row] = large[open_row], large[row]
            open_row = -1
        else:
            open_row = int(row)


def _single_cells(prices: Floats) -> Floats:
    """Cells that are a power of ten off the closes around them while the bar itself is not, and by what.

    The repaired price must be one that the bar itself or a neighbour traded at, within half a percent:
    a true high of 12.9 times the others is no lost digit. prices: logarithms, shape (4, bars). Returns those of the
    factor, 0 where right, never a whole bar.
    """
    level = _closes_around(prices)
    spread = prices.max(axis=0) - prices.min(axis=0)
    factor = np.zeros_like(prices)
    for power in _POWERS[:2]:
        off = np.abs(np.abs(prices - level) - np.log(power)) < _NEAR_POWER
        misplaced = off & (spread > np.log(power) - _NEAR_POWER) & ~off.all(axis=0)
        factor = np.where(misplaced, np.sign(prices - level) * np.log(power), factor)
    bottom, top = _traded(np.where(factor == 0, prices, np.nan))
    repaired = prices - factor
    return np.where((bottom - _EXACT <= repaired) & (repaired <= top + _EXACT), factor, 0.0)


def _closes_around(prices: Floats) -> Floats:
    """The median of the two closes before and the two after each bar, shape (bars,)."""
    around = np.full((4, prices.shape[1]), np.nan)
    for row, shift in enumerate((1, 2, -1, -2)):
        part = slice(shift, None) if shift > 0 else slice(None, shift)
        around[row, part] = np.roll(prices[3], shift)[part]
    level: Floats = np.nanmedian(around, axis=0)
    return level


def _traded(prices: Floats) -> tuple[Floats, Floats]:
    """The lowest and highest price of each bar and its two neighbours, NaN left out; shape (bars,) each."""
    low, high = np.nanmin(prices, axis=0), np.nanmax(prices, axis=0)
    bottom, top = low.copy(), high.copy()
    for one, other in ((slice(1, None), slice(None, -1)), (slice(None, -1), slice(1, None))):
        bottom[one] = np.fmin(bottom[one], low[other])
        top[one] = np.fmax(top[one], high[other])
    return bottom, top
