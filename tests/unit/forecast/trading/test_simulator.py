import numpy as np
import pytest

from forecast.config.trading import Costs
from forecast.trading.simulator import account, contributions, equity, trade, trade_all
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
    np.testing.assert_allclose(ledger.gross_return, [0.10, -0.10, 0.0, 90 / 99 * -1 + 1, 0.0])
    np.testing.assert_allclose(ledger.cost, [0.003, 0.0, 0.003, 0.003, 0.0025])
    np.testing.assert_allclose(ledger.net_return, [0.997 * 1.10 - 1, -0.10, -0.003, 0.997 * (1 + 9 / 99) - 1, -0.0025])
    assert equity(ledger.net_return)[-1] == pytest.approx(0.997 * 1.1 * 0.9 * 0.997 * 0.997 * (108 / 99) * 0.9975)


def test_turning_from_long_to_short_is_paid_twice():
    ledger = make([1, -1], [100, 100, 100])
    np.testing.assert_allclose(ledger.cost, [0.003, 0.006, 0.003])


def test_buy_and_hold_without_costs_earns_the_price_change():
    opens = [100, 97, 104, 123.4]
    assert equity(make([1, 1, 1], opens, fee=0, slippage=0).net_return)[-1] == pytest.approx(1.234)


def test_a_short_that_has_shrunk_is_paid_for_by_what_is_left_of_it():
    # sold at 99, at 90 it is 10/11 of what it was while the account has grown by 1/11: 10/12 of the account
    ledger = make([-1], [99, 90])
    assert ledger.traded.tolist() == pytest.approx([-1.0, 10 / 12])
    assert ledger.cost.tolist() == pytest.approx([0.003, 0.003 * 10 / 12])


def test_a_position_is_brought_back_to_its_size_at_each_open_and_that_is_paid_for():
    ledger = make([0.5, 0.5], [100, 110, 110], fee=100, slippage=0)
    # half in: 0.55 of 1.05 after the rise, so 0.0238 of the account is sold to be at one half again
    assert ledger.traded.tolist() == pytest.approx([0.5, 0.5 - 0.55 / 1.05, -0.5])
    assert ledger.cost.tolist() == pytest.approx([0.005, (0.55 / 1.05 - 0.5) / 100, 0.005])


def test_borrowing_accrues_by_the_calendar_and_only_on_what_is_borrowed():
    days = np.array(["2020-01-03", "2020-01-06", "2020-01-07", "2020-01-08"], "datetime64[ns]")
    costs = Costs(fee_bps=0, slippage_bps=0, borrow_rate=0.365, financing_rate=0.73)
    rows = np.array([[-1, -0.5, 1], [2, 1.5, 0.5]], dtype=float)
    short, bought = trade_all(
        rows, symbol="X", names=[("a", "0"), ("b", "0")], opened_at=days, opens=np.full(4, 100.0), costs=costs
    )
    assert short.financing.tolist() == pytest.approx([0.003, 0.0005, 0.0, 0.0])  # three days over the weekend, then one
    assert bought.financing.tolist() == pytest.approx([0.006, 0.001, 0.0, 0.0])  # on 100 %, 50 % and nothing
    assert short.net_return.tolist() == pytest.approx([-0.003, -0.0005, 0.0, 0.0])


def test_a_bar_without_volume_cannot_be_traded_at_its_open():
    days = np.datetime64("2020-01-01", "ns") + np.arange(5) * np.timedelta64(24, "h")
    (ledger,) = trade_all(
        np.array([[1.0, 0.0, 0.0, 1.0]]), symbol="X", names=[("a", "0")], opened_at=days,
        opens=np.array([100.0, 110, 99, 120, 126]), costs=Costs(fee_bps=100, slippage_bps=0),
        tradable=np.array([True, False, True, True, False]),
    )  # fmt: skip
    # the sale at 110 cannot be had: it is made at 99; at the last open all is closed, whatever its volume
    assert ledger.position.tolist() == [1.0, 1.0, 0.0, 1.0, 0.0]
    assert ledger.traded.tolist() == [1.0, 0.0, -1.0, 1.0, -1.0]
    assert (1 + ledger.net_return).prod() == pytest.approx(0.99 * 0.99 * 0.99 * 0.99 * 1.05 * 0.99)


def test_what_is_lost_whole_stays_lost():
    ledger = make([-1, -1, 1], [100, 201, 100, 300], fee=0, slippage=0)
    assert ledger.net_return.tolist() == [-1.0, 0.0, 0.0, 0.0]
    assert ledger.position.tolist() == [-1.0, 0.0, 0.0, 0.0]
    dear = make([1, -1, 1, -1], [100, 101, 102, 103, 104], fee=6000, slippage=0)  # both sides of a turn: 120 %
    assert dear.net_return.tolist() == pytest.approx([0.4 * 1.01 - 1, -1.0, 0.0, 0.0, 0.0])
    assert equity(dear.net_return)[-1] == 0.0


