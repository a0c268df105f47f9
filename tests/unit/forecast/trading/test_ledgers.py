"""Trades worked out by hand, their sum against the ledger on random markets, and both tables."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.config.trading import Costs
from forecast.trading.ledgers import ledger_frame, position_orders, read_ledgers, round_trips, trade_frame
from forecast.trading.simulator import Ledger, trade, trade_all

DAY = np.timedelta64(1, "D")
START = np.datetime64("2020-01-01", "ns")


def ledger(positions: list[float], opens: list[float], **costs: float) -> Ledger:
    return trade(
        np.array(positions, dtype=float),
        symbol="TEST",
        model="lstm",
        member="ensemble",
        opened_at=START + np.arange(len(opens)) * DAY,
        opens=np.array(opens, dtype=float),
        costs=Costs(**{"fee_bps": 0.0, "slippage_bps": 0.0} | costs),
    )


def test_two_trades_worked_out_by_hand() -> None:
    trades = round_trips(ledger([1, 1, 0, 1], [100, 110, 99, 120, 132], fee_bps=100))
    assert trades.side.tolist() == [1, 1]
    assert trades.entry.tolist() == [0, 3]
    assert trades.exit.tolist() == [2, 4]
    assert trades.gross_return == pytest.approx([1.1 * 0.9 - 1, 0.1])
    assert trades.cost == pytest.approx([0.02, 0.02])  # 1 % to buy, 1 % to sell
    assert trades.net_return == pytest.approx([0.99 * 1.1 * 0.9 * 0.99 - 1, 0.99 * 1.1 * 0.99 - 1])
    assert trades.open_at_end.tolist() == [False, True]


def test_each_side_of_a_reversal_pays_its_own_part_of_the_cost() -> None:
    trades = round_trips(ledger([1, -1], [100, 110, 99], fee_bps=100))
    assert trades.side.tolist() == [1, -1]
    # the reversal at 110 costs 2 %, one each; the short is 0.9 / 1.1 of equity when it is closed at 99
    assert trades.cost == pytest.approx([0.02, 0.01 + 0.01 * 0.9 / 1.1])
    assert trades.net_return == pytest.approx([0.99 * 1.1 * 0.99 - 1, 0.98 / 0.99 * 1.1 * (1 - 0.01 * 0.9 / 1.1) - 1])


def test_interest_belongs_to_the_trade_that_borrowed() -> None:
    trades = round_trips(ledger([-1, -1, 0, 1], [100, 100, 100, 100, 100], borrow_rate=0.365))
    assert trades.financing == pytest.approx([0.002, 0.0])  # 0.1 % a day
    assert trades.net_return == pytest.approx([0.999**2 - 1, 0.0])


def test_a_change_of_size_is_no_new_trade() -> None:
    trades = round_trips(ledger([0.5, 1.0, 0.5, 0, -0.5], [100, 101, 102, 103, 104, 105]))
    assert trades.side.tolist() == [1, -1]
    assert (trades.exit - trades.entry).tolist() == [3, 1]


def test_no_position_is_no_trade() -> None:
    trades = round_trips(ledger([0, 0], [100, 110, 120]))
    assert len(trades.side) == len(trades.net_return) == len(trades.cost) == 0


def test_a_ruin_is_a_trade_that_lost_everything() -> None:
    trades = round_trips(ledger([-1, -1, 1], [100, 210, 100, 100]))
    assert trades.net_return.tolist() == [-1.0]


def test_a_sale_that_costs_more_than_there_is_loses_everything() -> None:
    trades = round_trips(ledger([1, 2, 0], [100, 100, 100, 100], fee_bps=6000))  # 60 %, 60 %, then 120 %
    assert trades.net_return.tolist() == [-1.0]
    assert trades.cost == pytest.approx([2.4])


def test_a_ledger_saved_without_what_was_traded_has_trades_too() -> None:
    new = ledger([1, -1], [100, 110, 99], fee_bps=100)
    frame = ledger_frame([new]).drop(columns=["traded", "financing"])
    (old,) = read_ledgers(frame)
    assert old.traded is None
    assert position_orders(old).tolist() == [1.0, -2.0, 1.0]
    assert round_trips(old).side.tolist() == [1, -1]


@st.composite
def accounts(draw: st.DrawFn) -> tuple[list[Ledger], np.ndarray]:
    bars = draw(st.integers(3, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size = draw(st.sampled_from([1.0, 3.0]))
    steps = rng.choice([-1.0, -0.3, 0.0, 0.0, 0.4, 1.0], (3, bars - 1)) * size
    opens = 100.0 * np.exp(np.cumsum(rng.normal(0.0, draw(st.sampled_from([0.01, 0.2])), bars)))
    rate = st.floats(0, 500)
    costs = Costs(
        fee_bps=draw(rate), slippage_bps=draw(rate), borrow_rate=draw(st.floats(0, 1)),
        financing_rate=draw(st.floats(0, 1)),
    )  # fmt: skip
    names = [("lstm", "ensemble"), ("lstm", "0"), ("cash", "ensemble")]
    times = START + np.arange(bars) * DAY
    tradable = rng.random(bars) > 0.1
    ledgers = trade_all(steps, symbol="T", names=names, opened_at=times, opens=opens, costs=costs, tradable=tradable)
    return ledgers, opens


@given(accounts())
@settings(max_examples=100, deadline=None)
def test_trades_add_up_to_their_ledger_to_1e_12(given_accounts: tuple[list[Ledger], np.ndarray]) -> None:
    ledgers, opens = given_accounts
    frame, rows = trade_frame(ledgers, opens=opens), ledger_frame(ledgers)
    for name, product in (("gross_return", True), ("net_return", True), ("cost", False), ("financing", False)):
        for account in ledgers:
            by_bar = rows.loc[(rows["model"] == account.model) & (rows["member"] == account.member), name].to_numpy()
            parts = frame.loc[(frame["model"] == account.model) & (frame["member"] == account.member), name].to_numpy()
            expected, total = (np.prod(1 + returns) if product else np.sum(returns) for returns in (by_bar, parts))
            np.testing.assert_allclose(total, expected, rtol=1e-12, atol=1e-12)


def test_the_table_of_trades_has_a_row_per_trade_with_its_prices() -> None:
    opens = [100.0, 110.0, 99.0, 120.0, 132.0]
    frame = trade_frame([ledger([1, 1, 0, -1], opens)], opens=np.array(opens))
    assert frame["side"].tolist() == ["long", "short"]
    assert frame.iloc[1].to_dict() == {
        "symbol": "TEST", "model": "lstm", "member": "ensemble", "side": "short",
        "entry_at": pd.Timestamp("2020-01-04", tz="UTC"), "exit_at": pd.Timestamp("2020-01-05", tz="UTC"), "bars": 1,
        "entry_price": 120.0, "exit_price": 132.0, "gross_return": pytest.approx(-0.1), "financing": 0.0, "cost": 0.0,
        "net_return": pytest.approx(-0.1), "open_at_end": True,
    }  # fmt: skip


def test_a_table_of_no_trades_keeps_its_columns() -> None:
    traded = trade_frame([ledger([1], [100, 110])], opens=np.array([100.0, 110.0]))
    idle = trade_frame([ledger([0], [100, 110])], opens=np.array([100.0, 110.0]))
    assert idle.empty
    assert idle.dtypes.to_dict() == traded.dtypes.to_dict()


@given(accounts())
@settings(max_examples=20, deadline=None)
def test_a_ledger_read_back_is_the_same(given_accounts: tuple[list[Ledger], np.ndarray]) -> None:
    ledgers, _ = given_accounts
    for before, after in zip(ledgers, read_ledgers(ledger_frame(ledgers)), strict=True):
        for name, value in vars(before).items():
            np.testing.assert_array_equal(getattr(after, name), value)
