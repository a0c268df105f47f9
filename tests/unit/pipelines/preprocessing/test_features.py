import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.bars.aggregation import from_ticks
from pipelines.bars.quote_matching import matched
from pipelines.errors import ConfigError
from pipelines.market.types import Bars
from pipelines.preprocessing.features import FEATURES, check_names, compute, default_features, in_table
from pipelines.preprocessing.order_flow import FLOW_FEATURES
from pipelines.sources.synthetic import random_walk
from tests.helpers.market_examples import flat_bars
from tests.helpers.quoted_trades import quoted_trades


def test_features_of_three_bars_worked_out_by_hand():
    bars = flat_bars(
        [100.0, 110.0, 99.0], open=[100.0, 105.0, 108.0], high=[100.0, 112.0, 110.0], low=[100.0, 104.0, 98.0]
    )
    matrix = compute(bars, names=["return", "overnight", "range", "close_position"])
    assert np.isnan(matrix[0, :2]).all()
    np.testing.assert_allclose(matrix[1], [np.log(1.1), np.log(1.05), np.log(112 / 104), 6 / 8 - 0.5])
    np.testing.assert_allclose(matrix[2], [np.log(0.9), np.log(108 / 110), np.log(110 / 98), 1 / 12 - 0.5])


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
    matrix = compute(flat_bars([50.0] * 60, volume=[0.0] * 60))
    assert np.isfinite(matrix[20:]).all()
    names = list(FEATURES)
    assert (
        matrix[30, [names.index("momentum_5"), names.index("volatility"), names.index("close_position")]] == 0
    ).all()
    assert matrix[30, names.index("relative_volume")] == -np.log(2)


def test_prices_that_grow_by_the_same_every_day_have_no_volatility_to_measure_a_momentum_by():
    matrix = compute(flat_bars((100.0 * 1.01 ** np.arange(60)).tolist()), names=["momentum_5", "momentum_20"])
    assert (matrix[21:] == 0).all()


def test_the_close_within_a_range_of_less_than_1():
    bars = flat_bars([10.0, 10.0], open=[10.0, 10.0], high=[10.125, 10.0], low=[9.875, 9.5])
    assert compute(bars, names=["close_position"])[:, 0].tolist() == [0.0, 0.5]


def test_features_are_named_once_each_and_come_from_a_table_or_are_ones_own():
    check_names(["return", "rank:return", "vwap_gap", "mine:feature"])
    for names, reason in (
        ([], "got none"),
        (["return", "return"], "got return, return"),
        (["rsi", "range"], "got rsi"),
    ):
        with pytest.raises(ConfigError, match=reason):
            check_names(names)
        with pytest.raises(ConfigError, match=reason):
            compute(random_walk(bars=30, seed=0), names=names)
    assert [in_table(name) for name in ("return", "vwap_gap", "mine:feature")] == [True, True, False]


def test_an_unknown_feature_is_named():
    with pytest.raises(ConfigError, match="got rsi"):
        compute(random_walk(bars=30, seed=0), names=["return", "rsi"])


def tick_bars(seed: int) -> Bars:
    ticks, quotes = quoted_trades(seed=seed, trades=900, sessions=3)
    return from_ticks(matched(ticks, quotes), "tick:10")


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), cut=st.integers(1, 80))
def test_truncating_the_future_never_changes_a_feature_of_trades_and_quotes(seed, cut):
    bars = tick_bars(seed)
    names = default_features(bars)
    np.testing.assert_array_equal(compute(bars.rows(slice(0, cut)), names=names), compute(bars, names=names)[:cut])


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), cut=st.integers(1, 80))
def test_scrambling_the_future_never_changes_a_feature_of_trades_and_quotes(seed, cut):
    bars, rng = tick_bars(seed), np.random.default_rng(seed)
    order = np.concatenate([np.arange(cut), cut + rng.permutation(len(bars) - cut)])
    columns = [field.name for field in dataclasses.fields(bars) if field.metadata.get("dtype") is np.float64]
    scrambled = dataclasses.replace(bars, **{name: getattr(bars, name)[order] for name in columns})
    names = default_features(bars)
    np.testing.assert_array_equal(compute(scrambled, names=names)[:cut], compute(bars, names=names)[:cut])


def test_features_of_trades_and_quotes_are_the_default_where_the_bars_have_their_columns():
    ticks, quotes = quoted_trades(seed=1, trades=400)
    of_trades = set(default_features(from_ticks(ticks, "tick:10"))) - set(FEATURES)
    assert of_trades == set(FLOW_FEATURES) - {"order_flow_imbalance", "quoted_spread", "depth_imbalance"}
    assert default_features(from_ticks(matched(ticks, quotes), "tick:10")) == (*FEATURES, *FLOW_FEATURES)
    assert default_features(random_walk(bars=30, seed=1)) == tuple(FEATURES)


def test_features_of_trades_and_quotes_worked_out_by_hand():
    open_of_new_york = np.datetime64("2024-01-02T14:30", "ns")
    closed = open_of_new_york + np.array([97, 195]) * np.timedelta64(60 * 10**9, "ns")
    bars = Bars(
        symbol="X", interval="tick:4", calendar="XNYS", opened_at=[open_of_new_york, closed[0]],
        closed_at=closed,
        open=[10.0, 10], high=[10.0, 11], low=[10.0, 10], close=[10.0, 11], volume=[400.0, 0], vwap=[10.0, 10],
        trades=[4.0, 4], signed_volume=[-100.0, 0], bid=[9.0, 9], ask=[11.0, 11], spread=[0.2, np.nan],
        depth_imbalance=[np.nan, 0.5], order_flow=[1.0, 2],
    )  # fmt: skip
    names = ["signed_volume_share", "vwap_gap", "quoted_spread", "depth_imbalance", "since_open", "time_of_day_cosine"]
    matrix = compute(bars, names=names)
    np.testing.assert_allclose(matrix[0], [-0.25, 0, 0.2, 0, 97 / 390, np.cos(2 * np.pi * 97 / 390)], atol=1e-12)
    np.testing.assert_allclose(matrix[1], [0, np.log(1.1), 0.2, 0.5, 0.5, -1], atol=1e-12)


def test_a_feature_of_quotes_without_quotes_says_what_to_do():
    ticks, _ = quoted_trades(seed=1, trades=400)
    with pytest.raises(ConfigError, match=r"expected bars made of quotes .* fetch quotes"):
        compute(from_ticks(ticks, "tick:10"), names=["quoted_spread"])
