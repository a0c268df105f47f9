"""Rolling ratios, drawdowns, tails and the market model, against empyrical and numbers worked out by hand."""

import warnings
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.statistics.performance import drawdown, equity_curve
from forecast.statistics.risk import distribution, drawdowns, market_model, rolling

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import empyrical

RETURNS = st.lists(st.floats(-0.9, 1.0), min_size=1, max_size=60)


@pytest.fixture
def returns() -> np.ndarray:
    return np.random.default_rng(0).standard_t(4, 600) * 0.01


@pytest.fixture
def market(returns: np.ndarray) -> np.ndarray:
    return 0.6 * returns + np.random.default_rng(1).normal(0.0004, 0.008, 600)


def test_rolling_sharpe_and_volatility_are_empyricals(returns: np.ndarray) -> None:
    ratio, volatility = rolling(returns, window=126, per_year=252)
    series = pd.Series(returns)
    assert ratio == pytest.approx(empyrical.roll_sharpe_ratio(series, window=126).to_numpy())
    assert volatility == pytest.approx(empyrical.roll_annual_volatility(series, window=126).to_numpy())


def test_a_window_without_variation_has_no_sharpe_ratio() -> None:
    ratio, volatility = rolling(np.zeros(5), window=3, per_year=252)
    assert np.isnan(ratio).all()
    assert volatility.tolist() == [0.0, 0.0, 0.0]
    assert rolling(np.zeros(2), window=3, per_year=252)[0].size == 0


def test_the_tail_is_empyricals(returns: np.ndarray) -> None:
    shape = distribution(returns)
    assert shape.value_at_risk == pytest.approx(empyrical.value_at_risk(returns, cutoff=0.05))
    assert shape.expected_shortfall == pytest.approx(empyrical.conditional_value_at_risk(returns, cutoff=0.05))
    assert (shape.best, shape.worst) == (returns.max(), returns.min())


def test_the_shape_is_scipys(returns: np.ndarray) -> None:
    stats = pytest.importorskip("scipy.stats")
    shape = distribution(returns)
    assert shape.skewness == pytest.approx(stats.skew(returns))
    assert shape.excess_kurtosis == pytest.approx(stats.kurtosis(returns))
    assert distribution(np.zeros(3)).skewness is None


def test_alpha_and_beta_are_those_of_least_squares(returns: np.ndarray, market: np.ndarray) -> None:
    model = market_model(returns, market, per_year=252)
    slope, intercept = np.polyfit(market, returns, 1)
    assert model.beta == pytest.approx(slope)
    assert model.beta == pytest.approx(empyrical.beta(returns, market))
    assert model.alpha == pytest.approx(252 * intercept)
    assert model.correlation == pytest.approx(np.corrcoef(returns, market)[0, 1])


def test_cash_has_no_beta(returns: np.ndarray) -> None:
    assert market_model(np.zeros(600), returns, per_year=252).beta is None
    assert market_model(returns, np.zeros(600), per_year=252).alpha is None


def test_falls_worked_out_by_hand() -> None:
    deep, shallow = drawdowns(np.array([0.1, -0.1, 0.2, -0.5, 0.5]))  # 1, 1.1, 0.99, 1.188, 0.594, 0.891
    assert (deep.peak, deep.trough, deep.recovery) == (3, 4, None)
    assert deep.depth == pytest.approx(-0.5)
    assert (shallow.peak, shallow.trough, shallow.recovery) == (1, 2, 3)
    assert shallow.depth == pytest.approx(-0.1)
    assert drawdowns(np.array([0.1, 0.0])) == []


@given(RETURNS)
def test_the_deepest_fall_is_the_maximum_drawdown_and_falls_do_not_overlap(values: list[float]) -> None:
    returns = np.array(values)
    falls = drawdowns(returns)
    depth, _ = drawdown(equity_curve(returns))
    assert (falls[0].depth if falls else 0.0) == pytest.approx(depth)
    spans = sorted((fall.peak, fall.recovery or len(returns) + 1) for fall in falls)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))
