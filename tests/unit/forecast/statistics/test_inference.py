"""The mean difference over days and seeds: interval, p-value and minimum detectable effect."""

import numpy as np
import pytest
from scipy import stats

from forecast.statistics.bootstrap import block_length, variance_of_mean
from forecast.statistics.inference import Estimate, VariancePart, estimate_difference


def test_independent_days_without_seeds_give_the_t_test_of_scipy() -> None:
    a = np.random.default_rng(3).normal(0.1, 1.0, 400)
    estimate = estimate_difference(a, np.zeros(400))
    reference = stats.ttest_1samp(a, 0.0)
    assert estimate.block < 2.0
    assert estimate.p_value == pytest.approx(reference.pvalue, rel=0.15)
    low, high = estimate.interval(0.95)
    assert (low + high) / 2 == pytest.approx(a.mean())


def test_seeds_add_their_variance_and_few_of_them_few_degrees_of_freedom() -> None:
    days = np.random.default_rng(0).normal(0.0, 1.0, 1_000)
    seeds = days[:, None] + np.array([0.0, 0.3, -0.3])  # three trainings whose means differ
    alone = estimate_difference(days, np.zeros(1_000))
    both = estimate_difference(days, np.zeros(1_000), seeds_a=seeds)
    between = np.var([0.0, 0.3, -0.3], ddof=1) / 3
    assert both.standard_error**2 == pytest.approx(alone.standard_error**2 + between)
    share = between / both.standard_error**2
    days_part = (1 - share) ** 2 / alone.degrees_of_freedom
    assert both.degrees_of_freedom == pytest.approx(1.0 / (share**2 / 2 + days_part))


def test_the_interval_excludes_zero_exactly_where_the_p_value_is_below_its_level() -> None:
    estimate = Estimate(value=0.2, parts=(VariancePart(value=0.01, degrees=7.0),), observations=50, block=1.0)
    at = 1.0 - estimate.p_value
    assert estimate.interval(at)[0] == pytest.approx(0.0, abs=1e-12)
    assert estimate.interval(at - 0.01)[0] > 0


def test_the_variance_of_seeds_is_that_of_their_means_less_what_chance_of_the_days_adds_to_it() -> None:
    rng = np.random.default_rng(5)
    seeds = np.array([-0.3, 0.0, 0.3]) + rng.normal(0.0, 3.0, (1_000, 3))
    part = estimate_difference(seeds.mean(axis=1), np.zeros(1_000), seeds_a=seeds).parts[1]
    by_chance = 3.0**2 / 1_000  # of the mean of 1,000 independent days
    assert part.noise == pytest.approx(by_chance / 3, rel=0.2)
    assert part.value == pytest.approx((np.var(seeds.mean(axis=0), ddof=1) - by_chance) / 3, rel=0.05)


@pytest.mark.parametrize("seeds", [2, 3, 10])
def test_a_true_difference_of_zero_is_claimed_one_time_in_twenty_with_any_number_of_seeds(seeds: int) -> None:
    rng = np.random.default_rng(seeds)
    claims = 0
    for _ in range(600):
        common = rng.normal(0.0, 1.0, 250)
        levels = rng.normal(0.0, 0.05, (2, seeds))  # what each training adds to every day
        a, b = (common[:, None] + rng.normal(0.0, 0.7, 250)[:, None] + level for level in levels)
        claims += estimate_difference(a.mean(axis=1), b.mean(axis=1), seeds_a=a, seeds_b=b).p_value < 0.05
    assert claims / 600 < 0.075


def test_the_minimum_detectable_effect_is_found_four_times_in_five() -> None:
    rng = np.random.default_rng(5)
    noise = rng.normal(0.0, 1.0, (800, 250))
    effect = np.mean(
        [estimate_difference(row, np.zeros(250)).minimum_detectable_effect(level=0.95, power=0.8) for row in noise[:50]]
    )
    hits = [estimate_difference(row + effect, np.zeros(250)).interval(0.95)[0] > 0 for row in noise]
    assert 0.75 < np.mean(hits) < 0.85


