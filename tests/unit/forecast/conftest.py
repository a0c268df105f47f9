"""The network library, imported once in this process.

FORECAST_TEST_BACKEND names the backend: test_backend.py runs the tests of networks on the other one in a process of
its own.
"""

import os
import warnings

import pytest


@pytest.fixture(scope="module")
def fitting():
    from forecast.compute import backend

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the network library's own imports
        return backend.load_fitting(os.environ.get("FORECAST_TEST_BACKEND", backend.DEFAULT))
