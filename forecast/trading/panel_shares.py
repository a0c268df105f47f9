"""Probabilities of a panel -> the share of the account that each symbol is to have, and what that means: buy, sell."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.config.policies import cross_sectional
from forecast.config.trading import TradingConfig
from forecast.trading.cross_section import target_weights
from forecast.trading.market_state import MarketState
from forecast.trading.signals import Signals, decide, positions
from pipelines.market.types import Floats, Times
from pipelines.preprocessing.windows import Rows

LONGEST_PAUSE = np.timedelta64(15, "D")
"""No exchange is closed for so long."""


def account_shares(
    symbol: NDArray[np.object_],
    decided_at: Times,
    *,
    closes: Mapping[str, Times],
    weight: Floats | None = None,
) -> Floats:
    """Each row's part of an account that is spread over all symbols alive at its decision, shape (rows,).

    A symbol is alive from its decision to the close of its next bar, so that one that is not traded for a day keeps its
    part; without a next bar it is as long as any exchange may be closed, and then has ended. closes: of each symbol,
    the closes of its bars. weight: of each row, 1 where None; parts are in proportion.
    """
    until = decided_at.copy()
    for name, symbol_rows in rows_by_symbol(symbol).items():
        after = np.searchsorted(closes[name], decided_at[symbol_rows], side="right")
        later_closes = np.append(closes[name], closes[name][-1:] + LONGEST_PAUSE)
        until[symbol_rows] = later_closes[after]
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
    for name, symbol_rows in rows_by_symbol(symbol).items():
        state = states[name]
        volatility = state.volatility[np.searchsorted(state.opened_at, entry_at[symbol_rows])]
        weight[symbol_rows] = np.divide(1.0, volatility, out=np.zeros(len(volatility)), where=volatility > 0.0)
    return weight


def panel_shares(
    probability: Floats,
    symbol: NDArray[np.object_],
    decided_at: Times,
    *,
    rules: TradingConfig,
    threshold: float | Floats,
    parts: Floats,
    closes: Mapping[str, Times],
) -> tuple[Floats, Signals]:
    """The share of each row and its signal, shape (rows,) twice; rows in order of time.

    threshold: the no-trade zone of long-flat and long-short, one or one a row. parts: the part of the account that each
    symbol has there. closes: of each symbol, the closes of its bars; what was sold at a bar without a decision is not
    there to be held.
    Signals of a policy of ranks: buy where the side changes upwards, sell where it changes downwards, else hold.
    """
    policy = cross_sectional(rules.policy)
    if policy is not None:
        shares = target_weights(probability, decided_at, symbol, policy=policy)
        return shares, _changes(shares, symbol, decided_at, closes=closes)
    signals = decide(probability, band=threshold)
    shares = np.zeros(len(probability))
    for name, rows in rows_by_symbol(symbol).items():
        bars = np.searchsorted(closes[name], decided_at[rows])
        for spell in np.split(rows, np.flatnonzero(np.diff(bars) > 1) + 1):
            shares[spell] = positions(signals[spell], policy=rules.policy)
    return shares * parts, signals


def _changes(shares: Floats, symbol: NDArray[np.object_], decided_at: Times, *, closes: Mapping[str, Times]) -> Signals:
    signals = np.full(len(shares), "hold")
    for name, rows in rows_by_symbol(symbol).items():
        side = np.sign(shares[rows])
        before = np.append(0.0, side[:-1])
        before[1:][np.diff(np.searchsorted(closes[name], decided_at[rows])) > 1] = 0.0  # sold at a bar in between
        change = side - before
        signals[rows] = np.where(change > 0, "buy", np.where(change < 0, "sell", "hold"))
    return signals.astype(np.str_)


def rows_by_symbol(symbol: NDArray[np.object_]) -> dict[str, Rows]:
    """The rows of each symbol, in order; the symbols sorted by name. symbol: of each row, shape (rows,)."""
    number, names = pd.factorize(symbol, sort=True)
    order = np.argsort(number, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(number, minlength=len(names)))[:-1])
    return dict(zip(map(str, names), parts, strict=True)) if len(names) else {}
