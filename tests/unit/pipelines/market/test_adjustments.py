"""Adjustment, worked out by hand, as invariants, and against the WIKI files' own adjusted columns."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given

from pipelines.errors import BadPricesError
from pipelines.market import calendars
from pipelines.market.adjustments import adjust
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


_ARRAYS = ("opened_at", "closed_at", "open", "high", "low", "close", "volume")


@given(bars_and_actions())
def test_forward_prices_do_not_change_when_the_future_is_cut_off(given_: tuple[Bars, Actions]) -> None:
    bars, every = given_
    whole = adjust(bars, every, base="forward")
    for rows in range(1, len(bars)):
        part = bars.rows(slice(0, rows))
        known = every.ex_at <= part.closed_at[-1]
        past = Actions(symbol="XYZ", ex_at=every.ex_at[known], dividend=every.dividend[known], split=every.split[known])
        cut = adjust(part, past, base="forward")
        for name in _ARRAYS:
            assert np.array_equal(getattr(cut, name), getattr(whole, name)[:rows])


@given(bars_and_actions())
def test_forward_and_back_have_the_same_returns(given_: tuple[Bars, Actions]) -> None:
    bars, every = given_
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
    table, days = table[kept := calendars.is_session(days, "XNYS")], days[kept]
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
