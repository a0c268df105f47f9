"""Bars -> features: numbers without a unit, each known at the close of its bar.

Every feature is a ratio of prices or of volumes of the bar and of bars before it, so a constant factor on the whole
history (a split, a change of currency) leaves it as it is. Rows that look further back than
the history goes are NaN. Features of trades and quotes: pipelines.preprocessing.order_flow. Those that other symbols
decide stand in Bars.joined.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from pipelines.errors import ConfigError, did_you_mean
from pipelines.market.types import Bars, Floats
from pipelines.preprocessing import cross_section, custom_features
from pipelines.preprocessing.order_flow import FLOW_FEATURES, available
from pipelines.preprocessing.trailing import lagged, ratio, trailing_deviation, trailing_mean

_ROUNDING = 1e-12  # a volatility below this is what is left of equal returns in float64


def log_return(bars: Bars) -> Floats:
    """Log of the close over the close before."""
    return np.asarray(np.log(bars.close / lagged(bars.close, 1)))


def overnight(bars: Bars) -> Floats:
    """Log of the open over the close before."""
    return np.asarray(np.log(bars.open / lagged(bars.close, 1)))


def trading_range(bars: Bars) -> Floats:
    """Log of the high over the low."""
    return np.asarray(np.log(bars.high / bars.low))


def close_position(bars: Bars) -> Floats:
    """Where the close lies between low (-0.5) and high (0.5); 0 where the bar has no range."""
    spread = bars.high - bars.low
    return ratio(bars.close - bars.low, spread) - np.where(spread > 0, 0.5, 0.0)


def relative_volume(bars: Bars) -> Floats:
    """log(1 + volume / mean volume of the last 20 bars) - log 2: 0 for an ordinary bar, -log 2 where nothing traded."""
    return np.asarray(np.log1p(ratio(bars.volume, trailing_mean(bars.volume, 20))) - np.log(2.0))


def volatility(bars: Bars) -> Floats:
    """Standard deviation of the last 20 log returns."""
    return trailing_deviation(log_return(bars), 20)


def _momentum(bars: Bars, steps: int) -> Floats:
    """Log return over `steps` bars in units of its volatility; 0 where there is none but for rounding."""
    change = np.log(bars.close / lagged(bars.close, steps))
    deviation = volatility(bars)
    return ratio(np.asarray(change), np.where(deviation < _ROUNDING, 0.0, deviation) * np.sqrt(steps))


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

DEFAULT_FEATURES = ("return",)
"""What networks learn from unless told otherwise: every input that says nothing costs power (docs/choices.md)."""


def default_features(bars: Bars) -> tuple[str, ...]:
    """The features of FEATURES, and those of trades and quotes for which the bars have columns."""
    return (*FEATURES, *available(bars))


def compute(bars: Bars, *, names: Sequence[str] = tuple(FEATURES)) -> Floats:
    """The named features, shape (bars, features), float64; the first rows are NaN.

    Raises:
        ConfigError: a name that is neither in a table nor module:function, one for which the bars have no columns, or
            a function that fails.
    """
    alone = [name for name in names if name not in bars.joined]
    if alone or not names:
        check_names(alone)
    matrix = np.empty((len(bars), len(names)))
    own = replace(bars, joined={}) if bars.joined else bars  # what the audit of one's own features hands them
    for column, name in enumerate(names):
        if name in bars.joined:
            matrix[:, column] = bars.joined[name]
            continue
        if cross_section.parse(name):
            raise ConfigError(f"Expected the symbols of a panel for feature {name}, got {bars.symbol} alone.")
        function = FEATURES.get(name) or FLOW_FEATURES.get(name)
        matrix[:, column] = custom_features.compute(name, own) if function is None else function(bars)
    return matrix


def in_table(name: str) -> bool:
    """Whether a feature is one of the project's own, of a symbol alone."""
    return name in FEATURES or name in FLOW_FEATURES


def check_names(names: Sequence[object]) -> None:
    """Whether each could be a feature.

    Raises:
        ConfigError: none, one that is neither in a table (or rank: or relative: of one) nor module:function, or one
            that comes twice.
    """
    table = (*FEATURES, *FLOW_FEATURES)
    unknown = [
        str(name)
        for name in names
        if cross_section.table_feature(str(name)) not in table and not custom_features.is_user_feature(name)
    ]
    if unknown or not names or len(set(names)) < len(names):
        raise ConfigError(
            f"Expected features out of {', '.join(table)}, rank: or relative: of one, or module:function for your "
            "own, each once, got "
            f"{', '.join(unknown or map(str, names)) or 'none'}.{did_you_mean(unknown[0], table) if unknown else ''}"
        )
