import numpy as np
import pytest

from forecast.config.trading import Costs, TradingConfig
from forecast.trading.position_sizing import by_volatility, kelly, targets


def rules(**more):
    return TradingConfig(**{"policy": "long-short", "threshold": 0.0, "costs": Costs(fee_bps=0, slippage_bps=0)} | more)


def test_the_fraction_is_target_over_volatility_capped_and_nothing_where_it_is_unknown():
    fractions = by_volatility(np.array([0.2, 0.05, 0.0, np.nan]), target=0.1, most=1.5)
    assert fractions.tolist() == [0.5, 1.5, 1.5, 0.0]


def test_kellys_fraction_by_hand():
    # an even bet of everything with chance 0.6: 2 x 0.6 - 1; win 2 or lose 1 at 0.5: 0.5 - 0.5 / 2
    assert kelly(np.array([0.6]), gain=1.0, loss=1.0) == pytest.approx([0.2])
    assert kelly(np.array([0.5]), gain=2.0, loss=1.0) == pytest.approx([0.25])
    assert kelly(np.array([0.9]), gain=0.0, loss=1.0) == kelly(np.array([0.9]), gain=1.0, loss=0.0) == [0.0]
    assert kelly(np.array([0.5, 0.9]), gain=np.nan, loss=1.0).tolist() == [0.0, 0.0]


def test_kellys_fraction_grows_wealth_fastest():
    best = float(kelly(np.array([0.55]), gain=0.02, loss=0.015)[0])
    grid = best + np.linspace(-1, 1, 201)
    growth = 0.55 * np.log1p(grid * 0.02) + 0.45 * np.log1p(-grid * 0.015)
    assert grid[growth.argmax()] == pytest.approx(best)


def test_a_kelly_size_is_capped_and_never_against_the_signal():
    signals = np.array(["buy", "sell", "buy", "hold", "sell"])
    probability = np.array([0.51, 0.49, 0.505, 0.5, 0.499])
    sized = targets(
        signals, probability, rules=rules(sizing="kelly", max_leverage=0.8), volatility=np.full(5, np.nan),
        gain=0.01, loss=0.0101,
    )  # fmt: skip
    # half of p / 0.0101 - q / 0.01: 0.7475, -0.7425..., -0.5 x ... is not below 0 where the payoff is against it
    half = 0.5 * (probability / 0.0101 - (1 - probability) / 0.01)
    assert sized[0] == pytest.approx(half[0])
    assert sized[1] == -0.8
    assert sized[2] == sized[3] == pytest.approx(half[2])
    assert sized[4] == pytest.approx(half[4])
    assert half[1] < -0.8
    upward = targets(
        np.array(["sell"]), np.array([0.499]), rules=rules(sizing="kelly"), volatility=np.array([np.nan]),
        gain=0.02, loss=0.01,
    )  # fmt: skip
    assert upward.tolist() == [0.0]  # the payoff speaks against a sale


def test_full_is_the_whole_account_whatever_the_rest():
    signals = np.array([["buy", "sell"], ["hold", "buy"]])
    sized = targets(signals, np.full((2, 2), 0.9), rules=rules(max_leverage=3.0), volatility=np.full(2, 0.01))
    assert sized.tolist() == [[1.0, -1.0], [0.0, 1.0]]
