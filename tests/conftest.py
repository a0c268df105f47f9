"""Fixtures that run the real command line, and one small trained run that many tests read."""

import atexit
import os
import shutil
import tempfile
import time
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings

from tests.helpers.command_line import SMALL, Forecast, forecast_here, forecast_in

OF_TERMINALS = {"CLICOLOR_FORCE", "FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "JUPYTER_COLUMNS"}
# Whatever the tests were started with: no settings of the program's own, and the same text in every terminal.
for name in [name for name in os.environ if name.startswith(("FORECAST_", "PYTHON")) or name in OF_TERMINALS]:
    if not name.startswith("FORECAST_TEST_") and name != "PYTHONPATH":
        del os.environ[name]
os.environ |= {
    "FORECAST_CACHE": "off",
    "XDG_CONFIG_HOME": "/nonexistent",
    "COLUMNS": "100",
    "LINES": "40",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
}
time.tzset()
os.umask(0o022)

if "PYTEST_XDIST_WORKER" not in os.environ:  # its processes inherit the variable
    compiled = tempfile.mkdtemp(prefix="forecast-compiled-")  # networks of one shape are compiled once for all tests
    atexit.register(shutil.rmtree, compiled, ignore_errors=True)
    os.environ["TF_XLA_FLAGS"] = f"--tf_xla_persistent_cache_directory={compiled}"

settings.register_profile("forecast", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("forecast")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Modules that train come before the others: no process begins a long one when the others are at their end.

    First those that do without `trained`, which one process makes while the others wait.
    """
    waiting = {item.path for item in items if "trained" in getattr(item, "fixturenames", ())}

    def rank(item: pytest.Item) -> int:
        if not {"functional", "networks"} & set(item.path.parts):
            return 2
        return int(item.path in waiting)

    items.sort(key=rank)


@pytest.fixture
def forecast(tmp_path: Path) -> Forecast:
    """The command line on an empty folder."""
    return forecast_in(tmp_path)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with AAPL and MSFT in the store and a small finished run of AAPL. Tests only read it.

    Trained once for all processes of pytest-xdist; each has a copy.
    """
    folder = tmp_path_factory.mktemp("trained")
    several = "PYTEST_XDIST_WORKER" in os.environ
    first = (folder.parent.parent if several else folder.parent) / "trained-once"
    with FileLock(first.with_suffix(".lock")):
        if not (first / "whole").exists():
            first.mkdir()
            run = forecast_here(first)
            run("fetch", "AAPL", "MSFT", "--source", "sample")
            run("train", "AAPL", *SMALL)
            (first / "whole").touch()
    shutil.copytree(first, folder, dirs_exist_ok=True)
    return folder
