import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import ConfigError
from pipelines.market.types import Bars
from pipelines.preprocessing.features import FEATURES, compute
from pipelines.sources.synthetic import random_walk


def flat_bars(close: list[float], **columns: list[float]) -> Bars:
    days = np.datetime64("2020-01-01", "ns") + np.arange(len(close)) * np.timedelta64(24, "h")
    values = dict.fromkeys(("open", "high", "low", "close"), close) | {"volume": [1.0] * len(close)} | columns
    return Bars(symbol="X", interval="1d", opened_at=days, closed_at=days + np.timedelta64(1, "h"), **values)


def test_features_of_three_bars_worked_out_by_hand():
    bars = flat_bars(
        [100.0, 110.0, 99.0], open=[100.0, 105.0, 108.0], high=[100.0, 112.0, 110.0], low=[100.0, 104.0, 98.0]
    )
    found = compute(bars, names=["return", "overnight", "range", "close_position"])
    assert np.isnan(found[0, :2]).all()
    np.testing.assert_allclose(found[1], [np.log(1.1), np.log(1.05), np.log(112 / 104), 6 / 8 - 0.5])
    np.testing.assert_allclose(found[2], [np.log(0.9), np.log(108 / 110), np.log(110 / 98), 1 / 12 - 0.5])


def test_trailing_features_agree_with_pandas():
    bars = random_walk(bars=80, seed=1)
    import pandas as pd

    close, volume = pd.Series(bars.close), pd.Series(bars.volume)
    returns = np.log(close / close.shift())
    deviation = returns.rolling(20).std(ddof=0)
    expected = {
        "volatility": deviation,
        "momentum_5": np.log(close / close.shift(5)) / (deviation * np.sqrt(5)),
        "momentum_20": np.log(close / close.shift(20)) / (deviation * np.sqrt(20)),
        "relative_volume": np.log1p(volume / volume.rolling(20).mean()) - np.log(2),
    }
    for name, values in expected.items():
        np.testing.assert_allclose(compute(bars, names=[name])[:, 0], values, rtol=1e-9, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), cut=st.integers(1, 120))
def test_truncating_the_future_never_changes_a_feature(seed, cut):
    bars = random_walk(bars=120, seed=seed)
    np.testing.assert_array_equal(compute(bars.rows(slice(0, cut))), compute(bars)[:cut])


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), cut=st.integers(1, 119))
def test_scrambling_the_future_never_changes_a_feature(seed, cut):
    bars, other = random_walk(bars=120, seed=seed), random_walk(bars=120, seed=seed + 1)
    scrambled = dataclasses.replace(
        bars,
        **{
            name: np.concatenate([getattr(bars, name)[:cut], getattr(other, name)[cut:]])
            for name in ("open", "high", "low", "close", "volume")
        },
    )
    np.testing.assert_array_equal(compute(scrambled)[:cut], compute(bars)[:cut])


def test_a_row_depends_on_the_last_21_bars_only():
    bars = random_walk(bars=200, seed=3)
    np.testing.assert_array_equal(compute(bars.rows(slice(100, 200)))[21:], compute(bars)[121:])


@pytest.mark.parametrize("factor", [0.5, 28.0])
def test_a_constant_factor_on_prices_and_volumes_changes_no_feature(factor):
    bars = random_walk(bars=100, seed=4)
    scaled = dataclasses.replace(
        bars, **{name: getattr(bars, name) * factor for name in ("open", "high", "low", "close", "volume")}
    )
    np.testing.assert_allclose(compute(scaled), compute(bars), rtol=1e-9, atol=1e-12)


def test_constant_prices_without_volume_give_finite_features():
    found = compute(flat_bars([50.0] * 60, volume=[0.0] * 60))
    assert np.isfinite(found[20:]).all()
    names = list(FEATURES)
    assert (found[30, [names.index("momentum_5"), names.index("volatility"), names.index("close_position")]] == 0).all()
    assert found[30, names.index("relative_volume")] == -np.log(2)


def test_an_unknown_feature_is_named():
    with pytest.raises(ConfigError, match="got rsi"):
        compute(random_walk(bars=30, seed=0), names=["return", "rsi"])
