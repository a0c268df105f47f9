"""Sharpe ratios, overfitting, forecast tests, rankings, seeds, costs: published numbers and other programs."""

from itertools import combinations

import numpy as np
import pytest
import statsmodels.api as sm
from arch.bootstrap import MCS, SPA
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.sandwich_covariance import weights_uniform

from forecast.statistics.forecast_tests import diebold_mariano, log_losses, pesaran_timmermann
from forecast.statistics.multiple_testing import common_block, confidence_set, superior_predictive_ability
from forecast.statistics.overfitting import probability_of_overfitting
from forecast.statistics.sharpe_ratio import (
    deflated_sharpe,
    effective_rank,
    effective_trials,
    expected_maximum,
    minimum_backtest_length,
    moments,
    probabilistic_sharpe,
    sharpe_variance,
)
from forecast.statistics.trading_costs import break_even
from forecast.statistics.tried_returns import DailyReturns, correlations, daily


def test_the_best_of_ten_normal_numbers() -> None:
    assert expected_maximum(10) == pytest.approx(1.5746, abs=5e-5)
    assert expected_maximum(1) == 0.0
    drawn = np.random.default_rng(0).standard_normal((200_000, 10)).max(axis=1).mean()
    assert expected_maximum(10) == pytest.approx(drawn, abs=0.04)  # the formula is an approximation


def test_forty_five_trials_need_five_years() -> None:
    assert minimum_backtest_length(45, sharpe=1.0) == pytest.approx(4.998, abs=5e-4)


HEDGE_FUND = {"observations": 24, "skew": -2.448, "kurtosis": 10.164}  # the paper's numeric example


@pytest.mark.parametrize(
    ("autocorrelation", "other", "expected"),
    [
        (0.0, 0.0, 0.987207261261433),
        (0.0, 0.1, 0.9391476251031433),
        (0.2, 0.0, 0.9658320053889371),
        (0.2, 0.1, 0.900475917403146),
        (-0.3, 0.1, 0.9758685670470394),
    ],
)
def test_the_probabilistic_sharpe_ratio_of_the_paper(autocorrelation: float, other: float, expected: float) -> None:
    # López de Prado, Lipton and Zoonekynd (2025), as the package jsharpe computes it
    probability = probabilistic_sharpe(0.036 / 0.079, benchmark=other, autocorrelation=autocorrelation, **HEDGE_FUND)
    assert probability == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("autocorrelation", "expected"),
    [(0.0, 0.4506804504866181), (0.2, 0.45711042304135235), (-0.3, 0.44546828963033486)],
)
def test_the_deflated_sharpe_ratio_of_the_paper(autocorrelation: float, expected: float) -> None:
    probability = deflated_sharpe(
        0.036 / 0.079, trials=10, trial_variance=0.1, autocorrelation=autocorrelation, **HEDGE_FUND
    )
    assert probability == pytest.approx(expected, abs=1e-6)


def test_the_variance_of_a_sharpe_ratio_of_skewed_returns_that_follow_one_another() -> None:
    variance = sharpe_variance(0.3, observations=500, skew=-1.0, kurtosis=7.0, autocorrelation=0.25)
    assert variance == pytest.approx(0.004479333333333334, rel=1e-12)  # jsharpe
    rng, rho = np.random.default_rng(0), 0.3
    shocks = rng.exponential(size=(500, 8_000)) - 1.0
    returns = np.zeros_like(shocks)
    for row in range(1, len(shocks)):
        returns[row] = rho * returns[row - 1] + shocks[row]
    drawn = returns[100:] * np.sqrt(1 - rho**2) + 0.15
    ratios = drawn.mean(axis=0) / drawn.std(axis=0, ddof=1)
    skew, kurtosis = 2 * (1 - rho**2) ** 1.5 / (1 - rho**3), 3 + 6 * (1 - rho**2) ** 2 / (1 - rho**4)
    expected = sharpe_variance(0.15, observations=400, skew=skew, kurtosis=kurtosis, autocorrelation=rho)
    assert ratios.var() == pytest.approx(expected, rel=0.08)


