"""Made-up markets from a seed, for controls, tests and examples: their truth is known.

All have daily bars around the clock. Those with a planted edge open where the bar before closed, so the return of a
bar, from its open to its close, is also the return that can be traded from open to open.
"""

from collections.abc import Callable

import numpy as np

from pipelines.market.types import Bars, Floats

_SPREAD = 0.5  # how far high and low reach beyond open and close, in the bar's own volatility


def random_walk(*, bars: int, seed: int, volatility: float = 0.01, symbol: str = "WALK") -> Bars:
    """No edge at all: log returns are Student-t(4) and their volatility clusters.

    volatility: standard deviation of a day's log return on average. It follows a GARCH(1,1) with weights 0.08 and 0.90,
    as is common for shares. Prices start at 100; volume rises with the size of the move.
    """
    rng = np.random.default_rng(seed)
    deviation, shocks = _clustered(rng, bars=bars, volatility=volatility)
    return _make(rng, returns=deviation * shocks, deviation=deviation, symbol=symbol, gap=0.3)


def lagged(
    *, bars: int, seed: int, correlation: float, lag: int = 1, volatility: float = 0.01, symbol: str = "LAG"
) -> Bars:
    """A planted edge: a day's return correlates with the one `lag` days before, and with nothing in between.

    r(t) = correlation x r(t - lag) + noise, with normal noise of a size that keeps the volatility as it is.
    """
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal(bars) * np.sqrt(1.0 - correlation**2)
    returns = rng.standard_normal(bars)
    for day in range(lag, bars):
        returns[day] = correlation * returns[day - lag] + noise[day]
    return _make(rng, returns=volatility * returns, deviation=np.full(bars, volatility), symbol=symbol)


def latched(
    *, bars: int, seed: int, correlation: float, every: int = 40, volatility: float = 0.01, symbol: str = "LATCH"
) -> Bars:
    """A planted edge that asks for memory: rare days of huge volume set the drift until the next such day.

    On average one day in `every` has ten times the usual volume; the direction of its move is the direction in which
    prices drift from then on. correlation: of a day's return with that direction. Nothing else tells the direction
    better than the drift itself does.
    """
    rng = np.random.default_rng(seed)
    marked = rng.random(bars) < 1.0 / every
    marked[0] = True
    direction = np.where(rng.random(bars) < 0.5, -1.0, 1.0)
    last = np.maximum.accumulate(np.where(marked, np.arange(bars), 0))
    state = direction[np.concatenate([[0], last[:-1]])]  # the drift of a day was set before it
    returns = correlation * state + np.sqrt(1.0 - correlation**2) * rng.standard_normal(bars)
    returns[marked] = direction[marked] * (1.0 + np.abs(returns[marked]))
    huge = np.where(marked, 10.0, 1.0)
    return _make(rng, returns=volatility * returns, deviation=np.full(bars, volatility), symbol=symbol, busy=huge)


def switching(
    *, bars: int, seed: int, correlation: float, every: int = 20, volatility: float = 0.01, symbol: str = "SWITCH"
) -> Bars:
    """A planted edge that asks for memory and a gate: rare days of huge volume set momentum or reversal.

    r(t) = correlation x regime x r(t - 1) + noise. On average one day in `every` has ten times the usual volume; the
    direction of its move is the regime until the next such day: 1 is momentum, -1 reversal. No sum of past returns
    tells the regime, nor does the last return alone tell the next.
    """
    rng = np.random.default_rng(seed)
    marked = rng.random(bars) < 1.0 / every
    marked[0] = True
    direction = np.where(rng.random(bars) < 0.5, -1.0, 1.0)
    last = np.maximum.accumulate(np.where(marked, np.arange(bars), 0))
    regime = direction[np.concatenate([[0], last[:-1]])]
    noise = np.sqrt(1.0 - correlation**2) * rng.standard_normal(bars)
    returns = noise.copy()
    for day in range(1, bars):
        returns[day] = correlation * regime[day] * returns[day - 1] + noise[day]
        if marked[day]:
            returns[day] = direction[day] * (1.0 + np.abs(returns[day]))
    huge = np.where(marked, 10.0, 1.0)
    return _make(rng, returns=volatility * returns, deviation=np.full(bars, volatility), symbol=symbol, busy=huge)


MARKETS: dict[str, Callable[..., Bars]] = {
    "random_walk": random_walk,
    "lagged": lagged,
    "latched": latched,
    "switching": switching,
}


def _clustered(rng: np.random.Generator, *, bars: int, volatility: float) -> tuple[Floats, Floats]:
    """GARCH(1,1) standard deviations and the unit-variance Student-t(4) shocks that drive them, each (bars,)."""
    shocks = rng.standard_t(4, size=bars) / np.sqrt(2.0)
    variance = np.empty(bars)
    variance[0] = volatility**2
    for day in range(1, bars):
        before = variance[day - 1]
        variance[day] = 0.02 * volatility**2 + 0.08 * before * shocks[day - 1] ** 2 + 0.90 * before
    return np.sqrt(variance), shocks


def _make(
    rng: np.random.Generator,
    *,
    returns: Floats,
    deviation: Floats,
    symbol: str,
    busy: Floats | float = 1.0,
    gap: float = 0.0,
) -> Bars:
    """Bars whose closes have these log returns; the reach of high and low, volumes and overnight gaps are noise.

    busy: what volumes are multiplied by. gap: size of the overnight gaps in the bar's own volatility.
    """
    bars = len(returns)
    close = 100.0 * np.exp(np.cumsum(returns))
    opening = np.concatenate([[100.0], close[:-1]]) * np.exp(gap * deviation * rng.standard_normal(bars))
    reach = _SPREAD * np.abs(rng.standard_normal((2, bars))) * deviation
    volume = busy * 1e6 * np.exp(10 * np.abs(returns) + 0.3 * rng.standard_normal(bars))
    days = np.datetime64("2000-01-01", "ns") + np.arange(bars) * np.timedelta64(24, "h")
    return Bars(
        symbol=symbol,
        interval="1d",
        opened_at=days,
        closed_at=days + np.timedelta64(86_399, "s"),
        open=opening,
        high=np.maximum(opening, close) * np.exp(reach[0]),
        low=np.minimum(opening, close) * np.exp(-reach[1]),
        close=close,
        volume=np.round(volume),
        currency="USD",
        calendar="24/7",
        adjusted="forward",
    )
