"""One ledger's numbers against hand-worked accounts and against empyrical."""

import empyrical
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.config.trading import Costs
from forecast.statistics.performance import bar_returns, drawdown, equity_curve, performance, sampled_growth
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
    held = bar_returns(ledger([0, 1], [100, 100, 110], fee_bps=100))
    assert held == pytest.approx([0.0, 0.99 * 1.1 * 0.99 - 1])


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
    same = {"annualization": bars_per_year}
    assert result["total_return"] == pytest.approx(empyrical.cum_returns_final(returns))
    assert result["max_drawdown"] == pytest.approx(empyrical.max_drawdown(returns), abs=1e-12)
    assert result["annual_return"] == pytest.approx(empyrical.annual_return(returns, **same), abs=1e-12)
    assert result["volatility"] == pytest.approx(empyrical.annual_volatility(returns, **same), abs=1e-12)
    if np.ptp(returns) > 0:
        assert result["sharpe"] == pytest.approx(empyrical.sharpe_ratio(returns, **same), rel=1e-6)
    if returns.min() < 0:
        assert result["sortino"] == pytest.approx(empyrical.sortino_ratio(returns, **same), rel=1e-6)


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
