"""The network library, imported once in this process, and one fold to fit on.

FORECAST_TEST_BACKEND names the backend; test_backend.py runs these tests on the other one in a process of its own.
"""

import os
import warnings

import pytest

from forecast.compute import backend
from pipelines.preprocessing.scaling import fit_scaler
from pipelines.preprocessing.walk_forward import walk_forward
from tests.helpers.windows import random_walk_windows


@pytest.fixture(scope="module")
def fitting():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the network library's own imports
        return backend.load_fitting(os.environ.get("FORECAST_TEST_BACKEND", backend.DEFAULT))


@pytest.fixture(scope="module")
def task():
    _, windows = random_walk_windows(bars=420, steps=7)
    fold = walk_forward(windows, folds=2)[0]
    return windows, fold, fit_scaler(windows, rows=fold.train)
