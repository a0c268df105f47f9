"""One ledger's numbers against hand-worked accounts and against empyrical."""

import empyrical
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.config.trading import Costs
from forecast.statistics.performance import (
    bar_returns,
    drawdown,
    earned,
    equity_curve,
    performance,
    sampled_growth,
    spells,
)
from forecast.trading.simulator import Ledger, trade


def ledger(positions: list[float], opens: list[float], *, fee_bps: float = 0.0) -> Ledger:
    start = np.datetime64("2020-01-01", "ns")
    return trade(
        np.array(positions, dtype=float),
        symbol="TEST",
        model="lstm",
        member="ensemble",
        opened_at=start + np.arange(len(opens)) * np.timedelta64(1, "D"),
        opens=np.array(opens, dtype=float),
        costs=Costs(fee_bps=fee_bps, slippage_bps=0),
    )


def test_a_hand_worked_account() -> None:
    account = ledger([1, 1, 0, 1], [100, 110, 99, 120, 132], fee_bps=100)
    result = performance(account, bars_per_year=4)  # the four bars are one year
    # 1 % to buy, +10 %, -10 %, 1 % to sell at 99; 1 % to buy at 120, +10 %, 1 % to sell at the end
    growth = 0.99 * 1.1 * 0.9 * 0.99 * 0.99 * 1.1 * 0.99
    assert result["total_return"] == pytest.approx(growth - 1)
    assert result["annual_return"] == pytest.approx(growth - 1)
    assert result["exposure"] == 0.75
    assert result["turnover"] == pytest.approx(4.0)  # in, out, in, out
    assert result["trades"] == 2
    assert result["hit_rate"] == 0.5
    assert result["cost_paid"] == pytest.approx(0.04)
    assert result["max_drawdown"] == pytest.approx(0.9 * 0.99 - 1)  # from 0.99 x 1.1 down to after the sale at 99
    assert result["max_drawdown_bars"] == 3


def test_the_cost_of_closing_belongs_to_the_last_bar_held() -> None:
    returns = bar_returns(ledger([0, 1], [100, 100, 110], fee_bps=100))
    assert returns == pytest.approx([0.0, 0.99 * 1.1 * 0.99 - 1])


def test_time_under_water_is_counted_in_bars_and_includes_the_unfinished_one() -> None:
    assert drawdown(np.array([1, 1.2, 0.9, 1.1, 1.2, 0.6, 0.9, 1.1, 1.19])) == (-0.5, 4)
    assert drawdown(np.array([1.0, 1.1, 1.1, 1.3])) == (0.0, 0)


@given(st.lists(st.floats(-0.2, 0.2), min_size=63, max_size=300), st.sampled_from([52.0, 252.0]))
def test_empyrical_agrees_where_its_conventions_are_ours(net: list[float], bars_per_year: float) -> None:
    returns = np.array(net).round(6)
    rows = np.append(returns, 0.0)
    account = Ledger(
        symbol="TEST", model="m", member="ensemble", time=np.arange(len(rows)).astype("datetime64[ns]"),
        position=np.append(np.ones(len(returns)), 0.0), gross_return=rows, cost=np.zeros(len(rows)), net_return=rows,
    )  # fmt: skip
    result = performance(account, bars_per_year=bars_per_year)
    yearly = {"annualization": bars_per_year}
    assert result["total_return"] == pytest.approx(empyrical.cum_returns_final(returns))
    assert result["max_drawdown"] == pytest.approx(empyrical.max_drawdown(returns), abs=1e-12)
    assert result["annual_return"] == pytest.approx(empyrical.annual_return(returns, **yearly), abs=1e-12)
    assert result["volatility"] == pytest.approx(empyrical.annual_volatility(returns, **yearly), abs=1e-12)
    if np.ptp(returns) > 0:
        assert result["sharpe"] == pytest.approx(empyrical.sharpe_ratio(returns, **yearly), rel=1e-6)
    if returns.min() < 0:
        assert result["sortino"] == pytest.approx(empyrical.sortino_ratio(returns, **yearly), rel=1e-6)


def test_a_week_is_not_annualised() -> None:
    result = performance(ledger([1, 1, 1, 1, 1], [100, 101, 102, 101, 103, 104]), bars_per_year=252)
    undefined = {name for name, value in result.items() if value is None}
    assert undefined == {"annual_return", "volatility", "sharpe", "sortino", "turnover"}


def test_a_strategy_that_never_trades_has_no_ratios_and_no_hit_rate() -> None:
    result = performance(ledger([0] * 100, [100 + i for i in range(101)]), bars_per_year=252)
    assert [result[name] for name in ("sharpe", "sortino", "hit_rate")] == [None, None, None]
    assert [result[name] for name in ("total_return", "volatility", "exposure", "trades", "turnover")] == [0] * 5


def test_constant_gains_have_no_sharpe_ratio() -> None:
    opens = list(100 * 1.01 ** np.arange(101))
    assert performance(ledger([1] * 100, opens), bars_per_year=252)["sharpe"] is None


def test_a_short_that_loses_more_than_everything_is_ruined_and_stays_so() -> None:
    result = performance(ledger([-1] * 100, [100, 250, *[100] * 99]), bars_per_year=252)
    assert (result["total_return"], result["max_drawdown"], result["annual_return"]) == (-1.0, -1.0, -1.0)


def test_an_account_without_bars_is_defined() -> None:
    result = performance(ledger([], [100]), bars_per_year=252)
    assert (result["total_return"], result["exposure"], result["max_drawdown_bars"]) == (0.0, None, 0)
    assert list(equity_curve(np.array([]))) == [1.0]


