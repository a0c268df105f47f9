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


def predict(dataset, **which):
    result = baselines.predict(SharedData.of(dataset), **which)
    assert len(result.validation) == len(dataset.folds[which["fold"]].validation)
    return result.probability


def dataset(seed=0, **changes):
    prepared = prepare(random_walk(bars=600, seed=seed), Experiment(symbol="WALK", window=10, folds=2))
    return dataclasses.replace(prepared, **changes) if changes else prepared


def with_targets(dataset, targets):
    return dataclasses.replace(
        dataset, windows=type(dataset.windows)(**{**dataset.windows.__dict__, "targets": targets})
    )


def test_the_previous_sign_is_up_exactly_after_a_rise():
    data = dataset()
    fold = data.folds[0]
    predictions = predict(data, fold=0, name="previous_sign")
    ends = data.windows.ends[fold.test]
    rose = np.array([data.bars.close[end] > data.bars.close[end - 1] for end in ends])
    np.testing.assert_array_equal(predictions > 0.5, rose)


def test_the_confidence_of_the_previous_sign_is_its_share_of_right_training_rows():
    data = dataset()
    ends, close = data.windows.ends, data.bars.close
    rose = (close[ends] > close[ends - 1]).astype(float)
    wrong_once_in_four = np.where(np.arange(len(rose)) % 4 == 0, 1 - rose, rose)
    predictions = predict(with_targets(data, wrong_once_in_four), fold=0, name="previous_sign")
    right = np.mean(np.arange(len(data.folds[0].train)) % 4 != 0)
    assert predictions.max() == pytest.approx(right)
    assert predictions.min() == pytest.approx(1 - right)
    always_wrong = predict(with_targets(data, 1 - rose), fold=0, name="previous_sign")
    assert set(np.round(always_wrong, 6)) == {0.499, 0.501}


@pytest.mark.parametrize("name", ["logistic", "boosting"])
def test_a_rival_learns_a_target_that_stands_in_its_window(name):
    data = dataset()
    last = data.windows.values[data.windows.ends, 0]  # the newest return of each window
    data = with_targets(data, (last > np.median(last)).astype(float))
    rows = data.folds[1].test
    predictions = predict(data, fold=1, name=name)
    assert np.mean((predictions > 0.5) == (data.windows.targets[rows] > 0)) > 0.85


@pytest.mark.parametrize("name", list(BASELINES))
def test_no_rival_sees_a_test_row(name):
    data = dataset()
    rows = data.folds[0].test
    targets = data.windows.targets.copy()
    targets[rows] = 1 - targets[rows]
    np.testing.assert_array_equal(
        predict(data, fold=0, name=name), predict(with_targets(data, targets), fold=0, name=name)
    )


@pytest.mark.parametrize("name", list(BASELINES))
def test_one_class_only_gives_finite_probabilities(name):
    data = with_targets(dataset(), np.ones_like(dataset().windows.targets))
    predictions = predict(data, fold=0, name=name)
    assert predictions.shape == data.folds[0].test.shape
    assert ((predictions > 0) & (predictions < 1)).all()


@pytest.mark.parametrize("name", list(BASELINES))
def test_a_row_without_weight_teaches_a_rival_nothing(name):
    data = dataset()
    fold = data.folds[0]
    silent = np.concatenate([fold.train[::3], fold.validation[::3]])
    weights = fold.weights.copy()
    weights[silent] = 0.0
    data = dataclasses.replace(data, folds=(dataclasses.replace(fold, weights=weights), *data.folds[1:]))
    targets = data.windows.targets.copy()
    targets[silent] = 1 - targets[silent]
    expected = predict(data, fold=0, name=name)
    np.testing.assert_array_equal(predict(with_targets(data, targets), fold=0, name=name), expected)


OWN = "tests.helpers.own_models"


def test_a_baseline_of_ones_own_is_fitted_on_the_same_windows_and_asked_like_the_others():
    data = dataset()
    last = data.windows.values[data.windows.ends, 0]
    data = with_targets(data, (last > np.median(last)).astype(float))
    predictions = predict(data, fold=1, name=f"baseline:{OWN}:Ridge")
    assert np.mean((predictions > 0.5) == (data.windows.targets[data.folds[1].test] > 0)) > 0.85
    share = data.windows.targets[data.folds[1].train].mean()
    np.testing.assert_allclose(predict(data, fold=1, name=f"baseline:{OWN}:Constant"), share)


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
    data = dataset()
    predict(data, fold=1, name=f"baseline:{OWN}:{memory}")
    share = data.windows.targets[data.folds[0].train].mean()
    assert share != data.windows.targets[data.folds[1].train].mean()
    np.testing.assert_allclose(predict(data, fold=0, name=f"baseline:{OWN}:{memory}"), share)


def test_what_a_baseline_of_ones_own_opens_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("FORECAST_TEST_TABLE", str(tmp_path / "share.txt"))
    name = f"{OWN}:InAFile"
    assert f"baseline {name} reads {tmp_path / 'share.txt'}" in user_baselines.check_own(name)
    assert user_baselines.check_own(f"{OWN}:Ridge") == ()


def test_an_experiment_takes_a_baseline_of_ones_own_and_no_other_name():
    assert Experiment("X", baselines=(f"{OWN}:Ridge", "logistic")).baselines == (f"{OWN}:Ridge", "logistic")
    with pytest.raises(ConfigError, match="or module:Class of your own, each once, got nonsense"):
        Experiment("X", baselines=("nonsense",))
