"""The Sharpe ratio's inputs and limits: NumPy, SciPy and numbers worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from forecast.statistics.sharpe_ratio import (
    autocorrelation,
    deflated_sharpe,
    effective_rank,
    effective_trials,
    expected_maximum,
    minimum_backtest_length,
    moments,
    probabilistic_sharpe,
    sharpe_variance,
)

MEDIAN = 0.0  # of a standard normal number


@pytest.fixture
def returns() -> np.ndarray:
    return np.random.default_rng(0).gamma(2.0, 0.01, 300) - 0.018


def test_autocorrelation_is_the_correlation_of_neighbours(returns: np.ndarray) -> None:
    trending = np.convolve(returns, [0.6, 0.4], "valid") + 0.5
    assert autocorrelation(trending) == pytest.approx(np.corrcoef(trending[1:], trending[:-1])[0, 1], rel=1e-12)
    assert autocorrelation(np.array([0.02, 0.05, 0.04, 0.01])) == pytest.approx(
        np.corrcoef([0.02, 0.05, 0.04], [0.05, 0.04, 0.01])[0, 1]
    )


def test_autocorrelation_stays_within_nine_tenths() -> None:
    assert autocorrelation(np.arange(10.0)) == 0.9
    assert autocorrelation(np.array([1.0, -1.0, 1.0, -1.0])) == -0.9
    assert autocorrelation(np.array([1.0, 2.0, 4.0])) == 0.9  # of two pairs


@pytest.mark.parametrize("values", [[], [0.1], [0.1, 0.2], [0.5, 0.5, 0.5, 0.5]])
def test_without_pairs_that_vary_there_is_no_autocorrelation(values: list[float]) -> None:
    assert autocorrelation(np.array(values)) == 0.0


def test_moments_are_scipys(returns: np.ndarray) -> None:
    sharpe, skew, kurtosis = moments(returns) or (0.0, 0.0, 0.0)
    assert sharpe == pytest.approx(returns.mean() / np.std(returns, ddof=1), rel=1e-12)
    assert skew == pytest.approx(stats.skew(returns), rel=1e-12)
    assert kurtosis == pytest.approx(stats.kurtosis(returns, fisher=False), rel=1e-12)


def test_three_returns_have_moments_and_two_have_not() -> None:
    # 1, 1, 4: mean 2, deviations -1, -1, 2, variance 2; skew 6 / 3 / 2^1.5, kurtosis 18 / 3 / 4
    assert moments(np.array([1.0, 1.0, 4.0])) == pytest.approx((2 / math.sqrt(3), 1 / math.sqrt(2), 1.5))
    assert moments(np.array([1.0, 2.0])) is None


@pytest.mark.parametrize("level", [0.0, 0.01, 1e6])
def test_returns_that_differ_by_rounding_alone_do_not_vary(level: float) -> None:
    rounding = np.spacing(max(level, 1.0)) * np.array([0, 1, 0, 1, 0, 1, 0])
    assert moments(level + rounding) is None
    assert moments(level + np.array([0, 1, 0, 1, 0, 1, 0]) * 1e-6 * max(level, 1.0)) is not None


def test_moments_that_no_returns_have_are_refused() -> None:
    assert sharpe_variance(0.0, observations=10, skew=2.0, kurtosis=5.0, autocorrelation=0.0) == 0.1
    with pytest.raises(ValueError, match=r"kurtosis must be at least 1 \+ skew squared\. Received: 4\.99 with skew 2"):
        sharpe_variance(0.0, observations=10, skew=2.0, kurtosis=4.99, autocorrelation=0.0)
    for outside in (-1.0, 1.0, 1.5, math.nan):
        with pytest.raises(ValueError, match=r"autocorrelation must lie between -1 and 1"):
            sharpe_variance(0.0, observations=10, skew=0.0, kurtosis=3.0, autocorrelation=outside)


@pytest.mark.parametrize("autocorrelation", [-0.95, 0.95])
def test_the_error_of_a_mean_of_normal_returns(autocorrelation: float) -> None:
    # (1 + rho) / (1 - rho) / n where the true ratio is 0
    variance = sharpe_variance(0.0, observations=50, skew=0.0, kurtosis=3.0, autocorrelation=autocorrelation)
    assert variance == pytest.approx((1 + autocorrelation) / (1 - autocorrelation) / 50)


def test_the_error_is_never_negative() -> None:
    # rho -0.8, skew 3, kurtosis 10: 1/9 - 7/3 x 3 x ratio + 41/9 x 9/4 x ratio squared lies below 0 from 0.02 to 0.67
    sample = {"observations": 9, "skew": 3.0, "kurtosis": 10.0, "autocorrelation": -0.8}
    assert sharpe_variance(0.3, **sample) == 0.0
    assert sharpe_variance(1.0, **sample) == pytest.approx((1 / 9 - 7.0 + 41 / 4) / 9)
    assert [probabilistic_sharpe(sharpe, benchmark=0.3, **sample) for sharpe in (0.2, 0.3, 0.4)] == [0.0, 0.5, 1.0]


def test_autocorrelation_is_none_unless_given() -> None:
    sample = {"observations": 24, "skew": -1.0, "kurtosis": 6.0}
    assert probabilistic_sharpe(0.4, benchmark=0.1, **sample) == probabilistic_sharpe(
        0.4, benchmark=0.1, autocorrelation=0.0, **sample
    )
    assert deflated_sharpe(0.4, trials=5, trial_variance=0.1, **sample) == deflated_sharpe(
        0.4, trials=5, trial_variance=0.1, autocorrelation=0.0, **sample
    )


def test_with_one_trial_a_deflated_ratio_is_a_probabilistic_one_against_zero() -> None:
    sample = {"observations": 24, "skew": -1.0, "kurtosis": 6.0}
    assert deflated_sharpe(0.4, trials=1, trial_variance=0.1, **sample) == probabilistic_sharpe(
        0.4, benchmark=0.0, **sample
    )


def test_the_best_of_two_and_of_fewer() -> None:
    euler = float(np.euler_gamma)
    of_two = (1 - euler) * MEDIAN + euler * stats.norm.ppf(1 - 1 / (2 * math.e))
    assert expected_maximum(2) == pytest.approx(of_two, rel=1e-12)
    assert [expected_maximum(trials) / of_two for trials in (0.0, 1.0, 1.25, 1.5)] == pytest.approx([0, 0, 0.25, 0.5])
    assert expected_maximum(1000.5) == pytest.approx(
        (1 - euler) * stats.norm.ppf(1 - 1 / 1000.5) + euler * stats.norm.ppf(1 - 1 / (1000.5 * math.e)), rel=1e-12
    )


@given(st.floats(1.0, 500.0), st.floats(1.0, 500.0))
def test_more_trials_look_better(fewer: float, more: float) -> None:
    fewer, more = sorted((fewer, more))
    assert expected_maximum(fewer) <= expected_maximum(more)


def test_twice_the_ratio_needs_a_quarter_of_the_years() -> None:
    assert minimum_backtest_length(45, sharpe=2.0) == pytest.approx(4.998 / 4, abs=2e-4)
    assert minimum_backtest_length(1, sharpe=1.0) == 0.0


def test_a_correlation_matrix_that_is_off_by_rounding_has_the_rank_of_the_true_one() -> None:
    alike = np.array([[1.0, 1.0 + 1e-9], [1.0 + 1e-9, 1.0]])  # eigenvalues 2 and -1e-9
    assert effective_rank(alike) == pytest.approx(1.0)
    shares = np.array([1.6, 0.4]) / 2  # of the eigenvalues of two series with correlation 0.6
    assert effective_rank(np.array([[1.0, 0.6], [0.6, 1.0]])) == pytest.approx(math.exp(stats.entropy(shares)))


@pytest.mark.parametrize("trials", [0.0, 0.5, 1.0])
def test_one_try_is_one_try_whatever_is_known(trials: float) -> None:
    assert effective_trials(trials, np.eye(3)) == trials


def test_unknown_tries_are_as_much_alike_as_the_known_ones() -> None:
    three = np.array([[1.0, 0.5, 0.5], [0.5, 1.0, 0.5], [0.5, 0.5, 1.0]])  # eigenvalues 2, 0.5, 0.5
    rank = math.exp(stats.entropy([2 / 3, 1 / 6, 1 / 6]))
    assert effective_trials(3, three) == pytest.approx(rank)
    assert effective_trials(7, three) == pytest.approx(1 + 6 * (rank - 1) / 2)
    assert effective_trials(1.5, np.eye(2)) == pytest.approx(1.5)
