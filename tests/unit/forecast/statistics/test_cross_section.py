import numpy as np
import pytest
from scipy.stats import spearmanr

from forecast.statistics.cross_section import (
    RankedRows,
    daily_mean,
    daily_rank_ic,
    mean_by,
    panel_scores,
    quantile_returns,
    shrunk,
)


def rows(*, days=40, names=12, seed=0, ties=False):
    rng = np.random.default_rng(seed)
    moment = np.repeat(np.arange(days), names)
    outcome = rng.normal(0.0, 0.02, days * names)
    forecast = rng.normal(0.5, 0.05, days * names)
    if ties:
        outcome, forecast = np.round(outcome, 2), np.round(forecast, 1)
    session = np.datetime64("2020-01-01") + moment.astype("timedelta64[D]")
    return forecast, RankedRows(moment=moment, session=session, outcome=outcome)


@pytest.mark.parametrize("ties", [False, True])
def test_the_rank_ic_of_a_day_is_scipys_spearman_correlation(ties):
    forecast, ranked = rows(ties=ties)
    days, values = daily_rank_ic(forecast, ranked)
    assert len(days) == 40
    for place in range(40):
        mine = ranked.moment == place
        constant = np.ptp(forecast[mine]) == 0.0
        expected = 0.0 if constant else spearmanr(forecast[mine], ranked.outcome[mine]).statistic
        assert values[place] == pytest.approx(expected, abs=1e-12)


def test_a_constant_forecast_scores_zero_and_rows_in_another_order_the_same():
    forecast, ranked = rows()
    assert not daily_rank_ic(np.full(len(forecast), 0.5), ranked)[1].any()
    order = np.random.default_rng(1).permutation(len(forecast))
    mixed = RankedRows(moment=ranked.moment[order], session=ranked.session[order], outcome=ranked.outcome[order])
    np.testing.assert_allclose(daily_rank_ic(forecast[order], mixed)[1], daily_rank_ic(forecast, ranked)[1], atol=1e-14)


def test_two_moments_of_one_day_are_one_day():
    forecast, ranked = rows(days=4, names=5)
    session = np.repeat(np.array(["2020-01-01", "2020-01-02"], "datetime64[D]"), 10)
    days, values = daily_rank_ic(forecast, RankedRows(moment=ranked.moment, session=session, outcome=ranked.outcome))
    apart = daily_rank_ic(forecast, ranked)[1]
    assert len(days) == 2
    np.testing.assert_allclose(values, [apart[:2].mean(), apart[2:].mean()])


def test_scores_of_a_panel_have_one_value_a_day_for_every_member():
    forecast, ranked = rows()
    names = {("lstm", "0"): forecast, ("lstm", "1"): forecast + 0.01, ("lstm", "ensemble"): forecast}
    scores = panel_scores(names, ranked)
    assert scores.seeds["lstm"].shape == (40, 2)
    np.testing.assert_array_equal(scores.ensembles["lstm"], daily_rank_ic(forecast, ranked)[1])


def test_deciles_have_the_mean_return_of_their_ranks_each_day_counted_once():
    forecast, ranked = rows(days=3, names=4)
    made = quantile_returns(forecast, ranked, groups=2)
    low, high = [], []
    for place in range(3):
        mine = ranked.moment == place
        order = np.argsort(forecast[mine])
        low.append(ranked.outcome[mine][order[:2]].mean())
        high.append(ranked.outcome[mine][order[2:]].mean())
    np.testing.assert_allclose(made.returns, [np.mean(low), np.mean(high)])
    assert made.spread.mean == pytest.approx(np.mean(high) - np.mean(low))
    with_empty = quantile_returns(forecast, ranked, groups=10)
    assert None in with_empty.returns


def test_the_t_of_independent_days_is_that_of_a_mean():
    values = np.random.default_rng(3).normal(0.02, 0.1, 2_000)
    expected = values.mean() / (values.std(ddof=1) / np.sqrt(2_000))
    assert daily_mean(values).t == pytest.approx(expected, rel=0.1)
    assert daily_mean(np.zeros(5)).t is None


def test_means_that_are_noise_are_drawn_to_their_common_mean_and_clear_ones_stay():
    means = np.array([0.0, 0.1, 0.2])
    np.testing.assert_allclose(shrunk(means, variances=np.full(3, 10.0)), 0.1)
    np.testing.assert_allclose(shrunk(means, variances=np.full(3, 1e-12)), means, atol=1e-9)


def test_means_by_group_with_the_variance_of_the_mean():
    mean, variance = mean_by(np.array([1.0, 3.0, 5.0]), np.array([0, 0, 1]), count=3)
    np.testing.assert_array_equal(mean, [2.0, 5.0, np.nan])
    assert variance[0] == 1.0
