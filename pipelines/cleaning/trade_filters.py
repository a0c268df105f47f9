"""Which trades are no trades of the open market, after Barndorff-Nielsen, Hansen, Lunde & Shephard (2009).

Realised kernels in practice: trades and quotes, Econometrics Journal 12, C1-C32, section 3: rules P1 to P3, T1, T2 and
T4. Two things differ. Trades at one time are all kept, not merged to their median (T3). And the median that an
outlier is measured by is of the trades before it in the session alone, so that cleaning knows nothing of the future.
"""

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.market import calendars
from pipelines.market.types import Floats, Times

_NORMAL = frozenset("@EFI ")  # regular, automatic, intermarket sweep, odd lot
_LISTED = re.compile("[\\[\\]'\", ]")  # of several codes in one cell
_NUMBERS = re.compile(r"[\d\s,;|\[\]]+")
_WINDOW = 50
_LEAST = 10
_DEVIATIONS = 10.0
_JUMP = 0.002


def numbered(conditions: Any) -> bool:
    """Whether conditions are numbers of a vendor (Polygon's "12,37", Algoseek's "00000001"), no codes of a tape."""
    import pandas as pd

    names = [str(name) for name in pd.unique(pd.Series(conditions).dropna()) if str(name).strip()]
    return any(len(name) > 1 for name in names) and all(_NUMBERS.fullmatch(name) for name in names)


def abnormal(conditions: Any) -> NDArray[np.bool_]:
    """Sale conditions with a code other than @, E, F and I (odd lots, which came after 2009), shape (ticks,)."""
    import pandas as pd

    codes, names = pd.factorize(pd.Series(conditions).fillna(""))
    abnormal = np.array([not _NORMAL.issuperset(_LISTED.sub("", str(name))) for name in names], np.bool_)
    flags: NDArray[np.bool_] = abnormal[codes] if len(names) else np.zeros(0, np.bool_)
    return flags


def outliers(time: Times, price: Floats, calendar: str) -> NDArray[np.bool_]:
    """Prices more than ten mean absolute deviations from the median of the 50 trades before them.

    Looked for only near a jump of more than 0.2 % from one trade to the next, with at least ten trades before in the
    session; a deviation counts as a hundredth of a percent at least. time: in order. Returns shape (ticks,).
    """
    flags = np.zeros(len(price), np.bool_)
    if len(price) < 2:
        return flags
    jumps = np.flatnonzero(np.abs(np.diff(price)) > _JUMP * price[:-1]) + 1
    if not len(jumps):
        return flags
    sessions = calendars.session_of(time, calendar)
    opened = np.concatenate([[0], np.flatnonzero(sessions[1:] != sessions[:-1]) + 1])
    begins = opened[np.searchsorted(opened, jumps, "right") - 1]
    looked = -1
    for jump, begin in zip(jumps.tolist(), begins.tolist(), strict=True):
        for row in range(max(jump, looked + 1), min(jump + _WINDOW, len(price))):
            looked = row
            before = price[max(begin, row - _WINDOW) : row]
            if len(before) < _LEAST or sessions[row] != sessions[jump]:
                break
            middle = np.median(before)
            spread = max(float(np.mean(np.abs(before - middle))), 1e-4 * float(middle))
            off = abs(price[row] - middle)
            flags[row] = off > _DEVIATIONS * spread and off > _JUMP * middle
    return flags
