"""Choosing the network library and loading it once: quietly, deterministic, on one thread a process."""

import hashlib
import importlib
import importlib.metadata
import importlib.util
import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from pipelines.errors import ConfigError, RunError, in_one_line

DEFAULT = "tensorflow"
BACKENDS = {"tensorflow": ("tensorflow",), "jax": ("jax", "jaxlib")}  # the packages that decide its results
_FASTEST_FIRST = ("jax", "tensorflow")
_DECIDE_RESULTS = {  # whole packages: a list of files would miss the next one
    "pipelines": ("market", "bars", "preprocessing"),
    "forecast": ("config", "datasets", "networks", "compute", "training"),
}
_loading = threading.Lock()


def choose(requested: str = DEFAULT) -> str:
    """The backend meant by `tensorflow`, `jax`, or `auto`: the fastest one installed.

    Raises:
        ConfigError: another name, or a backend that is not installed.
    """
    if not isinstance(requested, str) or requested not in (*BACKENDS, "auto"):
        raise ConfigError(f"Expected backend out of {', '.join(BACKENDS)}, auto, got {in_one_line(requested)}.")
    available = installed()
    if requested == "auto" and available:
        return next(name for name in _FASTEST_FIRST if name in available)
    if requested not in available:
        extra = "[jax]" if requested == "jax" else ""
        raise ConfigError(f"Backend {requested} is not installed. Install it: pip install 'tick-forecast{extra}'.")
    return requested


def installed() -> tuple[str, ...]:
    """The backends that are here, found without importing one."""
    return tuple(name for name, packages in BACKENDS.items() if all(map(importlib.util.find_spec, packages)))


def gpu() -> str:
    """What a person should know about this machine's GPU, found without importing a network library."""
    if not Path("/dev/nvidia0").exists():
        return "none"
    if importlib.util.find_spec("jax_cuda12_plugin") is None:
        return "NVIDIA, not used: pip install 'tick-forecast[gpu]' and --backend jax"
    return "NVIDIA, used with --backend jax"


def versions(name: str = DEFAULT) -> dict[str, str]:
    """Versions that decide a run's result, read without importing anything heavy; "missing" where one is."""
    packages = {"python": ".".join(map(str, sys.version_info[:3]))}
    for package in ("tick-forecast", "keras", *BACKENDS[name], "numpy", "scikit-learn"):
        try:
            packages[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            packages[package] = "missing"
    return {**packages, "code": _code()}


@lru_cache
def _code() -> str:
    """Digest of the project's own packages between bars and predictions: other code, another run."""
    digest = hashlib.sha256()
    for root, packages in _DECIDE_RESULTS.items():
        folder = Path(importlib.import_module(root).__path__[0])
        for package in packages:
            for path in sorted((folder / package).rglob("*.py")):
                digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def load_fitting(name: str = DEFAULT) -> ModuleType:
    """`forecast.networks.fit`, with the network library behind it: 3 s (JAX) to 10 s (TensorFlow) the first time.

    Raises:
        RunError: this process has already loaded the other one.
    """
    with _loading:
        os.environ |= _environment(name)  # each time: XLA reads its flags when it first compiles, not when it is loaded
        if "forecast.networks.fit" not in sys.modules:
            logging.getLogger("tensorflow").setLevel(logging.ERROR)  # advice about its own calls, which nobody made
            with silenced_stderr():
                importlib.import_module("forecast.networks.fit")
                if name == "tensorflow":
                    importlib.import_module(name).config.experimental.enable_op_determinism()
        fitting = sys.modules["forecast.networks.fit"]
    if fitting.keras.backend.backend() != name:
        raise RunError(
            f"Expected backend {name}, got a process that works with {fitting.keras.backend.backend()} already."
        )
    return fitting


def compiler_flags() -> str:
    """What XLA is told, the person's own flags first."""
    environment = os.environ.get("XLA_FLAGS", "")
    own = ("--xla_cpu_multi_thread_eigen=false", "--xla_gpu_deterministic_ops=true")
    return " ".join(filter(None, (environment, *(flag for flag in own if flag not in environment.split()))))


def _environment(name: str) -> dict[str, str]:
    """One thread a process (the processes fill the cores), the same kernels every time, no chatter."""
    return {
        "KERAS_BACKEND": name,
        "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "3"),
        "TF_NUM_INTRAOP_THREADS": "1",
        "TF_NUM_INTEROP_THREADS": "1",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # several processes share one GPU
        "XLA_FLAGS": compiler_flags(),
    }


@contextmanager
def silenced_stderr() -> Iterator[None]:
    """TensorFlow's C++ side logs to file descriptor 2 before it can be told not to."""
    sys.stderr.flush()
    saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)
