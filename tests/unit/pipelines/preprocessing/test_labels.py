import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from pipelines.errors import ConfigError, TooFewBarsError
from pipelines.market.types import Bars
from pipelines.preprocessing import labels
from pipelines.preprocessing.features import volatility
from pipelines.preprocessing.labels import LABELS, next_open_direction, paying_moves, triple_barrier
from pipelines.sources.synthetic import random_walk
from tests.helpers.market_examples import flat_bars


def test_label_is_open_of_next_bar_to_open_of_the_bar_after():
    bars = flat_bars([10.0] * 5, open=[10.0, 8.0, 10.0, 10.0, 9.0], high=[10.0] * 5, low=[8.0] * 5)
    outcomes = next_open_direction(bars, horizon=1)
    np.testing.assert_allclose(outcomes.forward_return, [10 / 8 - 1, 0.0, 9 / 10 - 1])
    np.testing.assert_array_equal(outcomes.target, [1.0, 0.0, 0.0])
    np.testing.assert_array_equal(outcomes.decided_at, bars.closed_at[:3])
    np.testing.assert_array_equal(outcomes.entry_at, bars.opened_at[1:4])
    np.testing.assert_array_equal(outcomes.exit_at, bars.opened_at[2:5])


@given(kind=st.sampled_from(LABELS), horizon=st.integers(1, 20), seed=st.integers(0, 100), at=st.integers(0, 36))
def test_a_label_is_decided_before_it_is_entered_and_known_at_its_exit(kind, horizon, seed, at):
    bars = random_walk(bars=60, seed=seed)
    settings = {"kind": kind, "horizon": horizon, "cost_bps": 20.0, "barrier_width": 0.7}
    outcomes = labels.make(bars, **settings)
    assert len(outcomes) == 60 - 1 - horizon
    assert (outcomes.decided_at < outcomes.entry_at).all()
    assert (outcomes.entry_at < outcomes.exit_at).all()
    assert (outcomes.target == (outcomes.forward_return > 0)).all()
    # another market from the bar after the exit of row `at` on: the label of that row is what it was
    leave = at + 1 + outcomes.held[at]
    factor = np.where(np.arange(60) > leave, np.random.default_rng(seed).uniform(0.5, 2, 60), 1.0)
    other = {name: getattr(bars, name) * factor for name in ("open", "high", "low", "close")}
    again = labels.make(type(bars)(**{**bars.__dict__, **other}), **settings)
    for name in ("target", "weight", "forward_return", "held", "exit_at"):
        assert getattr(again, name)[at] == getattr(outcomes, name)[at]


def test_too_few_bars_and_a_horizon_of_zero_are_refused():
    with pytest.raises(TooFewBarsError, match="need 3 bars for one label, got 2"):
        next_open_direction(flat_bars([1.0, 2.0]), horizon=1)
    with pytest.raises(ConfigError, match="horizon of 1 bar or more, got 0"):
        next_open_direction(flat_bars([1.0, 2.0]), horizon=0)


def test_two_bars_more_than_the_horizon_have_one_label():
    assert next_open_direction(opens(100.0, 100.0, 101.0), horizon=1).target.tolist() == [1.0]
    assert len(next_open_direction(opens(*[100.0] * 7), horizon=5)) == 1
    with pytest.raises(TooFewBarsError, match="need 7 bars for one label, got 6"):
        next_open_direction(opens(*[100.0] * 6), horizon=5)


def opens(*prices):
    """Bars that open at these prices and close at 100."""
    close = [100.0] * len(prices)
    return flat_bars(close, open=prices, high=np.maximum(prices, close), low=np.minimum(prices, close))


def test_a_move_that_does_not_pay_the_round_trip_weighs_nothing():
    # bought at the open of bar 1, 2, 3: +0.0599 % (less than 6 bp), +0.0999 %, -0.1598 %
    outcomes = paying_moves(opens(100.0, 100.10, 100.16, 100.26, 100.10), horizon=1, cost_bps=6.0)
    np.testing.assert_array_equal(outcomes.weight, [0.0, 1.0, 1.0])
    np.testing.assert_array_equal(outcomes.target, [1.0, 1.0, 0.0])
    with pytest.raises(ConfigError, match="round trip of 0 to 9999 basis points, got -1"):
        paying_moves(opens(100.0, 100.0, 100.0), horizon=1, cost_bps=-1)


def test_a_move_of_just_the_round_trip_does_not_pay_it_and_a_round_trip_may_cost_nothing():
    bars = opens(64.0, 64.0, 65.0, 65.0, 65.0)  # + 1 / 64 exactly, then nothing
    assert paying_moves(bars, horizon=1, cost_bps=10_000 / 64).weight.tolist() == [0.0, 0.0, 0.0]
    assert paying_moves(bars, horizon=1, cost_bps=10_000 / 64.01).weight.tolist() == [1.0, 0.0, 0.0]
    assert paying_moves(bars, horizon=1, cost_bps=0.5).weight.tolist() == [1.0, 0.0, 0.0]
    assert paying_moves(bars, horizon=1, cost_bps=0.0).weight.tolist() == [1.0, 0.0, 0.0]
    with pytest.raises(ConfigError, match="round trip of 0 to 9999 basis points, got 10000"):
        paying_moves(bars, horizon=1, cost_bps=10_000)


