"""The best quote of several exchanges, and rows of quotes to Quotes: by hand and by a naive loop."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.cleaning import cleaning
from pipelines.cleaning.quote_filters import consolidated
from pipelines.errors import BadPricesError

OPEN = np.datetime64("2024-01-02T14:30", "ns")


def frame(rows: list[tuple[float, float, float, float, float, str]]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["second", "bid", "ask", "bid_size", "ask_size", "exchange"])
    table["time"] = OPEN + (table["second"].to_numpy() * 1e9).astype("timedelta64[ns]")
    return table


def test_quotes_of_two_exchanges_become_the_best_of_both() -> None:
    rows = [(0, 10, 12, 1, 1, "N"), (1, 10, 11, 2, 2, "P"), (2, 9, 13, 3, 3, "N"), (3, 0, 0, 0, 0, "P")]
    cleaned, report = cleaning.quotes(frame(rows), symbol="X", calendar="XNYS")
    assert cleaned.bid.tolist() == [10, 10, 10, 9]
    assert cleaned.ask.tolist() == [12, 11, 11, 13]
    assert cleaned.bid_size.tolist() == [1, 3, 2, 3]
    assert cleaned.ask_size.tolist() == [1, 2, 2, 3]
    assert "the best of 2 exchanges" in report.summary()


def test_what_is_no_quote_is_dropped_and_counted_and_a_repeat_left_out() -> None:
    rows = [
        (0, 10, 12, 1, 1, "N"), (1, 10, 12, 1, 1, "N"), (2, 13, 12, 1, 1, "N"), (3, 0, 12, 1, 1, "N"),
        (-3600, 10, 12, 1, 1, "N"), (4, 10, 12, 2, 1, "N"),
    ]  # fmt: skip
    cleaned, report = cleaning.quotes(frame(rows), symbol="X", calendar="XNYS")
    assert cleaned.bid_size.tolist() == [1, 2]
    assert report.dropped == {"outside the hours of XNYS": 1, "no price on one side": 1, "bid above ask": 1}
    assert report.notes == ("1 that change nothing left out",)


def test_too_many_negative_sizes_refuse_the_quotes() -> None:
    with pytest.raises(BadPricesError, match="1 negative size"):
        cleaning.quotes(frame([(0, 10, 12, -1, 1, "N"), (1, 10, 12, 1, 1, "N")]), symbol="X", calendar="XNYS")


@given(seed=st.integers(0, 10_000))
def test_the_best_quote_agrees_with_a_loop_over_a_book_of_exchanges(seed: int) -> None:
    rng, count = np.random.default_rng(seed), 60
    exchange, bid, ask = rng.integers(0, 3, count), rng.integers(0, 5, count) * 1.0, rng.integers(4, 9, count) * 1.0
    sizes = rng.integers(1, 9, (2, count)) * 1.0
    time = OPEN + np.arange(count) * np.timedelta64(3_600 * 10**9, "ns")  # over several sessions
    best = consolidated(
        time, exchange, bid=bid, ask=ask, bid_size=sizes[0], ask_size=sizes[1], calendar="24/7"
    )  # fmt: skip
    book: dict[int, int] = {}
    for row in range(count):
        if row and (time[row] - np.timedelta64(1, "ns")).astype("M8[D]") != (
            time[row - 1] - np.timedelta64(1, "ns")
        ).astype("M8[D]"):
            book = {}  # a session ends at midnight, which belongs to it
        book[exchange[row]] = row
        bids = [(bid[quote], sizes[0, quote]) for quote in book.values() if bid[quote] > 0]
        asks = [(ask[quote], sizes[1, quote]) for quote in book.values() if ask[quote] > 0]
        best_bid, best_ask = max((price for price, _ in bids), default=0.0), min(price for price, _ in asks)
        assert (best["bid"][row], best["ask"][row]) == (best_bid, best_ask)
        assert best["bid_size"][row] == sum(size for price, size in bids if price == best_bid)
        assert best["ask_size"][row] == sum(size for price, size in asks if price == best_ask)
