import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.trading.probability_calibration import HOTTEST, fit


def rows(count, temperature, seed=0):
    """Probabilities whose odds are `temperature` times too large, and what came."""
    rng = np.random.default_rng(seed)
    true = rng.normal(0, 1, count)
    up = rng.random(count) < 1 / (1 + np.exp(-true))
    return 1 / (1 + np.exp(-true * temperature)), up.astype(float)


def log_loss(said, up):
    return -np.mean(up * np.log(said) + (1 - up) * np.log1p(-said))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_a_temperature_that_was_planted_is_found(temperature):
    made = fit(*rows(20_000, temperature), kind="temperature")
    assert made.temperature == pytest.approx(temperature, rel=0.05)


def test_the_temperature_is_the_one_of_the_highest_likelihood():
    said, up = rows(300, 2.0, seed=3)
    found = fit(said, up, kind="temperature").temperature
    odds = np.log(said / (1 - said))
    losses = {each: log_loss(1 / (1 + np.exp(-odds / each)), up) for each in (found, found * 1.001, found / 1.001)}
    assert min(losses, key=losses.get) == found


def test_odds_that_are_worth_nothing_end_near_one_half_and_keep_their_direction():
    said, up = rows(500, 1.0)
    made = fit(said, 1 - up, kind="temperature")  # wrong more often than right
    assert made.temperature == HOTTEST
    after = made.apply(said)
    assert np.abs(after - 0.5).max() < 0.02
    assert np.array_equal(after > 0.5, said > 0.5)


def test_isotonic_is_pooled_by_hand():
    # 1,000 rows each: said 0.2 came 30 %, said 0.4 came 10 %, said 0.6 came 90 %; the first two are pooled at 20 %
    said = np.repeat([0.2, 0.4, 0.6], 1_000)
    up = np.concatenate([np.arange(1_000) < count for count in (300, 100, 900)]).astype(float)
    made = fit(said, up, kind="isotonic")
    assert made.apply(np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.9])) == pytest.approx(
        [0.2, 0.2, 0.2, 0.2, 0.55, 0.9, 0.9]
    )


def test_isotonic_never_says_certain():
    said = np.linspace(0.1, 0.9, 400)
    after = fit(said, (said > 0.5).astype(float), kind="isotonic").apply(said)
    assert after.min() == pytest.approx(1 / 402)
    assert after.max() == pytest.approx(401 / 402)


@given(seed=st.integers(0, 1000), kind=st.sampled_from(["temperature", "isotonic"]), count=st.integers(20, 600))
def test_a_map_never_turns_two_probabilities_round(seed, kind, count):
    said, up = rows(count, 2.0, seed=seed)
    after = fit(said, up, kind=kind).apply(np.sort(said))
    assert np.all(np.diff(after) >= 0)
    assert 0 < after.min() <= after.max() < 1


@pytest.mark.parametrize(
    ("said", "up", "kind", "note"),
    [
        (np.full(19, 0.6), np.arange(19) % 2, "isotonic", "19 validation rows are too few: not calibrated"),
        (np.full(30, 0.6), np.ones(30), "temperature", "validation rows of one class only: not calibrated"),
        (np.full(30, 0.6), np.zeros(30), "isotonic", "validation rows of one class only: not calibrated"),
    ],
)
def test_too_few_rows_or_one_class_change_nothing_and_say_so(said, up, kind, note):
    made = fit(said, up.astype(float), kind=kind)
    assert (made.kind, made.note) == ("none", note)
    assert made.apply(said) is said


def test_few_rows_fall_back_from_isotonic_to_temperature():
    said, up = rows(199, 2.0)
    made = fit(said, up, kind="isotonic")
    assert made.kind == "temperature"
    assert fit(*rows(200, 2.0), kind="isotonic").kind == "isotonic"
    assert made.note == "199 validation rows are too few for isotonic calibration, temperature scaling was used"
    assert made.temperature == fit(said, up, kind="temperature").temperature


def test_rows_without_a_known_target_are_left_out():
    said, up = rows(300, 2.0)
    lost = np.where(np.arange(400) < 300, np.append(up, np.zeros(100)), np.nan)
    made = fit(np.append(said, np.full(100, 0.9)), lost, kind="temperature")
    assert made.temperature == fit(said, up, kind="temperature").temperature
