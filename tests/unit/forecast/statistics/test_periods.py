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


def test_one_return_has_no_deviation_and_a_constant_one_no_sharpe_ratio() -> None:
    single, constant, two = by_period(
        np.array([0.5, 0.1, 0.1, 0.1, -0.02, 0.04]), np.array([0, 1, 1, 1, 2, 2]), per_year=4
    )
    assert (single.total, single.volatility, single.sharpe, single.positive) == (0.5, None, None, 1.0)
    assert (constant.total, constant.volatility, constant.sharpe) == (pytest.approx(1.1**3 - 1), None, None)
    deviation = 0.06 / 2**0.5
    assert (two.returns, two.positive) == (2, 0.5)
    assert (two.volatility, two.sharpe) == (pytest.approx(deviation * 2), pytest.approx(0.01 / deviation * 2))
    (flat,) = by_period(np.array([0.0, 0.0]), np.array([7, 7]), per_year=252)
    assert (flat.label, flat.total, flat.positive, flat.sharpe) == (7, 0.0, 0.0, None)


@pytest.mark.parametrize("level", [0.01, 5_000.0])
def test_a_spread_of_rounding_alone_is_none(level: float) -> None:
    (period,) = by_period(level + np.spacing(level) * np.array([0, 1, 0, 1]), np.zeros(4), per_year=252)
    assert (period.volatility, period.sharpe) == (None, None)


def test_each_stretch_is_compounded_by_itself() -> None:
    labels, totals = compounded(np.array([0.1, 0.1, 0.2, 0.2, -0.5]), np.array([2001, 2001, 2002, 2002, 2003]))
    assert labels.tolist() == [2001, 2002, 2003]
    assert totals.tolist() == pytest.approx([0.21, 0.44, -0.5])


def test_nothing_compounds_to_nothing() -> None:
    labels, totals = compounded(np.empty(0), np.empty(0, dtype="datetime64[M]"))
    assert (len(labels), len(totals)) == (0, 0)
    assert compounded(np.array([0.2]), np.array([3]))[1].tolist() == pytest.approx([0.2])


def test_a_value_on_the_edge_of_a_tercile_belongs_above() -> None:
    # of 1 to 7 a third lies at 3 and two thirds at 5
    assert terciles(np.arange(1.0, 8.0)).tolist() == [0, 0, 1, 1, 2, 2, 2]
    assert terciles(np.array([2.0])).tolist() == [2]
    assert terciles(np.empty(0)).tolist() == []


@given(st.lists(st.floats(-0.5, 0.5), min_size=3, max_size=30), st.integers(2, 8))
def test_a_trailing_deviation_is_that_of_the_returns_before(values: list[float], window: int) -> None:
    returns = np.array(values)
    deviation = trailing_deviation(returns, window=window)
    for row in range(len(returns)):
        if row < window or len(returns) <= window:
            assert np.isnan(deviation[row])
        else:
            assert deviation[row] == pytest.approx(np.std(returns[row - window : row], ddof=1), abs=1e-12)
