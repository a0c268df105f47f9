import numpy as np
import pytest

from pipelines.sources.synthetic import lagged, latched, random_walk, switching


def returns(bars):
    return np.log(bars.close / bars.open)


def correlation(values, lag):
    return np.corrcoef(values[lag:], values[:-lag])[0, 1]


def test_a_random_walk_has_no_edge_but_clustered_volatility():
    log_returns = np.diff(np.log(random_walk(bars=20_000, seed=0).close))
    assert log_returns.std() == pytest.approx(0.01, rel=0.15)
    assert all(abs(correlation(log_returns, lag)) < 4 / np.sqrt(20_000) * 2 for lag in (1, 2, 5, 10))
    assert correlation(np.abs(log_returns), 1) > 0.1


@pytest.mark.parametrize("lag", [1, 10])
def test_a_planted_lag_is_where_it_was_planted_and_nowhere_else(lag):
    log_returns = returns(lagged(bars=20_000, seed=1, correlation=0.3, lag=lag))
    assert correlation(log_returns, lag) == pytest.approx(0.3, abs=0.03)
    assert correlation(log_returns, lag + 1) == pytest.approx(0.09 if lag == 1 else 0.0, abs=0.03)
    assert log_returns.std() == pytest.approx(0.01, rel=0.03)


def test_the_drift_of_a_latched_market_follows_the_last_day_of_huge_volume():
    bars = latched(bars=20_000, seed=2, correlation=0.3)
    log_returns = returns(bars)
    marked = bars.volume > 4e6
    assert 1 / marked.mean() == pytest.approx(40, rel=0.2)
    last = np.maximum.accumulate(np.where(marked, np.arange(len(log_returns)), 0))
    direction = np.sign(log_returns[last])
    after = ~marked[1:]
    assert np.corrcoef(log_returns[1:][after], direction[:-1][after])[0, 1] == pytest.approx(0.3, abs=0.04)


def test_a_switching_market_has_momentum_or_reversal_by_the_last_day_of_huge_volume():
    bars = switching(bars=20_000, seed=2, correlation=0.4)
    moves, marked = returns(bars), bars.volume > 4e6
    assert 1 / marked.mean() == pytest.approx(20, rel=0.2)
    regime = np.sign(moves[np.maximum.accumulate(np.where(marked, np.arange(len(moves)), 0))])
    plain = ~marked[1:] & ~marked[:-1]
    today, before, now = moves[1:][plain], moves[:-1][plain], regime[:-1][plain]
    assert np.corrcoef(today, before * now)[0, 1] == pytest.approx(0.4, abs=0.04)
    assert abs(np.corrcoef(today, before)[0, 1]) < 0.06  # the last return alone says nothing
    assert abs(np.corrcoef(today, now)[0, 1]) < 0.03  # nor does the regime


def test_the_return_of_a_planted_bar_is_the_return_from_open_to_open():
    for bars in (latched(bars=50, seed=3, correlation=0.2), lagged(bars=50, seed=3, correlation=0.2)):
        np.testing.assert_array_equal(bars.open[1:], bars.close[:-1])


def test_the_same_seed_is_the_same_market():
    np.testing.assert_array_equal(random_walk(bars=99, seed=5).high, random_walk(bars=99, seed=5).high)
    assert (random_walk(bars=99, seed=5).close != random_walk(bars=99, seed=6).close).any()
