"""Adjustment, worked out by hand, as invariants, and against the WIKI files' own adjusted columns."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from scipy.stats import norm

from pipelines.errors import BadPricesError
from pipelines.market import calendars
from pipelines.market.adjustments import adjust, as_traded, before_dividends, dividend_vote, with_gains
from pipelines.market.types import Actions, Bars
from tests.helpers.market_examples import actions, bars_and_actions, daily_bars


def test_a_dividend_of_1_after_a_close_of_100_takes_1_percent_off_the_past() -> None:
    bars = daily_bars([100, 99, 99])
    adjusted = adjust(bars, actions(bars, {1: (1.0, 1.0)}), base="back")
    assert adjusted.close.tolist() == [99, 99, 99]
    assert adjusted.volume.tolist() == [100, 100, 100]
    assert adjusted.adjusted == "back"


def test_a_two_for_one_split_halves_past_prices_and_doubles_past_volume() -> None:
    bars = daily_bars([100, 50, 51])
    back = adjust(bars, actions(bars, {1: (0.0, 2.0)}), base="back")
    assert back.close.tolist() == [50, 50, 51]
    assert back.volume.tolist() == [200, 100, 100]
    forward = adjust(bars, actions(bars, {1: (0.0, 2.0)}), base="forward")
    assert forward.close.tolist() == [100, 100, 102]
    assert forward.volume.tolist() == [100, 50, 50]


def test_on_a_day_with_both_the_dividend_is_per_new_share() -> None:
    bars = daily_bars([100, 49, 49])  # 100 -> two shares of 50 -> each pays 1
    adjusted = adjust(bars, actions(bars, {1: (1.0, 2.0)}), base="back")
    assert adjusted.close == pytest.approx([49, 49, 49], rel=1e-15)


def test_an_action_on_a_day_without_a_bar_takes_effect_at_the_next_bar() -> None:
    bars = daily_bars([100, 100, 50, 50])
    gap = Bars(**{**vars(bars), **{k: getattr(bars, k)[[0, 1, 3]] for k in _ARRAYS}})
    split = actions(bars, {2: (0.0, 2.0)})
    assert adjust(gap, split, base="back").close.tolist() == [50, 50, 50]


def test_an_action_at_the_moment_a_bar_closes_takes_effect_at_the_next_bar() -> None:
    bars = daily_bars([100, 50, 50])
    split = Actions(symbol=bars.symbol, ex_at=bars.closed_at[:1], dividend=np.array([0.0]), split=np.array([2.0]))
    assert adjust(bars, split, base="back").close.tolist() == [50, 50, 50]


def test_of_two_actions_at_one_bar_the_second_is_paid_on_what_the_first_left() -> None:
    bars = daily_bars([100, 1, 1, 81])
    gap = Bars(**{**vars(bars), **{name: getattr(bars, name)[[0, 3]] for name in _ARRAYS}})
    paid = adjust(gap, actions(bars, {1: (10.0, 1.0), 2: (9.0, 1.0)}), base="back")
    assert paid.close.tolist() == pytest.approx([100 * 0.9 * 0.9, 81])  # 9 of the 90 that were left
    split = adjust(gap, actions(bars, {1: (0.0, 2.0), 2: (5.0, 1.0)}), base="back")
    assert split.close.tolist() == pytest.approx([100 / 2 * 0.9, 81])  # 5 of a share of 50
    assert split.volume.tolist() == [200, 100]


_ARRAYS = ("opened_at", "closed_at", "open", "high", "low", "close", "volume")


@given(bars_and_actions())
def test_forward_prices_do_not_change_when_the_future_is_cut_off(history: tuple[Bars, Actions]) -> None:
    bars, every = history
    full = adjust(bars, every, base="forward")
    for rows in range(1, len(bars)):
        part = bars.rows(slice(0, rows))
        paid = every.ex_at <= part.closed_at[-1]
        past = Actions(symbol="XYZ", ex_at=every.ex_at[paid], dividend=every.dividend[paid], split=every.split[paid])
        cut = adjust(part, past, base="forward")
        for name in _ARRAYS:
            assert np.array_equal(getattr(cut, name), getattr(full, name)[:rows])


@given(bars_and_actions())
def test_forward_and_back_have_the_same_returns(history: tuple[Bars, Actions]) -> None:
    bars, every = history
    back, forward = adjust(bars, every, base="back"), adjust(bars, every, base="forward")
    assert np.allclose(back.close[1:] / back.close[:-1], forward.close[1:] / forward.close[:-1], rtol=1e-12)
    assert back.close[-1] == bars.close[-1]
    assert forward.close[0] == bars.close[0]
    assert np.allclose(back.close * back.volume / (forward.close * forward.volume), _constant(back, forward))


def _constant(back: Bars, forward: Bars) -> float:
    return float(back.close[0] * back.volume[0] / (forward.close[0] * forward.volume[0]))


def test_a_dividend_as_large_as_the_price_is_refused() -> None:
    bars = daily_bars([100, 99])
    with pytest.raises(BadPricesError, match="2024-01-03"):
        adjust(bars, actions(bars, {1: (100.0, 1.0)}), base="back")
    once = adjust(bars, Actions.none("XYZ"), base="back")
    with pytest.raises(BadPricesError, match="need raw bars"):
        adjust(once, Actions.none("XYZ"), base="back")


@pytest.mark.parametrize(("symbol", "difference"), [("AAPL", 0.0003), ("MSFT", 0.0024)])
def test_back_adjusted_closes_agree_with_wiki(shared: Path, symbol: str, difference: float) -> None:
    table = pd.read_csv(shared / "daily_wiki_public_domain" / f"WIKI-{symbol}.csv.gz").iloc[::-1]
    days = table["Date"].to_numpy().astype("datetime64[D]")
    table, days = table[traded := calendars.is_session(days, "XNYS")], days[traded]
    opened, closed = calendars.daily_times(days, "XNYS")
    close = table["Close"].to_numpy()
    bars = Bars(
        symbol=symbol, interval="1d", opened_at=opened, closed_at=closed, open=close, high=close, low=close,
        close=close, volume=table["Volume"].to_numpy(), calendar="XNYS",
    )  # fmt: skip
    dividend, split = table["Ex-Dividend"].to_numpy(), table["Split Ratio"].to_numpy()
    happened = (dividend > 0) | (split != 1)
    # WIKI's own form is close / (close + dividend) at the ex date; the dividend that gives the same factor in the
    # CRSP form is previous x dividend / (close + dividend), so with it the file must come out to the last digits.
    previous = np.concatenate([close[:1], close[:-1]]) / split
    exact = previous * dividend / (close + dividend)
    for paid, tolerance in ((exact, 1e-12), (dividend, difference)):
        every = Actions(symbol=symbol, ex_at=opened[happened], dividend=paid[happened], split=split[happened])
        back = adjust(bars, every, base="back")
        assert np.max(np.abs(back.close / table["Adj. Close"].to_numpy() - 1)) < tolerance
        assert np.allclose(back.volume, table["Adj. Volume"].to_numpy(), rtol=1e-9)


def test_gains_are_added_where_the_adjusted_close_steps_by_both_and_not_where_the_dividend_holds_them() -> None:
    close = np.array([100.0, 98, 128, 126])
    # paid: 2 of 100, 1 of 98, 2 of 128; a session's factor is 1 - paid / close before
    factor = np.array([0.98, 1 - 1 / 98, 1 - 2 / 128])
    adjusted = close * np.append(np.cumprod(factor[::-1])[::-1], 1.0)
    dividend, gains = np.array([0.5, 1, 1, 1]), np.array([0.2, 1, 0.4, 2])
    both = with_gains(dividend, gains, close=close, adjusted=adjusted)
    # nothing is seen of the first session; the last lies half way between 1 and 3 and stays as it is
    assert both.tolist() == [0.5, 2, 1, 1]


def test_prices_that_go_on_over_a_split_are_brought_back_to_what_was_traded() -> None:
    bars = daily_bars([50, 51, 52, 53])
    every = actions(bars, {0: (0.0, 7.0), 1: (0.5, 2.0), 2: (0.25, 1.0), 3: (0.0, 1.5)})
    raw, undone, changed = as_traded(bars, every)
    assert changed
    assert raw.close.tolist() == pytest.approx([50 * 3, 51 * 1.5, 52 * 1.5, 53])
    assert raw.volume.tolist() == pytest.approx([100 / 3, 100 / 1.5, 100 / 1.5, 100])
    assert undone.dividend.tolist() == pytest.approx([0, 0.75, 0.375, 0])  # per share of their own day
    assert undone.split.tolist() == every.split.tolist()
    for row, split in ((1, 2.0), (2, 1.5)):
        assert as_traded(bars, actions(bars, {row: (0.0, split)}))[2]


def test_prices_that_fall_with_the_split_stay_as_they_are() -> None:
    bars = daily_bars([51, 102, 52, 53])  # one share of 102 became two
    split = actions(bars, {0: (0.0, 7.0), 2: (0.0, 2.0)})  # of the first nothing is seen
    assert as_traded(bars, split) == (bars, split, False)
    none = actions(bars, {1: (1.0, 1.0)})
    assert as_traded(bars, none) == (bars, none, False)


def test_the_vote_of_dividends_is_the_log_likelihood_of_a_fall_against_none() -> None:
    night = np.array([0.001, -0.021, -0.5, 0.002, -0.003, 0.4, 0.004, -0.005, 0.006, 0.007, -0.008, -0.02])
    close = np.array([50.0, 40, 80, 30, 60, 70, 20, 90, 55, 45, 65, 75, 85])
    plain = daily_bars(close.tolist())
    opens = np.append(close[:1], close[:-1] * np.exp(night))
    width = {"high": np.maximum(opens, close), "low": np.minimum(opens, close)}
    bars = Bars(**{**vars(plain), "open": opens, **width})
    paid = {1: 0.05, 2: 0.8, 3: 4.0, 6: 0.7}  # of closes of 50, 40, 80 and 70; the night before row 3 is a crash
    beside = {0: (1.0, 1.0), 4: (0.0, 1.0), 5: (0.6, 2.0), 7: (20.0, 1.0), 8: (135.0, 1.0)}
    every = actions(bars, {row: (dividend, 1.0) for row, dividend in paid.items()} | beside)
    late = daily_bars([1] * 14).opened_at[-1:]
    every = Actions(
        symbol="XYZ", ex_at=np.append(every.ex_at, late), dividend=np.append(every.dividend, 1.0),
        split=np.append(every.split, 1.0),
    )  # fmt: skip
    # too early or late, nothing, a split too, or no less than the price: their nights are as ordinary as the others
    ordinary = np.delete(night, [row - 1 for row in paid])
    spread = 1.4826 * np.sort(np.abs(ordinary))[[3, 4]].mean()
    falls = np.log(1 - np.array([0.05 / 50, 0.8 / 40, 4 / 80, 0.7 / 70]))
    moves = np.array([0.001, -0.021, falls[2] - 6 * spread, 6 * spread])  # none counts for more than six deviations
    odds = norm.logpdf(moves, falls, spread) - norm.logpdf(moves, 0, spread)
    assert dividend_vote(bars, every) == pytest.approx(odds.sum(), rel=1e-9)


def test_without_an_ordinary_night_the_vote_takes_two_basis_points_and_without_a_dividend_there_is_none() -> None:
    bars = daily_bars([100, 100.01])
    one = actions(bars, {1: (0.1, 1.0)})
    move, fall = np.log(1.0001), np.log(0.999)
    odds = norm.logpdf(move, fall, 2e-4) - norm.logpdf(move, 0, 2e-4)
    assert dividend_vote(bars, one) == pytest.approx(odds, rel=1e-9)
    assert dividend_vote(bars, actions(bars, {1: (0.0, 1.0)})) == 0.0


def test_prices_before_dividends_are_those_that_the_factors_were_taken_from() -> None:
    raw = daily_bars([100, 98, 50, 49, 51])
    later = daily_bars([1] * 6).opened_at[-1:]
    factors = [1 - 2 / 100, 1 - 1 * 2 / 98, 1, 1 - 0.5 / 49]  # the second per new share on the day of a split
    product = np.append(np.cumprod(factors[::-1])[::-1], 1.0)
    adjusted = {name: getattr(raw, name) * product for name in ("open", "high", "low", "close")}
    every = Actions(
        symbol="XYZ", ex_at=np.append(raw.opened_at[[1, 2, 4]], later), dividend=np.array([2, 1, 0.5, 3]),
        split=np.array([1.0, 2, 1, 1]),
    )  # fmt: skip
    undone = before_dividends(Bars(**{**vars(raw), **adjusted}), every)
    for name in ("open", "high", "low", "close", "volume"):
        np.testing.assert_allclose(getattr(undone, name), getattr(raw, name), rtol=1e-12)
