"""What one ledger earned, what it risked for it and what it paid."""

import math

import numpy as np

from forecast.trading.ledgers import position_orders, round_trips
from forecast.trading.simulator import Ledger
from pipelines.market.types import Floats

SHORTEST_YEARS = 0.25
"""Periods below a quarter of a year are not annualised: one good week is not a good year."""

Metrics = dict[str, float | None]


def performance(ledger: Ledger, *, bars_per_year: float) -> Metrics:
    """The account of one strategy in natural units: 0.05 is 5 %, a drawdown is negative, times are in bars.

    bars_per_year: sessions a year of the exchange x bars a session. Whatever is per year (annual_return,
    volatility, sharpe, sortino, turnover) is None below a quarter of a year; what is not defined (a Sharpe ratio
    without volatility, a hit rate without trades) is None too. No risk-free rate is taken off.
    """
    net = bar_returns(ledger)
    growth = equity_curve(net)
    years = len(net) / bars_per_year
    returns = round_trips(ledger).net_return
    depth, duration = drawdown(growth)
    result: Metrics = {
        "total_return": float(growth[-1] - 1.0),
        **_per_year(net, growth=float(growth[-1]), years=years, bars_per_year=bars_per_year),
        "max_drawdown": depth,
        "max_drawdown_bars": duration,
        "exposure": float(np.abs(ledger.position[:-1]).mean()) if len(net) else None,
        "turnover": float(position_changes(ledger).sum() / years) if years >= SHORTEST_YEARS else None,
        "trades": len(returns),
        "hit_rate": float((returns > 0).mean()) if len(returns) else None,
        "cost_paid": float(ledger.cost.sum()),
        "interest_paid": float(ledger.financing.sum()) if ledger.financing is not None else None,
    }
    return {name: value if value is None or math.isfinite(value) else None for name, value in result.items()}


def spells(position: Floats, contribution: Floats) -> Metrics:
    """What stands for trades in one account of several symbols: positions opened, and the share of them that gained.

    position, contribution: fractions of the account, and what each symbol earned less its costs; shape (symbols, bars).
    """
    side = np.sign(position)
    before = np.concatenate([np.zeros((len(side), 1)), side[:, :-1]], axis=1)
    opened = (side != 0) & (side != before)
    count = int(opened.sum())
    if not count:
        return {"trades": 0, "hit_rate": None}
    number = np.cumsum(opened.ravel()).reshape(side.shape)  # positions follow each other symbol by symbol
    inside = side != 0
    gain = np.bincount(number[inside] - 1, weights=contribution[inside], minlength=count)
    return {"trades": count, "hit_rate": float((gain > 0).mean())}


def bar_returns(ledger: Ledger) -> Floats:
    """Net return of each bar that was held, shape (bars - 1,).

    The ledger's last row only sells what was left; what that costs is taken from the bar before it.
    """
    net = np.array(ledger.net_return[:-1], dtype=np.float64)
    if len(net):
        net[-1] = (1.0 + net[-1]) * (1.0 + ledger.net_return[-1]) - 1.0
    return net


def equity_curve(net: Floats) -> Floats:
    """Growth of one unit of money, shape (bars + 1,), beginning with 1. Money that is lost whole stays lost."""
    return np.concatenate([[1.0], np.cumprod(np.maximum(1.0 + net, 0.0))])


def sampled_growth(net: Floats, *, points: int = 40) -> list[float]:
    """The equity curve at evenly spaced bars, its first and last among them: enough for a small picture."""
    curve = equity_curve(net)
    rows = np.unique(np.linspace(0, len(curve) - 1, points).round().astype(np.int64))
    return [float(f"{value:.4g}") for value in curve[rows]]


def position_changes(ledger: Ledger) -> Floats:
    """Size of the trade at each open, shape (bars,), as a fraction of equity."""
    return np.abs(position_orders(ledger))


def earned(ledger: Ledger) -> Floats:
    """What each bar earned before the cost of trading, interest taken off, shape (bars,)."""
    return ledger.gross_return if ledger.financing is None else ledger.gross_return - ledger.financing


def drawdown(growth: Floats) -> tuple[float, int]:
    """The deepest fall from an earlier peak (0 or negative), and the longest time below a peak, in bars."""
    peak = np.maximum.accumulate(growth)
    afloat = np.append(np.flatnonzero(growth >= peak), len(growth))
    return float((growth / peak - 1.0).min()), int(np.diff(afloat).max()) - 1


def _per_year(net: Floats, *, growth: float, years: float, bars_per_year: float) -> Metrics:
    names = ("annual_return", "volatility", "sharpe", "sortino")
    if years < SHORTEST_YEARS or len(net) < 2:
        return dict.fromkeys(names)
    mean, spread = float(net.mean()), float(net.std(ddof=1))
    falls = math.sqrt(float(np.square(np.minimum(net, 0.0)).mean()))
    yearly = math.sqrt(bars_per_year)
    noise = 1e-12 * max(1.0, abs(mean))  # the spread that rounding alone gives a constant series
    return {
        "annual_return": growth ** (1.0 / years) - 1.0,
        "volatility": spread * yearly,
        "sharpe": mean / spread * yearly if spread > noise else None,
        "sortino": mean / falls * yearly if falls > noise else None,
    }