def test_the_effective_number_of_tries_follows_their_correlation() -> None:
    assert effective_rank(np.eye(3)) == pytest.approx(3.0)
    assert effective_rank(np.ones((3, 3))) == pytest.approx(1.0)
    correlation = np.array([[10, 1, 7], [1, 10, 8], [7, 8, 10]]) / 10
    assert effective_rank(correlation) == pytest.approx(1.840200395337524, rel=1e-9)  # jsharpe
    assert effective_trials(10, np.eye(4)) == pytest.approx(10.0)
    assert effective_trials(10, np.ones((4, 4))) == pytest.approx(1.0)
    assert effective_trials(10, np.eye(1)) == 10.0
    # two known with correlation 0.6 are worth 1.6494; nine more beside the first, each 0.6494 of one
    assert effective_trials(10, np.array([[1.0, 0.6], [0.6, 1.0]])) == pytest.approx(1 + 9 * 0.649385, abs=1e-4)


def test_tries_are_compared_on_the_days_that_they_share() -> None:
    days = np.datetime64("2020-01-01") + np.arange(200)
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 200))
    tried = [
        DailyReturns(days=days, returns=one),
        DailyReturns(days=days[50:], returns=one[50:]),
        DailyReturns(days=days, returns=other),
        DailyReturns(days=days[150:], returns=one[150:]),  # shares 50 days with the others: too few to say
    ]
    correlation = correlations(tried)
    assert correlation[0, 1] == pytest.approx(1.0)
    assert correlation[0, 2] == pytest.approx(np.corrcoef(one, other)[0, 1])
    np.testing.assert_array_equal(correlation[3], [0.0, 0.0, 0.0, 1.0])
    np.testing.assert_array_equal(daily(days[[1, 0, 1]], np.array([1.0, 2.0, 3.0])).returns, [2.0, 4.0])


def test_a_sharpe_ratio_at_its_benchmark_is_even_odds() -> None:
    assert probabilistic_sharpe(0.1, observations=500, skew=-1, kurtosis=5, benchmark=0.1) == 0.5


def test_a_sharpe_ratio_without_error_is_above_its_benchmark_or_is_not() -> None:
    # returns of two values with skew 2 have kurtosis 5; at a ratio of 1 the error 1 - 2 + 4/4 is nothing at all
    settings = {"observations": 100, "skew": 2.0, "kurtosis": 5.0}
    assert [probabilistic_sharpe(ratio, benchmark=1.0, **settings) for ratio in (0.9, 1.0, 1.1)] == [0.0, 0.5, 1.0]


def test_moments_that_no_returns_have_are_refused() -> None:
    for skew, kurtosis in [(3.0, 5.0), (-2.0, 4.9), (0.0, float("nan"))]:
        with pytest.raises(ValueError, match=r"at least 1 \+ skew squared"):
            probabilistic_sharpe(1.0, observations=100, skew=skew, kurtosis=kurtosis, benchmark=0.0)


@given(st.lists(st.floats(-0.2, 0.2), min_size=3, max_size=30))
def test_moments_of_any_returns_give_a_probability(returns: list[float]) -> None:
    estimates = moments(np.array(returns))
    if estimates is not None:
        sharpe, skew, kurtosis = estimates
        chance = probabilistic_sharpe(sharpe, observations=len(returns), skew=skew, kurtosis=kurtosis, benchmark=0.0)
        assert 0.0 <= chance <= 1.0


def test_moments_by_hand() -> None:
    sharpe, skew, kurtosis = moments(np.array([0.0, 0.0, 0.0, 1.0])) or (0, 0, 0)
    assert sharpe == pytest.approx(0.25 / 0.5)
    assert skew == pytest.approx((3 * (-0.25) ** 3 + 0.75**3) / 4 / 0.1875**1.5)
    assert kurtosis == pytest.approx((3 * 0.25**4 + 0.75**4) / 4 / 0.1875**2)
    assert moments(np.full(10, 0.01)) is None


def test_overfitting_agrees_with_a_plain_loop() -> None:
    returns = np.random.default_rng(1).normal(0.0, 0.01, (60, 5))
    parts, below = np.array_split(returns, 6), []
    for chosen in combinations(range(6), 3):
        inside = np.concatenate([parts[part] for part in chosen])
        outside = np.concatenate([parts[part] for part in range(6) if part not in chosen])
        best = int(np.argmax(inside.mean(axis=0) / inside.std(axis=0)))
        after = outside.mean(axis=0) / outside.std(axis=0)
        below.append(sorted(after).index(after[best]) + 1 <= 3)  # of 5, the third is the median
    assert probability_of_overfitting(returns, blocks=6) == pytest.approx(np.mean(below))


