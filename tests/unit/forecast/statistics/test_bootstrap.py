"""The stationary bootstrap: arch agrees, and the closed form is what many draws give."""

import numpy as np
import pytest
from arch.bootstrap import StationaryBootstrap, optimal_block_length

from forecast.statistics import bootstrap
from forecast.statistics.bootstrap import block_length, resampled_means, variance_of_mean


@pytest.mark.parametrize("block", [1.0, 2.5, 20.0])
def test_the_bootstrap_has_the_spread_that_arch_finds(block: float) -> None:
    rng = np.random.default_rng(1)
    series = np.convolve(rng.standard_normal(520), np.ones(5), "valid")[:500]
    ours = resampled_means(series[:, None], block=block, draws=20_000, rng=rng)[:, 0]
    theirs = StationaryBootstrap(block, series, seed=2).apply(np.mean, 4_000)[:, 0]
    assert ours.mean() == pytest.approx(series.mean(), abs=4 * series.std() / np.sqrt(500 * 200))
    assert ours.std() == pytest.approx(theirs.std(), rel=0.05)


@pytest.mark.parametrize("memory", [0.0, 0.3, 0.8, -0.4])
@pytest.mark.parametrize("length", [20, 77, 1000])
def test_the_block_length_is_the_one_that_arch_finds(memory: float, length: int) -> None:
    rng = np.random.default_rng(11)
    for _ in range(20):
        noise = rng.standard_normal(length)
        series = noise.copy()
        for row in range(1, length):
            series[row] += memory * series[row - 1]
        theirs = float(optimal_block_length(series)["stationary"].iloc[0])
        assert block_length(series) == pytest.approx(max(1.0, theirs))


def test_blocks_of_one_resample_as_if_independent() -> None:
    series = np.random.default_rng(3).standard_normal((400, 1))
    means = resampled_means(series, block=1.0, draws=20_000, rng=np.random.default_rng(4))
    assert means.std() == pytest.approx(series.std() / 20, rel=0.02)


def test_columns_are_resampled_at_the_same_times() -> None:
    series = np.random.default_rng(5).standard_normal((200, 1))
    means = resampled_means(np.hstack([series, -series]), block=4.0, draws=500, rng=np.random.default_rng(6))
    assert np.allclose(means.sum(axis=1), 0)


@pytest.mark.parametrize(("length", "block"), [(300, 1.0), (300, 5.0), (60, 8.0)])
def test_the_closed_form_variance_is_that_of_many_draws(length: int, block: float) -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=length + 1)
    series = noise[1:] + 0.5 * noise[:-1]
    drawn = resampled_means(series[:, None], block=block, draws=40_000, rng=rng)[:, 0].var()
    assert variance_of_mean(series, block=block) == pytest.approx(drawn, rel=0.03)


@pytest.mark.parametrize("block", [1.0, 1.5, 4.0, 500.0])
@pytest.mark.parametrize(("length", "draws"), [(30, 1), (30, 20_001), (1, 50), (700, 1_000)])
def test_every_resample_has_as_many_observations_as_the_series(block: float, length: int, draws: int) -> None:
    means = resampled_means(np.ones((length, 2)), block=block, draws=draws, rng=np.random.default_rng(7))
    assert means.shape == (draws, 2)
    np.testing.assert_allclose(means, 1.0, rtol=1e-12)


def test_a_block_goes_on_with_the_next_observation_and_from_the_end_with_the_first() -> None:
    # of blocks much longer than the series each resample is a rotation of it: the mean is that of the series
    series = np.random.default_rng(8).normal(size=(40, 1))
    means = resampled_means(series, block=1e9, draws=200, rng=np.random.default_rng(9))
    np.testing.assert_allclose(means, series.mean(), rtol=1e-9)


@pytest.mark.parametrize("block", [2.0, 5.0])
def test_blocks_end_at_each_observation_with_the_same_probability(block: float) -> None:
    # of a series that is 1 once and 0 else a resample counts how often the first observation was drawn; with blocks of
    # mean length b the variance of that count is 1 - 1 / n: each draw alone, neighbours are other observations
    series = np.zeros((60, 1))
    series[0] = 1.0
    counts = 60 * resampled_means(series, block=block, draws=40_000, rng=np.random.default_rng(10))[:, 0]
    assert counts.mean() == pytest.approx(1.0, abs=0.03)
    pair = series + np.roll(series, 1)  # the first two: together where the block goes on, with probability 1 - 1 / b
    both = 60 * resampled_means(pair, block=block, draws=40_000, rng=np.random.default_rng(10))[:, 0]
    assert both.var() == pytest.approx(60**2 * variance_of_mean(pair[:, 0], block=block), rel=0.03)


@pytest.mark.parametrize("block", [1.0, 2.5, 30.0])
def test_the_closed_form_variance_is_lemma_1_of_politis_and_romano(block: float) -> None:
    series = np.random.default_rng(11).normal(size=23)
    n, centered = len(series), series - series.mean()
    keep = 1 - 1 / block
    total = np.mean(centered**2)
    for lag in range(1, n):
        weight = (1 - lag / n) * keep**lag
        total += 2 * weight * np.mean(centered * np.roll(centered, -lag))
    assert variance_of_mean(series, block=block) == pytest.approx(total / n, rel=1e-12)


@pytest.mark.parametrize("length", [12, 33, 3_000])
def test_a_block_is_no_longer_than_a_third_of_the_observations_nor_shorter_than_one(length: int) -> None:
    trend = np.arange(float(length))
    theirs = float(optimal_block_length(trend)["stationary"].iloc[0])
    assert block_length(trend) == pytest.approx(max(1.0, theirs))
    alternating = np.where(np.arange(length) % 2 == 0, 1.0, -1.0) + 1e-3 * np.sin(np.arange(length))
    theirs = float(optimal_block_length(alternating)["stationary"].iloc[0])
    assert block_length(alternating) == pytest.approx(max(1.0, theirs))


@pytest.mark.parametrize("piece", [1, 10**9])
def test_how_many_rows_are_summed_at_a_time_changes_no_digit(monkeypatch, piece):
    series = np.random.default_rng(0).normal(size=(300, 3))
    expected = resampled_means(series, block=2.5, draws=400, rng=np.random.default_rng(1))
    monkeypatch.setattr(bootstrap, "_PIECE", piece)
    np.testing.assert_array_equal(resampled_means(series, block=2.5, draws=400, rng=np.random.default_rng(1)), expected)
