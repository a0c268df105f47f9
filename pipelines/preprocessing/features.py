"""Bars -> features: numbers without a unit, each known at the close of its bar.

Every feature is a ratio of prices or of volumes of the bar and of bars before it, so a constant factor on the whole
history (a split, a change of currency) leaves it as it is. Rows that look further back than the history goes are NaN.
"""

from collections.abc import Callable, Sequence

import numpy as np

from pipelines.errors import ConfigError
from pipelines.market.types import Bars, Floats
from pipelines.preprocessing import custom_features

_ROUNDING = 1e-12  # a volatility below this is what is left of equal returns in float64


def _lagged(values: Floats, lag: int) -> Floats:
    """values[t - lag], NaN where there is none."""
    shifted = np.full(len(values), np.nan)
    shifted[lag:] = values[: max(len(values) - lag, 0)]
    return shifted


def _trailing_mean(values: Floats, steps: int) -> Floats:
    """Mean of values[t - steps + 1 .. t]: a plain sum of lags, so that row t depends on no bar before those."""
    total = np.zeros(len(values))
    for lag in range(steps):
        total = total + _lagged(values, lag)
    return total / steps


def _trailing_deviation(values: Floats, steps: int) -> Floats:
    """Standard deviation about the trailing mean, over the last `steps` values (divisor steps)."""
    mean = _trailing_mean(values, steps)
    total = np.zeros(len(values))
    for lag in range(steps):
        total = total + (_lagged(values, lag) - mean) ** 2
    return np.asarray(np.sqrt(total / steps))


def _ratio(above: Floats, below: Floats) -> Floats:
    """above / below, 0 where below is 0."""
    return np.divide(above, below, out=np.where(np.isnan(below), np.nan, 0.0), where=below > 0)


def log_return(bars: Bars) -> Floats:
    """Log of the close over the close before."""
    return np.asarray(np.log(bars.close / _lagged(bars.close, 1)))


def overnight(bars: Bars) -> Floats:
    """Log of the open over the close before."""
    return np.asarray(np.log(bars.open / _lagged(bars.close, 1)))


def trading_range(bars: Bars) -> Floats:
    """Log of the high over the low."""
    return np.asarray(np.log(bars.high / bars.low))


def close_position(bars: Bars) -> Floats:
    """Where the close lies between low (-0.5) and high (0.5); 0 where the bar has no range."""
    spread = bars.high - bars.low
    return _ratio(bars.close - bars.low, spread) - np.where(spread > 0, 0.5, 0.0)


def relative_volume(bars: Bars) -> Floats:
    """log(1 + volume / mean volume of the last 20 bars) - log 2: 0 for an ordinary bar, -log 2 where nothing traded."""
    return np.asarray(np.log1p(_ratio(bars.volume, _trailing_mean(bars.volume, 20))) - np.log(2.0))


def volatility(bars: Bars) -> Floats:
    """Standard deviation of the last 20 log returns."""
    return _trailing_deviation(log_return(bars), 20)


def _momentum(bars: Bars, steps: int) -> Floats:
    """Log return over `steps` bars in units of its volatility; 0 where there is none but for rounding."""
    change = np.log(bars.close / _lagged(bars.close, steps))
    deviation = volatility(bars)
    return _ratio(np.asarray(change), np.where(deviation < _ROUNDING, 0.0, deviation) * np.sqrt(steps))


def momentum_5(bars: Bars) -> Floats:
    """Log return over 5 bars in units of volatility."""
    return _momentum(bars, 5)


def momentum_20(bars: Bars) -> Floats:
    """Log return over 20 bars in units of volatility."""
    return _momentum(bars, 20)


FEATURES: dict[str, Callable[[Bars], Floats]] = {
    "return": log_return,
    "overnight": overnight,
    "range": trading_range,
    "close_position": close_position,
    "relative_volume": relative_volume,
    "volatility": volatility,
    "momentum_5": momentum_5,
    "momentum_20": momentum_20,
}


def compute(bars: Bars, *, names: Sequence[str] = tuple(FEATURES)) -> Floats:
    """The named features, shape (bars, features), float64; the first rows are NaN.

    Raises:
        ConfigError: a name that is neither in the table nor module:function, or a function that fails.
    """
    check_names(names)
    matrix = np.empty((len(bars), len(names)))
    for column, name in enumerate(names):
        matrix[:, column] = FEATURES[name](bars) if name in FEATURES else custom_features.compute(name, bars)
    return matrix


def check_names(names: Sequence[object]) -> None:
    """Whether each could be a feature.

    Raises:
        ConfigError: none, one that is neither in the table nor module:function, or one that comes twice.
    """
    unknown = [str(name) for name in names if name not in FEATURES and not custom_features.is_user_feature(name)]
    if unknown or not names or len(set(names)) < len(names):
        raise ConfigError(
            f"Need features out of {', '.join(FEATURES)}, or module:function for your own, each once, got "
            f"{', '.join(unknown or map(str, names)) or 'none'}."
        )