def test_noise_is_overfitted_half_of_the_time_and_skill_never() -> None:
    rng = np.random.default_rng(2)
    noise = [probability_of_overfitting(rng.normal(0, 0.01, (320, 20)), blocks=10) for _ in range(30)]
    assert np.mean(noise) == pytest.approx(0.5, abs=0.1)
    skilled = rng.normal(0, 0.01, (320, 20))
    skilled[:, 7] += 0.01
    assert probability_of_overfitting(skilled, blocks=10) == 0.0


@pytest.mark.parametrize(("shape", "blocks"), [((100, 5), 7), ((10, 5), 16), ((100, 1), 4)])
def test_overfitting_needs_even_blocks_and_two_strategies(shape: tuple[int, int], blocks: int) -> None:
    with pytest.raises(ValueError, match="even number of blocks"):
        probability_of_overfitting(np.zeros(shape), blocks=blocks)


@pytest.mark.parametrize("horizon", [1, 4])
def test_statsmodels_agrees_on_diebold_mariano(horizon: int) -> None:
    rng = np.random.default_rng(3)
    noise = np.convolve(rng.standard_normal(253), np.ones(horizon), "valid")[:250]
    a, b = 0.1 + noise, np.zeros(250)
    fit = sm.OLS(a - b, np.ones(250)).fit(
        cov_type="HAC", cov_kwds={"maxlags": horizon - 1, "kernel": weights_uniform, "use_correction": False}
    )
    correction = np.sqrt((251 - 2 * horizon + horizon * (horizon - 1) / 250) / 250)
    result = diebold_mariano(a, b, horizon=horizon)
    assert result.statistic == pytest.approx(fit.tvalues[0] * correction)


def test_equal_forecasts_are_rarely_told_apart() -> None:
    rng = np.random.default_rng(4)
    values = [diebold_mariano(*rng.standard_normal((2, 200)), horizon=1).p_value for _ in range(400)]
    assert np.mean([value < 0.05 for value in values if value is not None]) == pytest.approx(0.05, abs=0.03)


def test_a_constant_difference_of_losses_has_no_test() -> None:
    result = diebold_mariano(np.full(50, 0.7), np.full(50, 0.6), horizon=1)
    assert (result.p_value, result.reason) == (None, "the difference of the losses never varied")
    assert "too few" in diebold_mariano(np.zeros(5), np.ones(5), horizon=1).reason


def test_a_negative_variance_of_overlapping_forecasts_falls_back_to_falling_weights() -> None:
    swing = np.tile([1.0, -1.0], 50) + 0.01
    assert diebold_mariano(swing, np.zeros(100), horizon=2).p_value is not None


def test_pesaran_timmermann_by_hand() -> None:
    # 100 decisions: 40 rises called, 10 rises missed, 20 falls called as rises, 30 falls called: 70 right
    rose = np.array([1] * 50 + [0] * 50, dtype=bool)
    predicted_rise = np.array([1] * 40 + [0] * 10 + [1] * 20 + [0] * 30, dtype=bool)
    chance = 0.5 * 0.6 + 0.5 * 0.4
    variance = chance * (1 - chance) / 100 - (0 + 0.04 * 0.25 / 100 + 4 * 0.5 * 0.6 * 0.5 * 0.4 / 100**2)
    result = pesaran_timmermann(rose, predicted_rise)
    assert result.statistic == pytest.approx((0.7 - chance) / np.sqrt(variance))
    assert result.p_value == pytest.approx(2.04e-5, rel=0.01)  # 4.103 standard deviations


def test_always_saying_up_is_no_skill_and_no_test() -> None:
    rose = np.random.default_rng(5).random(100) < 0.6
    assert pesaran_timmermann(rose, np.ones(100, dtype=bool)).reason == "only one direction was predicted"
    assert pesaran_timmermann(np.ones(100, dtype=bool), rose).reason == "only one direction came"
    assert pesaran_timmermann(rose[:5], rose[:5]).p_value is None


def test_log_losses_by_hand() -> None:
    assert log_losses(np.array([1.0, 0.0]), np.array([0.8, 0.8])) == pytest.approx([-np.log(0.8), -np.log(0.2)])


def market(edge: float, *, strategies: int = 5, days: int = 500) -> np.ndarray:
    returns = np.random.default_rng(6).normal(0.0, 0.01, (days, strategies))
    returns[:, 0] += edge
    return returns


