"""The estimated spread against one that was simulated."""

import numpy as np
import pandas as pd
import pytest

from forecast.config.trading import Costs, TradingConfig
from forecast.trading.market_state import conditions
from forecast.trading.simulator import trade_all
from forecast.trading.spread_estimator import FEWEST, half_spread
from pipelines.errors import ConfigError


def bars_of_trades(half, *, bars=3_000, trades=50, volatility=2e-5, seed=0, pause=0):
    """Bars of trades at bid or ask around a random walk; half: the true half-spread, as a fraction."""
    rng = np.random.default_rng(seed)
    walk = np.cumsum(rng.normal(0, volatility, (bars, trades)).ravel()).reshape(bars, trades)
    if pause:  # nights, over which the price jumps
        walk += np.cumsum(np.where(np.arange(bars) % pause == 0, rng.normal(0, 0.01, bars), 0.0))[:, None]
    price = 100 * np.exp(walk + half * rng.choice([-1, 1], (bars, trades)))
    opened = np.datetime64("2020-01-01", "ns") + np.arange(bars) * np.timedelta64(60, "s")
    if pause:
        opened = opened + (np.arange(bars) // pause) * np.timedelta64(16, "h")
    return {
        "opened_at": opened,
        "closed_at": opened + np.timedelta64(60, "s"),
        "high": price.max(axis=1),
        "low": price.min(axis=1),
        "close": price[:, -1],
    }


@pytest.mark.parametrize("half", [1e-4, 5e-4, 2e-3])
@pytest.mark.parametrize("pause", [0, 100])
def test_a_simulated_spread_is_found(half, pause):
    spread = half_spread(**bars_of_trades(half, pause=pause))
    assert np.isnan(spread[:FEWEST]).all()
    assert np.median(spread[1_100:]) == pytest.approx(half, rel=0.1)


def test_no_spread_is_found_small():
    spread = half_spread(**bars_of_trades(0.0))
    assert np.median(spread[1_100:]) < 3e-5  # the walk moves by 1.4e-4 a bar


def test_an_estimate_needs_no_later_bar_nor_its_own():
    bars = bars_of_trades(5e-4, bars=600)
    changed = {name: array.copy() for name, array in bars.items()}
    for name in ("high", "low", "close"):
        changed[name][400:] *= np.linspace(1, 2, 200)
    np.testing.assert_array_equal(half_spread(**bars)[:401], half_spread(**changed)[:401])
    short = half_spread(**{name: array[:401] for name, array in bars.items()})
    np.testing.assert_array_equal(half_spread(**bars)[:401], short)


def test_the_mean_is_over_the_last_thousand_pairs():
    bars = bars_of_trades(5e-4, bars=2_000)
    spread = half_spread(**bars)
    last = slice(2_000 - 1 - 1_001, 1_999)  # 1,001 bars before the last open: 1,000 pairs
    close, middle = np.log(bars["close"])[last], (np.log(bars["high"]) + np.log(bars["low"]))[last] / 2
    mean = np.mean((close[:-1] - middle[:-1]) * (close[:-1] - middle[1:]))
    assert spread[-1] == pytest.approx(np.sqrt(4 * mean) / 2, rel=1e-9)


def spread_before(place, bars):
    """The formula of Abdi and Ranaldo for the open of one bar, pair by pair."""
    products = []
    for bar in range(place - 1):  # the later bar of a pair is closed before this open
        if bars["opened_at"][bar + 1] - bars["closed_at"][bar] <= np.timedelta64(30, "m"):
            now, then = (np.log(bars["high"][rows] * bars["low"][rows]) / 2 for rows in (bar, bar + 1))
            close = np.log(bars["close"][bar])
            products.append((close - now) * (close - then))
    return np.sqrt(max(np.mean(products[-1_000:]), 0.0)) if len(products) >= 100 else np.nan


def test_every_open_has_the_spread_of_the_pairs_before_it():
    bars, bar = bars_of_trades(5e-4, bars=1_250), np.arange(1_250)
    gap = np.where(bar % 9 == 0, 30 * 60 * 10**9 + bar % 2, 0)  # half an hour, or a nanosecond more
    for name in ("opened_at", "closed_at"):
        bars[name] = bars[name] + np.cumsum(gap) * np.timedelta64(1, "ns")
    spread = half_spread(**bars)
    places = [0, 1, 2, *range(100, 121), 700, 1_000, 1_001, *range(1_120, 1_140), 1_249]
    np.testing.assert_allclose(spread[places], [spread_before(place, bars) for place in places], rtol=1e-8)


def quoted(bid: list[float], ask: list[float]) -> pd.DataFrame:
    count = len(bid)
    times = pd.date_range("2024-01-02 15:00", periods=count, freq="min", tz="UTC")
    price = np.full(count, 10.0)
    return pd.DataFrame(
        {"opened_at": times, "closed_at": times, "open": price, "high": price, "low": price, "close": price,
         "volume": 1.0, "bid": bid, "ask": ask}
    )  # fmt: skip


def test_with_a_quoted_spread_a_buy_is_filled_at_the_ask_and_a_sell_at_the_bid():
    free = Costs(fee_bps=0, slippage_bps=0)
    rules = TradingConfig(policy="long-flat", threshold=0.0, costs=free, spread="quoted")
    state = conditions(quoted([9.98, 10.97, 11.0], [10.02, 11.03, 11.02]), rules=rules, bars_per_year=None)
    (ledger,) = trade_all(
        np.array([[1.0, 0.0]]), symbol="X", names=[("m", "0")], opened_at=state.opened_at, opens=state.opens,
        costs=free, spread=state.spread, tradable=state.tradable,
    )  # fmt: skip
    np.testing.assert_allclose(
        np.prod(1 + ledger.net_return), 10.97 / 10.02, rtol=1e-5
    )  # bought at 10.02, sold at 10.97


def test_where_no_quote_is_in_force_the_last_spread_stands_and_before_the_first_it_is_asked_for():
    free = Costs(fee_bps=0, slippage_bps=0)
    rules = TradingConfig(policy="long-flat", threshold=0.0, costs=free, spread="quoted")
    nan = float("nan")
    state = conditions(quoted([nan, 9.9, nan], [nan, 10.1, nan]), rules=rules, bars_per_year=None)
    np.testing.assert_allclose(state.rows(slice(1, 3)).spread, [0.01, 0.01])
    assert state.opens.tolist() == [10, 10, 10]
    with pytest.raises(ConfigError, match="Expected a quote before the first trade, got none"):
        state.rows(slice(0, 3))
