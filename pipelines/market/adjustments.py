"""Adjusting raw prices for splits and dividends: total return, the CRSP and Yahoo way.

At an ex date the factor is (1 / split) x (1 - dividend x split / previous raw close). The dividend is cash per share
that trades on the ex date, so on a day with both, a dividend is per new share and the previous close is brought into
new shares first (previous close / split). Volume is adjusted for splits alone.
"""

from dataclasses import replace
from typing import Literal

import numpy as np

from pipelines.errors import BadPricesError
from pipelines.market.types import Actions, Bars, Floats, Times


def adjust(bars: Bars, actions: Actions, *, base: Literal["forward", "back"]) -> Bars:
    """The bars as if all dividends had been reinvested and no share ever split.

    base: "back" leaves the last bar as traded (Yahoo's Adj Close): every new action rewrites the past. "forward"
    leaves the first bar as traded, as a running product from it: no later action touches an earlier bar, so a value
    at time t needs nothing known after t.

    An action takes effect at the first bar that closes after its ex date's open. Actions before the first bar, or
    after the last, change nothing.

    Raises:
        BadPricesError: bars that are adjusted already, or a dividend not smaller than the close before it.
    """
    if bars.adjusted != "raw":
        raise BadPricesError(f"{bars.symbol}: need raw bars to adjust, got bars adjusted {bars.adjusted}.")
    at_bar = _factors(bars, actions)
    price, share = [np.cumprod(1 / factors) if base == "forward" else _product_after(factors) for factors in at_bar]
    return replace(
        bars,
        open=bars.open * price,
        high=bars.high * price,
        low=bars.low * price,
        close=bars.close * price,
        volume=bars.volume / share,
        adjusted=base,
    )


def with_gains(dividend: Floats, gains: Floats, *, close: Floats, adjusted: Floats) -> Floats:
    """A fund's dividends with its capital gains, which are paid out likewise and may be in the dividends already.

    Each is added where the step of the adjusted close is then nearer to what was paid. All in order of time, one a
    session, shape (sessions,).
    """
    factor = np.append(1.0, (adjusted[:-1] / close[:-1]) / (adjusted[1:] / close[1:]))
    paid = (1 - factor) * np.append(close[:1], close[:-1])
    together = np.abs(dividend + gains - paid) < np.abs(dividend - paid)
    return np.where(together, dividend + gains, dividend)


def as_traded(bars: Bars, actions: Actions) -> tuple[Bars, Actions, bool]:
    """Undoes an adjustment for splits, where the prices show that there was one.

    Yahoo and many files give prices, volumes and dividends in shares of today. Around a split of raw prices the
    close changes by about its ratio; adjusted prices go on. The splits vote, weighted by how far from 1 they are.
    Returns bars and actions as traded, and whether something was undone.
    """
    votes = 0.0
    for ex_at, split in zip(actions.ex_at, actions.split, strict=True):
        row = int(np.searchsorted(bars.closed_at, ex_at, side="right"))
        if split != 1 and 0 < row < len(bars):
            jump = np.log(bars.close[row - 1] / bars.open[row])
            votes += abs(jump - np.log(split)) - abs(jump)
    if votes <= 0:
        return bars, actions, False
    return *undo_splits(bars, actions, applied=actions), True


def undo_splits(bars: Bars, actions: Actions, *, applied: Actions) -> tuple[Bars, Actions]:
    """Prices, volumes and dividends in shares of their own day, from those in shares of today.

    applied: the splits that the prices have.
    """
    later = split_after(bars.opened_at, applied)
    prices = {name: getattr(bars, name) * later for name in ("open", "high", "low", "close")}
    dividend = actions.dividend * split_after(actions.ex_at, applied)
    return replace(bars, volume=bars.volume / later, **prices), replace(actions, dividend=dividend)


def split_after(times: Times, actions: Actions) -> Floats:
    """The product of the splits whose ex date is after each time, shape (times,): shares now for one then."""
    product = _product_after(np.append(1.0, actions.split))
    later: Floats = product[np.searchsorted(actions.ex_at, times, side="right")]
    return later


def _factors(bars: Bars, actions: Actions) -> tuple[Floats, Floats]:
    """What the actions at each bar multiply a price by: with dividends, and for splits alone; shape (bars,)."""
    price, share = np.ones(len(bars)), np.ones(len(bars))
    rows = np.searchsorted(bars.closed_at, actions.ex_at, side="right")
    for row, ex_at, dividend, split in zip(rows, actions.ex_at, actions.dividend, actions.split, strict=True):
        if not 0 < row < len(bars):
            continue
        previous = bars.close[row - 1] * price[row] / split  # after the earlier actions of the same bar
        if dividend >= previous:
            raise BadPricesError(
                f"{bars.symbol}: need a dividend below the close before it ({previous:g} in shares of the ex date), "
                f"got {dividend:g} on {ex_at.astype('datetime64[D]')}. Check `forecast data show {bars.symbol}`."
            )
        price[row] *= (1 - dividend / previous) / split
        share[row] /= split
    return price, share


def _product_after(factor: Floats) -> Floats:
    """The product of all later factors, shape (bars,); 1 for the last bar."""
    product = np.ones(len(factor))
    product[:-1] = np.cumprod(factor[:0:-1])[::-1]
    return product


def dividend_vote(bars: Bars, actions: Actions) -> float:
    """Whether the prices fall by the dividends at their ex dates: the logarithm of the odds that they do.

    Prices as traded open lower by about the dividend, adjusted ones as on any other day; how much any other day moves
    from close to open is measured by the bars themselves. Positive: as traded; negative: adjusted.
    """
    rows = np.searchsorted(bars.closed_at, actions.ex_at, side="right")
    paid = (rows > 0) & (rows < len(bars)) & (actions.dividend > 0) & (actions.split == 1)
    rows, dividend = rows[paid], actions.dividend[paid]
    night = np.log(bars.open[1:] / bars.close[:-1])
    fall = dividend / bars.close[rows - 1]
    rows, fall = rows[fall < 1], np.log1p(-fall[fall < 1])
    if not len(rows):
        return 0.0
    ordinary = np.delete(night, rows - 1)
    spread = 1.4826 * float(np.median(np.abs(ordinary))) if len(ordinary) else 0.0
    spread = max(spread, 2e-4)
    move = np.clip(night[rows - 1], -6 * spread + fall, 6 * spread)  # no single night decides by its size
    return float(np.sum(move**2 - (move - fall) ** 2) / (2 * spread**2))


def before_dividends(bars: Bars, actions: Actions) -> Bars:
    """Undoes an adjustment for dividends, of bars that are as traded otherwise. Dividends per share of their ex date.

    From the last ex date back: with the adjusted close a before it and the later factors' product g, the factor is
    1 / (1 + dividend x split x g / a), since the close as traded was a / (factor x g).
    """
    rows = np.searchsorted(bars.closed_at, actions.ex_at, side="right")
    factor = np.ones(len(bars))
    later = 1.0
    for row, dividend, split in zip(rows[::-1], actions.dividend[::-1], actions.split[::-1], strict=True):
        if dividend > 0 and 0 < row < len(bars):
            own = 1 / (1 + dividend * split * later / bars.close[row - 1])
            factor[row] *= own
            later *= own
    undone = 1 / _product_after(factor)
    prices = {name: getattr(bars, name) * undone for name in ("open", "high", "low", "close")}
    return replace(bars, **prices)
