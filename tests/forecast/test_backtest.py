import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.backtest import Costs, equity, trade
from pipelines.errors import ConfigError


def make(positions, opens, *, fee=10.0, slippage=20.0):
    days = np.datetime64("2020-01-01", "ns") + np.arange(len(opens)) * np.timedelta64(24, "h")
    return trade(
        np.array(positions, dtype=float),
        symbol="X",
        model="lstm",
        member="0",
        opened_at=days,
        opens=np.array(opens, dtype=float),
        costs=Costs(fee_bps=fee, slippage_bps=slippage),
    )


def test_a_ledger_worked_out_by_hand():
    ledger = make([1, 1, 0, -1], [100, 110, 99, 99, 90])
    np.testing.assert_allclose(ledger.position, [1, 1, 0, -1, 0])
    np.testing.assert_allclose(ledger.gross, [0.10, -0.10, 0.0, 90 / 99 * -1 + 1, 0.0])
    np.testing.assert_allclose(ledger.cost, [0.003, 0.0, 0.003, 0.003, 0.003])
    np.testing.assert_allclose(ledger.net, [0.997 * 1.10 - 1, -0.10, -0.003, 0.997 * (1 + 9 / 99) - 1, -0.003])
    assert equity(ledger.net)[-1] == pytest.approx(0.997 * 1.1 * 0.9 * 0.997 * 0.997 * (108 / 99) * 0.997)


def test_turning_from_long_to_short_is_paid_twice():
    ledger = make([1, -1], [100, 100, 100])
    np.testing.assert_allclose(ledger.cost, [0.003, 0.006, 0.003])


def test_buy_and_hold_without_costs_earns_the_price_change():
    opens = [100, 97, 104, 123.4]
    assert equity(make([1, 1, 1], opens, fee=0, slippage=0).net)[-1] == pytest.approx(1.234)


@given(
    positions=st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=1, max_size=40),
    seed=st.integers(0, 1000),
    fee=st.floats(0, 100),
)
def test_the_ledger_adds_up_against_a_plain_loop_over_cash_and_shares(positions, seed, fee):
    opens = 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.02, len(positions) + 1)))
    ledger = make(positions, opens, fee=fee, slippage=1.0)
    wealth, held = 1.0, 0.0
    for i, wanted in enumerate([*positions, 0.0]):
        wealth -= wealth * abs(wanted - held) * (fee + 1.0) / 10_000  # paid at this open
        if i < len(positions):
            shares = wanted * wealth / opens[i]
            wealth += shares * (opens[i + 1] - opens[i])
        held = wanted
        assert equity(ledger.net)[i] == pytest.approx(wealth, rel=1e-12)


@pytest.mark.parametrize("bps", [-1.0, 10_000.0, float("nan"), float("inf")])
def test_impossible_costs_are_refused(bps):
    with pytest.raises(ConfigError, match="cost from 0 to 9999 basis points"):
        Costs(fee_bps=bps, slippage_bps=0.0)


def test_opens_must_be_one_longer_than_positions():
    with pytest.raises(ValueError, match=r"opens must be one longer than positions. Received: 2, 2"):
        make([1, 1], [1, 2])
