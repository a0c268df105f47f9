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
    found = reliability(target, probability, groups=2)
    assert found.count.tolist() == [3, 3]
    assert found.predicted == pytest.approx([0.4, 0.65])
    assert found.observed == pytest.approx([1 / 3, 1.0])
    low, high = proportion_confint(np.array([1, 3]), 3, method="wilson")
    assert found.low == pytest.approx(low)
    assert found.high == pytest.approx(high)


def test_correlation_with_the_last_return() -> None:
    assert correlation(np.array([0.4, 0.5, 0.6]), np.array([-1.0, 0.0, 1.0])) == pytest.approx(1.0)
    assert correlation(np.array([0.5, 0.5, 0.5]), np.array([-1.0, 0.0, 1.0])) is None


def test_ties_in_time_are_different_decisions() -> None:
    same = pd.to_datetime(["2020-01-01"] * 4, utc=True)
    rows = pd.DataFrame(
        {
            "model": "lstm", "seed": [0, 0, 1, 1], "decided_at": same, "entry_at": same, "exit_at": same,
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
