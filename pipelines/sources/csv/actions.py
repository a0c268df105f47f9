"""Dividends, capital gains and splits in the columns of a file, and whether its prices are adjusted for them."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import counted
from pipelines.market import calendars
from pipelines.market.adjustments import as_traded, before_dividends, dividend_vote, with_gains
from pipelines.market.types import Actions, Bars, Floats, Times

if TYPE_CHECKING:
    import pandas as pd

_LARGE = 0.3  # logarithm of a split that no usual change of price looks like
_SAME_FACTOR = 1e-4  # factors are rounded to six digits
_SURE = 3.0  # of the logarithm of the odds: 20 to 1


def raw(frame: "pd.DataFrame", bars: Bars, *, adjusted: bool | None) -> tuple[Bars, Actions, tuple[str, ...]]:
    """Prices as traded and their actions. frame: the rows of the file with dividend, split, gains, adjusted,
    cumulative_factor.

    adjusted: whether the prices are adjusted for dividends and splits; None to let the ex dates vote, as they do on
    splits: prices as traded fall by about the dividend, adjusted ones go on.
    """
    actions, notes = _actions(frame, bars)
    if _upside_down(bars, actions):
        actions = replace(actions, split=1 / actions.split)
        notes += ("splits are the old shares for a new one, as the prices say: turned",)
    bars, actions, undone = as_traded(bars, actions)
    if undone:
        notes += ("prices were adjusted for splits: undone",)
    paid = int(np.count_nonzero((actions.dividend > 0) & (actions.ex_at > bars.opened_at[0])))
    if adjusted is False or not paid:
        return bars, actions, notes
    if adjusted is None and (_has_adjusted_close(frame) or "cumulative_factor" in frame):
        return bars, actions, notes  # beside an adjusted close or its factor, the close is not adjusted for dividends
    vote = dividend_vote(bars, actions)
    if adjusted or vote < -_SURE:
        why = "" if adjusted else " (no fall at the ex dates; --as-traded keeps them as they are)"
        return before_dividends(bars, actions), actions, (*notes, f"prices were adjusted for dividends{why}: undone")
    if vote < _SURE:
        notes += (
            f"warning: {counted(paid, 'dividend')}, and the ex dates do not show whether the prices are adjusted for "
            "them: taken as traded; say --adjusted if they are (yfinance's history() is), else --as-traded",
        )
    return bars, actions, notes


def _upside_down(bars: Bars, actions: Actions) -> bool:
    """Whether prices change by the splits as they would by one divided by each, and not by them or not at all."""
    rows = np.searchsorted(bars.closed_at, actions.ex_at, side="right")
    inside = (np.abs(np.log(actions.split)) > _LARGE) & (rows > 0) & (rows < len(bars))
    jump = np.log(bars.close[rows[inside] - 1] / bars.open[rows[inside]])
    ratio = np.log(actions.split[inside])
    off = [np.sum(np.abs(jump - ratio * sign)) for sign in (-1, 0, 1)]
    return bool(off[0] < min(off[1:]))


def _has_adjusted_close(frame: "pd.DataFrame") -> bool:
    if "adjusted" not in frame:
        return False
    ratio = frame["adjusted"].to_numpy(dtype=np.float64) / frame["close"].to_numpy(dtype=np.float64)
    return bool(np.nanmax(ratio, initial=1.0) - np.nanmin(ratio, initial=1.0) > 1e-4)


def _actions(frame: "pd.DataFrame", bars: Bars) -> tuple[Actions, tuple[str, ...]]:
    """The rows with a dividend or a split; 0 and 1 both mean no split. A fund pays capital gains out likewise."""
    notes: tuple[str, ...] = ()
    dividend, split, gains = (_column(frame, name) for name in ("dividend", "split", "gains"))
    split = np.where(split == 0, 1.0, split)
    if "factor_less_one" in frame and "split" not in frame:
        split = 1.0 + _column(frame, "factor_less_one")
    elif "cumulative_factor" in frame and "split" not in frame:
        split = _of_cumulative(frame["cumulative_factor"].to_numpy(dtype=np.float64), _days(frame, bars))
    if np.any(gains > 0):
        dividend, notes = _with_gains(frame, dividend, gains)
    happened = (dividend != 0) | (split != 1)
    days = _days(frame, bars)[happened]
    order = np.argsort(days, kind="stable")
    days, dividend, split = days[order], dividend[happened][order], split[happened][order]
    valid = np.isfinite(dividend) & (dividend >= 0) & np.isfinite(split) & (split > 0)
    if not np.all(valid):
        notes += (f"{counted(np.count_nonzero(~valid), 'row')} with a dividend or split that is none left out",)
    valid_rows = np.append(days[1:] != days[:-1], True)[: len(days)] & calendars.is_session(days, bars.calendar) & valid
    ex_at, _ = calendars.daily_times(days[valid_rows], bars.calendar)
    return Actions(symbol=bars.symbol, ex_at=ex_at, dividend=dividend[valid_rows], split=split[valid_rows]), notes


def _of_cumulative(factors: Floats, days: NDArray[np.datetime64]) -> Floats:
    """Splits of the factors that prices are divided by to be adjusted, as CRSP (CFACPR) and Compustat (AJEXDI) have
    them: the factor of the day before by that of the day."""
    split = np.ones(len(factors))
    rows = np.argsort(days, kind="stable")
    rows = rows[np.isfinite(factors[rows]) & (factors[rows] > 0)]
    ratio = factors[rows[:-1]] / factors[rows[1:]]
    split[rows[1:]] = np.where(np.abs(ratio - 1) > _SAME_FACTOR, ratio, 1.0)
    return split


def _with_gains(frame: "pd.DataFrame", dividend: Floats, gains: Floats) -> tuple[Floats, tuple[str, ...]]:
    """Dividends with capital gains, left out only where an adjusted close says that they are in already."""
    if not _has_adjusted_close(frame):
        return dividend + gains, ("capital gains added to the dividends",)
    close, adjusted = (frame[name].to_numpy(dtype=np.float64) for name in ("close", "adjusted"))
    days = frame["date" if "date" in frame else "opened_at"].to_numpy()
    order = np.argsort(days, kind="stable")
    paid = np.empty(len(close))
    paid[order] = with_gains(dividend[order], gains[order], close=close[order], adjusted=adjusted[order])
    return paid, ("capital gains added where the adjusted close has them",)


def _column(frame: "pd.DataFrame", name: str) -> Floats:
    if name not in frame:
        return np.zeros(len(frame))
    values: Floats = frame[name].fillna(0).to_numpy(dtype=np.float64)
    return values


def _days(frame: "pd.DataFrame", bars: Bars) -> NDArray[np.datetime64]:
    if "date" in frame:
        days: NDArray[np.datetime64] = frame["date"].to_numpy().astype("datetime64[D]")
        return days
    opened: Times = frame["opened_at"].to_numpy().astype("datetime64[ns]")
    return calendars.session_of(opened + np.timedelta64(1, "ns"), bars.calendar)