def test_a_sampled_curve_keeps_its_ends_and_every_point_of_a_short_one() -> None:
    assert sampled_growth(np.array([0.1, -0.5]), points=40) == [1.0, 1.1, 0.55]
    long = sampled_growth(np.full(1000, 0.001), points=5)
    assert long == pytest.approx([1.001**at for at in (0, 250, 500, 750, 1000)], rel=1e-3)


def record(net: list[float], *, financing: list[float] | None = None) -> Ledger:
    """An account that earned these returns, always invested; the last row sells."""
    rows = np.array(net)
    return Ledger(
        symbol="TEST", model="m", member="ensemble", time=np.arange(len(rows)).astype("datetime64[ns]"),
        position=np.append(np.ones(len(rows) - 1), 0.0), gross_return=rows, cost=np.zeros(len(rows)), net_return=rows,
        financing=None if financing is None else np.array(financing),
    )  # fmt: skip


def test_a_quarter_of_a_year_is_annualised_and_less_is_not() -> None:
    quarter = performance(record([0.02, -0.01, 0.03, 0.0]), bars_per_year=12)
    growth = 1.02 * 0.99 * 1.03
    assert quarter["annual_return"] == pytest.approx(growth**4 - 1)
    assert quarter["turnover"] == pytest.approx(2 / 0.25)
    mean, deviation = 0.04 / 3, np.std([0.02, -0.01, 0.03], ddof=1)
    assert quarter["sharpe"] == pytest.approx(mean / deviation * 12**0.5)
    assert quarter["sortino"] == pytest.approx(mean / (0.01 / 3**0.5) * 12**0.5)
    less = performance(record([0.02, -0.01, 0.03, 0.0]), bars_per_year=12.01)
    assert {less[name] for name in ("annual_return", "volatility", "sharpe", "sortino", "turnover")} == {None}


def test_one_return_of_a_year_has_no_ratios_and_two_have() -> None:
    names = ("annual_return", "volatility", "sharpe", "sortino")
    one = performance(record([0.02, 0.0]), bars_per_year=1)
    assert {one[name] for name in names} == {None}
    assert one["turnover"] == pytest.approx(2.0)
    two = performance(record([0.02, -0.04, 0.0]), bars_per_year=2)
    assert [two[name] for name in names] == pytest.approx(
        [1.02 * 0.96 - 1, 0.06 / 2**0.5 * 2**0.5, -0.01 / (0.06 / 2**0.5) * 2**0.5, -0.01 / (0.04 / 2**0.5) * 2**0.5]
    )


def test_returns_without_a_fall_have_a_sharpe_ratio_and_no_sortino_ratio() -> None:
    rising = performance(record([0.01, 0.03, 0.0, 0.0]), bars_per_year=3)
    assert rising["sortino"] is None
    assert rising["sharpe"] == pytest.approx(0.04 / 3 / np.std([0.01, 0.03, 0.0], ddof=1) * 3**0.5)


@pytest.mark.parametrize("level", [0.01, 5_000.0])
def test_a_spread_of_rounding_alone_is_none(level: float) -> None:
    rows = level + np.spacing(level) * np.array([0, 1, 0, 1, 0, 1])
    with np.errstate(over="ignore"):
        assert performance(record([*rows, 0.0]), bars_per_year=6)["sharpe"] is None


def test_a_round_trip_that_earned_nothing_is_no_hit() -> None:
    account = ledger([1, 0, 1, 0, 1, 0], [100, 100, 100, 110, 100, 90, 90])
    assert performance(account, bars_per_year=252)["trades"] == 3
    assert performance(account, bars_per_year=252)["hit_rate"] == pytest.approx(1 / 3)


def test_interest_is_the_sum_of_what_was_paid_and_what_is_earned_is_without_it() -> None:
    account = record([0.02, 0.01, 0.0], financing=[-0.001, 0.003, 0.0])
    assert performance(account, bars_per_year=252)["interest_paid"] == pytest.approx(0.002)
    assert earned(account).tolist() == pytest.approx([0.021, 0.007, 0.0])
    assert performance(record([0.02, 0.0]), bars_per_year=252)["interest_paid"] is None
    assert earned(record([0.02, 0.0])).tolist() == [0.02, 0.0]


def test_positions_of_several_symbols_are_opened_where_their_side_changes() -> None:
    position = np.array([[0.5, 0.5, 0.0, -0.5, 0.5], [0.0, 0.2, 0.3, 0.3, 0.0], [0.0] * 5])
    contribution = np.array([[0.01, -0.02, 9.0, 0.03, 0.0], [9.0, 0.01, -0.02, 0.02, 9.0], [9.0] * 5])
    # symbol 1: long -0.01, short 0.03, long 0.00; symbol 2: long 0.01; a position of nothing earns nothing
    assert spells(position, contribution) == {"trades": 4, "hit_rate": 0.5}
    assert spells(np.zeros((2, 3)), np.zeros((2, 3))) == {"trades": 0, "hit_rate": None}


@given(st.lists(st.floats(-0.5, 0.5), min_size=1, max_size=40))
def test_the_longest_time_below_a_peak_is_that_of_a_plain_loop(values: list[float]) -> None:
    growth = equity_curve(np.array(values))
    longest, below, peak, deepest = 0, 0, growth[0], 0.0
    for value in growth:
        below = 0 if value >= peak else below + 1
        peak, longest = max(peak, value), max(longest, below)
        deepest = min(deepest, value / peak - 1)
    assert drawdown(growth) == (pytest.approx(deepest), longest)


def test_a_small_picture_has_forty_points_of_four_digits() -> None:
    curve = sampled_growth(np.full(100, 0.012345678))
    assert len(curve) == 40
    assert (curve[0], curve[-1]) == (1.0, float(f"{1.012345678**100:.4g}"))
    assert sampled_growth(np.empty(0)) == [1.0]
