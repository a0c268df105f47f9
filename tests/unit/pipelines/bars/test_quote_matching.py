"""Trades joined to quotes, signed, and the order flow between them: by hand, by naive loops, and on real data."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.bars import order_flow, trade_signing
from pipelines.bars.aggregation import from_chunks, from_ticks
from pipelines.bars.quote_matching import match_chunks, matched
from pipelines.market import calendars
from pipelines.market.types import Quotes, Ticks
from tests.helpers.quoted_trades import START, quoted_trades

_QUOTED = ("bid", "ask", "bid_size", "ask_size", "order_flow")


def quotes(seconds: list[float], bid: list[float], ask: list[float], **sizes: list[float]) -> Quotes:
    count = len(seconds)
    return Quotes(
        symbol="XYZ", time=START + (np.array(seconds) * 1e9).astype("timedelta64[ns]"), bid=np.array(bid),
        ask=np.array(ask), bid_size=np.array(sizes.get("bid_size", [1.0] * count)),
        ask_size=np.array(sizes.get("ask_size", [1.0] * count)), calendar="XNYS",
    )  # fmt: skip


def trades(seconds: list[float], price: list[float]) -> Ticks:
    return Ticks(
        symbol="XYZ", time=START + (np.array(seconds) * 1e9).astype("timedelta64[ns]"), price=np.array(price),
        size=np.ones(len(price)), calendar="XNYS",
    )  # fmt: skip


def naive_signs(ticks: Ticks, book: Quotes) -> list[int]:
    """Lee and Ready trade by trade, written apart from the package: loops, no shared code."""
    sessions = [str(day) for day in calendars.session_of(ticks.time, ticks.calendar)]
    quoted = [str(day) for day in calendars.session_of(book.time, ticks.calendar)]
    signs, last_change, place = [], 0, -1
    for row in range(len(ticks)):
        if row and ticks.price[row] != ticks.price[row - 1]:
            last_change = 1 if ticks.price[row] > ticks.price[row - 1] else -1
        while place + 1 < len(book) and book.time[place + 1] < ticks.time[row]:
            place += 1
        side = last_change
        if place >= 0 and quoted[place] == sessions[row]:
            twice_mid = book.bid[place] + book.ask[place]
            if 2 * ticks.price[row] != twice_mid:
                side = 1 if 2 * ticks.price[row] > twice_mid else -1
        signs.append(side)
    return signs


def test_a_trade_has_the_last_quote_before_its_own_time_stamp() -> None:
    joined = matched(trades([1, 2, 3], [10, 10, 10]), quotes([0, 2, 2.5], [9, 8, 7], [11, 12, 13]))
    assert joined.bid is not None
    assert joined.bid.tolist() == [
        9,
        9,
        7,
    ]


def test_a_trade_before_the_first_quote_of_its_session_has_none() -> None:
    joined = matched(trades([-86_400 * 1, 5, 86_400], [10, 10, 10]), quotes([1], [9], [11]))
    assert joined.bid is not None
    np.testing.assert_array_equal(joined.bid, [np.nan, 9, np.nan])


def test_lee_and_ready_sign_by_the_middle_and_at_the_middle_by_the_last_change_of_price() -> None:
    price = np.array([10.0, 10.2, 10.1, 10.1, 9.9, 10.1])
    bid, ask = np.full(6, 10.0), np.full(6, 10.2)
    bid[5] = np.nan
    assert trade_signing.lee_ready(price, bid=bid, ask=ask).tolist() == [-1, 1, -1, -1, -1, 1]
    assert trade_signing.tick_rule(price).tolist() == [0, 1, -1, -1, -1, 1]


def test_order_flow_of_each_change_of_a_quote_worked_out_by_hand() -> None:
    book = quotes(
        [0, 1, 2, 3, 4, 5], [10, 10, 11, 9, 9, 9], [12, 12, 12, 12, 11, 13],
        bid_size=[5, 7, 3, 4, 4, 4], ask_size=[6, 6, 6, 6, 2, 8],
    )  # fmt: skip
    # first; bid grows by 2; bid rises: + its 3; bid falls: - the 3 there were; ask falls: - its 2; ask rises: + the 2
    assert order_flow.events(book).tolist() == [0, 2, 3, -3, -2, 2]


def test_without_sizes_a_rise_of_a_quote_counts_one() -> None:
    book = dataclasses.replace(
        quotes([0, 1, 2], [10, 11, 11], [12, 12, 11]), bid_size=np.full(3, np.nan), ask_size=np.full(3, np.nan)
    )
    assert order_flow.events(book).tolist() == [0, 1, -1]


def test_a_trade_takes_the_order_flow_since_the_trade_before() -> None:
    book = quotes([0, 1, 2, 3], [10, 11, 12, 13], [20, 20, 20, 20], bid_size=[1, 2, 3, 4])
    joined = matched(trades([1.5, 3, 4], [10, 10, 10]), book)
    assert joined.order_flow is not None
    assert joined.order_flow.tolist() == [2, 3, 4]


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), size=st.integers(1, 30))
def test_pieces_are_joined_and_aggregated_as_the_whole(seed: int, size: int) -> None:
    ticks, book = quoted_trades(seed=seed, trades=60, sessions=3)
    full = matched(ticks, book)
    parts = [ticks.rows(slice(row, row + size)) for row in range(0, len(ticks), size)]
    coming = [book.rows(slice(row, row + 2 * size)) for row in range(0, len(book), 2 * size)]
    pieces = list(match_chunks(parts, coming))
    for name in _QUOTED:
        joined = np.concatenate([getattr(part, name) for part in pieces])
        np.testing.assert_array_equal(joined, getattr(full, name), err_msg=name)
    for kind in ("tick:7", "imbalance:9", "runs:9", "time:10m"):
        streamed, at_once = from_chunks(pieces, kind), from_ticks(full, kind)
        for name in ("closed_at", "signed_volume", "bid", "ask", "spread", "depth_imbalance", "order_flow"):
            np.testing.assert_array_equal(getattr(streamed, name), getattr(at_once, name), err_msg=f"{kind} {name}")


@given(seed=st.integers(0, 10_000), cut=st.integers(1, 149))
def test_what_comes_after_a_trade_changes_nothing_of_it(seed: int, cut: int) -> None:
    ticks, book = quoted_trades(seed=seed, trades=150, sessions=2)
    full = matched(ticks, book)
    past = matched(ticks.rows(slice(0, cut)), book.rows(book.time <= ticks.time[cut - 1]))
    for name in _QUOTED:
        np.testing.assert_array_equal(getattr(past, name), getattr(full, name)[:cut], err_msg=name)


@given(seed=st.integers(0, 10_000))
def test_signs_agree_with_an_independent_loop(seed: int) -> None:
    ticks, book = quoted_trades(seed=seed, trades=200, sessions=3)
    joined = matched(ticks, book)
    assert trade_signing.signs(joined.price, bid=joined.bid, ask=joined.ask).tolist() == naive_signs(ticks, book)


def test_signs_agree_with_an_independent_loop_on_new_york_taq(shared: Path) -> None:
    folder = shared / "tick_taq_anonymised"
    raw = pd.read_parquet(folder / "sampleQDataRaw.parquet")
    raw = raw[(raw["EX"] == "N") & (raw["BID"] > 0) & (raw["BID"] <= raw["OFR"])]
    traded = pd.read_parquet(folder / "sampleTData.parquet")
    book = Quotes(
        symbol="XXX", time=raw["DT"].dt.tz_convert(None).to_numpy(), bid=raw["BID"].to_numpy(),
        ask=raw["OFR"].to_numpy(), bid_size=raw["BIDSIZ"].to_numpy(float), ask_size=raw["OFRSIZ"].to_numpy(float),
        calendar="XNYS",
    )  # fmt: skip
    ticks = Ticks(
        symbol="XXX", time=traded["DT"].dt.tz_convert(None).to_numpy(), price=traded["PRICE"].to_numpy(),
        size=traded["SIZE"].to_numpy(float), calendar="XNYS",
    )  # fmt: skip
    joined = matched(ticks, book)
    signs = trade_signing.signs(joined.price, bid=joined.bid, ask=joined.ask)
    assert len(signs) == 7168
    assert signs.tolist() == naive_signs(ticks, book)


def test_a_bar_of_runs_ends_with_the_trade_that_makes_one_side_enough() -> None:
    # expected of the first bar: 2 of one side. Prices: first unsigned, up, down, up -> two rises
    bars = from_ticks(trades([0, 1, 2, 3, 4, 5], [10, 11, 10, 11, 12, 13]), "runs:4")
    assert bars.trades is not None
    assert bars.trades.tolist() == [4, 2]


def test_bars_of_runs_are_about_as_long_as_asked() -> None:
    ticks, _ = quoted_trades(seed=1, trades=20_000)
    bars = from_ticks(ticks, "runs:50")
    assert bars.trades is not None
    assert 40 < bars.trades.mean() < 60
