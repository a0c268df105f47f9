import dataclasses

import numpy as np
import pytest

from forecast.compute.shared_data import SharedData
from forecast.config.experiment import Experiment
from forecast.datasets.dataset import prepare
from forecast.training import baselines, user_baselines
from forecast.training.baselines import BASELINES
from pipelines.errors import ConfigError
from pipelines.sources.synthetic import random_walk


def predict(made, **which):
    result = baselines.predict(SharedData.of(made), **which)
    assert len(result.validation) == len(made.folds[which["fold"]].validation)
    return result.probability


def dataset(seed=0, **changes):
    made = prepare(random_walk(bars=600, seed=seed), Experiment(symbol="WALK", window=10, folds=2))
    return dataclasses.replace(made, **changes) if changes else made


def with_targets(made, targets):
    return dataclasses.replace(made, windows=type(made.windows)(**{**made.windows.__dict__, "targets": targets}))


def test_the_previous_sign_is_up_exactly_after_a_rise():
    made = dataset()
    fold = made.folds[0]
    found = predict(made, fold=0, name="previous_sign")
    ends = made.windows.ends[fold.test]
    rose = np.array([made.bars.close[end] > made.bars.close[end - 1] for end in ends])
    np.testing.assert_array_equal(found > 0.5, rose)


def test_the_confidence_of_the_previous_sign_is_its_share_of_right_training_rows():
    made = dataset()
    ends, close = made.windows.ends, made.bars.close
    rose = (close[ends] > close[ends - 1]).astype(float)
    wrong_once_in_four = np.where(np.arange(len(rose)) % 4 == 0, 1 - rose, rose)
    found = predict(with_targets(made, wrong_once_in_four), fold=0, name="previous_sign")
    right = np.mean(np.arange(len(made.folds[0].train)) % 4 != 0)
    assert found.max() == pytest.approx(right)
    assert found.min() == pytest.approx(1 - right)
    always_wrong = predict(with_targets(made, 1 - rose), fold=0, name="previous_sign")
    assert set(np.round(always_wrong, 6)) == {0.499, 0.501}


@pytest.mark.parametrize("name", ["logistic", "boosting"])
def test_a_rival_learns_a_target_that_stands_in_its_window(name):
    made = dataset()
    last = made.windows.values[made.windows.ends, 0]  # the newest return of each window
    made = with_targets(made, (last > np.median(last)).astype(float))
    rows = made.folds[1].test
    found = predict(made, fold=1, name=name)
    assert np.mean((found > 0.5) == (made.windows.targets[rows] > 0)) > 0.85


@pytest.mark.parametrize("name", list(BASELINES))
def test_no_rival_sees_a_test_row(name):
    made = dataset()
    rows = made.folds[0].test
    targets = made.windows.targets.copy()
    targets[rows] = 1 - targets[rows]
    np.testing.assert_array_equal(
        predict(made, fold=0, name=name), predict(with_targets(made, targets), fold=0, name=name)
    )


@pytest.mark.parametrize("name", list(BASELINES))
def test_one_class_only_gives_finite_probabilities(name):
    made = with_targets(dataset(), np.ones_like(dataset().windows.targets))
    found = predict(made, fold=0, name=name)
    assert found.shape == made.folds[0].test.shape
    assert ((found > 0) & (found < 1)).all()


@pytest.mark.parametrize("name", list(BASELINES))
def test_a_row_without_weight_teaches_a_rival_nothing(name):
    made = dataset()
    fold = made.folds[0]
    silent = np.concatenate([fold.train[::3], fold.validation[::3]])
    weights = fold.weights.copy()
    weights[silent] = 0.0
    made = dataclasses.replace(made, folds=(dataclasses.replace(fold, weights=weights), *made.folds[1:]))
    targets = made.windows.targets.copy()
    targets[silent] = 1 - targets[silent]
    expected = predict(made, fold=0, name=name)
    np.testing.assert_array_equal(predict(with_targets(made, targets), fold=0, name=name), expected)


OWN = "tests.helpers.own_models"


def test_a_baseline_of_ones_own_is_fitted_on_the_same_windows_and_asked_like_the_others():
    made = dataset()
    last = made.windows.values[made.windows.ends, 0]
    made = with_targets(made, (last > np.median(last)).astype(float))
    found = predict(made, fold=1, name=f"baseline:{OWN}:Ridge")
    assert np.mean((found > 0.5) == (made.windows.targets[made.folds[1].test] > 0)) > 0.85
    share = made.windows.targets[made.folds[1].train].mean()
    np.testing.assert_allclose(predict(made, fold=1, name=f"baseline:{OWN}:Constant"), share)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Unasked", "expected an object with fit and predict_proba, got Unasked without predict_proba"),
        ("Flat", r"expected predict_proba to give shape \(100, 2\) for the classes 0 and 1, got \(100,\)"),
        ("Certain", "expected probabilities from 0 to 1"),
        ("Failing", r"failed at line \d+ of own_models.py: ValueError: not today"),
        ("Leaving", r"failed at line \d+ of own_models.py: SystemExit: 7"),
        ("Demanding", "failed: TypeError: .*missing 1 required positional argument"),
        ("Missing", "expected a class Missing in"),
        ("Ranks", "expected the same probabilities when later rows are not asked for, got others"),
        ("Ending", r"expected it to return, got the end of its process \(exit code 0\)"),
    ],
)
def test_what_is_no_baseline_is_refused_before_anything_is_trained(name, message):
    with pytest.raises(ConfigError, match=message):
        user_baselines.check_own(f"{OWN}:{name}")


@pytest.mark.parametrize("memory", ["Remembers", "InAnotherModule"])
def test_a_baseline_of_ones_own_takes_nothing_from_a_later_fold_into_an_earlier_one(memory):
    made = dataset()
    predict(made, fold=1, name=f"baseline:{OWN}:{memory}")
    share = made.windows.targets[made.folds[0].train].mean()
    assert share != made.windows.targets[made.folds[1].train].mean()
    np.testing.assert_allclose(predict(made, fold=0, name=f"baseline:{OWN}:{memory}"), share)


def test_what_a_baseline_of_ones_own_opens_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("FORECAST_TEST_TABLE", str(tmp_path / "share.txt"))
    name = f"{OWN}:InAFile"
    assert f"baseline {name} reads {tmp_path / 'share.txt'}" in user_baselines.check_own(name)
    assert user_baselines.check_own(f"{OWN}:Ridge") == ()


def test_an_experiment_takes_a_baseline_of_ones_own_and_no_other_name():
    assert Experiment("X", baselines=(f"{OWN}:Ridge", "logistic")).baselines == (f"{OWN}:Ridge", "logistic")
    with pytest.raises(ConfigError, match="or module:Class of your own, each once, got nonsense"):
        Experiment("X", baselines=("nonsense",))
