from datetime import date

import pytest

from forecast.config.experiment import Experiment
from pipelines.errors import ForecastError


def test_an_experiment_survives_its_json():
    experiment = Experiment(symbol="aapl", window=60, start=date(2001, 2, 3), models=("lstm",))
    assert experiment.symbol == "AAPL"
    assert Experiment.from_options(experiment.to_json()) == experiment


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"window": 0}, "Expected window as a whole number from 1 to 5000, got 0"),
        ({"units": 3_000_000_000}, "Expected units as a whole number from 1 to 4096"),
        ({"folds": 2.5}, "Expected folds as a whole number"),
        ({"seeds": True}, "Expected seeds as a whole number"),
        ({"patience": -1}, "Expected patience as a whole number from 0"),
        ({"learning_rate": 0.0}, "Expected learning_rate as a number above 0 to 1"),
        ({"models": ["gpt"]}, "_one_to_many, _one_to_one, or module:function of your own, each once, got gpt"),
        (
            {"models": ["lstm_one_to_many"], "label": "triple-barrier"},
            "Expected label direction or cost-aware for lstm_one",
        ),
        (
            {"models": ["lstm_one_to_many"], "label": "mine:up_5"},
            "Expected label direction or cost-aware for lstm_one_to_many, got mine:up_5",
        ),
        ({"panel": ["A", "AAPL"], "label": "mine:up_5"}, "for a panel, got mine:up_5: a label of your own"),
        ({"label": "mine.up_5"}, "relative, or module:function of your own, got 'mine.up_5'"),
        (
            {"models": ["gru_one_to_many"], "panel": ["A", "AAPL"]},
            "Expected networks that forecast no path for a panel, got",
        ),
        ({"layers": 9}, "Expected layers as a whole number from 1 to 8, got 9"),
        ({"recurrent_dropout": -0.1}, "Expected recurrent_dropout as a number from 0 to below 1, got -0.1"),
        ({"clip": float("nan")}, "Expected clip as a number from 0 to below 1000000, got nan"),
        ({"bidirectional": 1}, "Expected bidirectional as true or false, got 1"),
        ({"models": ["lstm", "lstm"]}, "each once, got lstm, lstm"),
        ({"features": ["rsi"]}, "features out of"),
        ({"features": ["rank:return"]}, "Expected a panel with feature rank:return, got one symbol"),
        ({"label": "relative"}, "Expected a panel with label relative, got one symbol"),
        ({"local_models": True}, "Expected a panel without tuning_trials for local_models, got one symbol"),
        ({"scaling": "panel"}, "Expected a panel with scaling panel, got one symbol"),
        ({"covariates": ["AAPL"]}, "Expected other symbols than AAPL as covariates, each once, got AAPL"),
        ({"covariates": ["SPY"], "features": ["mine:f"]}, "such as return, to take of SPY, got mine:f"),
        ({"start": "2020-13-01"}, "Expected start as a date like 2020-12-31, got '2020-13-01'"),
        ({"start": "2020-02-01", "end": "2020-01-01"}, "Expected start before end"),
        ({"symbol": "../../x"}, "Expected a symbol of 1 to 32 letters"),
        ({"colour": 1}, "got colour"),
        ({"bars": 500}, "Expected bars as text, got 500"),
    ],
)
def test_an_impossible_experiment_says_what_was_needed(change, message):
    with pytest.raises(ForecastError, match=message):
        Experiment.from_options({"symbol": "AAPL", **change})


def test_every_setting_and_every_further_cause_changes_the_fingerprint():
    experiment = Experiment(symbol="AAPL")
    fingerprint = Experiment(symbol="AAPL").fingerprint(data="x")
    assert experiment.fingerprint(data="x") == fingerprint
    assert experiment.fingerprint(data="y") != fingerprint
    assert Experiment(symbol="AAPL", units=33).fingerprint(data="x") != fingerprint