def test_after_a_ruin_nothing_is_held_earned_traded_or_paid():
    days = np.datetime64("2020-01-01", "ns") + np.arange(5) * np.timedelta64(24, "h")
    costs = Costs(fee_bps=10, slippage_bps=0, borrow_rate=0.365, financing_rate=0.365)
    (ledger,) = trade_all(
        np.array([[-1.0, -1, 1, 2]]), symbol="X", names=[("a", "0")], opened_at=days,
        opens=np.array([100.0, 201, 100, 300, 330]), costs=costs,
    )  # fmt: skip
    assert ledger.net_return.tolist() == [-1.0, 0.0, 0.0, 0.0, 0.0]
    for column in (ledger.position, ledger.traded, ledger.gross_return, ledger.financing, ledger.cost):
        assert column[0] != 0
        assert column[1:].tolist() == [0.0] * 4


def test_a_price_that_just_doubles_takes_all_of_a_short():
    ledger = make([-1, 1], [100, 200, 400], fee=0, slippage=0)
    assert ledger.net_return.tolist() == [-1.0, 0.0, 0.0]
    assert ledger.traded.tolist() == [-1.0, 0.0, 0.0]


def test_costs_of_the_whole_account_leave_what_could_not_be_traded_as_it_was():
    days = np.datetime64("2020-01-01", "ns") + np.arange(4) * np.timedelta64(24, "h")
    tradable = np.ones((2, 4), dtype=bool)
    tradable[1, 1] = False
    simulated = account(
        np.array([[[1.0, -1, 0], [0.25, 0, 0]]]), opened_at=days, opens=np.full((2, 4), 100.0),
        costs=Costs(fee_bps=5_000, slippage_bps=0), spread=None, tradable=tradable,
    )  # fmt: skip
    assert simulated.cost.tolist() == [[0.625, 1.0, 0.0, 0.0]]  # the turn at bar 1 trades twice the account at one half
    assert simulated.net_return.tolist() == [[-0.625, -1.0, 0.0, 0.0]]
    assert simulated.position.tolist() == [[[1, -1, 0, 0], [0.25, 0.25, 0, 0]]]


def test_what_each_asset_contributed_worked_out_by_hand():
    days = np.datetime64("2020-01-01", "ns") + np.arange(2) * np.timedelta64(24, "h")
    opens, costs = np.array([[100.0, 110], [50, 50]]), Costs(fee_bps=100, slippage_bps=0)
    half = np.array([[0.0, 0.0], [0.01, 0.02]])
    options = {"opens": opens, "costs": costs, "spread": half}
    simulated = account(np.array([[[0.5], [-0.5]]]), opened_at=days, tradable=None, **options)
    # the account grows by 5 % before the first is sold at 0.55 and the second bought back at 0.5 of what it was
    expected = [[[0.05 - 0.005, -0.01 * 0.55 / 1.05], [-0.5 * 0.02, -0.03 * 0.5 / 1.05]]]
    np.testing.assert_allclose(contributions(simulated, **options), expected, rtol=1e-12)


@pytest.mark.parametrize("spread", [None, 0.002])
def test_contributions_add_up_to_what_was_earned_less_costs(spread):
    rng = np.random.default_rng(2)
    opens = 100 * np.exp(np.cumsum(rng.normal(0, 0.02, (3, 30)), axis=1))
    days = np.datetime64("2020-01-01", "ns") + np.arange(30) * np.timedelta64(24, "h")
    options = {
        "opens": opens,
        "costs": Costs(fee_bps=5, slippage_bps=5),
        "spread": None if spread is None else np.full((3, 30), spread),
    }
    simulated = account(rng.uniform(-1, 1, (4, 3, 29)), opened_at=days, tradable=rng.random((3, 30)) > 0.2, **options)
    assert simulated.financing.shape == simulated.net_return.shape == (4, 30)
    assert simulated.traded.shape == (4, 3, 30)
    parts = contributions(simulated, **options)
    np.testing.assert_allclose(parts.sum(axis=1), simulated.gross_return - simulated.cost, rtol=1e-9, atol=1e-12)


def test_constant_prices_cost_what_is_traded_and_nothing_else():
    ledger = make([1, 0, 0, -1], [7, 7, 7, 7, 7])
    assert not ledger.gross_return.any()
    assert equity(ledger.net_return)[-1] == pytest.approx(0.997**4)


@pytest.mark.parametrize("bps", [-1.0, 10_000.0, float("nan"), float("inf")])
def test_impossible_costs_are_refused(bps):
    with pytest.raises(ConfigError, match="Expected fee_bps as"):
        Costs(fee_bps=bps, slippage_bps=0.0)
    with pytest.raises(ConfigError, match="Expected half_spread_bps as a number from 0 to below 10000"):
        Costs(fee_bps=1.0, slippage_bps=0.0, half_spread_bps=bps)


@pytest.mark.parametrize("rate", [-0.01, 11.0, float("nan")])
def test_impossible_rates_are_refused(rate):
    with pytest.raises(ConfigError, match="Expected borrow_rate as a number"):
        Costs(fee_bps=0.0, slippage_bps=0.0, borrow_rate=rate)


def test_opens_must_be_one_longer_than_positions():
    with pytest.raises(ValueError, match=r"opens must be one longer than positions. Received: 2, 2"):
        make([1, 1], [1, 2])
