import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata, spearmanr

from forecast.statistics.bootstrap import block_length, variance_of_mean
from forecast.statistics.cross_section import (
    DailyMean,
    RankedRows,
    daily_mean,
    daily_rank_ic,
    mean_by,
    panel_scores,
    quantile_returns,
    rank_products,
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
        of_moment = ranked.moment == place
        constant = np.ptp(forecast[of_moment]) == 0.0
        expected = 0.0 if constant else spearmanr(forecast[of_moment], ranked.outcome[of_moment]).statistic
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
    quantiles = quantile_returns(forecast, ranked, groups=2)
    low, high = [], []
    for place in range(3):
        of_moment = ranked.moment == place
        order = np.argsort(forecast[of_moment])
        low.append(ranked.outcome[of_moment][order[:2]].mean())
        high.append(ranked.outcome[of_moment][order[2:]].mean())
    np.testing.assert_allclose(quantiles.returns, [np.mean(low), np.mean(high)])
    assert quantiles.spread.mean == pytest.approx(np.mean(high) - np.mean(low))
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


@pytest.mark.parametrize("groups", [2, 3, 10])
@pytest.mark.parametrize("ties", [False, True])
def test_groups_of_ranks_are_those_of_a_plain_loop(groups, ties):
    forecast, ranked = rows(days=30, names=7, seed=2, ties=ties)
    returns, rises = np.full((30, groups), np.nan), np.full((30, groups), np.nan)
    for day in range(30):
        of_day = np.flatnonzero(ranked.moment == day)
        place = (rankdata(forecast[of_day]) - 0.5) / 7  # the share of names below, half of its own counted
        group = np.minimum(np.floor(place * groups + 1e-12), groups - 1).astype(int)
        for quantile in set(group):
            returns[day, quantile] = ranked.outcome[of_day][group == quantile].mean()
            rises[day, quantile] = (ranked.outcome[of_day][group == quantile] > 0).mean()
    quantiles = quantile_returns(forecast, ranked, groups=groups)
    for values, table in ((quantiles.returns, returns), (quantiles.hit_rates, rises)):
        for value, column in zip(values, table.T, strict=True):
            present = column[np.isfinite(column)]
            assert value == (pytest.approx(present.mean(), abs=1e-12) if len(present) else None)
    spread = returns[:, -1] - returns[:, 0]
    assert quantiles.spread == daily_mean(spread[np.isfinite(spread)])


def test_the_t_of_a_mean_rests_on_blocks_of_days_and_on_twenty_of_them():
    noise = np.random.default_rng(4).normal(size=64)
    values = noise[1:] + noise[:-1]
    error = np.sqrt(variance_of_mean(values, block=block_length(values)))
    assert daily_mean(values) == DailyMean(mean=values.mean(), t=pytest.approx(values.mean() / error), days=63)
    assert daily_mean(values[:20]).t is not None
    assert daily_mean(values[:19]) == DailyMean(mean=values[:19].mean(), t=None, days=19)
    assert daily_mean(np.full(30, 0.5)) == DailyMean(mean=0.5, t=None, days=30)
    assert daily_mean(np.empty(0)) == DailyMean(mean=0.0, t=None, days=0)


def test_means_are_drawn_to_the_mean_weighted_by_how_well_each_is_known():
    means, variances = np.array([0.1, 0.3, -0.2, 0.4]), np.array([0.01, 0.02, 0.04, 0.01])
    center = (0.1 / 0.01 + 0.3 / 0.02 - 0.2 / 0.04 + 0.4 / 0.01) / (100 + 50 + 25 + 100)
    between = np.var(means, ddof=1) - 0.02  # what the means differ by, less their mean error
    assert between > 0
    expected = center + (means - center) * between / (between + variances)
    np.testing.assert_allclose(shrunk(means, variances=variances), expected, rtol=1e-12)
    three = shrunk(means[:3], variances=np.full(3, 1.0))
    np.testing.assert_allclose(three, means[:3].mean())  # all noise
    np.testing.assert_array_equal(shrunk(means[:2], variances=variances[:2]), means[:2])
    np.testing.assert_allclose(shrunk(np.array([0.2, 0.2, 0.5]), variances=np.zeros(3)), [0.2, 0.2, 0.5])


def test_the_variance_of_a_groups_mean_is_that_of_pandas():
    rng = np.random.default_rng(5)
    values, groups = rng.normal(size=50), rng.integers(0, 4, 50)
    mean, variance = mean_by(values, groups, count=5)
    grouped = pd.Series(values).groupby(groups)
    np.testing.assert_allclose(mean[:4], grouped.mean())
    np.testing.assert_allclose(variance[:4], grouped.sem() ** 2)
    assert np.isnan([mean[4], variance[4]]).all()


def test_names_of_one_moment_without_an_order_score_nothing():
    forecast, ranked = rows(days=3, names=5)
    flat = np.where(ranked.moment == 1, 0.5, forecast)
    products = rank_products(flat, ranked)
    assert not products[ranked.moment == 1].any()
    assert products[ranked.moment == 0].mean() == pytest.approx(
        spearmanr(forecast[:5], ranked.outcome[:5]).statistic, abs=1e-12
    )