def barrier_bars(*later):
    """40 bars that close at 100 and 101 in turn, then opens as given (bar 40 on), closing at 100."""
    close = np.array([100.0, 101.0] * 20 + [100.0] * len(later))
    first = np.array([100.5] * 40 + list(later))
    return flat_bars(close, open=first, high=np.maximum(close, first), low=np.minimum(close, first))


def test_the_first_barrier_touched_decides():
    bars = barrier_bars(100.0, 101.0, 103.0, 90.0, 100.5)
    # 20 log returns of +-0.00995 with mean 0: volatility 0.00995; width 1, horizon 4: barriers at +-1.99 %
    np.testing.assert_allclose(volatility(bars)[39], np.log(1.01), rtol=1e-12)
    outcomes = triple_barrier(bars, horizon=4, width=1.0)
    # bought at bar 40 for 100: bar 41 +1 %, bar 42 +3 % touches the upper one; the fall at bar 43 comes too late
    assert (outcomes.held[39], outcomes.target[39]) == (2, 1.0)
    np.testing.assert_allclose(outcomes.forward_return[39], 0.03)
    assert outcomes.exit_at[39] == bars.opened_at[42]
    lower = triple_barrier(barrier_bars(100.0, 99.0, 97.0, 120.0, 100.5), horizon=4, width=1.0)
    assert (lower.held[39], lower.target[39]) == (2, 0.0)
    np.testing.assert_allclose(lower.forward_return[39], -0.03)


@pytest.mark.parametrize("bar", [1, 2, 3, 4])
def test_every_open_up_to_the_horizon_is_watched(bar):
    prices = [100.0] * 5
    prices[bar] = 97.0
    outcomes = triple_barrier(barrier_bars(*prices, 100.0), horizon=4, width=1.0)
    assert (outcomes.held[39], outcomes.target[39]) == (bar, 0.0)


def test_an_open_that_lies_on_the_barrier_touches_it():
    price = 103.0
    bars = barrier_bars(100.0, price, 100.0, 100.0, 100.0)
    move, deviation = price / 100.0 - 1.0, volatility(bars)[39]
    width = move / (2.0 * deviation)
    assert width * deviation * 2.0 == move  # a horizon of 4: the root is exact
    assert triple_barrier(bars, horizon=4, width=width).held[39] == 1
    assert triple_barrier(bars, horizon=4, width=np.nextafter(width, 9) * (1 + 1e-15)).held[39] == 4


def test_where_no_barrier_is_touched_the_sign_at_the_horizon_decides():
    outcomes = triple_barrier(barrier_bars(100.0, 101.0, 99.0, 101.5, 100.5), horizon=4, width=1.0)
    assert (outcomes.held[39], outcomes.target[39]) == (4, 1.0)
    np.testing.assert_allclose(outcomes.forward_return[39], 0.005)


def test_without_a_volatility_only_the_last_barrier_stands():
    constant = flat_bars([10.0] * 40)
    assert (triple_barrier(constant, horizon=3, width=1.0).held == 3).all()
    young = triple_barrier(random_walk(bars=60, seed=0), horizon=10, width=0.01)
    assert (young.held[:20] == 10).all()  # 20 log returns are there from bar 20 on
    assert (young.held[20:] < 10).any()
    with pytest.raises(ConfigError, match="barrier width above 0, got 0"):
        triple_barrier(constant, horizon=3, width=0.0)


def test_another_kind_is_refused():
    with pytest.raises(
        ConfigError,
        match="label out of direction, cost-aware, triple-barrier, above-median, relative, or module:function, got",
    ):
        labels.make(flat_bars([1.0] * 9), kind="mean", horizon=1, cost_bps=0, barrier_width=1)


def two_sessions(opens: list[float]):
    """Half-hour bars of New York, three on one day and the rest on the next."""
    hours = np.array([0, 0.5, 1, *(24 + np.arange(len(opens) - 3) / 2)])
    opened = np.datetime64("2024-01-02T14:30", "ns") + (hours * 3600e9).astype("timedelta64[ns]")
    return Bars(
        symbol="X", interval="30m", calendar="XNYS", opened_at=opened, closed_at=opened + np.timedelta64(30, "m"),
        open=opens, high=opens, low=opens, close=opens, volume=np.ones(len(opens)),
    )  # fmt: skip


def test_flat_overnight_a_label_ends_at_the_last_open_of_its_session_and_teaches_nothing_from_there_on():
    bars = two_sessions([10.0, 11, 12, 20, 21, 22, 23])
    options = {"kind": "direction", "horizon": 2, "cost_bps": 0.0, "barrier_width": 1.0}
    flat, hold = labels.make(bars, overnight="flat", **options), labels.make(bars, overnight="hold", **options)
    assert hold.held.tolist() == [2, 2, 2, 2]
    assert flat.held.tolist() == [1, 0, 2, 2]  # entered at bars 1, 2, 3, 4; the first session's last open is bar 2
    np.testing.assert_allclose(flat.forward_return, [12 / 11 - 1, 0, 22 / 20 - 1, 23 / 21 - 1])
    assert flat.weight.tolist() == [1, 0, 1, 1]
    np.testing.assert_array_equal(flat.exit_at, bars.opened_at[[2, 2, 5, 6]])


