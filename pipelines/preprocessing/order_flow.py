"""Bars of ticks -> features of their trades and quotes, each known at the close of its bar.

Like every feature they are without a unit and trail: row t depends on no later bar. A bar without a quote has the
spread of the last one that had any, no imbalance of depth and no order flow.
"""

from collections.abc import Callable

import numpy as np

from pipelines.errors import ConfigError
from pipelines.market import calendars
from pipelines.market.types import Bars, Floats
from pipelines.preprocessing.sessions import sessions_of
from pipelines.preprocessing.trailing import ratio, trailing_mean

_STEPS = 20
_SHORTEST = 1e-3  # seconds: a bar of trades within one time stamp


def order_flow_imbalance(bars: Bars) -> Floats:
    """Order-flow imbalance of the quotes (Cont, Kukanov and Stoikov 2014) over the mean size of the last 20."""
    flow = np.nan_to_num(_column(bars, "order_flow"))
    return ratio(flow, trailing_mean(np.abs(flow), _STEPS))


def signed_volume_share(bars: Bars) -> Floats:
    """Volume of buyers' trades less that of sellers', as a share of all: -1 to 1."""
    return ratio(_column(bars, "signed_volume"), bars.volume)


def trade_intensity(bars: Bars) -> Floats:
    """Trades per second, relative to the mean of the last 20 bars."""
    return _relative(_column(bars, "trades") / _seconds(bars))


def trade_size(bars: Bars) -> Floats:
    """Mean size of a trade, relative to the mean of the last 20 bars."""
    return _relative(ratio(bars.volume, _column(bars, "trades")))


def duration(bars: Bars) -> Floats:
    """How long the bar was, relative to the mean of the last 20 bars."""
    return _relative(_seconds(bars))


def vwap_gap(bars: Bars) -> Floats:
    """Log of the close over the mean price weighted by size."""
    return np.asarray(np.log(bars.close / _column(bars, "vwap")))


def quoted_spread(bars: Bars) -> Floats:
    """Mean quoted spread at the bar's trades as a fraction of the mid-price; that of the last bar with a quote."""
    spread = _column(bars, "spread")
    last = np.maximum.accumulate(np.where(np.isnan(spread), 0, np.arange(len(spread))))
    return np.asarray(spread[last])


def depth_imbalance(bars: Bars) -> Floats:
    """Mean of (bid size - ask size) / (bid size + ask size) at the bar's trades: -1 to 1, 0 where it is not known."""
    return np.nan_to_num(_column(bars, "depth_imbalance"))


def time_of_day_sine(bars: Bars) -> Floats:
    """Sine of the time in the session, one turn from its open to its close."""
    return np.asarray(np.sin(2.0 * np.pi * _elapsed(bars)))


def time_of_day_cosine(bars: Bars) -> Floats:
    """Cosine of the time in the session, one turn from its open to its close."""
    return np.asarray(np.cos(2.0 * np.pi * _elapsed(bars)))


def since_open(bars: Bars) -> Floats:
    """Share of the session that has passed: 0 at its open, 1 at its close."""
    return _elapsed(bars)


FLOW_FEATURES: dict[str, Callable[[Bars], Floats]] = {
    "order_flow_imbalance": order_flow_imbalance,
    "signed_volume_share": signed_volume_share,
    "trade_intensity": trade_intensity,
    "trade_size": trade_size,
    "duration": duration,
    "vwap_gap": vwap_gap,
    "quoted_spread": quoted_spread,
    "depth_imbalance": depth_imbalance,
    "time_of_day_sine": time_of_day_sine,
    "time_of_day_cosine": time_of_day_cosine,
    "since_open": since_open,
}

_NEEDS = {
    "order_flow_imbalance": "order_flow",
    "signed_volume_share": "signed_volume",
    "trade_intensity": "trades",
    "trade_size": "trades",
    "vwap_gap": "vwap",
    "quoted_spread": "spread",
    "depth_imbalance": "depth_imbalance",
}


def available(bars: Bars) -> tuple[str, ...]:
    """The features of trades and quotes whose columns these bars have; none of bars that are not made of ticks."""
    if bars.trades is None:
        return ()
    columns = {name: getattr(bars, column) for name, column in _NEEDS.items()}
    return tuple(name for name in FLOW_FEATURES if name not in columns or _has_values(columns[name]))


def _has_values(column: Floats | None) -> bool:
    return column is not None and not bool(np.all(np.isnan(column)))


def _column(bars: Bars, name: str) -> Floats:
    column: Floats | None = getattr(bars, name)
    if column is None:
        what = "quotes" if name in ("order_flow", "spread", "depth_imbalance") else "trades"
        raise ConfigError(
            f"{bars.symbol}: expected bars made of {what} for a feature of {name.replace('_', ' ')}, got "
            f"{bars.interval} bars without. Leave the feature out, or fetch {what} and name --bars tick:500."
        )
    return column


def _relative(values: Floats) -> Floats:
    """log(1 + value / mean of the last 20) - log 2: 0 for an ordinary bar."""
    return np.asarray(np.log1p(ratio(values, trailing_mean(values, _STEPS))) - np.log(2.0))


def _seconds(bars: Bars) -> Floats:
    return np.maximum((bars.closed_at - bars.opened_at).view(np.int64) / 1e9, _SHORTEST)


def _elapsed(bars: Bars) -> Floats:
    """Share of its session that has passed at each bar's close, 0 to 1."""
    opened, closed = calendars.daily_times(sessions_of(bars), bars.calendar)
    length = (closed - opened).view(np.int64)
    return np.clip((bars.closed_at - opened).view(np.int64) / length, 0.0, 1.0)