@pytest.mark.parametrize(
    ("degrees", "level"), [(2.0, 0.95), (3.0, 0.975), (12.5, 0.99), (900.0, 0.95), (30_000.0, 0.95)]
)
def test_the_minimum_detectable_effect_has_its_power_with_few_degrees_of_freedom_too(
    degrees: float, level: float
) -> None:
    estimate = Estimate(value=0.0, parts=(VariancePart(value=0.25, degrees=degrees),), observations=50, block=1.0)
    effect = estimate.minimum_detectable_effect(level=level, power=0.8)
    critical = stats.t.ppf((1 + level) / 2, degrees)
    assert stats.nct.sf(critical, degrees, effect / 0.5) == pytest.approx(0.8, abs=2e-3)


@pytest.mark.parametrize("spread", [0.0, 0.04, 0.08])
def test_what_an_experiment_states_others_like_it_find_four_times_in_five_however_far_seeds_differ(
    spread: float,
) -> None:
    """Experiments of 200 days and three seeds; each states an effect, which is then the truth of all the others."""
    rng = np.random.default_rng(7)
    experiments = []
    for _ in range(300):
        days, levels = rng.normal(0.0, 1.0, 200), rng.normal(0.0, spread, 3)
        seeds = days[:, None] + levels + rng.normal(0.0, 0.5, (200, 3))
        experiments.append(estimate_difference(seeds.mean(axis=1), np.zeros(200), seeds_a=seeds))
    stated = np.array([experiment.minimum_detectable_effect(level=0.95, power=0.8) for experiment in experiments])
    lows = np.array([experiment.interval(0.95)[0] for experiment in experiments])
    assert np.mean(lows[:, None] + stated[None, :] > 0) == pytest.approx(0.8, abs=0.04)


def test_a_constant_difference_and_a_single_seed_are_refused() -> None:
    days = np.random.default_rng(0).normal(size=30)
    with pytest.raises(ValueError, match="Expected a difference that varies"):
        estimate_difference(np.ones(30), np.zeros(30))
    with pytest.raises(ValueError, match="Expected two seeds or more"):
        estimate_difference(days, np.zeros(30), seeds_a=days[:, None])


def test_four_times_the_days_halve_what_days_alone_detect_and_leave_the_seeds_part() -> None:
    days = Estimate(value=0.0, parts=(VariancePart(value=0.04, degrees=1e6),), observations=1_000, block=1.0)
    smallest = days.minimum_detectable_effect(level=0.95, power=0.8)
    larger = days.in_larger_experiments(level=0.95, power=0.8)
    assert smallest == pytest.approx(0.2 * (stats.norm.ppf(0.975) + stats.norm.ppf(0.8)), rel=1e-3)
    assert larger.days == pytest.approx(smallest / 2, rel=1e-3)
    assert larger.symbols == pytest.approx(smallest * 0.28**0.5, rel=1e-3)  # (1 + 9 x 0.2) / 10
    assert larger.seeds is None
    of_seeds = (VariancePart(value=1e-9, degrees=1e6), VariancePart(value=0.04, degrees=1e6))
    seeds = Estimate(value=0.0, parts=of_seeds, observations=1_000, block=1.0)
    larger = seeds.in_larger_experiments(level=0.95, power=0.8)
    assert larger.days == pytest.approx(seeds.minimum_detectable_effect(level=0.95, power=0.8), rel=1e-3)
    assert larger.seeds == pytest.approx(larger.days / 2, rel=1e-3)


def test_the_estimates_of_other_experiments_are_sixteen_quantiles_of_their_chi_squared() -> None:
    part = VariancePart(value=0.3, degrees=4.0, noise=0.1)
    quantiles = stats.chi2.ppf((np.arange(16) + 0.5) / 16, 4.0)[::-1]
    expected = np.maximum(0.0, 0.4 * quantiles / 4.0 - 0.1)
    assert part.in_other_experiments() == pytest.approx(expected, rel=1e-9)
    assert part.in_other_experiments()[-1] == 0.0
    assert VariancePart(value=0.3, degrees=4.0).in_other_experiments() == pytest.approx(0.3 * quantiles / 4.0, rel=1e-9)