def test_flat_overnight_a_label_of_ones_own_that_is_cut_short_teaches_nothing():
    bars = two_sessions([10.0, 11, 12, 20, 21, 22, 23])
    options = {"kind": "tests.helpers.own_labels:falls", "horizon": 2, "cost_bps": 0.0, "barrier_width": 1.0}
    flat, hold = labels.make(bars, overnight="flat", **options), labels.make(bars, overnight="hold", **options)
    assert (hold.target.tolist(), hold.weight.tolist()) == ([0, 0, 0, 0], [1, 1, 1, 1])
    assert flat.held.tolist() == [1, 0, 2, 2]
    assert flat.weight.tolist() == [0, 0, 1, 1]
    assert flat.target.tolist() == [1, 0, 0, 0]  # from 11 to 12 until the session ends; the others are its own


def test_flat_overnight_a_cost_aware_label_pays_by_what_is_left_of_its_session():
    bars = two_sessions([10.0, 11, 11.001, 20, 21, 22, 23])
    options = {"horizon": 2, "cost_bps": 20.0, "barrier_width": 1.0, "overnight": "flat"}
    # bought at bar 1, sold at bar 2 for 0.9 basis points more, before the night's rise; at bar 2 there is no time left
    assert labels.make(bars, kind="cost-aware", **options).weight.tolist() == [0, 0, 1, 1]
    assert labels.make(bars, kind="direction", **options).weight.tolist() == [1, 0, 1, 1]


def test_a_label_of_ones_own_rises_where_its_value_is_above_0():
    outcomes = labels.own(opens(*[100.0] * 7), name="tests.helpers.own_labels:small_steps", horizon=1)
    assert outcomes.target.tolist() == [0, 0, 1, 1, 0]


def moments_and_returns():
    """Moments of 1, 2, 3, 4 and 7 symbols in no order, with returns some of which are the same."""
    rng = np.random.default_rng(5)
    sizes = np.array([3, 1, 7, 2, 4, 2, 7])
    moments = np.repeat(np.datetime64("2024-01-02", "ns") + np.arange(len(sizes)) * np.timedelta64(1, "D"), sizes)
    returns = rng.choice([-0.03, -0.01, 0.0, 0.02], len(moments)) + rng.choice([0.0, 0.001], len(moments))
    order = rng.permutation(len(moments))
    return moments[order], returns[order]


def test_above_the_median_of_its_moment_is_what_pandas_says():
    moments, returns = moments_and_returns()
    median = pd.Series(returns).groupby(moments).transform("median").to_numpy()
    outcomes = labels.across_symbols(returns, moments, kind="above-median")
    np.testing.assert_array_equal(outcomes, returns > median)
    assert 0 < outcomes.sum() < np.sum(returns >= median)  # some lie on it


def test_the_rank_among_the_others_of_its_moment_is_that_of_scipy():
    moments, returns = moments_and_returns()
    outcomes = labels.across_symbols(returns, moments, kind="relative")
    for moment in np.unique(moments):
        rows = moments == moment
        others = rows.sum() - 1
        expected = (rankdata(returns[rows]) - 1) / others if others else [0.5]
        np.testing.assert_allclose(outcomes[rows], expected, rtol=1e-12)


@given(kind=st.sampled_from(LABELS), horizon=st.integers(1, 5), length=st.integers(7, 16), seed=st.integers(0, 100))
def test_flat_overnight_a_label_that_is_there_stays_as_it_is_when_bars_are_cut_off(kind, horizon, length, seed):
    bars = two_sessions(list(random_walk(bars=16, seed=seed).open))
    options = {"kind": kind, "horizon": horizon, "cost_bps": 20.0, "barrier_width": 0.7, "overnight": "flat"}
    full, early = labels.make(bars, **options), labels.make(bars.rows(slice(0, length)), **options)
    for name in ("target", "weight", "forward_return", "held", "exit_at"):
        np.testing.assert_array_equal(getattr(early, name), getattr(full, name)[: len(early)])


@pytest.mark.parametrize("calendar", ["XNYS", "24/7"])
def test_daily_bars_and_markets_that_never_close_have_no_end_of_a_session(calendar):
    bars = random_walk(bars=60, seed=1)
    if calendar == "24/7":
        bars = dataclasses.replace(two_sessions(list(bars.open[:12])), calendar="24/7")
    options = {"kind": "direction", "horizon": 2, "cost_bps": 0.0, "barrier_width": 1.0}
    flat, hold = labels.make(bars, overnight="flat", **options), labels.make(bars, overnight="hold", **options)
    np.testing.assert_array_equal(flat.held, hold.held)
    assert flat.weight.all()
