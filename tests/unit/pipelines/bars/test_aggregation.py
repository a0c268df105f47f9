"""Bars from ticks: by hand, against pandas, and as invariants."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.bars.aggregation import Stream, from_chunks, from_ticks, joined
from pipelines.errors import ConfigError
from pipelines.market.types import Bars, Ticks
from pipelines.sources import sample

_ARRAYS = (
    *("opened_at", "closed_at", "open", "high", "low", "close"),
    *("volume", "vwap", "trades", "signed_volume"),
)
_SECOND = 1_000_000_000
START = np.datetime64("2024-01-02T14:30", "ns")  # the open of New York


def trades(seconds: list[float], price: list[float], size: list[float] | None = None, calendar: str = "XNYS") -> Ticks:
    time = START + (np.array(seconds) * _SECOND).astype("timedelta64[ns]")
    sizes = np.ones(len(seconds)) if size is None else np.array(size)
    return Ticks(symbol="XYZ", time=time, price=np.array(price, float), size=sizes, calendar=calendar)


def seconds(times: np.ndarray) -> list[float]:
    return list((times - START) / np.timedelta64(1, "s"))


def rows(ticks: Ticks, part: slice) -> Ticks:
    return Ticks(
        symbol="XYZ", time=ticks.time[part], price=ticks.price[part], size=ticks.size[part], calendar=ticks.calendar
    )


def is_prefix(part: Bars, full: Bars) -> bool:
    return all(np.array_equal(getattr(part, name), getattr(full, name)[: len(part)]) for name in _ARRAYS)


def test_tick_bars_hold_so_many_trades_and_leave_the_unfinished_one_out() -> None:
    bars = from_ticks(trades([0, 1, 1, 5, 6], [10, 12, 9, 11, 13], [1, 2, 3, 4, 5]), "tick:2")
    assert (bars.open.tolist(), bars.close.tolist()) == ([10, 9], [12, 11])
    assert (bars.high.tolist(), bars.low.tolist()) == ([12, 11], [10, 9])
    assert bars.volume.tolist() == [3, 7]
    assert seconds(bars.opened_at) == [0, 1]
    assert seconds(bars.closed_at) == [1, 5]
    assert bars.interval == "tick:2"


def test_a_pause_of_30_minutes_closes_a_tick_bar_at_its_timeout() -> None:
    bars = from_ticks(trades([0, 1, 2, 2 + 1800, 1803, 1804, 1805], [1, 2, 3, 4, 5, 6, 7]), "tick:2")
    assert bars.close.tolist() == [2, 3, 5, 7]
    assert seconds(bars.closed_at) == [1, 2 + 1800, 1803, 1805]
    without = from_ticks(trades([0, 1, 2, 2 + 1799], [1, 2, 3, 4]), "tick:2")
    assert without.close.tolist() == [2, 4]


def test_time_bars_are_aligned_and_never_empty() -> None:
    bars = from_ticks(trades([0, 59.999, 60, 200, 240], [1, 2, 3, 4, 5]), "time:1m")
    assert bars.close.tolist() == [2, 3, 4]
    assert seconds(bars.opened_at) == [0, 60, 180]
    assert seconds(bars.closed_at) == [60, 120, 240]
    assert bars.interval == "1m"


def test_time_bars_start_at_the_open_and_end_at_the_close_of_the_session() -> None:
    close = 6.5 * 3600
    ticks = trades([0, 6 * 3600, close - 1, close, close + 1, 17.5 * 3600 + 3600 * 6.5, 24 * 3600], range(1, 8))
    bars = from_ticks(ticks, "time:1h")
    # 9:30-10:30; 15:30-16:00 with the trade at the close; 16:00:01, outside hours, up to the next whole hour before
    # the next open; then 9:30 of the next day is unfinished
    assert bars.close.tolist() == [1, 4, 5]
    assert seconds(bars.opened_at)[:2] == [0, 6 * 3600]
    assert seconds(bars.closed_at)[:2] == [3600, close]
    assert seconds(bars.opened_at)[2] >= close


def test_time_bars_of_a_market_that_never_closes_follow_the_clock() -> None:
    midnight = 9.5 * 3600  # 24:00 UTC
    bars = from_ticks(trades([midnight - 1, midnight, midnight + 60], [1, 2, 3], calendar="24/7"), "time:1m")
    assert bars.close.tolist() == [1, 2]
    assert seconds(bars.closed_at) == [midnight, midnight + 60]


_KINDS = [
    *("tick:1", "tick:3", "volume:4", "volume:40", "dollar:100.5", "imbalance:3", "imbalance:10", "runs:4"),
    *("time:1m", "time:7m", "time:90s", "time:3h"),
]
_GAPS = st.lists(
    st.sampled_from([0.0, 0.001, 1.0, 20.0, 61.0, 1799.9, 1800.0, 7200.0, 60000.0]), min_size=1, max_size=60
)


def varied(gaps: list[float]) -> Ticks:
    """Trades whose price and size wander, many without a change."""
    count = range(len(gaps))
    return trades(list(np.cumsum(gaps)), [1 + (i * i // 3) % 11 / 10 for i in count], [(i * 5) % 13 for i in count])


@given(_GAPS, st.sampled_from(_KINDS), st.data())
def test_cutting_the_ticks_off_never_changes_earlier_bars(gaps: list[float], kind: str, data: st.DataObject) -> None:
    ticks = varied(gaps)
    full = from_ticks(ticks, kind)
    cut = data.draw(st.integers(0, len(ticks)))
    part = from_ticks(rows(ticks, slice(0, cut)), kind)
    assert is_prefix(part, full)
    assert len(part) == 0 or part.closed_at[-1] <= ticks.time[-1]
    if cut:
        complete = np.count_nonzero(full.closed_at < ticks.time[cut - 1])
        assert len(part) >= complete


@given(_GAPS, st.sampled_from(_KINDS), st.lists(st.integers(0, 60), max_size=5))
def test_a_stream_of_chunks_gives_the_same_bars_to_the_last_digit(gaps: list[float], kind: str, at: list[int]) -> None:
    ticks = varied(gaps)
    edges = [0, *sorted(min(edge, len(ticks)) for edge in at), len(ticks)]
    chunks = [rows(ticks, slice(*pair)) for pair in itertools.pairwise(edges)]
    pieces, at_once = from_chunks(chunks, kind), from_ticks(ticks, kind)
    assert len(pieces) == len(at_once)
    assert is_prefix(pieces, at_once)


@given(_GAPS, st.sampled_from(_KINDS))
def test_no_trade_is_lost_or_counted_twice(gaps: list[float], kind: str) -> None:
    ticks = trades(list(np.cumsum(gaps)), [1.0] * len(gaps), list(range(1, len(gaps) + 1)))
    bars = from_ticks(ticks, kind)
    total = bars.volume.sum()
    assert total in np.concatenate([[0], np.cumsum(ticks.size)])
    finished = from_ticks(_with_later_trade(ticks), kind)
    assert finished.volume.sum() == ticks.size.sum()


def _with_later_trade(ticks: Ticks) -> Ticks:
    later = ticks.time[-1] + np.timedelta64(5, "D")
    return Ticks(
        symbol="XYZ",
        time=np.append(ticks.time, later),
        price=np.append(ticks.price, 1.0),
        size=np.append(ticks.size, 0.0),
        calendar=ticks.calendar,
    )


def test_volume_bars_end_with_the_trade_that_fills_them() -> None:
    bars = from_ticks(trades([0, 1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 6], [3, 4, 3, 10, 1, 1]), "volume:7")
    assert bars.close.tolist() == [2, 4]  # 3 + 4 = 7; 3 + 10 = 13; 1 + 1 is unfinished
    assert bars.volume.tolist() == [7, 13]


def test_dollar_bars_count_price_times_size() -> None:
    bars = from_ticks(trades([0, 1, 2, 3], [10, 20, 5, 100], [1, 2, 4, 1]), "dollar:50")
    assert bars.close.tolist() == [20, 100]  # 10 + 40 = 50; 20 + 100


def test_imbalance_bars_end_when_one_side_outnumbers_the_other() -> None:
    # signs 0 + + + - - + +: expected first is the root of 9, so the bar ends when the sum reaches 3
    bars = from_ticks(trades([0, 1, 2, 3, 4, 5, 6, 7], [10, 11, 12, 13, 12, 11, 12, 13]), "imbalance:9")
    assert bars.trades is not None
    assert bars.trades[0] == 4
    # 9 / 4 to the power of a twentieth is 1.04: after so short a bar 3.12 are expected, which -1 -1 +1 +1 are not
    assert len(bars) == 1


def test_vwap_trades_and_signed_volume() -> None:
    bars = from_ticks(trades([0, 1, 2, 3, 4, 5], [10, 11, 11, 10, 10, 12], [1, 2, 1, 3, 4, 5]), "tick:3")
    assert bars.vwap is not None
    assert bars.trades is not None
    assert bars.signed_volume is not None
    assert bars.vwap.tolist() == [(10 + 22 + 11) / 4, (30 + 40 + 60) / 12]
    assert bars.trades.tolist() == [3, 3]
    assert bars.signed_volume.tolist() == [0 + 2 + 1, -3 - 4 + 5]  # no change keeps the last sign
    silent = from_ticks(trades([0, 1], [10, 12], [0, 0]), "tick:2")
    assert silent.vwap is not None
    assert silent.vwap.tolist() == [11]


def quoted(calendar: str = "XNYS") -> Ticks:
    """Six trades; the second and the fifth without a quote, the third with quotes of no size."""
    nan = float("nan")
    plain = trades([0, 1, 2, 3, 4, 5], [10, 10, 11, 11, 11, 11], [1, 2, 4, 0.25, 0.25, 0.25], calendar)
    return Ticks(
        symbol="XYZ", time=plain.time, price=plain.price, size=plain.size, calendar=calendar,
        bid=np.array([9.5, nan, 9, 10.9, nan, nan]), ask=np.array([10.5, nan, 11, 11.5, nan, nan]),
        bid_size=np.array([0.5, nan, 0, 0.2, nan, nan]), ask_size=np.array([0.25, nan, 0, 0.6, nan, nan]),
        order_flow=np.array([1.0, 2, -4, 0.5, 0, 0]),
    )  # fmt: skip


def test_quotes_of_a_bar_are_the_first_in_force_and_means_of_those_that_there_are() -> None:
    bars = from_ticks(quoted(), "tick:2")
    np.testing.assert_array_equal(bars.bid, [9.5, 9, np.nan])
    np.testing.assert_array_equal(bars.ask, [10.5, 11, np.nan])
    np.testing.assert_allclose(bars.spread, [1 / 10, (2 / 10 + 0.6 / 11.2) / 2, np.nan], rtol=1e-12)
    # 0.25 more than half of 0.75 at the bid; nothing at either side says nothing; three times as much at the ask
    np.testing.assert_allclose(bars.depth_imbalance, [1 / 3, -1 / 2, np.nan], rtol=1e-12)
    np.testing.assert_array_equal(bars.order_flow, [3, -3.5, 0])
    # at the middle before any change, no quote and no change; above the middle, below it; the fall that it was
    np.testing.assert_array_equal(bars.signed_volume, [0, 4 - 0.25, 0.5])


def test_a_bar_of_less_than_one_share_has_the_mean_price_of_its_shares() -> None:
    bars = from_ticks(trades([0, 1], [10, 14], [0.125, 0.375]), "tick:2")
    assert bars.vwap is not None
    assert bars.vwap.tolist() == [13]


def test_ticks_one_after_the_other_are_of_the_market_of_the_first_and_have_quotes_where_all_have_them() -> None:
    first, second = quoted(), trades([9], [12], calendar="24/7")
    both = joined(first, second)
    assert (both.calendar, len(both), both.bid) == ("XNYS", 7, None)
    assert joined(second, first.rows([])).calendar == "24/7"
    twice = joined(first, first.rows([5]))
    assert twice.bid is not None
    np.testing.assert_array_equal(twice.bid, [9.5, np.nan, 9, 10.9, np.nan, np.nan, np.nan])


def volume_by_hand(ticks: Ticks, amount: float) -> list[int]:
    """The number of trades of each bar, in a plain loop."""
    counts, total, count, last = [], 0.0, 0, None
    for time, size in zip(ticks.time, ticks.size, strict=True):
        if last is not None and time - last >= np.timedelta64(30, "m") and count:
            counts.append(count)
            total, count = 0.0, 0
        total, count, last = total + size, count + 1, time
        if total >= amount:
            counts.append(count)
            total, count = 0.0, 0
    return counts


@pytest.mark.parametrize("amount", [7, 900, 20_000])
def test_volume_bars_of_the_sample_equal_a_plain_loop(amount: int) -> None:
    ticks = sample.read("ES").prices
    assert isinstance(ticks, Ticks)
    bars = from_ticks(ticks, f"volume:{amount}")
    assert bars.trades is not None
    assert bars.trades.tolist() == volume_by_hand(ticks, amount)


def test_a_stream_of_the_sample_equals_the_whole() -> None:
    ticks = sample.read("ES").prices
    assert isinstance(ticks, Ticks)
    for kind in ("tick:500", "volume:5000", "dollar:1000000", "imbalance:500", "time:1m"):
        stream, at_once = Stream(kind), from_ticks(ticks, kind)
        parts = [stream.add(ticks.rows(slice(row, row + 30_011))) for row in range(0, len(ticks), 30_011)]
        for name in _ARRAYS:
            assert np.array_equal(np.concatenate([getattr(part, name) for part in parts]), getattr(at_once, name)), kind


def test_imbalance_bars_of_the_sample_are_about_as_long_as_asked() -> None:
    ticks = sample.read("ES").prices
    assert isinstance(ticks, Ticks)
    bars = from_ticks(ticks, "imbalance:500")
    assert 250 < len(ticks) / len(bars) < 1000


def test_minute_bars_of_the_sample_equal_pandas_resample() -> None:
    ticks = sample.read("ES").prices
    assert isinstance(ticks, Ticks)
    bars = from_ticks(ticks, "time:1m")
    frame = pd.DataFrame({"price": ticks.price, "size": ticks.size}, index=pd.DatetimeIndex(ticks.time))
    oracle = frame["price"].resample("1min").ohlc().dropna().iloc[:-1]
    volume = frame["size"].resample("1min").sum()
    assert np.array_equal(bars.opened_at, oracle.index.to_numpy())
    for name in ("open", "high", "low", "close"):
        assert np.array_equal(getattr(bars, name), oracle[name].to_numpy())
    assert np.array_equal(bars.volume, volume[oracle.index].to_numpy())


def test_tick_bars_of_the_sample_are_500_trades_but_for_the_one_before_the_night() -> None:
    ticks = sample.read("ES").prices
    assert isinstance(ticks, Ticks)
    bars = from_ticks(ticks, "tick:500")
    assert len(bars) == 112 + 716  # 55,799 = 111 x 500 + 299, and 358,004 = 716 x 500 + 4
    assert bars.closed_at[111] == ticks.time[55_798] + np.timedelta64(30, "m")
    assert bars.open[112] == ticks.price[55_799]


@pytest.mark.parametrize(
    "kind", ["tick", "tick:0", "time:15", "time:1d", "volume", "tick:-1", "", "dollar:0", "volume:x"]
)
def test_a_kind_that_does_not_exist_is_refused(kind: str) -> None:
    with pytest.raises(ConfigError, match="tick:500"):
        from_ticks(trades([0], [1]), kind)
