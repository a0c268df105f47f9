"""Files as people have them, and as they should not be."""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipelines.errors import BadFileError, ForecastError
from pipelines.market.types import Bars, Ticks
from pipelines.sources.csv import source

DAILY = "Date,Open,High,Low,Close,Volume\n2024-01-02,10,12,9,11,5\n2024-01-03,11,13,10,12,6\n"
TRADES = "time,price,size\n2024-01-02 09:30:00.125,10,3\n2024-01-02 09:30:00.125,10,3\n2024-01-02 09:31:00,11,1\n"


def saved(tmp_path: Path, text: str | bytes, name: str = "prices.csv") -> Path:
    content = text.encode() if isinstance(text, str) else text
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return tmp_path / name


def bars(path: Path, **options: object) -> Bars:
    prices = source.read("XYZ", files=[path], **options).prices
    assert isinstance(prices, Bars)
    return prices


def ticks(path: Path, **options: object) -> Ticks:
    prices = source.read("XYZ", files=[path], **{"tz": "America/New_York", **options}).prices
    assert isinstance(prices, Ticks)
    return prices


@pytest.mark.parametrize(
    "text",
    [
        DAILY,
        "\ufeff" + DAILY,
        DAILY.replace("\n", "\r\n"),
        DAILY.rstrip(),
        DAILY.replace(",", ";"),
        DAILY.replace(",", "\t"),
        "Close,Volume,Low,High,Open,Timestamp\n11,5,9,12,10,20240102\n12,6,10,13,11,20240103\n",
        "date,1. open,2. high,3. low,4. close,5. volume\n2024-01-02,10,12,9,11,5\n2024-01-03,11,13,10,12,6\n",
        "<DATE>|<OPEN>|<HIGH>|<LOW>|<CLOSE>|<VOL>\n2024-01-02|10|12|9|11|5\n2024-01-03|11|13|10|12|6\n",
        DAILY.replace("2024-01-02", "2024-01-02 00:00:00-05:00").replace("2024-01-03", "2024-01-03 00:00:00-05:00"),
    ],
)
def test_columns_are_found_by_name_whatever_the_file_looks_like(tmp_path: Path, text: str) -> None:
    prices = bars(saved(tmp_path, text))
    assert prices.close.tolist() == [11, 12]
    assert prices.open.tolist() == [10, 11]
    assert prices.volume.tolist() == [5, 6]
    assert prices.opened_at.astype(str).tolist() == ["2024-01-02T14:30:00.000000000", "2024-01-03T14:30:00.000000000"]


def test_times_of_the_future_are_dropped_a_day_of_tolerance_left(tmp_path: Path) -> None:
    path = saved(tmp_path, TRADES)
    delivery = source.read(
        "XYZ", files=[path], tz="America/New_York", now=np.datetime64("2024-01-01T14:30:30"), max_dropped=1
    )
    assert len(delivery.prices) == 2
    assert delivery.report.dropped == {"in the future": 1}
    assert delivery.report.first_row == {"in the future": 3}


@pytest.mark.parametrize("name", ["prices.csv.gz", "prices.csv"])
def test_compressed_or_not(tmp_path: Path, name: str) -> None:
    assert bars(saved(tmp_path, DAILY, name)).close.tolist() == [11, 12]


def test_a_parquet_file_is_read_by_name_too(tmp_path: Path) -> None:
    frame = pd.DataFrame({"close": [11.0], "open": [10.0], "low": [9.0], "high": [12.0], "volume": [5]})
    frame["date"] = pd.to_datetime(["2024-01-02"])
    frame.to_parquet(tmp_path / "p.parquet")
    assert bars(tmp_path / "p.parquet").close.tolist() == [11]


def test_thousands_separators_are_understood(tmp_path: Path) -> None:
    text = 'Date,Open,High,Low,Close,Volume\n2024-01-02,"1,010.5","1,200",900,"1,100.25","1,234,567"\n'
    prices = bars(saved(tmp_path, text))
    assert (prices.open[0], prices.close[0], prices.volume[0]) == (1010.5, 1100.25, 1234567)


def test_the_adjusted_close_of_a_file_is_not_a_price(tmp_path: Path) -> None:
    text = "Date,Open,High,Low,Adj Close,Close,Volume\n2024-01-02,10,12,9,3,11,5\n"
    delivery = source.read("XYZ", files=[saved(tmp_path, text)])
    assert isinstance(delivery.prices, Bars)
    assert delivery.prices.close.tolist() == [11]
    assert "Adj Close not used" in delivery.report.summary()


