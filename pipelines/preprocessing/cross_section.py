"""Features across the symbols of a panel: where a symbol's value lies among those of its day, known at its close.

A day's values are those of the session of a bar that have closed by its own close: on one exchange all of them, on
several those that closed earlier. Only members count; what a symbol shows before it is one is compared with them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.market.calendars import session_of
from pipelines.market.types import Bars, Floats, Times

Dates = NDArray[np.datetime64]
Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]


def parse(name: str) -> tuple[str, str] | None:
    """What "rank:return" says: ("rank", "return"); None for a feature of the symbol alone."""
    kind, _, feature = name.partition(":")
    return (kind, feature) if kind in KINDS and feature else None


def table_feature(name: str) -> str:
    """The feature of the symbol alone that a feature is made of: itself, or "return" of "rank:return"."""
    parsed = parse(name)
    return name if parsed is None else parsed[1]


@dataclass(frozen=True, kw_only=True, eq=False)
class SymbolValues:
    """One symbol's values of a feature, each array of shape (bars,). member: whether it is one in that session."""

    values: Floats
    closed_at: Times
    session: Dates
    member: Mask

    @classmethod
    def of(cls, bars: Bars, values: Floats, *, member: Mask | None = None) -> "SymbolValues":
        """A feature of these bars. member: shape (bars,); None: always."""
        always = np.ones(len(bars), dtype=np.bool_)
        return cls(
            values=values,
            closed_at=bars.closed_at,
            session=session_of(bars.closed_at, bars.calendar),
            member=always if member is None else member,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class CrossSection:
    """What all symbols of a panel show of one feature at each moment of decision.

    closed_at, session: of each moment, in order, shape (moments,). entries: the members' values as places among
    `levels`, all values in order, moment by moment and the lowest first; begins: where each moment's begin, and the
    end, shape (moments + 1,). median: of each moment, NaN without a member.
    """

    closed_at: Times
    session: Dates
    levels: Floats
    entries: Rows
    begins: Rows
    median: Floats

    def ranks(self, own: SymbolValues) -> Floats:
        """The share of the others of its day that a symbol's value is above, ties as half: 0 to 1, shape (bars,).

        0.5 where there is no other, NaN where the symbol has no value.
        """
        moment = self._moments(own)
        low, high = self._bounds(own, moment)
        itself = self._counted(own)
        others = self.begins[moment + 1] - self.begins[moment] - itself
        above = low + (high - low - itself) / 2.0
        rank = np.divide(above, others, out=np.full(len(moment), 0.5), where=others > 0)
        return np.where(np.isnan(own.values), np.nan, rank)

    def distances(self, own: SymbolValues) -> Floats:
        """A symbol's value less the median of its day, shape (bars,): 0 where no member has one."""
        median = self.median[self._moments(own)]
        return np.where(np.isnan(median), 0.0 * own.values, own.values - median)

    @property
    def _step(self) -> int:
        return len(self.levels) + 1

    def _moments(self, own: SymbolValues) -> Rows:
        """The number of each bar's moment."""
        place = np.searchsorted(self.closed_at, own.closed_at).astype(np.int64)
        while np.any(other := self.session[place] != own.session):  # exchanges may name one moment two sessions
            place += other
        return place

    def _bounds(self, own: SymbolValues, moment: Rows) -> tuple[Rows, Rows]:
        """How many entries of its moment lie below each value, and how many do not lie above it."""
        key = np.searchsorted(self.levels, np.nan_to_num(own.values)) + moment * self._step
        begin = self.begins[moment]
        low, high = (np.searchsorted(self.entries, key, side=side) - begin for side in ("left", "right"))
        return low.astype(np.int64), high.astype(np.int64)

    def _counted(self, own: SymbolValues) -> Rows:
        """1 where a bar's own value is among the entries of its moment, else 0."""
        newest = np.searchsorted(own.closed_at, own.closed_at, side="right") - 1 == np.arange(len(own.closed_at))
        counted: Rows = (newest & own.member & ~np.isnan(own.values)).astype(np.int64)
        return counted


KINDS: Mapping[str, Callable[[CrossSection, SymbolValues], Floats]] = {
    "rank": CrossSection.ranks,
    "relative": CrossSection.distances,
}
"""Prefixes of features across the symbols of a panel."""


def cross_section(symbols: Mapping[str, SymbolValues]) -> CrossSection:
    """The cross-section of one feature, from the values of all symbols."""
    closed_at, session = _moments(list(symbols.values()))
    levels = np.unique(np.concatenate([symbol.values[~np.isnan(symbol.values)] for symbol in symbols.values()]))
    step = len(levels) + 1
    moments = np.arange(len(closed_at))
    keys = []
    for symbol in symbols.values():
        if not len(symbol.values):
            continue
        newest = np.searchsorted(symbol.closed_at, closed_at, side="right") - 1
        there = newest >= 0
        there &= (symbol.session[newest] == session) & symbol.member[newest] & ~np.isnan(symbol.values[newest])
        keys.append(np.searchsorted(levels, symbol.values[newest[there]]) + moments[there] * step)
    entries = np.sort(np.concatenate(keys)).astype(np.int64)
    begins = np.searchsorted(entries, np.arange(len(closed_at) + 1) * step).astype(np.int64)
    begin, count = begins[:-1], np.diff(begins)
    there = count > 0
    middle = [levels[(entries[(begin + half)[there]]) % step] for half in ((count - 1) // 2, count // 2)]
    median = np.full(len(closed_at), np.nan)
    median[there] = (middle[0] + middle[1]) / 2.0
    return CrossSection(
        closed_at=closed_at, session=session, levels=levels, entries=entries, begins=begins, median=median
    )


def _moments(symbols: list[SymbolValues]) -> tuple[Times, Dates]:
    """Each close with its session once, in order."""
    times = np.concatenate([symbol.closed_at for symbol in symbols])
    days = np.concatenate([symbol.session for symbol in symbols])
    moments, first, of = np.unique(times, return_index=True, return_inverse=True)
    sessions = days[first]
    apart = np.flatnonzero(days != sessions[of])
    if len(apart):
        more = sorted({(times[row], days[row]) for row in apart.tolist()})
        moments = np.append(moments, np.array([time for time, _ in more], dtype=moments.dtype))
        sessions = np.append(sessions, np.array([day for _, day in more], dtype=sessions.dtype))
        order = np.lexsort((sessions, moments))
        moments, sessions = moments[order], sessions[order]
    return moments, sessions
