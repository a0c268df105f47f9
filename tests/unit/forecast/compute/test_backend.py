"""Choosing a backend, and everything that is known about fitting on the one that the other tests do not use."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from forecast.compute import backend
from pipelines.errors import ConfigError

jax = pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="needs tick-forecast[jax]")


@jax
@pytest.mark.parametrize(
    "facts",
    [
        "compiled_call or same_digits or path_that or every_option",
        pytest.param("not (compiled_call or same_digits or path_that or every_option)", marks=pytest.mark.slow),
    ],
)
def test_what_is_known_about_fitting_holds_on_jax_too(facts):
    root = Path(__file__).parents[4]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:randomly", "-p", "no:cacheprovider", "-k", facts,
         "tests/unit/forecast/networks/test_fit.py", "tests/unit/forecast/networks/test_topologies.py"],
        cwd=root, env=os.environ | {"FORECAST_TEST_BACKEND": "jax"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]


def installed(monkeypatch, *packages):
    find_spec = importlib.util.find_spec
    both = {"jax", "jaxlib", "tensorflow"}
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: (name in packages or None) if name in both else find_spec(name)
    )


def test_auto_means_the_fastest_backend_that_is_installed(monkeypatch):
    installed(monkeypatch, "jax", "jaxlib", "tensorflow")
    assert backend.choose("auto") == "jax"
    installed(monkeypatch, "tensorflow")
    assert backend.choose("auto") == "tensorflow"
    assert backend.choose() == "tensorflow"


def test_a_backend_that_is_not_there_is_named_with_how_to_install_it(monkeypatch):
    installed(monkeypatch, "tensorflow")
    with pytest.raises(ConfigError, match=r"jax is not installed. Install it: pip install 'tick-forecast\[jax\]'"):
        backend.choose("jax")
    with pytest.raises(ConfigError, match="Expected backend out of tensorflow, jax, auto, got 'torch'"):
        backend.choose("torch")


def test_versions_name_the_backend_and_what_is_missing(monkeypatch):
    assert set(backend.versions("tensorflow")) >= {"python", "tick-forecast", "keras", "tensorflow", "numpy"}
    monkeypatch.setitem(backend.BACKENDS, "nonesuch", ("no-such-package",))
    assert backend.versions("nonesuch")["no-such-package"] == "missing"
