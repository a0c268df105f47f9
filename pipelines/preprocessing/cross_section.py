"""Features across the symbols of a panel: where a symbol's value lies among those of its day, known at its close.

A day's values are those of the session of a bar that have closed by its own close: on one exchange all of them, on
several those that closed earlier. Only members count; what a symbol shows before it is one is compared with them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.market.types import Floats, Times

Dates = NDArray[np.datetime64]
Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]

KINDS = ("rank", "relative")
"""Prefixes of features across the symbols of a panel."""

_BLOCK = 4_096  # moments compared at a time


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


def compare(symbols: Mapping[str, SymbolValues]) -> dict[str, dict[str, Floats]]:
    """Where each symbol's values lie among those of all at its moments, by symbol and kind, shape (bars,).

    rank: the share of the others of its day that a value is above, ties as half; 0.5 where there is no other.
    relative: the value less the median of its day, 0 where no member has one. Both NaN where the symbol has no value.
    """
    names = list(symbols)
    closed_at, session = _moments(list(symbols.values()))
    moments = {name: _numbers(symbol, closed_at, session) for name, symbol in symbols.items()}
    columns = {name: {kind: np.full(len(moments[name]), np.nan) for kind in KINDS} for name in names}
    for first in range(0, len(closed_at), _BLOCK):
        block = slice(first, first + _BLOCK)
        values, member = _as_of(list(symbols.values()), closed_at[block], session[block])
        tables = dict(zip(KINDS, _compare_rows(values, member), strict=True))
        for column, name in enumerate(names):
            inside = (moments[name] >= first) & (moments[name] < first + _BLOCK)
            for kind, table in tables.items():
                columns[name][kind][inside] = table[moments[name][inside] - first, column]
    return columns


def _as_of(symbols: list[SymbolValues], closed_at: Times, session: Dates) -> tuple[Floats, Mask]:
    """Each symbol's newest value in the session of each moment, and whether it counts, shape (moments, symbols)."""
    values = np.full((len(closed_at), len(symbols)), np.nan)
    member = np.zeros(values.shape, dtype=np.bool_)
    for column, symbol in enumerate(symbols):
        if len(symbol.values):
            newest = np.searchsorted(symbol.closed_at, closed_at, side="right") - 1
            traded = (newest >= 0) & (symbol.session[newest] == session)
            values[traded, column] = symbol.values[newest[traded]]
            member[traded, column] = symbol.member[newest[traded]]
    return values, member & ~np.isnan(values)


def _compare_rows(values: Floats, member: Mask) -> tuple[Floats, Floats]:
    """Ranks and distances to the median among the members of each row, same shape as values."""
    order = np.argsort(values, axis=1)
    ranked, counts = np.take_along_axis(values, order, axis=1), np.take_along_axis(member, order, axis=1)
    upto = np.cumsum(counts, axis=1, dtype=np.int32)
    members = upto[:, -1:]
    place = np.arange(values.shape[1], dtype=np.int32)
    begins = np.ones(values.shape, dtype=np.bool_)
    begins[:, 1:] = ranked[:, 1:] != ranked[:, :-1]
    ends = np.ones(values.shape, dtype=np.bool_)
    ends[:, :-1] = begins[:, 1:]
    start = np.maximum.accumulate(np.where(begins, place, 0), axis=1)
    stop = np.minimum.accumulate(np.where(ends, place, values.shape[1] - 1)[:, ::-1], axis=1)[:, ::-1]
    below = np.take_along_axis(upto - counts, start, axis=1)  # members before the first of those that are alike
    alike = np.take_along_axis(upto, stop, axis=1) - below - counts
    others = members - counts
    share = np.divide(below + alike / 2.0, others, out=np.full(values.shape, 0.5), where=others > 0)
    rank = np.empty_like(values)
    np.put_along_axis(rank, order, np.where(np.isnan(ranked), np.nan, share), axis=1)
    half = np.concatenate([(members - 1) // 2, members // 2], axis=1)
    row = np.arange(len(values))
    middle = [ranked[row, np.minimum((upto <= half[:, [side]]).sum(axis=1), len(place) - 1)] for side in (0, 1)]
    median = np.where(members[:, 0] > 0, (middle[0] + middle[1]) / 2.0, np.nan)[:, None]
    return rank, np.where(np.isnan(median), 0.0 * values, values - median)


def _numbers(symbol: SymbolValues, closed_at: Times, session: Dates) -> Rows:
    """The number of the moment of each bar."""
    place = np.searchsorted(closed_at, symbol.closed_at).astype(np.int64)
    while np.any(other := session[place] != symbol.session):  # exchanges may name one moment two sessions
        place += other
    return place


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
