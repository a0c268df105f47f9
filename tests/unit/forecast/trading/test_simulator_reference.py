"""The fast account against a slow one in cash and shares that shares no code with it."""

from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.config.trading import Costs
from forecast.trading.signals import decide, positions
from forecast.trading.simulator import account
from tests.helpers.reference_backtest import keep_book


def check(targets, opens, times, tradable, spread, costs):
    """Every number of every bar, to 1e-12."""
    targets, opens, tradable, spread = map(np.asarray, (targets, opens, tradable, spread))
    simulated = account(
        targets[None].astype(float),
        opened_at=np.array(times, "datetime64[ns]"),
        opens=opens.astype(float),
        costs=costs,
        spread=spread.astype(float),
        tradable=tradable.astype(bool),
    )
    rate = (costs.fee_bps + costs.slippage_bps + costs.half_spread_bps) / 10_000
    book = keep_book(
        times=times,
        opens=opens.tolist(),
        targets=targets.tolist(),
        rates=(rate + spread).tolist(),
        tradable=tradable.tolist(),
        borrow=costs.borrow_rate,
        financing=costs.financing_rate,
    )
    close = {"rtol": 1e-12, "atol": 1e-12}
    np.testing.assert_allclose(simulated.net_return[0], book.net, **close)
    np.testing.assert_allclose(np.cumprod(1 + simulated.net_return[0]), book.equity, **close)
    np.testing.assert_allclose(simulated.cost[0], book.paid, **close)
    lost = simulated.net_return[0] == -1.0  # what a ruined account still held at its last open is of no use to anyone
    np.testing.assert_allclose(simulated.financing[0][~lost], np.array(book.interest)[~lost], **close)
    np.testing.assert_allclose(simulated.position[0][:, ~lost].T, np.array(book.fractions)[~lost], **close)
    return simulated, book


@st.composite
def markets(draw, most=2.0):
    assets, bars = draw(st.integers(1, 3)), draw(st.integers(2, 30))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    volatility = draw(st.sampled_from([0.0, 0.01, 0.05, 0.2]))
    opens = 100 * np.exp(np.cumsum(rng.normal(0, volatility, (assets, bars)), axis=1))
    kind = draw(st.sampled_from(["signals", "fractions"]))
    if kind == "signals":
        policy, band = draw(st.sampled_from(["long-flat", "long-short"])), draw(st.sampled_from([0.0, 0.1, 0.3]))
        targets = positions(decide(rng.random((assets, bars - 1)), band=band), policy=policy) / assets
        targets = targets * draw(st.sampled_from([0.3, 1.0, most]))
    else:
        targets = rng.uniform(-most, most, (assets, bars - 1)) / assets
    tradable = rng.random((assets, bars)) > draw(st.sampled_from([0.0, 0.2, 0.7]))
    hours = np.cumsum(rng.integers(1, 100, bars))
    times = [datetime(2020, 1, 1) + timedelta(hours=int(hour)) for hour in hours]
    spread = rng.uniform(0, 0.001, (assets, bars))
    costs = Costs(
        fee_bps=draw(st.floats(0, 50)),
        slippage_bps=draw(st.floats(0, 50)),
        half_spread_bps=draw(st.floats(0, 50)),
        borrow_rate=draw(st.sampled_from([0.0, 0.03, 0.9])),
        financing_rate=draw(st.sampled_from([0.0, 0.06, 0.9])),
    )
    return targets, opens, times, tradable, spread, costs


@given(markets())
@settings(max_examples=300)
def test_the_fast_account_agrees_with_cash_and_shares_to_1e_12(market):
    check(*market)


@given(markets(most=8.0))
def test_they_agree_on_ruin_too(market):
    simulated, book = check(*market)
    assert bool((simulated.net_return[0] == -1.0).any()) == book.ruined
    assert np.all(np.cumprod(1 + simulated.net_return[0]) >= 0)


def test_many_accounts_at_once_are_the_same_as_one_by_one():
    rng = np.random.default_rng(0)
    opens = 100 * np.exp(np.cumsum(rng.normal(0, 0.02, (2, 50)), axis=1))
    tradable = rng.random((2, 50)) > 0.1
    more = {
        "opened_at": np.datetime64("2020-01-01", "ns") + np.arange(50) * np.timedelta64(24, "h"),
        "opens": opens,
        "costs": Costs(fee_bps=5, slippage_bps=5, borrow_rate=0.05, financing_rate=0.05),
        "spread": None,
        "tradable": tradable,
    }
    targets = rng.uniform(-1, 1, (7, 2, 49))
    together = account(targets, **more)
    for row in range(7):
        alone = account(targets[row : row + 1], **more)
        np.testing.assert_array_equal(together.net_return[row], alone.net_return[0])
        np.testing.assert_array_equal(together.position[row], alone.position[0])


@pytest.mark.parametrize("future", ["prices", "targets", "volume"])
def test_no_row_depends_on_what_comes_later(future):
    rng = np.random.default_rng(1)
    opens, targets = np.exp(np.cumsum(rng.normal(0, 0.02, (1, 40)), axis=1)), rng.uniform(-1, 1, (1, 1, 39))
    tradable = rng.random((1, 40)) > 0.2
    times = np.datetime64("2020-01-01", "ns") + np.arange(40) * np.timedelta64(24, "h")
    costs = Costs(fee_bps=5, slippage_bps=5, borrow_rate=0.05)
    one = account(targets, opened_at=times, opens=opens, costs=costs, spread=None, tradable=tradable)
    if future == "prices":
        opens = np.where(np.arange(40) > 20, opens * 2, opens)
    elif future == "targets":
        targets = np.where(np.arange(39) > 20, -targets, targets)
    else:
        tradable = np.where(np.arange(40) > 20, ~tradable, tradable)
    other = account(targets, opened_at=times, opens=opens, costs=costs, spread=None, tradable=tradable)
    np.testing.assert_array_equal(one.net_return[:, :20], other.net_return[:, :20])
    np.testing.assert_array_equal(one.position[..., :21], other.position[..., :21])
