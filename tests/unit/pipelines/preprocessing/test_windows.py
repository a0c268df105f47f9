import subprocess
import sys

import numpy as np
import pytest

from pipelines.errors import ConfigError, TooFewBarsError
from pipelines.preprocessing import windows
from tests.helpers.windows import random_walk_windows


def test_windows_end_at_the_deciding_bar_and_begin_after_the_warm_up():
    prices, windows = random_walk_windows(bars=100, steps=10)
    assert windows.ends[0] == 20 + 10 - 1  # 20 bars of warm-up, rows 20..29 are the first window
    assert windows.ends[-1] == 97  # the label of bar 97 ends at the open of bar 99, the last one
    np.testing.assert_array_equal(windows.decided_at, prices.closed_at[windows.ends])


def test_where_every_row_is_complete_the_first_window_ends_after_its_steps():
    values = np.ones((9, 2))
    assert windows.first_end(values, steps=3) == 2
    values[4, 1] = np.nan
    assert windows.first_end(values, steps=3) == 7


def test_gathered_windows_are_the_rows_before_and_at_their_end():
    _, random_windows = random_walk_windows(bars=60, steps=5)
    gathered = windows.gather(random_windows.values, random_windows.ends, steps=5)
    assert gathered.shape == (len(random_windows), 5, random_windows.values.shape[1])
    for window, end in zip(gathered, random_windows.ends, strict=True):
        np.testing.assert_array_equal(window, random_windows.values[end - 4 : end + 1])
    assert np.isfinite(gathered).all()


def test_too_little_history_and_an_empty_window_are_refused():
    with pytest.raises(TooFewBarsError, match="Expected at least 52 bars for one window of 30, got 40"):
        random_walk_windows(bars=40, steps=30)
    with pytest.raises(TooFewBarsError, match="Expected at least 52 bars for one window of 30, got 51"):
        random_walk_windows(bars=51, steps=30)
    assert len(random_walk_windows(bars=52, steps=30)[1]) == 1
    assert random_walk_windows(bars=52, steps=1)[1].ends[0] == 20
    with pytest.raises(ConfigError, match="window of 1 bar or more, got 0"):
        random_walk_windows(steps=0)


def test_windows_of_a_million_bars_take_no_memory_of_their_own():
    program = """
import re, numpy as np
from pathlib import Path
from pipelines.preprocessing import windows as windows
from pipelines.preprocessing.labels import Labels
bars, known = 1_000_000, 999_998
times = np.arange(bars).astype("datetime64[s]").astype("datetime64[ns]")
features = np.zeros((bars, 16))
labels = Labels(target=np.zeros(known), weight=np.ones(known), forward_return=np.zeros(known),
                held=np.ones(known, int), decided_at=times[:known], entry_at=times[1:-1], exit_at=times[2:])
data = windows.build(features, labels, steps=60)
batch = windows.gather(data.values, data.ends[-256:], steps=60)
status = Path("/proc/self/status")  # not getrusage: that counts the process this one was forked from
peak = int(re.search("VmHWM:[^0-9]*([0-9]+)", status.read_text())[1]) // 1024 if status.exists() else 0
print(len(data), batch.shape, peak)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    count, *shape, megabytes = done.stdout.replace("(", "").replace(")", "").replace(",", "").split()
    assert int(count) == 999_998 - 59
    assert shape == ["256", "60", "16"]
    assert int(megabytes) < 1_000