@pytest.mark.parametrize("edge", [0.0, 0.0005, 0.001, -0.004])
def test_arch_agrees_on_superior_predictive_ability(edge: float) -> None:
    returns, benchmark = market(edge), np.random.default_rng(7).normal(0.0, 0.01, 500)
    theirs = SPA(-benchmark, -returns, block_size=3, reps=2000, bootstrap="stationary", seed=8)
    theirs.compute()
    ours = superior_predictive_ability(returns, benchmark, block=3.0, draws=10_000, rng=np.random.default_rng(9))
    assert ours == pytest.approx(theirs.pvalues["consistent"], abs=0.04)


def test_copies_of_the_benchmark_are_not_superior() -> None:
    flat = np.zeros((100, 2))
    p_value = superior_predictive_ability(flat, flat[:, 0], block=1.0, draws=100, rng=np.random.default_rng(0))
    assert p_value == 1.0


@pytest.mark.parametrize("edge", [0.0, 0.001, 0.004])
def test_arch_agrees_on_the_model_confidence_set(edge: float) -> None:
    returns = market(edge)
    theirs = MCS(-returns, size=0.05, block_size=3, reps=2000, bootstrap="stationary", method="R", seed=10)
    theirs.compute()
    names = [str(column) for column in range(5)]
    ours = confidence_set(returns, names, block=3.0, draws=10_000, rng=np.random.default_rng(11))
    assert list(ours) == [str(name) for name in theirs.pvalues.index]
    assert list(ours.values()) == pytest.approx(theirs.pvalues["Pvalue"].tolist(), abs=0.04)


def test_strategies_that_never_differ_stay_together() -> None:
    returns = np.repeat(market(0.0)[:, :1], 2, axis=1)
    assert confidence_set(returns, "ab", block=1.0, draws=500, rng=np.random.default_rng(0)) == {"a": 1.0, "b": 1.0}


def test_a_few_lucky_days_rule_nobody_out() -> None:
    common = np.random.default_rng(3).normal(0.0, 0.01, 500)
    few, many = common.copy(), common.copy()
    few[:19] += 0.05
    many[:20] += 0.05
    settings = {"block": 1.0, "draws": 2_000}
    values = [
        superior_predictive_ability(returns[:, None], common, **settings, rng=np.random.default_rng(0))
        for returns in (few, many)
    ]
    assert values[0] == 1.0
    assert values[1] < 0.05
    sets = [
        confidence_set(np.stack([returns, common], axis=1), "ab", **settings, rng=np.random.default_rng(0))
        for returns in (few, many)
    ]
    assert sets[0] == {"a": 1.0, "b": 1.0}
    assert sets[1]["b"] < 0.05


def test_the_common_block_is_the_longest_and_flat_columns_ask_for_none() -> None:
    slow = np.convolve(np.random.default_rng(12).standard_normal(600), np.ones(10), "valid")[:500]
    assert common_block(np.stack([slow, np.zeros(500)], axis=1)) > 5
    assert common_block(np.zeros((50, 2))) == 1.0


def test_at_the_break_even_cost_nothing_is_gained() -> None:
    rng = np.random.default_rng(14)
    gross, turnover = rng.normal(0.001, 0.01, 1000), rng.integers(0, 2, 1000).astype(float)
    break_even_cost = break_even(gross, turnover, block=1.0, level=0.95, draws=5_000, rng=rng)
    assert break_even_cost.cost is not None
    assert (gross - break_even_cost.cost * turnover).mean() == pytest.approx(0.0, abs=1e-15)
    # delta method: the ratio's variance is that of gross - cost x turnover over the mean turnover squared
    error = (gross - break_even_cost.cost * turnover).std() / np.sqrt(1000) / turnover.mean()
    assert break_even_cost.low == pytest.approx(break_even_cost.cost - 1.96 * error, abs=0.15 * error)
    assert break_even_cost.high == pytest.approx(break_even_cost.cost + 1.96 * error, abs=0.15 * error)


def test_no_trading_has_no_break_even_cost() -> None:
    rng, flat = np.random.default_rng(0), np.zeros(100)
    assert break_even(flat, flat, block=1.0, level=0.95, draws=10, rng=rng).reason == "no difference in trading"
    unsure = break_even(flat, rng.normal(0, 1, 100), block=1.0, level=0.95, draws=500, rng=rng)
    assert (unsure.low, unsure.reason) == (None, "too little traded for an interval")
