"""Did one strategy earn more than another, or can that not be told?"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from forecast.statistics.bootstrap import block_length, resampled_means
from forecast.statistics.performance import held_returns
from forecast.trading.simulator import Ledger
from pipelines.market.types import Floats

FEWEST = 20
"""Below this many days (or bars) no interval is worth showing."""

Answer = Literal["better", "worse", "cannot tell"]
Unit = Literal["day", "bar"]
Sessions = NDArray[np.datetime64]


@dataclass(frozen=True, kw_only=True)
class PairedTest:
    """One strategy minus another, per session day or per bar, as fractions of equity.

    low, high: the confidence interval at that level, None where none can be had. block: mean length of the
    bootstrap's blocks in units. reason: why it cannot be told, empty where it can.
    """

    model: str
    rival: str
    mean_difference: float
    low: float | None
    high: float | None
    level: float
    unit: Unit
    observations: int
    block: float | None
    answer: Answer
    reason: str


def paired_difference(
    a: Ledger,
    b: Ledger,
    *,
    sessions: Sessions | None,
    rng: np.random.Generator,
    level: float = 0.95,
    draws: int = 10_000,
) -> PairedTest:
    """The mean difference of net returns a - b over the same bars, with a stationary-bootstrap interval.

    sessions: the session date of each ledger row, datetime64[D], shape (bars,), or None. Returns are summed over
    a day where at least 20 days are there, otherwise compared bar by bar: bars of one day are no independent days.
    The interval is the bootstrap's percentile interval, stretched by the ratio of Student's t (with as many degrees
    of freedom as there are whole blocks, less one) to the normal quantile: without it, few blocks give too narrow
    an interval (Hesterberg 2014, "expanded percentile").

    Raises:
        ValueError: the ledgers are not of the same bars.
    """
    if not np.array_equal(a.time, b.time):
        raise ValueError(f"Both ledgers must have the same times. Received: {a.model} and {b.model}, which differ.")
    difference, unit = daily_sums(held_returns(a) - held_returns(b), sessions=sessions)
    low, high, block, reason = None, None, None, _degenerate(difference, unit)
    if not reason:
        block = block_length(difference)
        low, high = mean_interval(difference, block=block, level=level, draws=draws, rng=rng)
        reason = "" if low > 0 or high < 0 else "the interval contains zero"
    return PairedTest(
        model=a.model,
        rival=b.model,
        mean_difference=float(difference.mean()) if len(difference) else 0.0,
        low=low,
        high=high,
        level=level,
        unit=unit,
        observations=len(difference),
        block=block,
        answer=answer(low, high),
        reason=reason,
    )


def answer(low: float | None, high: float | None) -> Answer:
    """Better above zero, worse below it; an interval that touches zero, or none, tells nothing."""
    if low is not None and low > 0:
        return "better"
    return "worse" if high is not None and high < 0 else "cannot tell"


def daily_sums(values: Floats, *, sessions: Sessions | None) -> tuple[Floats, Unit]:
    """Sums over each session day, shape (days,), where there are at least 20 of them; the bars as they are if not.

    values: shape (bars - 1,), one for each bar held. sessions: shape (bars,), the last belongs to the closing row.
    """
    if sessions is None or not len(values):
        return values, "bar"
    days, row = np.unique(sessions[: len(values)], return_inverse=True)
    if len(days) < FEWEST:
        return values, "bar"
    return np.asarray(np.bincount(row, weights=values), dtype=np.float64), "day"


def mean_interval(
    series: Floats, *, block: float, level: float, draws: int, rng: np.random.Generator
) -> tuple[float, float]:
    """The expanded percentile interval of a mean. series: shape (observations,)."""
    from scipy.special import ndtri, stdtrit

    tail = (1.0 - level) / 2.0
    means = resampled_means(series[:, None], block=block, draws=draws, rng=rng)[:, 0]
    center = float(series.mean())
    stretch = float(stdtrit(max(1.0, len(series) / block - 1.0), 1.0 - tail) / ndtri(1.0 - tail))
    low, high = np.quantile(means, [tail, 1.0 - tail])
    return center + (float(low) - center) * stretch, center + (float(high) - center) * stretch


def _degenerate(difference: Floats, unit: Unit) -> str:
    """Why no interval can be had, empty where one can."""
    if len(difference) < FEWEST:
        return f"{len(difference)} {unit}s are too few: at least {FEWEST} are needed"
    if not np.all(np.isfinite(difference)):
        return "a return is not finite"
    if not np.any(difference):
        return "both did exactly the same"
    if np.ptp(difference) <= 1e-12 * np.abs(difference).max():
        return "the difference never varied, so that chance cannot be measured"
    if np.count_nonzero(difference) < FEWEST:
        return f"the two differed on {np.count_nonzero(difference)} {unit}s only: at least {FEWEST} are needed"
    return ""
