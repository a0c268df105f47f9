"""Evidence that a forecast has become worse: by hand, and how often it fires where nothing has changed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from forecast.statistics.drift import DriftReference, drift, reference, wealth

EXPECTED = DriftReference(
    hit_rate=0.55, hit_rate_low=0.5, gap=0.0, gap_low=-0.05, gap_high=0.05, observations=1000
)  # fmt: skip


def test_wealth_is_the_mean_over_stakes_of_the_product_of_bets() -> None:
    stakes = [part / 20 / 0.5 for part in range(1, 20)]  # up to 1 / (1 - 0.5)
    by_hand = [
        np.mean([1 + stake * 0.5 for stake in stakes]),
        np.mean([(1 + stake * 0.5) * (1 - stake * 0.5) for stake in stakes]),
        np.mean([(1 + stake * 0.5) ** 2 * (1 - stake * 0.5) for stake in stakes]),
    ]
    assert wealth(np.array([0.0, 1.0, 0.0]), least=0.5) == pytest.approx(by_hand)


@given(st.lists(st.floats(0, 1), max_size=30), st.floats(0, 1), st.integers(1, 5))
def test_wealth_is_never_negative_and_needs_no_later_value(values, least, horizon) -> None:
    full = wealth(np.array(values), least=least, horizon=horizon)
    assert np.all(full >= 0)
    for count in range(len(values)):
        assert full[:count] == pytest.approx(wealth(np.array(values[:count]), least=least, horizon=horizon))


@pytest.mark.parametrize("least", [0.3, 0.5, 0.7])
def test_a_bet_gains_nothing_on_average_where_nothing_has_changed(least) -> None:
    next_wealth = [wealth(np.array([0.0, 1.0, value]), least=least)[-1] for value in (0.0, 1.0)]
    before = wealth(np.array([0.0, 1.0]), least=least)[-1]
    assert (1 - least) * next_wealth[0] + least * next_wealth[1] == pytest.approx(before)


def test_looked_at_every_evening_for_two_years_it_fires_by_chance_in_one_of_20_at_most() -> None:
    rng = np.random.default_rng(0)
    fired = 0
    for _ in range(1000):
        outcome = rng.integers(0, 2, 500).astype(float)
        probability = np.where(rng.random(500) < 0.5, 0.52, 0.48)  # hits in half of all cases, as expected at least
        fired += drift(probability, outcome, expected=EXPECTED).fired is not None
    assert fired / 1000 <= 0.05


def test_overlapping_outcomes_do_not_make_it_fire() -> None:
    rng = np.random.default_rng(1)
    fired = 0
    for _ in range(500):
        path = np.cumsum(rng.normal(size=406))
        outcome = (path[5:] > path[:-5])[:400].astype(float)
        probability = np.full(400, 0.51) if rng.random() < 0.5 else np.full(400, 0.49)
        fired += drift(probability, outcome, expected=EXPECTED, horizon=5).fired is not None
    assert fired / 500 <= 0.05


def test_a_forecast_that_is_wrong_in_six_of_ten_cases_is_caught_within_a_year() -> None:
    rng = np.random.default_rng(2)
    caught = 0
    for _ in range(200):
        outcome = rng.integers(0, 2, 250).astype(float)
        right = rng.random(250) < 0.38
        probability = np.where(right == (outcome > 0.5), 0.52, 0.48)
        caught += drift(probability, outcome, expected=EXPECTED).fired is not None
    assert caught / 200 > 0.8


def test_probabilities_that_are_off_are_caught_although_directions_are_right() -> None:
    rng = np.random.default_rng(3)
    outcome = (rng.random(250) < 0.9).astype(float)
    evidence = drift(np.full(250, 0.55), outcome, expected=EXPECTED)
    assert evidence.fired is not None
    assert evidence.gap_evidence > 20 > evidence.hit_evidence


def test_the_reference_has_the_backtests_rate_with_wilsons_limit() -> None:
    probability = np.array([0.6, 0.6, 0.4, 0.4] * 25)
    outcome = np.array([1.0, 0.0, 0.0, 1.0] * 25)
    expected = reference(probability, outcome)
    assert expected.hit_rate == 0.5
    assert expected.hit_rate_low == pytest.approx(0.4038, abs=1e-4)  # 50 of 100, Wilson (1927)
    assert (expected.gap, expected.gap_low) == pytest.approx(
        (0.0, -1.959964 * np.sqrt(np.mean((outcome - probability) ** 2)) / 10)
    )
    assert reference(probability, outcome, horizon=4).hit_rate_low < expected.hit_rate_low


def test_without_an_outcome_there_is_no_evidence() -> None:
    evidence = drift(np.empty(0), np.empty(0), expected=EXPECTED)
    assert (evidence.observations, evidence.evidence, evidence.hit_rate, evidence.fired) == (0, 1.0, None, None)
    assert (evidence.hit_evidence, evidence.gap_evidence, evidence.gap) == (1.0, 1.0, None)


def plain_wealth(values: list[float], *, least: float, horizon: int) -> list[float]:
    """Every bet written out: series of every horizon-th value, 19 stakes each, the mean of both."""
    wealths = []
    for now in range(len(values)):
        series = []
        for first in range(horizon):
            seen = values[first : now + 1 : horizon]
            series.append(
                np.mean(
                    [
                        np.prod([1 + part / 20 / (1 - least) * (least - value) for value in seen])
                        for part in range(1, 20)
                    ]
                )
            )
        wealths.append(float(np.mean(series)))
    return wealths


@pytest.mark.parametrize("horizon", [1, 2, 3, 9])
@pytest.mark.parametrize("least", [0.2, 0.55, 0.9])
def test_wealth_is_that_of_every_bet_written_out(least: float, horizon: int) -> None:
    values = np.random.default_rng(4).uniform(0, 1, 7).round(2).tolist()
    expected = plain_wealth(values, least=least, horizon=horizon)
    assert wealth(np.array(values), least=least, horizon=horizon) == pytest.approx(expected, rel=1e-12)


def test_a_least_of_nothing_or_all_is_kept_inside() -> None:
    for least, bound in ((0.0, 1e-6), (-3.0, 1e-6), (1.0, 1 - 1e-6), (2.0, 1 - 1e-6)):
        assert wealth(np.array([0.3, 0.0]), least=least).tolist() == wealth(np.array([0.3, 0.0]), least=bound).tolist()


@pytest.mark.parametrize("horizon", [1, 2])
def test_a_record_is_judged_by_hits_and_by_both_sides_of_the_gap(horizon: int) -> None:
    probability, outcome = np.array([0.7, 0.4, 0.5, 0.6, 0.3]), np.array([0.0, 1.0, 0.0, 0.0, 1.0])
    expected = DriftReference(hit_rate=0.6, hit_rate_low=0.52, gap=0.0, gap_low=-0.1, gap_high=0.04, observations=9)
    result = drift(probability, outcome, expected=expected, horizon=horizon)
    hits, gaps = [0.0, 0.0, 1.0, 0.0, 0.0], [-0.7, 0.6, -0.5, -0.6, 0.7]  # one half is no forecast of a rise
    hit = plain_wealth(hits, least=0.52, horizon=horizon)
    low = plain_wealth([(gap + 1) / 2 for gap in gaps], least=0.45, horizon=horizon)
    high = plain_wealth([(1 - gap) / 2 for gap in gaps], least=0.48, horizon=horizon)
    assert (result.observations, result.hit_rate) == (5, pytest.approx(0.2))
    assert result.gap == pytest.approx(-0.1)
    assert result.hit_evidence == pytest.approx(hit[-1])
    assert result.gap_evidence == pytest.approx((low[-1] + high[-1]) / 2)
    assert result.evidence == pytest.approx((hit[-1] + (low[-1] + high[-1]) / 2) / 2)


def test_it_fires_at_the_first_observation_with_evidence_of_one_over_alpha() -> None:
    probability, outcome = np.full(40, 0.9), np.zeros(40)
    evidence = [drift(probability[:n], outcome[:n], expected=EXPECTED).evidence for n in range(1, 41)]
    first = int(np.argmax(np.array(evidence) >= 20.0))
    assert 0 < first < 39
    assert drift(probability, outcome, expected=EXPECTED).fired == first
    assert drift(probability, outcome, expected=EXPECTED, alpha=1 / evidence[first + 1]).fired == first + 1
    assert drift(probability[:first], outcome[:first], expected=EXPECTED).fired is None
    assert drift(probability[:1], outcome[:1], expected=EXPECTED, alpha=1 / evidence[0] - 1e-12).fired is None
    assert drift(probability[:1], outcome[:1], expected=EXPECTED, alpha=1.0).fired == 0


def test_symbols_that_decide_together_are_one_observation_a_day() -> None:
    probability, outcome = np.array([0.7, 0.4, 0.6, 0.6, 0.3]), np.array([1.0, 1.0, 1.0, 0.0, 0.0])
    day = np.array([0, 0, 1, 1, 1])
    result = drift(probability, outcome, expected=EXPECTED, day=day)
    assert (result.observations, result.hit_rate) == (2, pytest.approx((1 / 2 + 2 / 3) / 2))
    assert result.gap == pytest.approx((0.9 / 2 + (0.4 - 0.6 - 0.3) / 3) / 2)
    hits, gaps = np.array([0.5, 2 / 3, 1.0, 0.5]), np.array([0.45, -0.5 / 3, 0.1, 0.2])
    days = np.array([0, 0, 1, 1, 1, 2, 3, 3])
    probability = np.array([0.7, 0.4, 0.6, 0.6, 0.3, 0.9, 0.3, 0.3])
    outcome = np.array([1.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0])
    expected = reference(probability, outcome, horizon=2, day=days)
    assert (expected.hit_rate, expected.gap, expected.observations) == (
        pytest.approx(hits.mean()),
        pytest.approx(gaps.mean()),
        4,
    )
    reach = 1.959964 / np.sqrt(4 / 2)
    assert expected.hit_rate_low == pytest.approx(hits.mean() - reach * hits.std(), abs=1e-6)
    assert (expected.gap_low, expected.gap_high) == pytest.approx(
        (gaps.mean() - reach * gaps.std(), gaps.mean() + reach * gaps.std()), abs=1e-6
    )


@pytest.mark.parametrize(("horizon", "count"), [(1, 100.0), (4, 25.0), (300, 1.0)])
def test_outcomes_that_overlap_count_as_one_in_wilsons_limit(horizon: int, count: float) -> None:
    probability, outcome = np.array([0.6, 0.6, 0.4, 0.7, 0.4] * 20), np.array([1.0, 0.0, 0.0, 1.0, 1.0] * 20)
    expected = reference(probability, outcome, horizon=horizon)
    low, _ = proportion_confint(0.6 * count, count, method="wilson")
    assert (expected.hit_rate, expected.hit_rate_low, expected.observations) == (0.6, pytest.approx(low, abs=1e-6), 100)
    gaps = outcome - probability
    assert expected.gap_high - expected.gap == pytest.approx(1.959964 * gaps.std() / np.sqrt(count), abs=1e-6)
    assert expected.gap - expected.gap_low == pytest.approx(expected.gap_high - expected.gap)
