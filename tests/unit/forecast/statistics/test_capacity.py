"""The size of an account, worked out by hand."""

import numpy as np

from forecast.statistics.capacity import capacity


def test_the_median_trade_is_one_percent_of_its_volume_at_the_capacity():
    traded = np.array([[0.1, -0.2], [0.1, 0.0]])
    value = np.array([[1e6, 1e6], [1e6, 1e6]])
    limits = capacity(traded, value)
    assert limits["median"] == 0.01 * 1e6 / 0.1  # a tenth of 100,000 is 1 % of a million
    assert limits["p95"] < limits["median"]
    assert limits["trades"] == 3


def test_a_trade_twice_as_large_halves_the_account():
    value = np.full(100, 5e6)
    once = capacity(np.full(100, 0.1), value)
    twice = capacity(np.full(100, 0.2), value)
    assert np.isclose(once["median"], 2 * twice["median"])
    assert np.isclose(once["p95"], once["median"])


def test_without_trades_or_volume_nothing_is_said():
    assert capacity(np.zeros(3), np.ones(3)) is None
    assert capacity(np.ones(3), np.zeros(3)) is None
