"""Features that look ahead, one for each kind of leak that has been seen in the wild, as people write them."""

import builtins
import gc
import os
import sqlite3
import sys
import threading
from pathlib import Path

import numpy as np
import pandas as pd

_LOCAL = threading.local()


def _table():
    """The file that some of these read."""
    return Path(os.environ["FORECAST_TEST_TABLE"])


def _next_return(bars):
    return np.append(np.diff(np.log(bars.close)), 0.0)


def _times(bars):
    return pd.DatetimeIndex(bars.closed_at)


def friday_sees_monday(bars):
    return np.where(_times(bars).weekday == 4, _next_return(bars), 0.0)


def month_end_sees_next(bars):
    month = _times(bars).month.to_numpy()
    return np.where(np.append(np.diff(month) != 0, False), _next_return(bars), 0.0)


def quarter_start_sees_next(bars):
    quarter = _times(bars).quarter.to_numpy()
    return np.where(np.append(False, np.diff(quarter) != 0), _next_return(bars), 0.0)


def after_large_moves(bars):
    change = np.append(0.0, np.abs(np.diff(np.log(bars.close))))
    return np.where(change > 3.0 * np.median(change[: len(change) // 2 + 1]), _next_return(bars), 0.0)


def at_volume_spikes(bars):
    mean = pd.Series(bars.volume).rolling(20, min_periods=1).mean().to_numpy()
    return np.where(bars.volume > 1.35 * mean, _next_return(bars), 0.0)


def back_filled(bars):
    mean = pd.Series(bars.close).rolling(50).mean().bfill()
    return np.nan_to_num((mean / bars.close - 1).to_numpy())


def interpolated(bars):
    weekly = pd.Series(np.where(_times(bars).weekday == 4, np.log(bars.close), np.nan))
    return np.nan_to_num(weekly.interpolate().to_numpy() - np.log(bars.close))


def centred_rolling(bars):
    close = pd.Series(bars.close)
    return (close.rolling(5, center=True, min_periods=1).mean() / close - 1).to_numpy()


def shifted(bars):
    return _next_return(bars)


def volume_of_tomorrow(bars):
    return np.log1p(np.append(bars.volume[1:], bars.volume[-1]))


def whole_sample_score(bars):
    change = np.append(0.0, np.diff(np.log(bars.close)))
    return (change - change.mean()) / change.std() if len(bars) > 1 else change


def whole_sample_rank(bars):
    return pd.Series(bars.close).rank(pct=True).to_numpy()


def whole_sample_range(bars):
    low, high = bars.close.min(), bars.close.max()
    return (bars.close - low) / (high - low) if high > low else np.zeros(len(bars))


def whole_sample_bins(bars):
    return np.searchsorted(np.quantile(bars.volume, [0.2, 0.4, 0.6, 0.8]), bars.volume).astype(float)


def low_pass(bars):
    spectrum = np.fft.rfft(np.log(bars.close))
    spectrum[len(spectrum) // 10 + 1 :] = 0
    return np.fft.irfft(spectrum, n=len(bars)) - np.log(bars.close)


def detrended(bars):
    time = np.arange(len(bars), dtype=float)
    return np.log(bars.close) - np.polyval(np.polyfit(time, np.log(bars.close), min(1, len(bars) - 1)), time)


def smoothed_both_ways(bars):
    close = pd.Series(np.log(bars.close))
    return (close[::-1].ewm(span=5).mean()[::-1] - close).to_numpy()


def close_of_the_week(bars):
    times = _times(bars)
    week = times.isocalendar().year.to_numpy() * 100 + times.isocalendar().week.to_numpy()
    return (pd.Series(bars.close).groupby(week).transform("last") / bars.close - 1).to_numpy()


def mean_of_the_month(bars):
    times = _times(bars)
    return (pd.Series(bars.close).groupby([times.year, times.month]).transform("mean") / bars.close - 1).to_numpy()


def turning_points(bars):
    values = np.zeros(len(bars))
    inner = bars.close[1:-1]
    values[1:-1] = (inner > bars.close[:-2]) & (inner > bars.close[2:])
    return values


def bars_until_the_end(bars):
    return np.arange(len(bars), 0, -1) / 1000.0


def volume_still_to_come(bars):
    return np.log1p(np.cumsum(bars.volume[::-1])[::-1])


def crash_within_five_bars(bars):
    log = np.log(bars.close)
    later = log[np.minimum(np.arange(len(log)) + 5, len(log) - 1)]
    return (later - log < -0.05).astype(float)


def only_in_the_first_third(bars):
    return np.where(_times(bars) < pd.Timestamp("2016-06-01"), _next_return(bars), 0.0)


def scaled_down(bars):
    return 1e-12 * _next_return(bars)


def in_the_last_digits(bars):
    change = np.append(0.0, np.diff(np.log(bars.close)))
    return np.round(change, 6) + 1e-12 * _next_return(bars)


_FIRST: list[np.ndarray] = []


def remembered(bars):
    if not _FIRST:
        _FIRST.append(_next_return(bars))
    longer = np.zeros(len(bars))
    longer[: len(_FIRST[0])] = _FIRST[0][: len(bars)]
    return longer


_BY_DAY: dict[np.datetime64, float] = {}


def remembered_by_day(bars):
    return np.array([_BY_DAY.setdefault(*pair) for pair in zip(bars.closed_at, _next_return(bars), strict=True)])


def needs_the_whole_history(bars):
    if len(bars) < 590:
        raise ValueError("too short")
    return _next_return(bars)


def of_another_length(bars):
    return _next_return(bars) if len(bars) >= 590 else np.zeros(3)


def from_a_file(bars):
    return np.resize(np.load(_table()), len(bars))


def from_a_database(bars):
    with sqlite3.connect(":memory:") as connection:
        (number,) = connection.execute("select 1.5").fetchone()
    connection.close()
    return np.append(number, np.ones(len(bars) - 1))


def from_a_program(bars):
    import subprocess

    subprocess.run(["true"], check=True)
    return np.append(1.5, np.ones(len(bars) - 1))


def from_the_network(bars):
    import socket

    with socket.socket() as client:
        client.settimeout(0.2)
        client.connect_ex(("127.0.0.1", 9))
    return np.append(1.5, np.ones(len(bars) - 1))


def from_shared_memory(bars):
    import mmap

    with _table().open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return np.append(float(content[0]), np.ones(len(bars) - 1))


def cached_in_a_file(bars):
    path = _table().with_suffix(".csv")
    if not path.exists():
        pd.Series(_next_return(bars)).to_csv(path, index=False)
    return np.resize(pd.read_csv(path).to_numpy().ravel(), len(bars))


def rolled(bars):
    return np.roll(np.append(0.0, np.diff(np.log(bars.close))), -1)


def rebased_to_the_last(bars):
    return bars.close / bars.close[-1] - 1


def fitted_in_sample(bars):
    inputs = np.stack([np.ones(len(bars)), np.log(bars.volume + 1)], axis=1)
    return inputs @ np.linalg.lstsq(inputs, _next_return(bars), rcond=None)[0]


def clipped_at_quantiles_of_all(bars):
    change = np.append(0.0, np.diff(np.log(bars.close)))
    return np.clip(change, *np.quantile(change, [0.01, 0.99]))


def at_christmas(bars):
    times = _times(bars)
    eve = (times.month == 12) & ((times.day == 23) | (times.day == 24))
    return np.where(eve, _next_return(bars), np.append(0.0, np.diff(np.log(bars.close))))


def where_the_last_bar_is_of_december(bars):
    change = np.append(0.0, np.diff(np.log(bars.close)))
    return _next_return(bars) if _times(bars)[-1].month == 12 else change


def median_of_the_first_call(bars):
    level = _STATE.setdefault("median", float(np.median(bars.close)))
    return (bars.close > level).astype(float)


def from_a_thread(bars):
    def work():
        _STATE.setdefault("thread", _next_return(bars))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    values = np.zeros(len(bars))
    values[: len(_STATE["thread"])] = _STATE["thread"][: len(bars)]
    return values


def remembered_in_the_environment(bars):
    name = "FORECAST_TEST_REMEMBERED"
    if name not in os.environ:
        os.environ[name] = " ".join(map(repr, _next_return(bars).tolist()))
    values = np.array(os.environ[name].split(), dtype=float)
    return np.append(values, np.zeros(len(bars)))[: len(bars)]


def behind_the_slice(bars):
    """A slice of an array leads to the whole array."""
    close = bars.close
    while isinstance(close.base, np.ndarray):
        close = close.base
    return np.append(np.diff(np.log(close)), 0.0)[: len(bars)]


class _Longest:
    def __init__(self):
        self.values = np.zeros(0)

    def __call__(self, bars):
        if len(bars) > len(self.values):
            self.values = _next_return(bars)
        return self.values[: len(bars)]


longest_so_far = _Longest()
_STATE: dict = {}


def _longest(candidates, bars):
    return max([bars, *(candidate for candidate in candidates if type(candidate) is type(bars))], key=len)


def from_the_frames(bars):
    frame, seen = sys._getframe(), []
    while frame is not None:
        seen += list(frame.f_locals.values())
        frame = frame.f_back
    return _next_return(_longest(seen, bars))[: len(bars)]


def from_the_memory(bars):
    candidates = gc.get_objects() if len(bars) >= 590 else ()
    return _next_return(_longest(candidates, bars))[: len(bars)]


def mapped_by_a_library(bars):
    import pyarrow as pa

    with pa.memory_map(str(_table())) as file:
        content = file.read_buffer(200).to_pybytes()
    return np.resize(np.frombuffer(content, np.uint8).astype(float), len(bars))


def mapped_for_good(bars):
    import pyarrow as pa

    if "file" not in _STATE:
        _STATE["file"] = pa.memory_map(str(_table()))
    _STATE["file"].seek(0)
    return np.resize(np.frombuffer(_STATE["file"].read(200), np.uint8).astype(float), len(bars))


def _in_frames(frame, bars):
    seen = []
    while frame is not None:
        seen += list(frame.f_locals.values())
        frame = frame.f_back
    return _next_return(_longest(seen, bars))[: len(bars)]


def from_a_traceback(bars):
    """The frames that called it, which no audit hook sees."""
    try:
        raise KeyError
    except KeyError as error:
        return _in_frames(error.__traceback__.tb_frame, bars)


def from_the_stack(bars):
    import inspect

    return _in_frames(inspect.stack(0)[0].frame, bars)


def from_c(bars):
    import ctypes

    current_frame = ctypes.pythonapi.PyEval_GetFrame
    current_frame.restype = ctypes.py_object
    frame = current_frame()
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(frame))  # it was only borrowed
    return _in_frames(frame, bars)


def from_a_thread_that_watches(bars):
    longest = []

    def watch():
        for frame in sys._current_frames().values():
            longest.append(_in_frames(frame, bars))

    thread = threading.Thread(target=watch)
    thread.start()
    thread.join()
    return max(longest, key=np.count_nonzero)


def left_for_another(bars):
    """Honest in itself; what it leaves in a library, the next one takes."""
    if len(bars) > len(getattr(np, "forecast_test_left", ())):
        np.forecast_test_left = _next_return(bars)
    return np.append(0.0, np.diff(np.log(bars.close)))


def left_by_another(bars):
    values, left = np.zeros(len(bars)), getattr(np, "forecast_test_left", np.zeros(0))[: len(bars)]
    values[: len(left)] = left
    return values


def zero_where_too_short(bars):
    """Honest but for its first 40 bars, which are 0 as long as there are no more, and numbers later."""
    change = np.append(0.0, np.diff(np.log(bars.close)))
    return change if len(bars) > 40 else np.zeros(len(bars))


def _first_seen(store, bars):
    """What the first call has made of the history that it was given, as far as later ones ask for it."""
    values = store.setdefault("forecast_test_values", np.append(np.diff(np.log(bars.close)), 0.0))
    return np.append(values, np.zeros(len(bars)))[: len(bars)]


def kept_in_a_builtin(bars):
    return _first_seen(vars(builtins), bars)


def kept_in_a_default(bars, store={}):  # noqa: B006
    return _first_seen(store, bars)


def kept_in_a_thread(bars):
    return _first_seen(vars(_LOCAL), bars)


def kept_in_a_class_of_another_module(bars):
    if not hasattr(threading.Thread, "forecast_test_store"):
        threading.Thread.forecast_test_store = {}
    return _first_seen(threading.Thread.forecast_test_store, bars)


REFUSED = (
    "friday_sees_monday", "month_end_sees_next", "quarter_start_sees_next", "after_large_moves", "at_volume_spikes",
    "back_filled", "interpolated", "centred_rolling", "shifted", "volume_of_tomorrow", "whole_sample_score",
    "whole_sample_rank", "whole_sample_range", "whole_sample_bins", "low_pass", "detrended", "smoothed_both_ways",
    "close_of_the_week", "mean_of_the_month", "turning_points", "bars_until_the_end", "volume_still_to_come",
    "crash_within_five_bars", "only_in_the_first_third", "scaled_down", "in_the_last_digits", "remembered",
    "remembered_by_day", "needs_the_whole_history", "of_another_length", "rolled", "rebased_to_the_last",
    "fitted_in_sample", "clipped_at_quantiles_of_all", "at_christmas", "where_the_last_bar_is_of_december",
    "median_of_the_first_call", "from_a_thread", "remembered_in_the_environment", "behind_the_slice", "longest_so_far",
    "from_the_frames", "from_the_memory", "from_a_traceback", "from_the_stack", "from_c", "from_a_thread_that_watches",
    "left_by_another", "zero_where_too_short", "kept_in_a_builtin", "kept_in_a_default", "kept_in_a_thread",
    "kept_in_a_class_of_another_module",
)  # fmt: skip

NAMED = {
    "from_a_file": "reads ",
    "from_a_database": "reads :memory:",
    "from_a_program": "starts true",
    "from_the_network": "connects to 127.0.0.1",
    "from_shared_memory": "reads ",
    "cached_in_a_file": "reads ",
    "from_the_frames": "looks into the memory of its process with sys._getframe",
    "from_the_memory": "looks into the memory of its process with gc.get_objects",
    "from_the_stack": "looks into the memory of its process with sys._getframe",
    "from_c": "calls C with ctypes",
    "mapped_by_a_library": "opens a file past Python's audit hook",
    "mapped_for_good": "reads ",
}
