"""Trained networks asked where they belong: a person's own in a process that is watched, the others in this one."""

import os
import subprocess
import sys

import numpy as np
import pytest

from forecast.compute.network_process import PredictionLibrary
from forecast.config.architecture import Architecture
from pipelines.errors import ConfigError
from pipelines.preprocessing.scaling import Scaler

STEPS, FEATURES = 4, 2
NAME = "tests.helpers.own_networks:fatal"
OWN = Architecture(model=NAME, steps=STEPS, features=FEATURES, units=2)
WEIGHTS = np.arange(STEPS * FEATURES + 1, dtype=np.float32) / 10
LIBRARY = PredictionLibrary(name="tensorflow")


def _ask(parameters=WEIGHTS):
    return LIBRARY.predict(
        np.ones((STEPS, FEATURES), dtype=np.float32),
        ends=np.array([STEPS - 1]),
        scaler=Scaler(mean=np.zeros(FEATURES), scale=np.ones(FEATURES)),
        architecture=OWN,
        parameters=parameters,
    )


def test_a_network_of_ones_own_answers_where_it_can_end_nothing(monkeypatch):
    logit = WEIGHTS.sum()  # a dense layer on ones, its bias the last of the weights
    np.testing.assert_allclose(_ask(), [1 / (1 + np.exp(-logit))], rtol=1e-6)
    monkeypatch.setenv("FORECAST_TEST_FATAL", "raise")
    wider = Architecture(model=NAME, steps=STEPS + 1, features=FEATURES, units=2)  # one that it has not compiled
    with pytest.raises(ConfigError, match=r"Model .*:fatal failed at line \d+ of own_networks.py: ValueError"):
        LIBRARY.load(os.devnull, architecture=wider)
    for how, ending in (("exit", "exit code 7"), ("crash", "signal SIGSEGV")):
        monkeypatch.setenv("FORECAST_TEST_FATAL", how)
        with pytest.raises(ConfigError, match=rf"Model {NAME}: expected it to return, .* its process \({ending}\)"):
            LIBRARY.load(os.devnull, architecture=wider)


def test_a_plain_network_is_asked_without_a_network_library_and_beside_ones_own_too():
    script = (
        "import sys; from tests.unit.forecast.compute import test_network_process as it; it._plain(); "
        "assert 'keras' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=300)


def _plain():
    plain = Architecture(model="simple_rnn", steps=STEPS, features=FEATURES, units=1)
    parameters = np.array([0.0, 0.0, 0.0, 0.5, 1.0, 0.0], dtype=np.float32)  # a bias of 0.5, then a head of 1
    probability = LIBRARY.predict(
        np.ones((STEPS, FEATURES), dtype=np.float32),
        ends=np.array([STEPS - 1]),
        scaler=Scaler(mean=np.zeros(FEATURES), scale=np.ones(FEATURES)),
        architecture=plain,
        parameters=parameters,
    )
    np.testing.assert_allclose(probability, [1 / (1 + np.exp(-np.tanh(0.5)))], rtol=1e-6)
