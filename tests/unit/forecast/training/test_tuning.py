import math

import numpy as np
import pytest

from forecast.config.experiment import Experiment
from forecast.config.hyperparameters import Hyperparameters
from forecast.networks.results import Architecture, FitResult
from forecast.runs.checkpoints import tuned_hyperparameters
from forecast.training.tuning import TuningTrial, chosen, describe, score_of, tune
from pipelines.errors import ConfigError, RunError

EXPERIMENT = Experiment(symbol="AAPL", tuning_trials=12, units=16, learning_rate=0.001, models=("simple_rnn", "lstm"))


def loss(study, settings):
    """Lowest at 32 units and a rate of 0.003 for the LSTM, at 8 units and 0.001 for the SimpleRNN."""
    units, rate = (32, 0.003) if study[0] == "lstm" else (8, 0.001)
    return abs(math.log(settings.units / units)) + abs(math.log(settings.learning_rate / rate))


def test_each_network_and_fold_gets_the_same_number_of_tries_all_of_them_a_round():
    rounds = []

    def score(requests):
        rounds.append([study for study, _ in requests])
        return [loss(*request) for request in requests]

    tries = tune(EXPERIMENT, [0, 1, 2], score=score)
    assert rounds == [[(model, fold) for fold in (0, 1, 2) for model in ("simple_rnn", "lstm")]] * 12
    assert len(tries) == 12 * 6
    own = Hyperparameters(units=16, learning_rate=0.001)
    assert {trial.settings for trial in tries[:6]} == {own}  # the experiment's own come first
    assert tune(EXPERIMENT, [0, 1, 2], score=score) == tries  # the same digits again
    best = chosen(tries)
    assert set(best) == set(rounds[0])
    for study, settings in best.items():
        assert loss(study, settings) < loss(study, Hyperparameters.of(EXPERIMENT)) or study[0] == "simple_rnn"
        assert loss(study, settings) == min(
            loss(study, trial.settings) for trial in tries if (trial.model, trial.fold) == study
        )


def test_what_one_study_finds_does_not_depend_on_the_others():
    def score(requests):
        return [loss(*request) for request in requests]

    both = [trial for trial in tune(EXPERIMENT, [0, 1], score=score) if trial.fold == 0]
    assert both == tune(EXPERIMENT, [0], score=score)


def test_the_earlier_of_equal_tries_is_taken_and_run_json_gives_it_back():
    settings = [Hyperparameters(units=units, learning_rate=0.01) for units in (8, 16, 32)]
    tries = [
        TuningTrial(model="lstm", fold=0, settings=setting, score=score)
        for setting, score in zip(settings, (0.7, 0.6, 0.6), strict=True)
    ]
    assert chosen(tries) == {("lstm", 0): settings[1]}
    described = describe(tries, experiment=EXPERIMENT)
    assert tuned_hyperparameters(described) == chosen(tries)
    assert described["tries"] == 3
    inputs = len(EXPERIMENT.features)
    assert described["chosen"][0]["parameters"] == 4 * 16 * (inputs + 16 + 1) + 16 + 1  # four gates, one answer
    assert tuned_hyperparameters(None) == {}
    with pytest.raises(RunError, match=r"tuned settings in run\.json cannot be read"):
        tuned_hyperparameters({"chosen": [{"model": "lstm"}]})


@pytest.mark.parametrize(
    ("losses", "patience", "expected"), [([0.7, 0.6, 0.65], 5, 0.6), ([0.7, 0.6, 0.65], 0, 0.65), ([np.nan], 0, 1e6)]
)
def test_a_try_is_judged_by_the_epoch_that_a_member_would_keep(losses, patience, expected):
    none = np.zeros(0)
    fitted = FitResult(
        architecture=Architecture(model="lstm", steps=1, features=1, units=1), parameters=1, weights=b"",
        probability=none, validation=none, loss=none, val_loss=np.array(losses), seconds=none,
    )  # fmt: skip
    assert score_of(fitted, patience=patience) == expected


def test_an_impossible_number_of_tries_is_refused():
    with pytest.raises(ConfigError, match="Expected tuning_trials as a whole number from 0 to 1000, got -1"):
        Experiment(symbol="AAPL", tuning_trials=-1)
