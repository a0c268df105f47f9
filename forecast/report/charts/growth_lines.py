"""Growth of several accounts as one SVG picture, which needs no script."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecast.report.charts.downsampling import LINE_LIMIT, thin
from forecast.statistics.performance import equity_curve
from pipelines.market.types import Floats

WIDTH, HEIGHT, LEFT, BOTTOM = 900, 360, 48, 28
_COLOURS = ("lstm", "simple_rnn", "gru", "lstm_chrono", "simple_rnn_wide", "irnn", "cnn", "buy_and_hold")  # in PALETTE
_DASHES = ("none", "8 3", "2 3", "10 3 2 3", "5 5", "1 4", "14 4", "3 2")


@dataclass(frozen=True, kw_only=True)
class Line:
    """One account. points: of an SVG polyline. colour: a name of the page's style."""

    label: str
    points: str
    colour: str
    dash: str


@dataclass(frozen=True, kw_only=True)
class Tick:
    """A mark on an axis. place: in the picture's units."""

    place: float
    text: str


@dataclass(frozen=True, kw_only=True)
class GrowthPicture:
    """Lines and the ticks of both axes; logarithmic: whether growth is drawn so."""

    lines: tuple[Line, ...]
    values: tuple[Tick, ...]
    days: tuple[Tick, ...]
    logarithmic: bool
    width: int = WIDTH
    height: int = HEIGHT


def picture(accounts: Sequence[tuple[str, NDArray[np.datetime64], Floats]]) -> GrowthPicture:
    """Growth of 1 in each account. accounts: label, days in order, net returns, both of shape (days,)."""
    curves = [(label, days, np.maximum(equity_curve(returns)[1:], 1e-6)) for label, days, returns in accounts]
    low, high = (float(limit([limit(curve) for _, _, curve in curves])) for limit in (np.min, np.max))
    low, high = min(low, 1.0), max(high, 1.0)
    logarithmic = high / low > 5.0
    scale = np.log if logarithmic else np.asarray
    bottom, top = (float(scale(bound)) for bound in (low, high))
    first, last = min(days[0] for _, days, _ in curves), max(days[-1] for _, days, _ in curves)
    span = max(1.0, float((last - first) / np.timedelta64(1, "D")))

    def across(days: NDArray[np.datetime64]) -> Floats:
        return np.asarray(LEFT + (WIDTH - LEFT) * ((days - first) / np.timedelta64(1, "D")) / span)

    def up(values: Floats) -> Floats:
        return (HEIGHT - BOTTOM) * (1.0 - (scale(values) - bottom) / max(top - bottom, 1e-9)) + 4.0

    lines = []
    for number, (label, days, curve) in enumerate(curves):
        rows = thin(curve, limit=LINE_LIMIT)
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across(days[rows]), up(curve[rows]), strict=True))
        style = number % len(_COLOURS)
        lines.append(Line(label=label, points=points, colour=_COLOURS[style], dash=_DASHES[style]))
    return GrowthPicture(
        lines=tuple(lines),
        values=tuple(
            Tick(place=float(up(np.array([value]))[0]), text=f"{value:g}")
            for value in _round_values(low, high, logarithmic=logarithmic)
        ),
        days=tuple(
            Tick(place=float(across(np.array([day]))[0]), text=str(day)[: 4 if span > 1_000 else 10])
            for day in _round_days(first, last)
        ),
        logarithmic=logarithmic,
    )


def _round_values(low: float, high: float, *, logarithmic: bool) -> list[float]:
    if logarithmic:
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        return [value for decade in decades for step in (1, 2, 5) if low <= (value := step * 10.0**decade) <= high]
    step = 10.0 ** math.floor(math.log10(max(high - low, 1e-3)))
    step = next(part * step for part in (0.1, 0.2, 0.5, 1.0, 2.0) if (high - low) / (part * step) <= 8)
    return [round(number * step, 6) for number in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _round_days(first: np.datetime64, last: np.datetime64) -> list[np.datetime64]:
    years = np.arange(first.astype("datetime64[Y]") + 1, last.astype("datetime64[Y]") + 1)
    if len(years) >= 2:
        return [np.datetime64(year, "D") for year in years[:: math.ceil(len(years) / 10)]]
    return [first + (last - first) * part // 4 for part in range(4)]
