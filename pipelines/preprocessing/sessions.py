"""The session that each bar lies in, and where sessions end."""

import numpy as np
from numpy.typing import NDArray

from pipelines.market import calendars
from pipelines.market.calendars import Dates
from pipelines.market.types import Bars


def sessions_of(bars: Bars) -> Dates:
    """The session of each bar's first trade, shape (bars,); a bar that opens at a close belongs to the next."""
    just_after = np.minimum(bars.opened_at + np.timedelta64(1, "ns"), bars.closed_at)
    return calendars.session_of(np.maximum(just_after, bars.opened_at), bars.calendar)


def is_intraday(bars: Bars) -> bool:
    """Whether some session holds more than one bar."""
    sessions = sessions_of(bars)
    return bool(np.any(sessions[1:] == sessions[:-1]))


def last_of_session(bars: Bars) -> NDArray[np.int64]:
    """The number of the last bar of each bar's session, as far as the bars go, shape (bars,)."""
    sessions = sessions_of(bars)
    return np.searchsorted(sessions, sessions, side="right").astype(np.int64) - 1
