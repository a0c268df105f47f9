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


def log_loss(probability, up):
    return -np.mean(up * np.log(probability) + (1 - up) * np.log1p(-probability))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_a_temperature_that_was_planted_is_found(temperature):
    calibration = fit(*rows(20_000, temperature), kind="temperature")
    assert calibration.temperature == pytest.approx(temperature, rel=0.05)


def test_the_temperature_is_the_one_of_the_highest_likelihood():
    probability, up = rows(300, 2.0, seed=3)
    temperature = fit(probability, up, kind="temperature").temperature
    odds = np.log(probability / (1 - probability))
    losses = {
        candidate: log_loss(1 / (1 + np.exp(-odds / candidate)), up)
        for candidate in (temperature, temperature * 1.001, temperature / 1.001)
    }
    assert min(losses, key=losses.get) == temperature


def test_odds_that_are_worth_nothing_end_near_one_half_and_keep_their_direction():
    probability, up = rows(500, 1.0)
    calibration = fit(probability, 1 - up, kind="temperature")  # wrong more often than right
    assert calibration.temperature == HOTTEST
    after = calibration.apply(probability)
    assert np.abs(after - 0.5).max() < 0.02
    assert np.array_equal(after > 0.5, probability > 0.5)


def two_odds(odds, right, *, rows=1_000):
    """Rows said with these odds for and against a rise in turn, so many of which came right."""
    sign = np.tile([1.0, -1.0], rows // 2)
    came = np.arange(rows) // 2 * 2 < right  # as many of either direction
    return 1 / (1 + np.exp(-odds * sign)), ((sign > 0) == came).astype(float)


@pytest.mark.parametrize(
    ("odds", "right", "temperature"),
    [
        (7.0, 526, 7.0 / np.log(526 / 474)),  # 67.2
        (7.0, 520, 7.0 / np.log(520 / 480)),  # 87.5
        (7.0, 516, 100.0),  # 109
        (0.04, 640, 0.04 / np.log(640 / 360)),  # 0.0695
        (0.04, 800, 0.05),  # 0.029
        (0.04, 1_000, 0.05),
    ],
)
@pytest.mark.parametrize("rows", [1_000, 50])
def test_the_temperature_of_one_size_of_odds_is_its_share_of_the_odds_that_came(odds, right, temperature, rows):
    if right * rows % 2_000:
        return
    calibration = fit(*two_odds(odds, right * rows // 1_000, rows=rows), kind="temperature")
    assert calibration.temperature == pytest.approx(temperature, rel=1e-8)


def test_chances_of_one_half_are_worth_nothing_and_certain_ones_stay_finite():
    up = (np.arange(40) % 2).astype(float)
    assert fit(np.full(40, 0.5), up, kind="temperature").temperature == 100.0
    calibration = fit(*two_odds(7.0, 520), kind="temperature")
    calibrated = calibration.apply(np.array([0.0, 1e-9, 1 - 1e-9, 1.0]))
    edge = 1e9 ** (1 / calibration.temperature)
    np.testing.assert_allclose(
        calibrated, [1 / (1 + edge), 1 / (1 + edge), edge / (1 + edge), edge / (1 + edge)], rtol=1e-6
    )


def test_twenty_rows_are_enough_and_a_target_of_one_half_is_no_rise():
    probability, up = two_odds(1.0, 12, rows=20)
    calibration = fit(probability, up, kind="temperature")
    assert (calibration.kind, calibration.note) == ("temperature", "")
    assert fit(probability, np.where(up == 0, 0.5, up), kind="temperature").temperature == calibration.temperature
    alike = fit(probability, np.ones(20), kind="temperature")
    assert (alike.kind, alike.note) == ("none", "validation rows of one class only: not calibrated")


def test_isotonic_is_pooled_by_hand():
    # 1,000 rows each: said 0.2 came 30 %, said 0.4 came 10 %, said 0.6 came 90 %; the first two are pooled at 20 %
    probability = np.repeat([0.2, 0.4, 0.6], 1_000)
    up = np.concatenate([np.arange(1_000) < count for count in (300, 100, 900)]).astype(float)
    calibration = fit(probability, up, kind="isotonic")
    assert calibration.apply(np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.9])) == pytest.approx(
        [0.2, 0.2, 0.2, 0.2, 0.55, 0.9, 0.9]
    )


def test_isotonic_never_says_certain():
    probability = np.linspace(0.1, 0.9, 400)
    after = fit(probability, (probability > 0.5).astype(float), kind="isotonic").apply(probability)
    assert after.min() == pytest.approx(1 / 402)
    assert after.max() == pytest.approx(401 / 402)


@given(seed=st.integers(0, 1000), kind=st.sampled_from(["temperature", "isotonic"]), count=st.integers(20, 600))
def test_a_map_never_turns_two_probabilities_round(seed, kind, count):
    probability, up = rows(count, 2.0, seed=seed)
    after = fit(probability, up, kind=kind).apply(np.sort(probability))
    assert np.all(np.diff(after) >= 0)
    assert 0 < after.min() <= after.max() < 1


@pytest.mark.parametrize(
    ("probability", "up", "kind", "note"),
    [
        (np.full(19, 0.6), np.arange(19) % 2, "isotonic", "19 validation rows are too few: not calibrated"),
        (np.full(30, 0.6), np.ones(30), "temperature", "validation rows of one class only: not calibrated"),
        (np.full(30, 0.6), np.zeros(30), "isotonic", "validation rows of one class only: not calibrated"),
    ],
)
def test_too_few_rows_or_one_class_change_nothing_and_say_so(probability, up, kind, note):
    calibration = fit(probability, up.astype(float), kind=kind)
    assert (calibration.kind, calibration.note) == ("none", note)
    assert calibration.apply(probability) is probability


def test_few_rows_fall_back_from_isotonic_to_temperature():
    probability, up = rows(199, 2.0)
    calibration = fit(probability, up, kind="isotonic")
    assert calibration.kind == "temperature"
    assert fit(*rows(200, 2.0), kind="isotonic").kind == "isotonic"
    assert calibration.note == "199 validation rows are too few for isotonic calibration, temperature scaling was used"
    assert calibration.temperature == fit(probability, up, kind="temperature").temperature


def test_rows_without_a_known_target_are_left_out():
    probability, up = rows(300, 2.0)
    lost = np.where(np.arange(400) < 300, np.append(up, np.zeros(100)), np.nan)
    calibration = fit(np.append(probability, np.full(100, 0.9)), lost, kind="temperature")
    assert calibration.temperature == fit(probability, up, kind="temperature").temperature
