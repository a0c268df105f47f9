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


def test_as_many_returns_as_the_window_give_one_value_and_two_are_enough() -> None:
    ratio, volatility = rolling(np.array([0.01, 0.03]), window=2, per_year=4)
    assert (ratio.tolist(), volatility.tolist()) == (
        pytest.approx([0.02 / (0.02 / 2**0.5) * 2]),
        pytest.approx([0.02 / 2**0.5 * 2]),
    )
    assert [len(values) for values in rolling(np.zeros(4), window=5, per_year=252)] == [0, 0]


@pytest.mark.parametrize(
    ("count", "tail", "worst"), [(1, 0.05, 1), (20, 0.05, 1), (21, 0.05, 2), (40, 0.05, 2), (41, 0.1, 5)]
)
def test_the_expected_shortfall_is_the_mean_of_the_worst_returns(count: int, tail: float, worst: int) -> None:
    values = np.random.default_rng(2).normal(0.0, 0.01, count)
    shape = distribution(values, tail=tail)
    assert shape.expected_shortfall == pytest.approx(np.sort(values)[:worst].mean())
    assert shape.value_at_risk == pytest.approx(np.quantile(values, tail))
    assert (shape.mean, shape.worst) == (values.mean(), values.min())


def test_two_returns_have_a_market_model_and_one_has_not() -> None:
    model = market_model(np.array([0.01, 0.03]), np.array([0.02, 0.06]), per_year=10)
    assert (model.alpha, model.beta, model.correlation) == (pytest.approx(0.0), pytest.approx(0.5), pytest.approx(1.0))
    assert market_model(np.array([0.01]), np.array([0.02]), per_year=10).beta is None
    still = np.full(9, 0.01) + 1e-16 * np.arange(9)  # rounding is no variation
    assert market_model(still, np.arange(9.0), per_year=10).beta is None
    assert market_model(np.arange(9.0), still, per_year=10).beta is None


def test_a_fall_to_nothing_is_the_deepest_and_never_recovers() -> None:
    falls = drawdowns(np.array([-0.1, 0.2, -1.0, 0.5]))
    assert [(fall.peak, fall.trough, fall.recovery, pytest.approx(fall.depth)) for fall in falls] == [
        (2, 3, None, -1.0),
        (0, 1, 2, -0.1),
    ]
    level = drawdowns(np.array([-0.5, 1.0]))  # back at the peak is recovered
    assert [(fall.peak, fall.trough, fall.recovery) for fall in level] == [(0, 1, 2)]


@given(RETURNS)
def test_falls_are_those_of_a_plain_loop(values: list[float]) -> None:
    curve = equity_curve(np.array(values))
    expected, peak, trough = [], 0, 0
    for row in range(1, len(curve) + 1):
        if row == len(curve) or curve[row] >= curve[peak]:
            if trough > peak:
                expected.append((peak, trough, row if row < len(curve) else None, curve[trough] / curve[peak] - 1))
            peak = trough = row
        elif trough == peak or curve[row] / curve[peak] < curve[trough] / curve[peak]:
            trough = row
    falls = sorted(drawdowns(np.array(values)), key=lambda fall: fall.peak)
    assert [(fall.peak, fall.trough, fall.recovery, fall.depth) for fall in falls] == expected
