"""Files of quotes, and of trades and quotes together."""

from pathlib import Path

import pandas as pd
import pytest

from pipelines.errors import BadFileError
from pipelines.market.types import Quotes, Ticks
from pipelines.sources.csv import source


def read(folder: Path, text: str, **options: object) -> source.Delivery:
    path = folder / "quotes.csv"
    path.write_text(text)
    return source.read("X", files=[path], **options)


@pytest.mark.parametrize(
    "text",
    [
        "time,bid,ask,bid_size,ask_size\n2024-01-02 14:30:01,10,12,3,4\n2024-01-02 14:30:02,11,12,5,6\n",
        "DT,EX,BID,BIDSIZ,OFR,OFRSIZ\n2024-01-02 14:30:01,N,10,3,12,4\n2024-01-02 14:30:02,N,11,5,12,6\n",
        "Gmt time,Ask,Bid,AskVolume,BidVolume\n2024-01-02 14:30:01,12,10,4,3\n2024-01-02 14:30:02,12,11,6,5\n",
        "Time,Exchange,Bid_Price,Bid_Size,Offer_Price,Offer_Size\n"
        "2024-01-02 14:30:01,N,10,3,12,4\n2024-01-02 14:30:02,N,11,5,12,6\n",
    ],
)
def test_quotes_are_read_by_the_names_of_their_columns(tmp_path: Path, text: str) -> None:
    quotes = read(tmp_path, text, tz="UTC").prices
    assert isinstance(quotes, Quotes)
    assert quotes.bid.tolist() == [10, 11]
    assert quotes.ask.tolist() == [12, 12]
    assert (quotes.bid_size.tolist(), quotes.ask_size.tolist()) == ([3, 5], [4, 6])


def test_a_file_of_both_gives_a_trade_for_each_price_and_a_quote_for_each_change_of_the_best(tmp_path: Path) -> None:
    text = (
        "time,event,price,size,ask,bid\n2024-01-02 14:30:01,book,,,12,10\n2024-01-02 14:30:02,trade,12,100,12,10\n"
        "2024-01-02 14:30:03,book,,,13,12\n2024-01-02 14:30:04,trade,12,200,13,12\n"
    )
    delivery = read(tmp_path, text, tz="UTC")
    assert isinstance(delivery.prices, Ticks)
    assert delivery.prices.size.tolist() == [100, 200]
    assert delivery.quotes is not None
    assert delivery.quotes.bid.tolist() == [10, 12]
    assert delivery.quotes.time[1] == pd.Timestamp("2024-01-02 14:30:03").to_datetime64()
    assert "2 that change nothing left out" in delivery.report.summary()


def test_quotes_of_lean_are_milliseconds_after_midnight_of_the_day_in_the_name(tmp_path: Path) -> None:
    path = tmp_path / "20131007_spy_Tick_Quote.csv"
    path.write_text(
        "34200250,1680100,3,1680300,5,P,,0\n34201000,1680200,4,1680300,5,P,,0\n34202000,0,0,1680300,5,P,,0\n"
    )
    for _ in range(2):
        quotes = source.read("SPY", files=[path], shape="lean").prices
        assert isinstance(quotes, Quotes)
        assert (quotes.bid.tolist(), quotes.ask.tolist()) == ([168.01, 168.02], [168.03, 168.03])
        assert (quotes.bid_size.tolist(), quotes.ask_size.tolist()) == ([3, 4], [5, 5])
        assert quotes.time[0] == pd.Timestamp("2013-10-07 13:30:00.250").to_datetime64()


def test_a_row_of_a_wrong_bid_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadFileError, match="row 2, column 'bid', got 'ten'"):
        read(tmp_path, "time,bid,ask\n2024-01-02 14:30:01,10,12\n2024-01-02 14:30:02,ten,12\n", tz="UTC")


def test_trades_and_quotes_of_five_days_of_sao_paulo_are_read_as_they_come(shared: Path) -> None:
    files = sorted((shared / "tick_b3_202504").glob("VALE3_*"))
    delivery = source.read("VALE3", files=files, calendar="BVMF", currency="BRL")
    assert isinstance(delivery.prices, Ticks)
    assert len(delivery.prices) == 41_605  # of 41,608; three are far from the median of the trades before
    assert delivery.quotes is not None
    assert len(delivery.quotes) == 7_551
