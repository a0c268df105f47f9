"""The session that each bar lies in, and where sessions end."""

import numpy as np
from numpy.typing import NDArray

from pipelines.market import calendars
from pipelines.market.calendars import Dates
from pipelines.market.types import Bars, Times
from pipelines.preprocessing.choices import OVERNIGHT as OVERNIGHT

_NEVER_CLOSES = "24/7"


def sessions_of(bars: Bars) -> Dates:
    """The session of each bar's first trade, shape (bars,); a bar that opens at a close belongs to the next."""
    return sessions_at(bars.opened_at, bars.closed_at, bars.calendar)


def sessions_at(opened_at: Times, closed_at: Times, calendar: str) -> Dates:
    """The session of bars that opened and closed at these times, shape (bars,)."""
    just_after = np.minimum(opened_at + np.timedelta64(1, "ns"), closed_at)
    return calendars.session_of(np.maximum(just_after, opened_at), calendar)


def last_of_session(opened_at: Times, closed_at: Times, calendar: str) -> NDArray[np.int64] | None:
    """The number of the last bar of each bar's session, as far as the bars go, shape (bars,).

    None where sessions do not end: no session has more than one bar (daily bars), or the market never closes.
    """
    sessions = sessions_at(opened_at, closed_at, calendar)
    lasting = closed_at[1:] > opened_at[1:]  # room for the newest decision is no second bar of its session
    if calendar == _NEVER_CLOSES or not np.any((sessions[1:] == sessions[:-1]) & lasting):
        return None
    return np.searchsorted(sessions, sessions, side="right").astype(np.int64) - 1
