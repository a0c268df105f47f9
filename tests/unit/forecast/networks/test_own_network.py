"""A network of a person's own: trained in the same loop, saved and loaded; refused before any training."""

import dataclasses

import numpy as np
import pytest

from forecast.config.architecture import Architecture
from forecast.config.experiment import Experiment
from forecast.datasets.dataset import prepare
from forecast.networks.results import Budget
from pipelines.errors import ConfigError
from pipelines.sources.synthetic import random_walk

HERE = "tests.helpers.own_networks"
NAME = f"{HERE}:attention"
EXPERIMENT = Experiment("WALK", window=6, folds=2, units=2, models=(NAME,))


@pytest.fixture(scope="module")
def fitting():
    from forecast.compute import backend

    return backend.load_fitting("tensorflow")


def test_it_is_trained_repeated_saved_and_loaded_to_the_last_digit(fitting, tmp_path):
    data = prepare(random_walk(bars=400, seed=0), EXPERIMENT)
    architecture = Architecture.of(EXPERIMENT, NAME)
    budget = Budget(epochs=2, patience=0, batch=64, learning_rate=0.003)
    first, again = (
        fitting.fit(data.windows, data.folds[0], data.scalers[0], architecture=architecture, seed=1, budget=budget)
        for _ in range(2)
    )
    np.testing.assert_array_equal(first.probability, again.probability)
    # Dense 1 x 2 + 2; attention of 2 heads of width 2: three of 2 x 4 + 4 and one of 4 x 2 + 2; Dense 2 + 1
    assert fitting.check_own(architecture) == (first.parameters, ())
    assert first.parameters == 4 + 3 * 12 + 10 + 3
    (tmp_path / "member.weights.h5").write_bytes(first.weights)
    loaded = fitting.predict(
        data.windows.values, ends=data.windows.ends[data.folds[0].test], scaler=data.scalers[0],
        architecture=architecture, parameters=fitting.load(tmp_path / "member.weights.h5", architecture=architecture),
    )  # fmt: skip
    np.testing.assert_array_equal(loaded, first.probability)


def test_a_file_that_a_network_of_ones_own_begins_with_is_named(fitting, tmp_path, monkeypatch):
    architecture = Architecture.of(EXPERIMENT, NAME)
    monkeypatch.setenv("FORECAST_TEST_TABLE", str(tmp_path / "before.weights.h5"))
    fitting.layers.build(architecture, seed=3).save_weights(tmp_path / "before.weights.h5")
    named = dataclasses.replace(architecture, model=f"{HERE}:pretrained")
    assert fitting.check_own(named)[1][0].startswith(f"model {HERE}:pretrained reads ")


def test_no_network_of_ones_own_begins_with_what_another_fold_has_learned(fitting):
    data = prepare(random_walk(bars=400, seed=0), EXPERIMENT)
    architecture = dataclasses.replace(Architecture.of(EXPERIMENT, NAME), model=f"{HERE}:warm")
    budget = Budget(epochs=2, patience=0, batch=64, learning_rate=0.003)

    def fitted(fold):
        return fitting.fit(
            data.windows, data.folds[fold], data.scalers[fold], architecture=architecture, seed=1, budget=budget
        )

    fitted(0)  # the first of all has nothing to begin with
    alone = fitted(0)
    fitted(1)
    np.testing.assert_array_equal(fitted(0).probability, alone.probability)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("three_answers", r"expected output of shape \(None, 1\), got \(None, 3\)"),
        ("another_window", r"expected input of shape \(None, 6, 1\), got \(None, 7, 1\)"),
        ("squashed", "expected a logit as answer, got one through sigmoid"),
        ("normalised", "expected trainable weights only, got others in BatchNormalization"),
        ("shared", "expected new layers in every call, got those of an earlier one"),
        ("unbuilt", r"expected input of shape \(None, 6, 1\)"),
        ("nothing", "expected a keras.Model, got NoneType"),
        ("failing", "failed at line .*: ValueError: not today"),
        ("leaving", "failed at line .*: SystemExit: bye"),
        ("without_arguments", "failed: TypeError: without_arguments.. takes 0"),
        ("half_precise", "expected a network that can be compiled and trained on .* Build it of keras.layers"),
        ("undifferentiable", "expected a network that can be compiled and trained on .* Build it of keras.layers"),
        ("missing", "expected a function missing in"),
    ],
)
def test_one_that_cannot_be_trained_is_refused_before_any_training(fitting, name, message):
    architecture = dataclasses.replace(Architecture.of(EXPERIMENT, NAME), model=f"{HERE}:{name}")
    with pytest.raises(ConfigError, match=message):
        fitting.check_own(architecture)