def test_dividends_and_splits_become_actions(tmp_path: Path) -> None:
    text = "Date,Open,High,Low,Close,Volume,Dividends,Stock Splits\n"
    text += "2024-01-02,100,100,100,100,5,0,0\n2024-01-03,50,50,50,50,10,0.5,2\n2024-01-04,51,51,51,51,10,0,0\n"
    delivery = source.read("XYZ", files=[saved(tmp_path, text)])
    assert delivery.actions is not None
    assert (delivery.actions.dividend.tolist(), delivery.actions.split.tolist()) == ([0.5], [2.0])
    adjusted = text.replace("100,100,100,100,5", "50,50,50,50,10")
    undone = source.read("XYZ", files=[saved(tmp_path, adjusted)])
    assert isinstance(undone.prices, Bars)
    assert undone.prices.close.tolist() == [100, 50, 51]
    assert undone.prices.volume.tolist() == [5, 10, 10]
    assert "adjusted for splits: undone" in undone.report.summary()


def test_trades_keep_their_repeats_and_milliseconds(tmp_path: Path) -> None:
    trades = ticks(saved(tmp_path, TRADES))
    assert trades.size.tolist() == [3, 3, 1]
    assert str(trades.time[0]) == "2024-01-02T14:30:00.125000000"


@pytest.mark.parametrize(
    "times",
    [
        ["1704205800125", "1704205800125", "1704205860000"],
        ["1704205800.125", "1704205800.125", "1704205860.0"],
        ["1704205800125000000", "1704205800125000000", "1704205860000000000"],
        ["2024-01-02T14:30:00.125Z", "2024-01-02T14:30:00.125Z", "2024-01-02T14:31:00Z"],
        ["2024-01-02 09:30:00.125-05:00", "2024-01-02 15:30:00.125+01:00", "2024-01-02 14:31:00+00:00"],
    ],
)
def test_times_that_name_their_zone_need_no_tz(tmp_path: Path, times: list[str]) -> None:
    text = "time,price,size\n" + "".join(f"{time},10,3\n" for time in times)
    trades = ticks(saved(tmp_path, text), tz=None)
    assert str(trades.time[0]) == "2024-01-02T14:30:00.125000000"
    assert str(trades.time[2]) == "2024-01-02T14:31:00.000000000"


def test_date_and_time_of_day_in_two_columns_are_read_together(tmp_path: Path) -> None:
    trades = ticks(saved(tmp_path, "Date,Time,Price,Size\n2024-07-01,09:30:00.5,10,1\n"))
    assert str(trades.time[0]) == "2024-07-01T13:30:00.500000000"


def test_a_shape_of_time_can_be_named(tmp_path: Path) -> None:
    path = saved(tmp_path, "time,price,size\n02/01/2024 09:30:00,10,1\n")
    assert str(ticks(path, time_format="%d/%m/%Y %H:%M:%S").time[0]) == "2024-01-02T14:30:00.000000000"
    with pytest.raises(ForecastError, match=r"got '02/01/2024 09:30:00' in column 'time'.*--dayfirst"):
        ticks(path)


