"""Many strategies at once, against plain loops over strategies and pairs."""

import numpy as np
import pytest

from forecast.statistics.bootstrap import block_length, resampled_means, variance_of_mean
from forecast.statistics.multiple_testing import common_block, confidence_set, holm, superior_predictive_ability


def test_after_the_first_test_that_is_not_rejected_all_others_have_its_level() -> None:
    # 0.001 against 0.05 / 4; 0.04 against 0.05 / 3 is not rejected, and 0.045 no more though 0.05 / 1 would do
    steps = holm([0.045, 0.001, 0.04, 0.045], level=0.95)
    assert [step.rejected for step in steps] == [False, True, False, False]
    assert [1 - step.level for step in steps] == pytest.approx([0.05 / 3, 0.05 / 4, 0.05 / 3, 0.05 / 3])
    assert [step.p_adjusted for step in steps] == pytest.approx([0.12, 0.004, 0.12, 0.12])
    assert [1 - step.level for step in holm([0.5, 0.4], level=0.9)] == pytest.approx([0.05, 0.05])
    assert [step.p_adjusted for step in holm([0.6, 0.7], level=0.9)] == [1.0, 1.0]
    assert not holm([0.25], level=0.75)[0].rejected  # at the level itself nothing is rejected
    assert holm([], level=0.95) == []


def hansens(gain: np.ndarray, *, block: float, seed: int) -> float:
    """The p-value strategy by strategy, from 500 draws."""
    days, means = len(gain), gain.mean(axis=0)
    resampled = resampled_means(gain, block=block, draws=500, rng=np.random.default_rng(seed))
    best, draws = -np.inf, np.full(500, -np.inf)
    for column, mean in enumerate(means):
        error = np.sqrt(variance_of_mean(gain[:, column], block=block))
        best = max(best, mean / error)
        centre = mean if mean >= -error * np.sqrt(2 * np.log(np.log(days))) else 0.0
        draws = np.maximum(draws, (resampled[:, column] - centre) / error)
    return float(np.mean(draws > best)) if means.max() > 0 else 1.0


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("block", [1.0, 3.0])
def test_superior_predictive_ability_is_hansens_strategy_by_strategy(seed: int, block: float) -> None:
    rng = np.random.default_rng(seed)
    returns, benchmark = rng.normal(0.0, 0.01, (60, 4)), rng.normal(0.0, 0.01, 60)
    returns[:, 3] -= 0.01
    ours = superior_predictive_ability(returns, benchmark, block=block, draws=500, rng=np.random.default_rng(seed + 9))
    assert ours == hansens(returns - benchmark[:, None], block=block, seed=seed + 9)


@pytest.mark.parametrize("t_values", [(0.1, -1.6), (0.1, -1.8), (1.2, -2.5, 0.3)])  # hopeless below -1.68 on 60 days
def test_a_hopeless_strategy_keeps_its_distance_and_another_is_centred(t_values: tuple[float, ...]) -> None:
    gain = np.random.default_rng(5).normal(0.0, 0.01, (60, len(t_values)))
    gain -= gain.mean(axis=0)
    gain += [t * np.sqrt(variance_of_mean(column, block=1.0)) for t, column in zip(t_values, gain.T, strict=True)]
    ours = superior_predictive_ability(gain, np.zeros(60), block=1.0, draws=500, rng=np.random.default_rng(6))
    assert ours == hansens(gain, block=1.0, seed=6)


def test_where_no_strategy_did_better_none_is_superior() -> None:
    returns = np.random.default_rng(0).normal(0.0, 0.01, (60, 2))
    returns -= returns.mean(axis=0)  # exactly as good, up to rounding, is not better
    returns -= 1e-6
    p_value = superior_predictive_ability(returns, np.zeros(60), block=1.0, draws=50, rng=np.random.default_rng(0))
    assert p_value == 1.0


@pytest.mark.parametrize("seed", range(4))
def test_the_confidence_set_removes_the_worst_of_those_left_pair_by_pair(seed: int) -> None:
    names = ["a", "b", "c", "d"]
    returns = np.random.default_rng(seed).normal(0.0, 0.01, (50, 4)) + np.array([0.004, 0.0, 0.002, -0.002])
    resampled = resampled_means(returns, block=2.0, draws=400, rng=np.random.default_rng(50 + seed))
    means = returns.mean(axis=0)
    left, expected, so_far = [0, 1, 2, 3], {}, 0.0
    while len(left) > 1:
        observed, drawn, worst = 0.0, np.zeros(400), {}
        for i in left:
            worst[i] = np.inf
            for j in left:
                if i == j:
                    continue
                gap = (resampled[:, i] - means[i]) - (resampled[:, j] - means[j])
                error = np.sqrt(np.mean(gap**2))
                t = (means[i] - means[j]) / error
                observed, drawn, worst[i] = (
                    max(observed, abs(t)),
                    np.maximum(drawn, np.abs(gap) / error),
                    min(worst[i], t),
                )
        so_far = max(so_far, float(np.mean(drawn > observed)))
        out = min(left, key=lambda candidate: worst[candidate])
        expected[names[out]] = so_far
        left.remove(out)
    expected[names[left[0]]] = 1.0
    ours = confidence_set(returns, names, block=2.0, draws=400, rng=np.random.default_rng(50 + seed))
    assert ours == pytest.approx(expected, abs=1e-12)
    assert list(ours) == list(expected)


def test_one_strategy_alone_is_the_best_one() -> None:
    assert confidence_set(np.ones((30, 1)), ["a"], block=1.0, draws=5, rng=np.random.default_rng(0)) == {"a": 1.0}


def test_the_common_block_is_the_longest_of_the_columns_that_vary() -> None:
    noise = np.random.default_rng(3).normal(size=(300, 2))
    slow = np.convolve(noise[:, 0], np.ones(6), "same")
    columns = np.stack([noise[:, 1], slow, np.full(300, 0.01)], axis=1)
    assert common_block(columns) == max(block_length(noise[:, 1]), block_length(slow))
    assert common_block(columns[:, 2:]) == 1.0
