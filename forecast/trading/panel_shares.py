"""Probabilities of a panel -> the share of the account that each symbol is to have, and what that means: buy, sell."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from forecast.config.policies import cross_sectional
from forecast.config.trading import TradingConfig
from forecast.trading.cross_section import target_weights
from forecast.trading.market_state import MarketState
from forecast.trading.signals import Signals, decide, positions
from pipelines.market.types import Floats, Times
from pipelines.preprocessing.windows import Rows


def account_shares(
    symbol: NDArray[np.object_],
    decided_at: Times,
    *,
    closes: Mapping[str, Times],
    weight: Floats | None = None,
) -> Floats:
    """Each row's part of an account that is spread over all symbols alive at its decision, shape (rows,).

    A symbol is alive from its decision to the close of its next bar, so that one that is not traded for a day keeps its
    part. closes: of each symbol, the closes of its bars. weight: of each row, 1 where None; parts are in proportion.
    """
    until = decided_at.copy()
    for name in np.unique(symbol):
        of_symbol = symbol == name
        after = np.searchsorted(closes[str(name)], decided_at[of_symbol], side="right")
        later_closes = np.append(closes[str(name)], np.datetime64("2262-01-01", "ns"))
        until[of_symbol] = later_closes[after]
    value = np.ones(len(symbol)) if weight is None else weight
    begun, ended = np.argsort(decided_at, kind="stable"), np.argsort(until, kind="stable")
    sums = [np.append(0.0, np.cumsum(value[order])) for order in (begun, ended)]
    total = (
        sums[0][np.searchsorted(decided_at[begun], decided_at, side="right")]
        - sums[1][np.searchsorted(until[ended], decided_at, side="right")]
    )
    return np.asarray(np.divide(value, total, out=np.zeros(len(value)), where=total > 1e-12))


def inverse_volatility(symbol: NDArray[np.object_], entry_at: Times, *, states: Mapping[str, MarketState]) -> Floats:
    """1 / trailing volatility of each row, known before its fill; 0 where it is not known, shape (rows,)."""
    weight = np.zeros(len(symbol))
    for name in np.unique(symbol):
        of_symbol, state = symbol == name, states[str(name)]
        volatility = state.volatility[np.searchsorted(state.opened_at, entry_at[of_symbol])]
        weight[of_symbol] = np.divide(1.0, volatility, out=np.zeros(len(volatility)), where=volatility > 0.0)
    return weight


def panel_shares(
    probability: Floats,
    symbol: NDArray[np.object_],
    decided_at: Times,
    *,
    rules: TradingConfig,
    threshold: float,
    parts: Floats,
    closes: Mapping[str, Times],
) -> tuple[Floats, Signals]:
    """The share of each row and its signal, shape (rows,) twice; rows in order of time.

    threshold: the no-trade zone of long-flat and long-short. parts: the part of the account that each symbol has there.
    closes: of each symbol, the closes of its bars; what was sold at a bar without a decision is not there to be held.
    Signals of a policy of ranks: buy where the side changes upwards, sell where it changes downwards, else hold.
    """
    policy = cross_sectional(rules.policy)
    if policy is not None:
        shares = target_weights(probability, decided_at, symbol, policy=policy)
        return shares, _changes(shares, symbol)
    signals = decide(probability, band=threshold)
    shares = np.zeros(len(probability))
    for rows in _by_symbol(symbol):
        bars = np.searchsorted(closes[str(symbol[rows[0]])], decided_at[rows])
        for spell in np.split(rows, np.flatnonzero(np.diff(bars) > 1) + 1):
            shares[spell] = positions(signals[spell], policy=rules.policy)
    return shares * parts, signals


def _changes(shares: Floats, symbol: NDArray[np.object_]) -> Signals:
    signals = np.full(len(shares), "hold")
    for rows in _by_symbol(symbol):
        change = np.diff(np.sign(shares[rows]), prepend=0.0)
        signals[rows] = np.where(change > 0, "buy", np.where(change < 0, "sell", "hold"))
    return signals.astype(np.str_)


def _by_symbol(symbol: NDArray[np.object_]) -> list[Rows]:
    """The rows of each symbol, in order."""
    _, number = np.unique(symbol, return_inverse=True)
    order = np.argsort(number, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(number[order])) + 1)
