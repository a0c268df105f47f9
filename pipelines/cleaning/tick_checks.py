"""Stored trades that are doubtful: missing sessions, long pauses, prices far off, trades without a quote."""

from collections.abc import Iterable

import numpy as np

from pipelines.cleaning import trade_filters
from pipelines.cleaning.quality_checks import Finding
from pipelines.market import calendars
from pipelines.market.types import Ticks

PAUSE = np.timedelta64(30, "m")
"""No trade for so long while the exchange is open is a gap."""

_UNQUOTED = 0.05  # of a session's trades: the first ones of a session precede its first quote


def check(chunks: Iterable[Ticks]) -> tuple[int, list[Finding]]:
    """How many trades there are, and the findings by session. chunks: in order of time; one is in memory at a time."""
    findings: list[Finding] = []
    total, last, calendar = 0, np.datetime64("NaT", "ns"), ""
    sessions: set[np.datetime64] = set()
    unquoted: dict[np.datetime64, list[int]] = {}
    for chunk in chunks:
        if not len(chunk):
            continue
        total, calendar = total + len(chunk), chunk.calendar
        of = calendars.session_of(chunk.time, calendar)
        sessions.update(np.unique(of).tolist())
        findings += _pauses(chunk, last)
        for row in np.flatnonzero(trade_filters.outliers(chunk.time, chunk.price, calendar)):
            findings.append(Finding(kind="price far off", session=str(of[row]), size=f"{chunk.price[row]:g}"))
        if chunk.bid is not None:
            for day in np.unique(of):
                of_day = of == day
                counts = unquoted.setdefault(day.item(), [0, 0])
                counts[0] += int(np.isnan(chunk.bid[of_day]).sum())
                counts[1] += int(of_day.sum())
        last = chunk.time[-1]
    for day, (without, trades) in unquoted.items():
        if without > _UNQUOTED * trades:
            findings.append(Finding(kind="trades without a quote", session=str(day), size=f"{without / trades:.1%}"))
    if sessions:
        lacking = calendars.sessions_between(min(sessions), max(sessions), calendar)
        lost = (day for day in lacking.tolist() if day not in sessions)
        findings += [Finding(kind="no trade", session=str(day), size="whole session") for day in lost]
    return total, sorted(findings, key=lambda finding: finding.session)


def _pauses(chunk: Ticks, last: np.datetime64) -> list[Finding]:
    """Pauses between two trades of one session. last: the time of the trade before, NaT where there is none."""
    time = chunk.time if np.isnat(last) else np.concatenate([[last], chunk.time])
    rows = np.flatnonzero(np.diff(time) >= PAUSE)
    before, after = (calendars.session_of(time[rows + step], chunk.calendar) for step in (0, 1))
    return [
        Finding(
            kind="pause",
            session=str(day),
            size=f"{(time[row + 1] - time[row]) / np.timedelta64(1, 'm'):.0f} minutes from "
            f"{np.datetime_as_string(time[row], unit='s')[11:]} UTC",
        )
        for row, day, next_day in zip(rows, before, after, strict=True)
        if day == next_day
    ]
