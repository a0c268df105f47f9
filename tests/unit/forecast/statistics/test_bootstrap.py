"""The stationary bootstrap: arch agrees, and the closed form is what many draws give."""

import numpy as np
import pytest
from arch.bootstrap import StationaryBootstrap, optimal_block_length

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