def test_intraday_bars_stamped_at_their_end_start_an_interval_earlier(tmp_path: Path) -> None:
    path = saved(tmp_path, "datetime,open,high,low,close,volume\n2024-01-02 09:35:00,10,12,9,11,5\n")
    prices = bars(path, interval="5m", tz="America/New_York", stamp="end")
    assert str(prices.opened_at[0]) == "2024-01-02T14:30:00.000000000"
    assert str(prices.closed_at[0]) == "2024-01-02T14:35:00.000000000"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("Date,Open,High,Low,Close,Volume\n", "without any"),
        ("Date,Open,High,Low,Volume\n2024-01-02,1,1,1,1\n", "missing: close.*'Volume'"),
        ("When,Open,High,Low,Close\nx,1,1,1,1\n", "column of dates"),
        (DAILY.replace("12,6", "twelve,6"), "row 2, column 'Close', got 'twelve'"),
        (DAILY.replace("2024-01-03", "yesterday"), "row 2, column 'Date', got 'yesterday'"),
        (DAILY + "2024-01-04,1,2\n", "6 cells.*row 3 has 3"),
        (DAILY.replace(",", "~"), "separated by comma"),
        (DAILY.replace("11,5", "11\0,5"), "NUL"),
        ("Date,Open,High,Low,Close,Close\n2024-01-02,1,1,1,1,1\n", "'Close' twice"),
        (DAILY.replace("11,5", "1e400,5"), "at most 1.0%.*not finite.*row 1"),
        (DAILY.replace("11,5", "inf,5"), "not finite"),
        (DAILY.replace("11,5", ",5"), "missing close"),
        ("time,price\n2024-01-02T00:00:01Z,5\n", "trade sizes"),
    ],
)
def test_a_bad_file_is_one_line_with_row_and_column(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(ForecastError, match=message) as caught:
        source.read("XYZ", files=[saved(tmp_path, text)])
    assert len(str(caught.value)) < 400


def test_a_cut_off_gzip_file_a_bomb_and_a_missing_file_are_told_apart(tmp_path: Path) -> None:
    compressed = gzip.compress((DAILY + "2024-01-04,10,12,9,11,5\n" * 3000).encode())
    (tmp_path / "cut.csv.gz").write_bytes(compressed[: len(compressed) // 2])
    (tmp_path / "plain.csv.gz").write_text(DAILY)
    (tmp_path / "not.parquet").write_text(DAILY)
    bomb = gzip.compress(b"Date,Open,High,Low,Close\n" + b"0" * (70 << 20), compresslevel=9)
    (tmp_path / "bomb.csv.gz").write_bytes(bomb)
    for name, message in (
        ("cut.csv.gz", "cut off"),
        ("plain.csv.gz", "not compressed"),
        ("not.parquet", "Parquet"),
        ("bomb.csv.gz", "unpacks to at most|can be read"),
        ("none.csv", "not there"),
    ):
        with pytest.raises(BadFileError, match=message):
            source.read("XYZ", files=[tmp_path / name])


def test_a_time_zone_is_asked_for_and_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ForecastError, match=r"2024-01-02T09:30:00.*--tz America/New_York"):
        ticks(saved(tmp_path, TRADES), tz=None)
    with pytest.raises(ForecastError, match="Mars"):
        ticks(saved(tmp_path, TRADES), tz="Mars/Olympus")
    mixed = TRADES.replace("09:31:00", "09:31:00-05:00")
    with pytest.raises(BadFileError, match="row 3"):
        ticks(saved(tmp_path, mixed))


def test_the_interval_is_asked_for_when_a_file_has_times_of_day(tmp_path: Path) -> None:
    text = "time,open,high,low,close\n2024-01-02T15:00Z,1,1,1,1\n2024-01-02T15:05Z,1,1,1,1\n"
    with pytest.raises(ForecastError, match=r"about 5 minutes.*--interval 5m"):
        bars(saved(tmp_path, text))
    with pytest.raises(ForecastError, match="--interval 1d"):
        bars(saved(tmp_path, DAILY), interval="5m")


def test_the_hour_that_comes_twice_in_autumn_is_told_apart_by_its_order(tmp_path: Path) -> None:
    rows = "".join(f"2024-11-03 01:{minute},10,1\n" for minute in ("00", "30", "00", "30"))
    trades = ticks(saved(tmp_path, "time,price,size\n" + rows), calendar="24/7")
    assert np.diff(trades.time).astype("timedelta64[m]").astype(int).tolist() == [30, 30, 30]


def test_every_intraday_file_of_the_24_symbols_reads_without_a_dropped_row(shared: Path) -> None:
    count = 0
    for path in sorted((shared / "intraday_24_us_201902").glob("*.csv.gz")):
        interval = {"1min": "1m", "15min": "15m", "daily": "1d"}[path.name.split("_")[1].split(".")[0]]
        delivery = source.read("XYZ", files=[path], interval=interval, tz="America/New_York", stamp="end")
        assert not delivery.report.dropped, path.name
        count += len(delivery.prices)
    assert count == 43_164 + 18_518 + 6_781


def test_all_files_of_a_folder_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    saved(tmp_path, "time,price,size\n2024-01-03T15:00Z,3,1\n", "b.csv")
    saved(tmp_path, "time,price,size\n2024-01-02T15:00Z,1,1\n2024-01-02T15:01Z,2,1\n", "a.csv.gz")
    assert ticks(tmp_path).price.tolist() == [1, 2, 3]
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadFileError, match="there are none"):
        ticks(tmp_path / "empty")


def test_columns_scale_and_date_can_be_named(tmp_path: Path) -> None:
    path = saved(tmp_path, "sec,px4,n\n34200.017459617,2238200,1\n34200.18992,2238100,21\n")
    names = {"time": "sec", "price": "px4", "size": "n"}
    trades = ticks(path, names=names, price_scale=10_000, date="2012-06-21")
    assert trades.price.tolist() == [223.82, 223.81]
    assert str(trades.time[0]) == "2012-06-21T13:30:00.017459617"
    with pytest.raises(BadFileError, match="'px5' for price"):
        ticks(path, names={"price": "px5"})


def test_trades_off_hours_corrected_special_or_far_off_are_dropped_each_with_its_reason(tmp_path: Path) -> None:
    rows = [f"2024-01-02 09:3{i // 30}:{i % 30:02d},100.{i % 3},1,0," for i in range(60)]
    rows[40] = rows[40].replace("100.", "90.")
    rows += ["2024-01-02 08:00:00,100,1,0,", "2024-01-02 09:40:00,100,1,8,", "2024-01-02 09:41:00,100,1,0,4 B"]
    delivery = source.read(
        "XYZ", files=[saved(tmp_path, "time,price,size,corr,cond\n" + "\n".join(rows))], tz="America/New_York"
    )
    assert delivery.report.dropped == {
        "outside the hours of XNYS": 1,
        "corrected or cancelled": 1,
        "abnormal sale condition": 1,
        "far from the median of the trades before": 1,
    }
    assert delivery.report.first_row["far from the median of the trades before"] == 41


def test_taq_trades_are_cleaned_as_by_an_independent_package(shared: Path) -> None:
    raw, cleaned = (shared / "tick_taq_anonymised" / f"{name}.parquet" for name in ("sampleTDataRaw", "sampleTData"))
    delivery = source.read("XXX", files=[raw], exchange="N")
    assert isinstance(delivery.prices, Ticks)
    assert delivery.report.dropped == {"outside the hours of XNYS": 4, "abnormal sale condition": 2}
    theirs = pd.read_parquet(cleaned)
    ours = pd.DataFrame({"time": delivery.prices.time, "price": delivery.prices.price, "size": delivery.prices.size})
    merged = ours.groupby("time").agg({"price": "median", "size": "sum"})  # the package merges equal times, we do not
    assert len(merged) == len(theirs) == 7_168
    assert np.array_equal(
        merged.index.to_numpy(), theirs["DT"].dt.tz_localize(None).to_numpy().astype("datetime64[ns]")
    )
    assert np.allclose(merged["price"], theirs["PRICE"], rtol=0, atol=1e-9)
    assert np.array_equal(merged["size"], theirs["SIZE"].to_numpy(float))


LOBSTER = "ACME_2012-06-21_34200000_57600000_message_1.csv"
MESSAGES = """34200.017459617,5,0,1,2238200,-1
34200.189607670,1,11885113,21,2238100,1
34200.190226476,4,11885113,20,2238100,1
34200.190226476,4,11885113,1,2238100,1
34201.5,7,0,0,-1,-1
34202.000000001,3,11885113,21,2238100,1
"""


def test_a_lobster_message_file_gives_its_executions_to_the_nanosecond(tmp_path: Path) -> None:
    delivery = source.read("ACME", files=[saved(tmp_path, MESSAGES, LOBSTER)], shape="lobster")
    trades = delivery.prices
    assert isinstance(trades, Ticks)
    assert trades.time.astype(str).tolist() == [  # 34,200 s after midnight in New York, UTC - 4
        "2012-06-21T13:30:00.017459617",
        "2012-06-21T13:30:00.190226476",
        "2012-06-21T13:30:00.190226476",
    ]
    assert trades.price.tolist() == [223.82, 223.81, 223.81]
    assert trades.size.tolist() == [1, 20, 1]
    assert "3 events that are no trades left out" in delivery.report.summary()


def test_a_folder_of_lobster_files_takes_no_book_for_messages(tmp_path: Path) -> None:
    saved(tmp_path, MESSAGES, LOBSTER)
    saved(tmp_path, MESSAGES, LOBSTER.replace("06-21", "06-22") + ".gz")
    saved(tmp_path, "2239500,100,2231800,100\n" * 6, LOBSTER.replace("message", "orderbook"))
    trades = ticks(tmp_path, tz=None, shape="lobster")
    assert [str(day) for day in np.unique(trades.time.astype("datetime64[D]"))] == ["2012-06-21", "2012-06-22"]
    assert len(trades) == 6


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        (MESSAGES, "messages.csv", "--date 2012-06-21"),
        ("34200.1,1,2\n", LOBSTER, "Expected 6 columns"),
        (MESSAGES.replace("2238200", "free"), LOBSTER, "row 1, column 'price', got 'free'"),
        ("34200.1,1,11,21,2238100,1\n", LOBSTER, "at least one row"),
    ],
)
def test_a_lobster_file_that_is_none_is_refused(tmp_path: Path, text: str, name: str, message: str) -> None:
    with pytest.raises(ForecastError, match=message):
        ticks(saved(tmp_path, text, name), tz=None, shape="lobster")


def test_no_trade_of_two_real_markets_is_taken_for_an_outlier(shared: Path) -> None:
    future = shared / "tick_es_futures_2013" / "es_trades_20130901_20130903.csv.gz"
    stock = shared / "tick_amzn_lobster_20120621" / "amzn_trades_20120621.csv.gz"
    assert len(ticks(future, tz="America/Chicago", calendar="CMES")) == 500_000
    assert len(ticks(stock, price_scale=10_000)) == 11_419
