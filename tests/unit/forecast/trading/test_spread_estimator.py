"""The estimated spread against one that was simulated."""

import numpy as np
import pytest

from forecast.trading.spread_estimator import FEWEST, half_spread


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
    found = half_spread(**bars_of_trades(half, pause=pause))
    assert np.isnan(found[:FEWEST]).all()
    assert np.median(found[1_100:]) == pytest.approx(half, rel=0.1)


def test_no_spread_is_found_small():
    found = half_spread(**bars_of_trades(0.0))
    assert np.median(found[1_100:]) < 3e-5  # the walk moves by 1.4e-4 a bar


def test_an_estimate_needs_no_later_bar_nor_its_own():
    known = bars_of_trades(5e-4, bars=600)
    changed = {name: array.copy() for name, array in known.items()}
    for name in ("high", "low", "close"):
        changed[name][400:] *= np.linspace(1, 2, 200)
    np.testing.assert_array_equal(half_spread(**known)[:401], half_spread(**changed)[:401])
    short = half_spread(**{name: array[:401] for name, array in known.items()})
    np.testing.assert_array_equal(half_spread(**known)[:401], short)


def test_the_mean_is_over_the_last_thousand_pairs():
    known = bars_of_trades(5e-4, bars=2_000)
    found = half_spread(**known)
    last = slice(2_000 - 1 - 1_001, 1_999)  # 1,001 bars before the last open: 1,000 pairs
    close, middle = np.log(known["close"])[last], (np.log(known["high"]) + np.log(known["low"]))[last] / 2
    mean = np.mean((close[:-1] - middle[:-1]) * (close[:-1] - middle[1:]))
    assert found[-1] == pytest.approx(np.sqrt(4 * mean) / 2, rel=1e-9)
