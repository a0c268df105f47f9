"""Code of a person's own that ends its process, crashes, or keeps what it has seen."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from pipelines import user_code
from pipelines.errors import ConfigError
from pipelines.preprocessing import custom_features, custom_labels
from pipelines.sources.synthetic import random_walk
from pipelines.user_code import process

ROOT = Path(__file__).parents[4]
ENDS = {
    "exits": ("os._exit(0)", "exit code 0"),
    "kills itself": ("os.kill(os.getpid(), 9)", "signal SIGKILL"),
    "crashes": ("ctypes.string_at(0)", "signal SIGSEGV"),
}


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Writes a module of one's own, in a directory of its own, and gives its name."""

    def write(*lines):
        name = f"own_{tmp_path.name}".replace("-", "_")
        (tmp_path / f"{name}.py").write_text("\n".join(["import ctypes, os", "import numpy as np", *lines, ""]))
        return name

    monkeypatch.chdir(tmp_path)
    yield write
    user_code.end_process()


@pytest.mark.parametrize(("statement", "ending"), ENDS.values(), ids=ENDS)
def test_a_feature_or_label_that_ends_its_process_is_one_line_and_the_next_call_is_answered(module, statement, ending):
    bars = random_walk(bars=60, seed=1)
    name = module(
        f"def ends(bars):\n    {statement}",
        "def level(bars):\n    return bars.close",
    )
    message = rf"{name}:ends: expected it to return, got the end of its process \({ending}\)\. Let it neither exit"
    with pytest.raises(ConfigError, match=f"Feature {message}"):
        custom_features.compute(f"{name}:ends", bars)
    np.testing.assert_array_equal(custom_features.compute(f"{name}:level", bars), bars.close)
    with pytest.raises(ConfigError, match=f"Label {message}"):
        custom_labels.compute(f"{name}:ends", bars, horizon=1)


def test_nothing_that_code_keeps_anywhere_outlasts_its_process_and_its_environment_not_even_a_call(module):
    bars = random_walk(bars=60, seed=1)
    name = module(
        "def counts(bars):",
        "    vars(np)['calls'] = vars(np).get('calls', 0) + 1",
        "    os.environ['FORECAST_TEST_CALLS'] = os.environ.get('FORECAST_TEST_CALLS', '') + '1'",
        "    return np.full(len(bars), vars(np)['calls'] + 100.0 * len(os.environ['FORECAST_TEST_CALLS']))",
    )
    calls = [custom_features.compute(f"{name}:counts", bars)[0] for _ in range(2)]
    user_code.end_process()
    calls.append(custom_features.compute(f"{name}:counts", bars)[0])
    assert calls == [101.0, 102.0, 101.0]
    assert "FORECAST_TEST_CALLS" not in os.environ
    assert not hasattr(np, "calls")


def test_a_call_that_never_returns_is_ended_from_outside(module, monkeypatch):
    monkeypatch.setattr(process, "_GRACE", 0.5)
    name = module("def level(bars):\n    return bars.close")
    with pytest.raises(
        ConfigError, match=r"level: expected it to return, got the end of its process \(signal SIGKILL\)"
    ):
        user_code.run(time.sleep, 1e6, name=f"{name}:level", what="Feature", seconds=0.5)


def test_a_file_that_was_edited_is_imported_anew(module):
    bars = random_walk(bars=60, seed=1)
    levels = []
    for level in (1.0, 2.0, 1.0):
        name = module(f"def level(bars):\n    return np.full(len(bars), {level})")
        levels.append(custom_features.compute(f"{name}:level", bars)[0])
    assert levels == [1.0, 2.0, 1.0]


def test_bars_are_read_only_in_the_process_too(module):
    name = module("def writes(bars):\n    bars.close[0] = 1.0\n    return bars.close")
    with pytest.raises(ConfigError, match=r"writes failed at line 4 of .*read-only"):
        custom_features.compute(f"{name}:writes", random_walk(bars=60, seed=1))


def test_os_exit_of_code_in_this_very_process_is_an_error_and_a_fork_may_end(module):
    name = module(
        "def ends():\n    os._exit(0)",
        "def forks():",
        "    child = os.fork()",
        "    if not child:\n        os._exit(5)",
        "    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])",
    )
    code = (
        "from pipelines import user_code\n"
        f"print(user_code.call('{name}:forks', what='Model'))\n"
        f"user_code.call('{name}:ends', what='Model')"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stdout) == (1, "5\n")
    assert f"Model {name}:ends failed at line 4 of {name}.py: os._exit(0)" in done.stderr
