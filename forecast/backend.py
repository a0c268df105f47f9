"""Loading the network library once, quietly, deterministic and on one thread a process."""

import importlib
import importlib.metadata
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

_LIBRARY = "tensorflow"
_RESULTS_DEPEND_ON = ("tick-forecast", "keras", _LIBRARY, "numpy", "scikit-learn")


def name() -> str:
    """The backend that members are trained on."""
    return _LIBRARY


def versions() -> dict[str, str]:
    """Versions that decide a run's result, read without importing anything heavy."""
    found = {package: importlib.metadata.version(package) for package in _RESULTS_DEPEND_ON}
    return {"python": ".".join(map(str, sys.version_info[:3])), **found}


def load_fitting() -> ModuleType:
    """`forecast.fitting`, with the network library behind it: 10 to 15 s the first time."""
    os.environ["KERAS_BACKEND"] = _LIBRARY
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["TF_NUM_INTRAOP_THREADS"] = os.environ["TF_NUM_INTEROP_THREADS"] = "1"
    with _silenced_stderr():
        fitting = importlib.import_module("forecast.fitting")
        tensorflow = importlib.import_module(_LIBRARY)
        tensorflow.config.experimental.enable_op_determinism()
    return fitting


@contextmanager
def _silenced_stderr() -> Iterator[None]:
    """TensorFlow's C++ side logs to file descriptor 2 before it can be told not to."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
