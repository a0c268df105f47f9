"""Bars -> targets: the return one could have had after the decision, and the time at which it is known."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import ConfigError, TooFewBarsError
from pipelines.market.types import Bars, Floats, Times
from pipelines.preprocessing import custom_labels
from pipelines.preprocessing.choices import ACROSS_SYMBOLS
from pipelines.preprocessing.choices import LABELS as LABELS
from pipelines.preprocessing.features import volatility
from pipelines.preprocessing.sessions import OVERNIGHT, last_of_session

_ROUNDING = 1e-12  # a volatility below this is none


@dataclass(frozen=True, kw_only=True, eq=False)
class Labels:
    """One row a decision, made at the close of bar 0, 1, ... ; each array of shape (labels,).

    held: bars from the entry to the exit, at most the horizon, int64; 0 where the session leaves no room for it.
    forward_return: open of bar t + 1 to open of bar t + 1 + held, simple. target: 1.0 where it is above 0, else 0.0;
    of a person's own label, where its value is.
    weight: 0.0 for a row that teaches nothing, else 1.0. decided_at: close of bar t. entry_at: open of bar t + 1.
    exit_at: open of bar t + 1 + held, when the target is known. The last horizon + 1 bars have no row.
    """

    target: Floats
    weight: Floats
    forward_return: Floats
    held: NDArray[np.int64]
    decided_at: Times
    entry_at: Times
    exit_at: Times

    def __len__(self) -> int:
        return len(self.target)


def make(
    bars: Bars, *, kind: str, horizon: int, cost_bps: float, barrier_width: float, overnight: str = "hold"
) -> Labels:
    """Labels of one of the kinds in LABELS, or of a person's own (pipelines.preprocessing.custom_labels).

    overnight: "flat" ends each label at the last open of the session in which it begins, as far as bars are intraday;
    one that begins at that open teaches nothing, nor does one of a person's own that is cut short.

    Raises:
        ConfigError: another kind, or a setting that it cannot have.
        TooFewBarsError: no bar whose label is known.
    """
    if overnight not in OVERNIGHT:
        raise ConfigError(f"Expected overnight out of {', '.join(OVERNIGHT)}, got {overnight!r}.")
    if kind in ("direction", *ACROSS_SYMBOLS):  # what the others return, only a panel knows (across_symbols)
        labels = next_open_direction(bars, horizon=horizon)
    elif kind == "cost-aware":
        labels = paying_moves(bars, horizon=horizon, cost_bps=cost_bps)
    elif kind == "triple-barrier":
        labels = triple_barrier(bars, horizon=horizon, width=barrier_width)
    elif custom_labels.is_user_label(kind):
        labels = own(bars, name=kind, horizon=horizon)
    else:
        raise ConfigError(f"Expected a label out of {', '.join(LABELS)}, or module:function, got {kind!r}.")
    if overnight == "hold":
        return labels
    ended = _within_sessions(bars, labels)
    if kind == "cost-aware":
        return replace(ended, weight=_paying(ended, cost_bps=cost_bps))
    if custom_labels.is_user_label(kind):  # one that is cut short is not known at its end: it is the sign until then
        unshortened = ended.held == labels.held
        return replace(
            ended, target=np.where(unshortened, labels.target, ended.target), weight=unshortened.astype(np.float64)
        )
    return ended


def next_open_direction(bars: Bars, *, horizon: int) -> Labels:
    """The sign of the next return that can be traded: decided at a close, bought at the next open.

    Raises:
        ConfigError: a horizon below 1.
        TooFewBarsError: no bar whose label is known.
    """
    return _leaving(bars, held=np.full(_labelled(bars, horizon=horizon), horizon, dtype=np.int64))


def across_symbols(forward_return: Floats, moments: Times, *, kind: str) -> Floats:
    """What is learned where it follows from the returns of all symbols of a moment, shape (rows,), 0 to 1."""
    return _ACROSS[kind](forward_return, moments)


def above_median(forward_return: Floats, moments: Times) -> Floats:
    """1.0 where a return is above the median of all that were decided at its moment, else 0.0, shape (rows,).

    Takeuchi and Lee (2013); Fischer and Krauss (2018). It is known when the last of these returns is.
    """
    _, moment, count = np.unique(moments, return_inverse=True, return_counts=True)
    order = np.lexsort((forward_return, moment))
    first = np.append(0, np.cumsum(count)[:-1])
    ranked = forward_return[order]
    median = (ranked[first + (count - 1) // 2] + ranked[first + count // 2]) / 2.0
    return (forward_return > median[moment]).astype(np.float64)


def relative(forward_return: Floats, moments: Times) -> Floats:
    """How far a return is from the median of its moment, as a rank: the share of the others below it, shape (rows,).

    0 to 1, ties as half, 0.5 at the median and where there is no other. Learned with the log loss, a network answers
    the rank to be expected. Ranks of the day instead of returns less their median: one crash does not outweigh a year
    (qlib's CSRankNorm; Gu, Kelly and Xiu 2020 rank what is known). It is known when the last of these returns is.
    """
    _, moment, count = np.unique(moments, return_inverse=True, return_counts=True)
    order = np.lexsort((forward_return, moment))
    ranked, of = forward_return[order], moment[order]
    changes = np.append(True, (np.diff(ranked) != 0) | (np.diff(of) != 0))
    starts = np.flatnonzero(changes)
    tied = np.diff(np.append(starts, len(order)))
    first = np.append(0, np.cumsum(count)[:-1])
    below = starts - first[of[starts]] + (tied - 1) / 2.0
    others = np.maximum(count[of[starts]] - 1, 1)
    rank = np.where(count[of[starts]] > 1, below / others, 0.5)
    target = np.empty(len(order))
    target[order] = np.repeat(rank, tied)
    return target


_ACROSS = {"above-median": above_median, "relative": relative}


def paying_moves(bars: Bars, *, horizon: int, cost_bps: float) -> Labels:
    """The same sign, learned only from moves that pay: |forward_return| above the cost of a round trip.

    The others weigh nothing, so a probability means "up, if it moves by more than it costs", and one in the middle
    means hold. cost_bps: of buying and selling again, in basis points.

    Raises:
        ConfigError: a horizon below 1, a negative cost.
        TooFewBarsError: no bar whose label is known.
    """
    if not 0 <= cost_bps < 10_000:
        raise ConfigError(f"Expected a round trip of 0 to 9999 basis points, got {cost_bps:g}.")
    labels = next_open_direction(bars, horizon=horizon)
    return replace(labels, weight=_paying(labels, cost_bps=cost_bps))


def triple_barrier(bars: Bars, *, horizon: int, width: float) -> Labels:
    """The sign of the return at the first of three barriers (Lopez de Prado 2018, ch. 3).

    Two lie at +- width x volatility x sqrt(horizon) around the entry and are watched at each open, where one could
    trade; the third is the open `horizon` bars after the entry. volatility: of the last 20 log returns at the decision;
    where there is none (yet) only the third barrier stands.

    Raises:
        ConfigError: a horizon below 1, a width that is not above 0.
        TooFewBarsError: no bar whose label is known.
    """
    if not 0 < width < np.inf:
        raise ConfigError(f"Expected a barrier width above 0, got {width:g}.")
    count = _labelled(bars, horizon=horizon)
    deviation = volatility(bars)[:count]
    usable = np.nan_to_num(deviation, nan=0.0) > _ROUNDING
    barrier = np.where(usable, width * deviation * np.sqrt(horizon), np.inf)
    durations = np.full(count, horizon, dtype=np.int64)
    entry = bars.open[1 : 1 + count]
    for bar in range(horizon - 1, 0, -1):  # from the last open to the first: the first touch is written last
        durations[np.abs(bars.open[1 + bar : 1 + bar + count] / entry - 1.0) >= barrier] = bar
    return _leaving(bars, held=durations)


def own(bars: Bars, *, name: str, horizon: int) -> Labels:
    """Whether the value of a person's own label is above 0, held as long as it says.

    Raises:
        ConfigError: a horizon below 1, or a function that fails or returns something else.
        TooFewBarsError: no bar whose label is known.
    """
    _labelled(bars, horizon=horizon)
    values, durations = custom_labels.compute(name, bars, horizon=horizon)
    return replace(_leaving(bars, held=durations), target=(values > 0).astype(np.float64))


def _paying(labels: Labels, *, cost_bps: float) -> Floats:
    return (np.abs(labels.forward_return) > cost_bps / 10_000).astype(np.float64)


def _within_sessions(bars: Bars, labels: Labels) -> Labels:
    """The labels, each ended at the last open of the session of its entry at the latest."""
    # a day is one bar whatever the calendar says: a bar on a holiday to come must not make the past intraday
    last = None if bars.interval == "1d" else last_of_session(bars.opened_at, bars.closed_at, bars.calendar)
    if last is None:
        return labels
    entry = np.arange(1, 1 + len(labels))
    durations = np.minimum(labels.held, last[entry] - entry)
    return replace(_leaving(bars, held=durations), weight=(durations > 0).astype(np.float64))


def _labelled(bars: Bars, *, horizon: int) -> int:
    """How many decisions have a label."""
    if horizon < 1:
        raise ConfigError(f"Expected a horizon of 1 bar or more, got {horizon}.")
    count = len(bars) - 1 - horizon
    if count < 1:
        raise TooFewBarsError(
            f"{bars.symbol}: need {horizon + 2} bars for one label, got {len(bars)}. Fetch more history."
        )
    return count


def _leaving(bars: Bars, *, held: NDArray[np.int64]) -> Labels:
    """Labels of positions entered at the open after each decision and left `held` bars later."""
    entry = np.arange(1, 1 + len(held))
    forward_return = bars.open[entry + held] / bars.open[entry] - 1.0
    return Labels(
        target=(forward_return > 0).astype(np.float64),
        weight=np.ones(len(held)),
        forward_return=forward_return,
        held=held,
        decided_at=bars.closed_at[: len(held)],
        entry_at=bars.opened_at[entry],
        exit_at=bars.opened_at[entry + held],
    )
