"""Features that are known at the close of their bar, as people write them; some of them are easily taken for leaks."""

import logging
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd


def _returns(bars):
    return pd.Series(np.log(bars.close)).diff().fillna(0.0)


def _times(bars):
    return pd.DatetimeIndex(bars.closed_at)


def exponential_mean(bars):
    return (pd.Series(bars.close).ewm(span=20).mean() / bars.close - 1).to_numpy()


def rolling_mean(bars):
    return (pd.Series(bars.close).rolling(20).mean() / bars.close - 1).to_numpy()


def rolling_deviation(bars):
    return _returns(bars).rolling(15).std().to_numpy()


def rolling_skewness(bars):
    return _returns(bars).rolling(18).skew().to_numpy()


def rolling_correlation(bars):
    return _returns(bars).rolling(18).corr(pd.Series(bars.volume)).to_numpy()


def rolling_rank(bars):
    return pd.Series(bars.close).rolling(20).rank(pct=True).to_numpy()


def expanding_score(bars):
    change = _returns(bars)
    return ((change - change.expanding().mean()) / change.expanding().std()).fillna(0.0).to_numpy()


def expanding_rank(bars):
    return pd.Series(bars.close).expanding().rank(pct=True).to_numpy()


def day_of_week(bars):
    return _times(bars).weekday.to_numpy(float)


def days_to_month_end(bars):
    times = _times(bars)
    return (times.days_in_month - times.day).to_numpy(float)


def season(bars):
    return np.sin(2 * np.pi * _times(bars).dayofyear.to_numpy() / 365.25)


def cumulative_volume(bars):
    return np.log1p(np.cumsum(bars.volume))


def drawdown(bars):
    return bars.close / np.maximum.accumulate(bars.close) - 1


def same_weekday_so_far(bars):
    change = _returns(bars)
    past = change.groupby(_times(bars).weekday).transform(lambda day: day.shift().expanding().mean())
    return past.fillna(0.0).to_numpy()


def month_so_far(bars):
    times, close = _times(bars), pd.Series(bars.close)
    return (close.groupby([times.year, times.month]).cummax() / close - 1).to_numpy()


def close_of_last_week(bars):
    times = _times(bars)
    frame = pd.DataFrame({"time": times, "close": bars.close})
    weekly = frame[frame["time"].dt.weekday == 4].rename(columns={"close": "week"})
    joined = pd.merge_asof(frame, weekly, on="time", allow_exact_matches=False)
    return (joined["week"].fillna(frame["close"]) / frame["close"] - 1).to_numpy()


def relative_strength(bars):
    change = _returns(bars)
    gain, loss = change.clip(lower=0).ewm(alpha=1 / 14).mean(), (-change).clip(lower=0).ewm(alpha=1 / 14).mean()
    return (gain / (gain + loss + 1e-12)).to_numpy()


def true_range(bars):
    before = np.append(bars.close[0], bars.close[:-1])
    width = np.maximum(bars.high, before) - np.minimum(bars.low, before)
    return (pd.Series(width).ewm(span=14).mean() / bars.close).to_numpy()


def online_regression(bars):
    """Recursive least squares of today's return on yesterday's."""
    change = _returns(bars).to_numpy()
    weight, precision, values = 0.0, 1e-4, np.zeros(len(change))
    for place in range(1, len(change)):
        precision += change[place - 1] ** 2
        weight += change[place - 1] * (change[place] - weight * change[place - 1]) / precision
        values[place] = weight * change[place]
    return values


def kalman_level(bars):
    level, variance, values = np.log(bars.close[0]), 1.0, np.zeros(len(bars))
    for place, price in enumerate(np.log(bars.close)):
        variance += 1e-4
        gain = variance / (variance + 1e-3)
        level, variance = level + gain * (price - level), (1 - gain) * variance
        values[place] = price - level
    return values


def sum_by_fourier_transform(bars):
    """A trailing mean whose last digits depend on the length of the history."""
    size = 2 * len(bars)
    kernel = np.fft.rfft(np.full(10, 0.1), size)
    return np.fft.irfft(np.fft.rfft(bars.volume, size) * kernel, size)[: len(bars)]


def sum_from_the_end(bars):
    """The sum up to each bar as the total less what comes after: another rounding for each length."""
    change = _returns(bars).to_numpy()
    return change.sum() - (np.cumsum(change[::-1])[::-1] - change)


