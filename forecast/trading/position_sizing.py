"""How much of the account a buy or a sell takes."""

import numpy as np
from numpy.typing import NDArray

from forecast.config.trading import TradingConfig
from forecast.trading.signals import Signals, positions
from pipelines.market.types import Floats


def targets(
    signals: Signals,
    probability: Floats,
    *,
    rules: TradingConfig,
    volatility: Floats,
    gain: Floats | float = np.nan,
    loss: Floats | float = np.nan,
) -> Floats:
    """The fraction of equity wanted after each signal, shape (..., decisions) as signals and probability.

    A size is chosen with each buy or sell; a hold keeps it. volatility: a year, known at each decision, shape
    (decisions,). gain, loss: mean return of the rises and of the falls among validation rows, both positive.
    """
    size: Floats | float = 1.0
    if rules.sizing == "volatility":
        size = by_volatility(volatility, target=rules.target_volatility, most=rules.max_leverage)
    elif rules.sizing == "kelly":
        share = rules.kelly_fraction * kelly(probability, gain=gain, loss=loss)
        side = np.where(signals == "sell", -1.0, 1.0)
        size = np.clip(share * side, 0.0, rules.max_leverage)  # never against the signal
    return positions(signals, policy=rules.policy, size=size)


def by_volatility(volatility: Floats, *, target: float, most: float) -> Floats:
    """The fraction at which prices that vary so much make the account vary by target; most where they stand still.

    Nothing where the volatility is not known. Both a year, same shape.
    """
    with np.errstate(divide="ignore"):
        size = np.minimum(target / volatility, most)
    return np.where(np.isnan(volatility), 0.0, size)


def kelly(probability: Floats, *, gain: Floats | float, loss: Floats | float) -> Floats:
    """The fraction whose logarithm of wealth grows fastest: p / loss - (1 - p) / gain (Kelly 1956; Thorp 2006).

    A bet that gains `gain` with probability p and loses `loss` otherwise, per unit; negative: bet against it. Nothing
    where a payoff is not known or not above 0.
    """
    gains, losses = (np.asarray(values, dtype=np.float64) for values in (gain, loss))
    defined: NDArray[np.bool_] = (gains > 0) & (losses > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = probability / losses - (1.0 - probability) / gains
    return np.where(defined, share, 0.0)
