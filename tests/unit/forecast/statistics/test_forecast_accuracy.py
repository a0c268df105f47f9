"""Scores of probabilities, by hand."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss, roc_auc_score
from statsmodels.stats.proportion import proportion_confint

from forecast.statistics.forecast_accuracy import correlation, ensembles, prediction_quality, reliability


def test_hand_worked_scores() -> None:
    result = prediction_quality(np.array([1.0, 0, 1, 1]), np.array([0.8, 0.4, 0.3, 0.6]))
    assert result["log_loss"] == pytest.approx(-math.log(0.8 * 0.6 * 0.3 * 0.6) / 4)
    assert result["brier"] == pytest.approx((0.04 + 0.16 + 0.49 + 0.16) / 4)
    assert result["accuracy"] == 0.75
    assert result["base_rate"] == 0.75
    assert result["auc"] == pytest.approx(2 / 3)  # 0.8 and 0.6 beat 0.4, 0.3 does not
    assert result["observations"] == 4


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1).map(lambda p: round(p, 2))), min_size=2, max_size=200))
def test_scikit_learn_agrees(rows: list[tuple[bool, float]]) -> None:
    up, chance = np.array([up for up, _ in rows]), np.array([chance for _, chance in rows])
    result = prediction_quality(up.astype(float), chance)
    assert result["log_loss"] == pytest.approx(log_loss(up, chance, labels=[False, True]))
    assert result["brier"] == pytest.approx(((chance - up) ** 2).mean())
    if 0 < up.sum() < len(up):
        assert result["auc"] == pytest.approx(roc_auc_score(up, chance))


def test_reliability_by_hand() -> None:
    target, probability = np.array([0.0, 1, 0, 1, 1, 1, np.nan]), np.array([0.4, 0.45, 0.35, 0.6, 0.7, 0.65, 0.9])
    bins = reliability(target, probability, groups=2)
    assert bins.count.tolist() == [3, 3]
    assert bins.predicted == pytest.approx([0.4, 0.65])
    assert bins.observed == pytest.approx([1 / 3, 1.0])
    low, high = proportion_confint(np.array([1, 3]), 3, method="wilson")
    assert bins.low == pytest.approx(low)
    assert bins.high == pytest.approx(high)


def test_correlation_with_the_last_return() -> None:
    assert correlation(np.array([0.4, 0.5, 0.6]), np.array([-1.0, 0.0, 1.0])) == pytest.approx(1.0)
    assert correlation(np.array([0.5, 0.5, 0.5]), np.array([-1.0, 0.0, 1.0])) is None


def test_ties_in_time_are_different_decisions() -> None:
    times = pd.to_datetime(["2020-01-01"] * 4, utc=True)
    rows = pd.DataFrame(
        {
            "model": "lstm", "seed": [0, 0, 1, 1], "decided_at": times, "entry_at": times, "exit_at": times,
            "target": [1.0, 0.0, 1.0, 0.0], "probability": [0.8, 0.2, 0.6, 0.4],
        }
    )  # fmt: skip
    assert ensembles(rows)["lstm"]["probability"].tolist() == pytest.approx([0.7, 0.3])


def test_a_coin_scores_ln_2_and_a_quarter() -> None:
    result = prediction_quality(np.array([1.0, 0]), np.array([0.5, 0.5]))
    assert (result["log_loss"], result["brier"]) == (pytest.approx(math.log(2)), 0.25)


def test_one_class_has_no_auc_but_every_other_score() -> None:
    result = prediction_quality(np.ones(3), np.array([0.9, 0.6, 0.4]))
    assert result["auc"] is None
    assert result["accuracy"] == pytest.approx(2 / 3)


def test_rows_without_a_known_target_are_left_out() -> None:
    assert prediction_quality(np.array([1.0, np.nan]), np.array([0.7, 0.1]))["observations"] == 1
    assert prediction_quality(np.array([np.nan]), np.array([0.1]))["log_loss"] is None


def test_certainty_that_was_wrong_is_finite() -> None:
    log_loss = prediction_quality(np.array([1.0, 0.0]), np.array([0.0, 0.0]))["log_loss"]
    assert log_loss is not None
    assert math.isfinite(log_loss)


def test_one_half_is_no_forecast_of_a_rise() -> None:
    assert prediction_quality(np.array([0.0, 1.0, 0.0]), np.array([0.5, 0.5, 0.2]))["accuracy"] == pytest.approx(2 / 3)
    assert prediction_quality(np.array([1.0, 0.0]), np.array([0.51, 0.49]))["accuracy"] == 1.0


def test_a_wrong_certainty_costs_what_the_smallest_difference_of_one_does() -> None:
    quality = prediction_quality(np.array([1.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0]))
    assert quality["log_loss"] == pytest.approx(2 * 52 * math.log(2) / 3)  # 2^-52
    assert quality["brier"] == pytest.approx(2 / 3)


def test_without_a_known_target_there_is_nothing_but_the_count() -> None:
    names = ("log_loss", "brier", "accuracy", "base_rate", "auc")
    for target, probability in (([np.nan], [0.4]), ([1.0], [np.nan]), ([], [])):
        assert prediction_quality(np.array(target), np.array(probability)) == {
            **dict.fromkeys(names),
            "observations": 0,
        }


@pytest.mark.parametrize("rises", [1, 2])
def test_one_of_each_answer_is_enough_for_an_auc(rises: int) -> None:
    target = np.array([1.0] * rises + [0.0] * (3 - rises))
    assert prediction_quality(target, np.array([0.9, 0.5, 0.1]))["auc"] == 1.0
    assert prediction_quality(np.zeros(3), np.array([0.9, 0.5, 0.1]))["auc"] is None


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 20)), min_size=1, max_size=60), st.integers(1, 12))
def test_reliability_is_wilsons_interval_of_each_group(rows: list[tuple[bool, int]], groups: int) -> None:
    target, probability = np.array([float(up) for up, _ in rows]), np.array([step / 20 for _, step in rows])
    table = reliability(target, probability, groups=groups)
    order = np.argsort(probability, kind="stable")
    sizes = [len(part) for part in np.array_split(order, groups) if len(part)]
    assert table.count.tolist() == sizes
    end = 0
    for number, size in enumerate(sizes):
        part, end = order[end : end + size], end + size
        assert table.predicted[number] == pytest.approx(probability[part].mean())
        assert table.observed[number] == pytest.approx(target[part].mean())
        low, high = proportion_confint(target[part].sum(), size, alpha=0.05, method="wilson")
        assert (table.low[number], table.high[number]) == pytest.approx((low, high), abs=1e-9)


def test_a_correlation_needs_three_decisions_that_vary() -> None:
    signal, returns = np.array([0.4, 0.5, 0.7, np.nan]), np.array([0.01, -0.02, 0.03, 0.5])
    assert correlation(signal, returns) == pytest.approx(np.corrcoef(signal[:3], returns[:3])[0, 1])
    assert correlation(signal[:2], returns[:2]) is None
    assert correlation(signal[:3], np.full(3, 0.01)) is None
    assert correlation(signal[1:], np.array([np.nan, 0.1, 0.2])) is None


def test_an_ensemble_has_the_times_and_targets_of_its_decisions() -> None:
    times = pd.date_range("2020-01-01", periods=3, freq="D", tz="UTC")
    rows = pd.concat(
        pd.DataFrame(
            {
                "model": model, "seed": seed, "entry_at": times[:2], "exit_at": times[1:], "target": [1.0, 0.0],
                "probability": [0.2 + seed / 10 + level, 0.6 + level],
            }
        )
        for model, level in (("lstm", 0.0), ("gru", 0.05))
        for seed in (0, 1)
    )  # fmt: skip
    means = ensembles(rows)
    assert list(means) == ["lstm", "gru"]
    assert means["gru"]["probability"].tolist() == pytest.approx([0.3, 0.65])
    assert means["lstm"]["target"].tolist() == [1.0, 0.0]
    assert means["lstm"]["entry_at"].tolist() == times[:2].tolist()
    assert means["lstm"]["exit_at"].tolist() == times[1:].tolist()