def slope_by_matrix(bars):
    """A regression on the last 15 closes, all windows in one product."""
    if len(bars) < 15:
        return np.full(len(bars), np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(np.log(bars.close), 15)
    return np.append(np.full(14, np.nan), windows @ (np.arange(15) - 7.0))


def declines_short_histories(bars):
    if len(bars) < 60:
        raise ValueError("at least 60 bars")
    return (pd.Series(bars.close).ewm(span=30).mean() / bars.close - 1).to_numpy()


def wrong_length_where_too_short(bars):
    mean = np.convolve(bars.close, np.full(12, 1 / 12), "valid")
    return np.append(np.full(11, np.nan), mean) / np.append(np.full(11, np.nan), bars.close[11:])


def single_precision(bars):
    return np.cumsum(_returns(bars).to_numpy(np.float32), dtype=np.float32)


def seeded_noise(bars):
    return np.random.default_rng(0).normal(size=len(bars))


@lru_cache
def _mean_of(values):
    return float(np.mean(values))


def cached(bars):
    """A cache that remembers what it was asked, and nothing else."""
    return np.array([_mean_of(tuple(bars.close[max(0, place - 4) : place + 1])) for place in range(len(bars))])


_LATEST: dict[int, np.ndarray] = {}


def cached_by_length(bars):
    if len(bars) not in _LATEST:
        _LATEST[len(bars)] = np.tanh(20 * _returns(bars).to_numpy())
    return _LATEST[len(bars)]


def count_of_rises(bars):
    return (_returns(bars) > 0).rolling(10, min_periods=1).sum().to_numpy()


def dropped_at_random(bars):
    return np.where(np.random.default_rng(3).random(len(bars)) < 0.1, 0.0, _returns(bars).to_numpy())


def warming_up(bars):
    level, values = bars.close[0], np.full(len(bars), np.nan)
    for place, price in enumerate(bars.close):
        level += 0.05 * (price - level)
        if place >= 30:
            values[place] = price / level - 1
    return values


def filtered_once(bars):
    from scipy.signal import lfilter

    return lfilter([0.1], [1.0, -0.9], _returns(bars).to_numpy())


def fitted_on_earlier_quarters(bars):
    times, change = _times(bars), _returns(bars).to_numpy()
    quarter, values = times.year.to_numpy() * 4 + times.quarter.to_numpy(), np.zeros(len(bars))
    for number in np.unique(quarter)[1:]:
        rows, past = quarter == number, change[quarter < number]
        values[rows] = (change[rows] - past.mean()) / past.std() if len(past) > 5 else 0.0
    return values


def in_a_pool_of_threads(bars):
    with ThreadPoolExecutor(2) as pool:
        high, low = pool.map(np.cumsum, (bars.high, bars.low))
        return high / low - 1


def half_precision(bars):
    return _returns(bars).to_numpy(np.float16)


def list_of_numbers(bars):
    variance, values = 1e-4, []
    for change in _returns(bars).tolist():
        variance = 1e-6 + 0.9 * variance + 0.09 * change * change
        values.append(variance**0.5)
    return values


def whole_numbers(bars):
    return np.cumsum(_returns(bars).to_numpy() > 0)


def median_uncentred(bars):
    return (pd.Series(bars.close).rolling(10, center=False, min_periods=1).median() / bars.close - 1).to_numpy()


def carried_forward(bars):
    return np.log1p(pd.Series(np.where(_times(bars).weekday == 2, bars.volume, np.nan)).ffill().fillna(0.0).to_numpy())


def imports_late(bars):
    """What a library reads while it is imported is code, on whichever history that happens."""
    values = _returns(bars).to_numpy()
    if len(bars) > 100:
        from scipy.interpolate import interp1d

        values = interp1d([-1.0, 1.0], [-2.0, 2.0])(values)
    return np.sign(values)


def days_to_the_next_session(bars):
    """Calendars are known ahead."""
    import exchange_calendars

    sessions = exchange_calendars.get_calendar("XNYS").sessions
    days = _times(bars).normalize()
    following = np.minimum(sessions.searchsorted(days, side="right"), len(sessions) - 1)
    return (sessions[following] - days).days.to_numpy(float)


def regime_so_far(bars):
    """Forward probabilities of a hidden Markov chain, without the backward pass."""
    change, deviation = _returns(bars).to_numpy(), np.array([0.01, 0.04])
    likelihood = np.exp(-0.5 * (change[:, None] / deviation) ** 2) / deviation
    transition, state, values = np.array([[0.95, 0.05], [0.05, 0.95]]), np.array([0.5, 0.5]), []
    for row in likelihood:
        state = (state @ transition) * row
        state = state / state.sum()
        values.append(state[0])
    return values


def confirmed_turning_point(bars):
    """A high of five bars, said two bars later, when it is known."""
    high = pd.Series(bars.high)
    return (high.shift(2) == high.rolling(5).max()).astype(float).to_numpy()


def filtered_forward(bars):
    from scipy.signal import butter, sosfilt

    return sosfilt(butter(4, 0.2, output="sos"), _returns(bars).to_numpy())


def directional_movement(bars):
    rise, fall = np.append(0.0, np.diff(bars.high)), np.append(0.0, -np.diff(bars.low))
    movement = (np.where((rise > fall) & (rise > 0), rise, 0.0), np.where((fall > rise) & (fall > 0), fall, 0.0))
    up, down = (pd.Series(values).ewm(alpha=1 / 14, adjust=False).mean() for values in movement)
    return ((up - down) / (up + down + 1e-9)).to_numpy()


def with_records_and_a_log(bars):
    """namedtuple, logging and warnings look at frames; the number of cores stands in a file of the system."""
    record = namedtuple("record", "change")
    logging.getLogger("honest").debug("%d bars", len(bars))
    Path("/proc/cpuinfo").exists() and Path("/proc/cpuinfo").read_bytes()
    return [record(change).change for change in _returns(bars)]


PASSED = (
    "exponential_mean", "rolling_mean", "rolling_deviation", "rolling_skewness", "rolling_correlation", "rolling_rank",
    "expanding_score", "expanding_rank", "day_of_week", "days_to_month_end", "season", "cumulative_volume", "drawdown",
    "same_weekday_so_far", "month_so_far", "close_of_last_week", "relative_strength", "true_range",
    "online_regression", "kalman_level", "sum_by_fourier_transform", "sum_from_the_end", "slope_by_matrix",
    "declines_short_histories", "wrong_length_where_too_short", "single_precision", "seeded_noise", "cached",
    "cached_by_length", "count_of_rises", "dropped_at_random", "warming_up", "filtered_once",
    "fitted_on_earlier_quarters", "in_a_pool_of_threads", "half_precision", "list_of_numbers", "whole_numbers",
    "median_uncentred", "carried_forward", "imports_late", "days_to_the_next_session", "regime_so_far",
    "confirmed_turning_point", "filtered_forward", "directional_movement",
    "with_records_and_a_log",
)  # fmt: skip
