import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from pipelines.preprocessing.scaling import Scaler, fit_scaler
from tests.helpers.windows import random_walk_windows


def test_the_scaler_sees_each_bar_of_the_training_windows_once_and_no_other():
    _, windows = random_walk_windows(bars=300, steps=10)
    rows = np.arange(100)
    fitted = fit_scaler(windows, rows=rows)
    covered = windows.values[windows.ends[0] - 9 : windows.ends[99] + 1].astype(np.float64)
    np.testing.assert_allclose(fitted.mean, covered.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(fitted.scale, covered.std(axis=0), rtol=1e-12)


@pytest.mark.parametrize("level", [0.0, 1e-3, 1.0, 1e4, 1e8])
@pytest.mark.parametrize("spread", [0.0, 1e-12, 1e-7, 1.0, 1e3])
def test_the_scaler_is_that_of_scikit_learn_to_the_last_digit(level, spread):
    _, windows = random_walk_windows(bars=900, steps=10)
    values = (level + spread * np.random.default_rng(3).standard_t(3, size=windows.values.shape)).astype(np.float32)
    values[:, 0] = level
    windows = type(windows)(**{**windows.__dict__, "values": values})
    rows = np.arange(700)
    oracle = StandardScaler().fit(values[windows.ends[0] - 9 : windows.ends[699] + 1].astype(np.float64))
    fitted = fit_scaler(windows, rows=rows)
    np.testing.assert_array_equal(fitted.mean, oracle.mean_)
    np.testing.assert_array_equal(fitted.scale, oracle.scale_)


@pytest.mark.parametrize("level", [1e-30, 0.1, 0.7, 1.0, 3e5])
@pytest.mark.parametrize("count", [700, 400_000])
def test_one_value_that_differs_in_its_last_digit_is_no_constant(level, count):
    _, windows = random_walk_windows(bars=100, steps=10)
    values = np.full((count + 9, 2), level, dtype=np.float32)
    values[20, 1] = np.nextafter(np.float32(level), np.float32(9e9))
    windows = type(windows)(**{**windows.__dict__, "values": values, "ends": np.arange(9, count + 9)})
    fitted = fit_scaler(windows, rows=np.arange(count))
    oracle = StandardScaler().fit(values.astype(np.float64))
    np.testing.assert_array_equal(fitted.scale, oracle.scale_)
    assert fitted.scale[0] == 1.0
    assert 0 < fitted.scale[1] < level * 1e-7


def test_one_last_digit_in_so_many_values_is_what_rounding_may_leave():
    _, windows = random_walk_windows(bars=100, steps=10)
    values = np.full((600_009, 1), 0.999, dtype=np.float32)
    values[20] = np.nextafter(values[20], np.float32(2))
    windows = type(windows)(**{**windows.__dict__, "values": values, "ends": np.arange(9, 600_009)})
    fitted = fit_scaler(windows, rows=np.arange(600_000))
    assert fitted.scale == StandardScaler().fit(values.astype(np.float64)).scale_ == [1.0]


def test_scrambling_rows_after_the_training_windows_changes_nothing():
    _, windows = random_walk_windows(bars=300, steps=10)
    scrambled = windows.values.copy()
    scrambled[windows.ends[99] + 1 :] = 1e6
    changed = type(windows)(**{**windows.__dict__, "values": scrambled})
    before, after = fit_scaler(windows, rows=np.arange(100)), fit_scaler(changed, rows=np.arange(100))
    np.testing.assert_array_equal(before.mean, after.mean)
    np.testing.assert_array_equal(before.scale, after.scale)


def test_a_constant_feature_is_divided_by_one_and_a_crash_is_held_at_five_deviations():
    scaler = Scaler(mean=np.array([1.0, 0.0]), scale=np.array([1.0, 2.0]))
    scaled = scaler.apply(np.array([[1.0, 4.0], [1.0, -400.0]], dtype=np.float32))
    assert scaled.dtype == np.float32
    np.testing.assert_array_equal(scaled, [[0.0, 2.0], [0.0, -5.0]])
    _, windows = random_walk_windows(bars=200)
    windows = type(windows)(**{**windows.__dict__, "values": np.ones_like(windows.values)})
    assert fit_scaler(windows, rows=np.arange(10)).scale == pytest.approx(1.0)
