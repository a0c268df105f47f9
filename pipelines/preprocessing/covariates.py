"""Features of another symbol beside one's own, joined as of the close: each bar has the newest ones known by then."""

from collections.abc import Sequence

import numpy as np

from pipelines.errors import ConfigError
from pipelines.market.types import Bars, Floats
from pipelines.preprocessing import features


def column_name(symbol: str, feature: str) -> str:
    """What a covariate's feature is called: "SPY:return"."""
    return f"{symbol}:{feature}"


def join(bars: Bars, covariate: Bars, *, names: Sequence[str]) -> dict[str, Floats]:
    """The covariate's features at its newest bar that closed no later than each of these bars.

    Parameters
    ----------
    bars
        Whose closes are the decisions.
    covariate
        The other symbol's bars, in time order.
    names
        Features of pipelines.preprocessing.features.

    Returns
    -------
    dict
        By column name, each of shape (bars,), NaN before the covariate's first value.

    Raises
    ------
    ConfigError
        Not one bar of the covariate that closed by the last of these bars.
    """
    if not len(covariate) or covariate.closed_at[0] > bars.closed_at[-1]:
        last = np.datetime_as_string(bars.closed_at[-1], unit="D")
        raise ConfigError(f"Expected bars of {covariate.symbol} up to {last}, where {bars.symbol} ends, got none.")
    newest = np.searchsorted(covariate.closed_at, bars.closed_at, side="right") - 1
    matrix = features.compute(covariate, names=names)
    joined = np.where((newest >= 0)[:, None], matrix[newest], np.nan)
    return {column_name(covariate.symbol, name): joined[:, column] for column, name in enumerate(names)}