def two_parts() -> Estimate:
    return Estimate(
        value=-0.4,
        parts=(VariancePart(value=0.02, degrees=99.0), VariancePart(value=0.03, degrees=2.0, noise=0.012)),
        observations=250,
        block=2.5,
    )


def test_the_degrees_of_freedom_are_welchs_and_the_p_value_students() -> None:
    estimate = two_parts()
    degrees = 0.05**2 / (0.02**2 / 99 + 0.03**2 / 2)
    assert estimate.degrees_of_freedom == pytest.approx(degrees)
    assert estimate.p_value == pytest.approx(2 * stats.t.sf(0.4 / np.sqrt(0.05), degrees))
    low, high = estimate.interval(0.9)
    half = np.sqrt(0.05) * stats.t.ppf(0.95, degrees)
    assert (low, high) == pytest.approx((-0.4 - half, -0.4 + half))


def test_the_minimum_detectable_effect_is_found_with_its_power_over_all_other_experiments() -> None:
    estimate = two_parts()
    effect = estimate.minimum_detectable_effect(level=0.95, power=0.8)
    days, seeds = (part.in_other_experiments() for part in estimate.parts)
    powers = []
    for first in days:
        for second in seeds:
            degrees = (first + second) ** 2 / (first**2 / 99 + second**2 / 2)
            half = np.sqrt(first + second) * stats.t.ppf(0.975, degrees)
            powers.append(stats.norm.sf((half - effect) / np.sqrt(0.05)))  # that the mean lies above half the interval
    assert np.mean(powers) == pytest.approx(0.8, abs=1e-9)


def test_larger_experiments_have_the_parts_of_their_days_and_of_their_seeds() -> None:
    larger = two_parts().in_larger_experiments(level=0.95, power=0.8)
    independent = 10 / (1 + 9 * 0.2)

    def effect(days: float, seeds: float) -> float:
        parts = (
            VariancePart(value=0.02 / days, degrees=99.0 * days),
            VariancePart(value=0.03 / seeds, degrees=3 * seeds - 1, noise=0.012 / days / seeds),
        )
        estimate = Estimate(value=0.0, parts=parts, observations=1, block=1.0)
        return estimate.minimum_detectable_effect(level=0.95, power=0.8)

    assert larger.days == pytest.approx(effect(4, 1), rel=1e-12)
    assert larger.symbols == pytest.approx(effect(independent, 1), rel=1e-12)
    assert larger.seeds == pytest.approx(effect(1, 4), rel=1e-12)


def test_the_parts_of_a_difference_are_those_of_days_in_blocks_and_of_each_networks_seeds() -> None:
    rng = np.random.default_rng(13)
    noise = rng.normal(size=(121, 5))
    seeds = noise[1:] + 0.6 * noise[:-1] + rng.normal(0.0, 0.4, 5)
    a, b = seeds[:, :3], seeds[:, 3:]
    estimate = estimate_difference(a.mean(axis=1), b.mean(axis=1), seeds_a=a, seeds_b=b)
    difference = a.mean(axis=1) - b.mean(axis=1)
    block = block_length(difference)
    assert block > 1.5
    assert (estimate.block, estimate.observations, estimate.value) == (block, 120, pytest.approx(difference.mean()))
    assert estimate.parts[0].value == pytest.approx(variance_of_mean(difference, block=block))
    assert estimate.parts[0].degrees == pytest.approx(120 / block - 1)
    for part, columns in zip(estimate.parts[1:], (a, b), strict=True):
        count = columns.shape[1]
        apart = columns - columns.mean(axis=1, keepdims=True)
        noise_of_one = sum(variance_of_mean(column, block=block) for column in apart.T) / (count - 1)
        assert part.degrees == count - 1
        assert part.noise == pytest.approx(noise_of_one / count)
        between = np.var(columns.mean(axis=0), ddof=1)
        assert part.value == pytest.approx(max(0.0, between - noise_of_one) / count)


def test_blocks_of_half_the_record_and_more_leave_one_degree_of_freedom() -> None:
    swing = np.sin(np.arange(20) * 2 * np.pi / 20)
    estimate = estimate_difference(swing, np.zeros(20))
    assert estimate.parts[0].degrees == max(1.0, 20 / estimate.block - 1)
    assert len(estimate.parts) == 1
