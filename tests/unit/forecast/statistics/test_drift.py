"""Evidence that a forecast has become worse: by hand, and how often it fires where nothing has changed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    whole = wealth(np.array(values), least=least, horizon=horizon)
    assert np.all(whole >= 0)
    for count in range(len(values)):
        assert whole[:count] == pytest.approx(wealth(np.array(values[:count]), least=least, horizon=horizon))


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
    found = drift(np.full(250, 0.55), outcome, expected=EXPECTED)
    assert found.fired is not None
    assert found.gap_evidence > 20 > found.hit_evidence


def test_the_reference_has_the_backtests_rate_with_wilsons_limit() -> None:
    probability = np.array([0.6, 0.6, 0.4, 0.4] * 25)
    outcome = np.array([1.0, 0.0, 0.0, 1.0] * 25)
    found = reference(probability, outcome)
    assert found.hit_rate == 0.5
    assert found.hit_rate_low == pytest.approx(0.4038, abs=1e-4)  # 50 of 100, Wilson (1927)
    assert (found.gap, found.gap_low) == pytest.approx(
        (0.0, -1.959964 * np.sqrt(np.mean((outcome - probability) ** 2)) / 10)
    )
    assert reference(probability, outcome, horizon=4).hit_rate_low < found.hit_rate_low


def test_without_an_outcome_there_is_no_evidence() -> None:
    found = drift(np.empty(0), np.empty(0), expected=EXPECTED)
    assert (found.observations, found.evidence, found.hit_rate, found.fired) == (0, 1.0, None, None)
