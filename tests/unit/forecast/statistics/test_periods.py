"""Returns by stretch of time, against numbers worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.statistics.periods import by_period, compounded, terciles, trailing_deviation

RETURNS = st.lists(st.floats(-0.9, 1.0), min_size=1, max_size=60)


def test_returns_of_a_month_are_compounded() -> None:
    months = np.array(["2001-01", "2001-01", "2001-02"], dtype="datetime64[M]")
    labels, totals = compounded(np.array([0.1, -0.1, 0.05]), months)
    assert labels.astype(str).tolist() == ["2001-01", "2001-02"]
    assert totals.tolist() == pytest.approx([1.1 * 0.9 - 1, 0.05])


@given(RETURNS, st.integers(1, 7))
def test_stretches_compound_to_the_whole(values: list[float], length: int) -> None:
    returns = np.array(values)
    _, totals = compounded(returns, np.arange(len(returns)) // length)
    assert np.prod(1 + totals) == pytest.approx(np.prod(1 + returns), abs=1e-12)


def test_a_label_that_comes_back_is_one_period() -> None:
    calm, wild = by_period(np.array([0.01, 0.5, 0.03]), np.array([0, 2, 0]), per_year=252)
    assert (calm.label, calm.returns, wild.label) == (0, 2, 2)
    assert calm.total == pytest.approx(1.01 * 1.03 - 1)
    assert calm.sharpe == pytest.approx(0.02 / (0.02 / 2**0.5) * 252**0.5)  # deviation of 0.01 and 0.03: 0.02 / sqrt 2
    assert calm.volatility == pytest.approx(0.02 / 2**0.5 * 252**0.5)
    assert wild.sharpe is None
    assert wild.positive == 1.0


def test_terciles_leave_out_what_is_not_known() -> None:
    assert terciles(np.array([np.nan, 1, 2, 3, 4, 5, 6])).tolist() == [-1, 0, 0, 1, 1, 2, 2]
    assert terciles(np.array([np.nan])).tolist() == [-1]


def test_a_trailing_deviation_does_not_know_its_own_return() -> None:
    deviation = trailing_deviation(np.array([0.01, 0.03, 9.0]), window=2)
    assert np.isnan(deviation[:2]).all()
    assert deviation[2] == pytest.approx(0.02 / 2**0.5)
    assert np.isnan(trailing_deviation(np.array([0.1]), window=2)).all()
