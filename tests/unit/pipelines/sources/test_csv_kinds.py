"""One small file of each kind that people have: five sessions of January 2024, each with the same prices."""

import bz2
import gzip
import io
import json
import lzma
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipelines.errors import ForecastError
from pipelines.market import calendars
from pipelines.market.types import Bars, Ticks
from pipelines.sources.csv import source
from tests.helpers.price_files import (
    DAYS,
    HEADER,
    PRICES,
    SHAPES,
    SIX,
    check,
    lines,
    read,
    rows,
    table,
)


def when(form: str) -> Callable[[str], str]:
    return lambda day: pd.Timestamp(day).strftime(form)


def epoch(unit: str, hours: int = 0) -> Callable[[str], str]:
    return lambda day: str((np.datetime64(day, unit) + np.timedelta64(hours, "h")).astype(np.int64))


@pytest.mark.parametrize(
    "form",
    [
        "%Y/%m/%d", "%Y.%m.%d", "%Y-%m-%d", "%Y%m%d", "%d.%m.%Y", "%d-%b-%Y", "%d %b %Y", "%d-%B-%Y", "%d%b%Y",
        "%d-%b-%y", "%B %d %Y", "%Y-%b-%d", "%Y年%m月%d日", "%Y-%m-%d 00:00:00", "%Y-%m-%dT00:00:00Z",
        "%Y-%m-%dT05:00:00Z", "%Y%m%d000000", "%Y-%m-%d 16:00:00",
        "%Y-%m-%dT21:00:00Z", "%a %d %b %Y", "%Y-%m-%d 00:00:00-05:00", "%Y%m%d 000000",
    ],
)  # fmt: skip
def test_dates_of_daily_bars_are_read_as_people_write_them(tmp_path: Path, form: str) -> None:
    check(read(tmp_path, table(when(form))))


@pytest.mark.parametrize("form", ['"%b %d, %Y"', '"%B %d, %Y"', '"%a, %b %d, %Y"'])
def test_month_names_with_a_comma_are_read_from_quotes(tmp_path: Path, form: str) -> None:
    check(read(tmp_path, table(when(form))))


def test_days_and_months_without_a_leading_zero_are_read(tmp_path: Path) -> None:
    check(read(tmp_path, table(lambda day: f"2024-1-{int(day[-2:])}")))


@pytest.mark.parametrize("form", ["%m/%d/%Y", "%d/%m/%Y", "%m-%d-%Y", "%m/%d/%y"])
def test_days_and_months_that_may_be_each_other_are_asked_about(tmp_path: Path, form: str) -> None:
    with pytest.raises(ForecastError, match=r"one way, got '.*--dayfirst, --monthfirst.*--date-format"):
        read(tmp_path, table(when(form)))
    check(read(tmp_path, table(when(form)), day_first=form.startswith("%d")))
    check(read(tmp_path, table(when(form)), time_format=form))


def test_one_day_above_twelve_decides_the_order_of_all(tmp_path: Path) -> None:
    text = table(when("%m/%d/%Y")) + "01/16/2024,10.8,11,10.6,10.9,5\n"
    bars = read(tmp_path, text).prices
    assert isinstance(bars, Bars)
    assert str(bars.closed_at[-1])[:10] == "2024-01-16"
    with pytest.raises(ForecastError, match=r"order of day and month in row 7, column 'Date', got '16/01/2024'"):
        read(tmp_path, text + "16/01/2024,10.8,11,10.6,10.9,5\n")


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_moments_since_1970_in_any_unit_are_dates(tmp_path: Path, unit: str) -> None:
    check(read(tmp_path, table(epoch(unit))))
    check(read(tmp_path, table(epoch(unit, 5)), tz="America/New_York"))


def test_bars_that_begin_the_evening_before_have_the_date_of_their_zone(tmp_path: Path) -> None:
    evening = lambda day: str(np.datetime64(day, "m") - np.timedelta64(2, "h")) + ":00Z"  # noqa: E731
    check(read(tmp_path, table(evening), tz="Europe/Athens"))
    check(read(tmp_path, table(evening)))  # of the two dates, the calendar knows one as a Sunday
    with pytest.raises(ForecastError, match="--tz Europe/Athens"):
        read(tmp_path, table(evening), calendar="24/7")


@pytest.mark.parametrize("day", ["2023-02-30", "02/30/2023", "30 Feb 2023", "2023-13-01", "31.04.2023", "2023-00-10"])
def test_a_date_that_does_not_exist_is_an_error_that_names_its_row(tmp_path: Path, day: str) -> None:
    good = day.replace("30", "27").replace("-13-", "-12-").replace("31", "28").replace("-00-", "-01-")
    with pytest.raises(ForecastError, match=r"(exists )?in row 2, column 'Date', got '"):
        read(tmp_path, f"{HEADER}\n{good},1,1,1,1,1\n{day},1,1,1,1,1\n")


@pytest.mark.parametrize(
    ("price", "volume", "separator"),
    [
        ("${:.2f}", "{}", ","), ("{:.2f} €", "{}", ","), ("USD {:.2f}", "{}", ","), ("₹{:.2f}", "{:.2f}", ","),
        ("{:.2f}", "{:,}", ";"), ('"{:.2f}"', '"{:,}"', ","), (" {:.1f} ", " {} ", "|"), ("{:.1f}", "{}", "\t"),
    ],
)  # fmt: skip
def test_numbers_with_signs_and_thousands_are_read(tmp_path: Path, price: str, volume: str, separator: str) -> None:
    check(read(tmp_path, table(price=price, volume=volume, separator=separator)))


def test_numbers_of_other_countries_are_read(tmp_path: Path) -> None:
    for cell, volume in (("1 995,20", "1 200"), ("1.995,20", "1.200"), ("1995,2", "1200")):
        bars = read(tmp_path, f"{HEADER.replace(',', ';')}\n2024-01-02;{cell};{cell};{cell};{cell};{volume}\n").prices
        assert isinstance(bars, Bars)
        assert (bars.close[0], bars.volume[0]) == (1995.2, 1200)
    for cell, volume, expected in (
        ("1'995.20", "1’200", 1200), ('"1,995.20"', '"43,87,908"', 4387908), ("1995.20", "1.2K", 1200),
        ("1995.2", "4.5M", 4.5e6), ("1995.2", "1.5B", 1.5e9), ("1995.2", "12万", 120_000),
    ):  # fmt: skip
        bars = read(tmp_path, f"{HEADER}\n2024-01-02,{cell},{cell},{cell},{cell},{volume}\n").prices
        assert isinstance(bars, Bars)
        assert (bars.close[0], bars.volume[0]) == (1995.2, expected)


@pytest.mark.parametrize(
    ("cell", "decimal", "value"),
    [("1,022", ",", 1.022), ("1,022", ".", 1022), ("2.015", ",", 2015), ("2.015", ".", 2.015)],
)
def test_three_digits_after_the_only_mark_are_asked_about_in_files_with_semicolons(
    tmp_path: Path, cell: str, decimal: str, value: float
) -> None:
    text = f"Date;Open;High;Low;Close;Volume\n2024-01-02;{cell};{cell};{cell};{cell};1000\n"
    with pytest.raises(ForecastError, match=rf"one way, got '{cell}' in column 'Open'.*--decimal"):
        read(tmp_path, text)
    bars = read(tmp_path, text, decimal=decimal).prices
    assert isinstance(bars, Bars)
    assert bars.close[0] == value


@pytest.mark.parametrize("empty", ["", "-", "null", "N/A", "--"])
def test_an_empty_volume_is_nothing_traded_and_said(tmp_path: Path, empty: str) -> None:
    delivery = read(tmp_path, table(volume=empty))
    check(delivery, scale=0)
    assert "volume missing in 5 rows: taken as 0" in delivery.report.summary()


@pytest.mark.parametrize("shape", SHAPES)
def test_headers_and_shapes_of_every_origin_are_recognised(tmp_path: Path, shape: str) -> None:
    text, options = SHAPES[shape]
    check(read(tmp_path, text, **options))


def test_volumes_of_chinese_exchanges_are_in_lots_of_a_hundred(tmp_path: Path) -> None:
    header = "ts_code,trade_date,open,high,low,close,pre_close,change,pct_chg,vol,amount\n"
    check(read(tmp_path, header + lines("600000.SH,{d:%Y%m%d},{o},{h},{l},{c},9,0,0,{v},5")), scale=100)
    text = "日期,股票代码,开盘,收盘,最高,最低,成交量,成交额\n" + lines("{d:%Y-%m-%d},600000,{o},{c},{h},{l},{v},5")
    check(read(tmp_path, text), scale=100)
    check(read(tmp_path, text.encode("gb18030")), scale=100)


def zipped(text: str, *names: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, text)
    return content.getvalue()


OBJECTS = [dict(zip(HEADER.split(","), [day, *line], strict=True)) for day, line in zip(DAYS, PRICES, strict=True)]
LATIN = (HEADER + ",Société\n" + "\n".join(line + ",é" for line in rows()) + "\n").encode("latin-1")


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (zipped(table(), "acme.csv"), "f.zip"),
        (zipped(table(), "acme.csv", "__MACOSX/._acme.csv"), "f.csv.zip"),
        (gzip.compress(table().encode()), "f.csv"),
        (bz2.compress(table().encode()), "f.csv.bz2"),
        (lzma.compress(table().encode()), "f.csv.xz"),
        (pa.compress(table().encode(), codec="zstd", asbytes=True), "f.csv.zst"),
        (table().encode("utf-16"), "f.csv"),
        (table().encode("utf-16-le"), "f.csv"),
        (LATIN, "f.csv"),
        (table().replace("\n", "\r\n").encode("utf-8-sig"), "f.txt"),
        (table().replace("\n", "\r").encode(), "f.csv"),
        ("\n".join(map(json.dumps, OBJECTS)).encode(), "f.jsonl"),
        (json.dumps(OBJECTS).encode(), "f.json"),
        (json.dumps({"ticker": "ACME", "results": OBJECTS}).encode(), "f.json"),
    ],
)
def test_any_packing_and_encoding_is_read(tmp_path: Path, content: bytes, name: str) -> None:
    check(read(tmp_path, content, name=name))


def test_workbooks_and_feather_files_are_read(tmp_path: Path) -> None:
    frame = pd.DataFrame(PRICES, columns=HEADER.split(",")[1:])
    frame.insert(0, "Date", pd.to_datetime(list(DAYS)))
    frame.to_excel(tmp_path / "f.xlsx", index=False)
    frame.to_feather(tmp_path / "f.feather")
    for name in ("f.xlsx", "f.feather"):
        check(source.read("ACME", files=[tmp_path / name]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (zipped(table(), "a.csv", "b.csv"), r"one file in the archive .*got 2 \(a.csv, b.csv\)"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), r"before 2007 \(.xls\)"),
        (b"%PDF-1.7", "a PDF document"),
        (b"<!DOCTYPE html><html></html>", "a web page"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (b"SQLite format 3\0" + bytes(100), "an SQLite database"),
        (b"\x80\x05\x95abc.", "a Python pickle"),
        (b'{"a": 1', "a JSON object in line 1"),
        (b"[1, 2, 3]", "a list of rows"),
        (b"PK\x03\x04broken", "cut off or damaged"),
        (b"PAR1broken", "Parquet file that can be read"),
    ],
)
def test_what_is_no_table_is_named_for_what_it_is(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(ForecastError, match=message) as caught:
        read(tmp_path, content, name="f.dat")
    assert len(str(caught.value)) < 500


def test_a_pipe_and_an_endless_name_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(ForecastError, match="a pipe or a device"):
        source.read("ACME", files=[tmp_path / "pipe.csv"])
    with pytest.raises(ForecastError, match="File name too long") as caught:
        source.read("ACME", files=[tmp_path / ("x" * 100_000)])
    assert len(str(caught.value)) < 300
    with pytest.raises(ForecastError, match="can be read"):
        source.read("ACME", files=[Path("a\0b")])


def test_a_parquet_file_of_equal_rows_without_end_is_refused_by_its_footer(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    count = 12_000_000
    equal = pa.repeat(pa.scalar(1.0), 1_000_000)
    part = pa.table(
        {"time": pa.repeat(pa.scalar(pd.Timestamp("2024-01-02 15:00")), 1_000_000), "price": equal, "size": equal}
    )
    with pq.ParquetWriter(tmp_path / "bomb.parquet", part.schema, compression="zstd") as writer:
        for _ in range(count // 1_000_000):
            writer.write_table(part)
    with pytest.raises(ForecastError, match="12,000,000 rows in"):
        source.read("ACME", files=[tmp_path / "bomb.parquet"])


HOURS = [f"2024-01-03 {hour:02d}:{minute:02d}:00" for hour in range(4, 20) for minute in (0, 30)]


def bars_at(times: list[str]) -> str:
    return "time,open,high,low,close,volume\n" + "".join(f"{time},10,11,9,10,5\n" for time in times)


def test_extended_hours_are_left_out_and_counted_or_kept(tmp_path: Path) -> None:
    options: dict[str, object] = {"interval": "30m", "tz": "America/New_York"}
    delivery = read(tmp_path, bars_at(HOURS), **options)
    assert len(delivery.prices) == 13
    assert "19 outside the hours of XNYS (extended hours; --hours extended keeps them)" in delivery.report.summary()
    assert len(read(tmp_path, bars_at(HOURS), **options, hours="extended").prices) == 32
    with pytest.raises(ForecastError, match=r"XNYS, which is taken.*21 of 32 rows.*--tz"):
        read(tmp_path, bars_at(HOURS), interval="30m", tz="Europe/London")


@pytest.mark.parametrize(
    ("step", "interval", "named"),
    [("5min", "1m", "5m"), ("30min", "5m", "30m"), ("1h", "15m", "1h"), ("15min", "1d", "15m"), ("1D", "1h", "1d")],
)
def test_bars_of_another_step_than_said_are_refused_with_the_right_one(
    tmp_path: Path, step: str, interval: str, named: str
) -> None:
    times = pd.date_range("2024-01-02 14:30", periods=12, freq=step).strftime("%Y-%m-%dT%H:%M:%SZ").tolist()
    with pytest.raises(ForecastError, match=rf"--interval {named}\b"):
        read(tmp_path, bars_at(times), interval=interval, calendar="24/7")


def test_weekly_and_monthly_bars_are_no_daily_ones(tmp_path: Path) -> None:
    for freq, kind in (("W-FRI", "weekly"), ("MS", "monthly"), ("W-MON", "weekly")):
        days = pd.date_range("2020-01-01", periods=8, freq=freq).strftime("%Y-%m-%d").tolist()
        with pytest.raises(ForecastError, match=f"{kind} bars"):
            read(tmp_path, bars_at(days), calendar="24/7")


def test_one_minute_bars_with_missing_minutes_are_one_minute_bars(tmp_path: Path) -> None:
    minutes = [0, 2, 4, 5, 9, 12, 13, 20, 22, 24]
    times = [f"2024-01-02T15:{minute:02d}:00Z" for minute in minutes]
    assert len(read(tmp_path, bars_at(times), interval="1m").prices) == 10


def test_milliseconds_and_microseconds_in_one_column_are_told_apart_cell_by_cell(tmp_path: Path) -> None:
    hours = np.arange("2024-12-31T20", "2025-01-01T04", dtype="datetime64[h]")
    for fine_first in (False, True):
        early = hours < np.datetime64("2025-01-01T00")
        cells = [
            str(hour.astype(f"datetime64[{'us' if fine == fine_first else 'ms'}]").astype(int))
            for hour, fine in zip(hours, early, strict=True)
        ]
        bars = read(tmp_path, bars_at(cells), interval="1h", calendar="24/7").prices
        assert isinstance(bars, Bars)
        assert np.array_equal(bars.opened_at, hours.astype("datetime64[ns]"))
    with pytest.raises(
        ForecastError, match=r"from 1800-01-01 to .* in row 3, column 'time', got '9123372036854775807'"
    ):
        read(tmp_path, bars_at([*cells[:2], "9123372036854775807"]), interval="1h", calendar="24/7")


def test_a_daily_history_in_milliseconds_runs_through_1970(tmp_path: Path) -> None:
    days = calendars.sessions_between("1966-01-03", "1975-12-31", "XNYS")
    cells = [str(day.astype("datetime64[ms]").astype(int)) for day in days]
    bars = read(tmp_path, bars_at(cells)).prices
    assert isinstance(bars, Bars)
    assert np.array_equal(calendars.session_of(bars.closed_at, "XNYS"), days)


@pytest.mark.parametrize("factor", [1, 1_000, 1_000_000, 1_000_000_000])
def test_times_after_midnight_may_be_in_any_unit(tmp_path: Path, factor: int) -> None:
    text = "time,price,size\n" + "".join(f"{second * factor},10,1\n" for second in (34200, 34201, 57599))
    ticks = read(tmp_path, text, date="2012-06-21", tz="America/New_York").prices
    assert isinstance(ticks, Ticks)
    assert ticks.time.astype("datetime64[s]").astype(str).tolist() == [
        "2012-06-21T13:30:00",
        "2012-06-21T13:30:01",
        "2012-06-21T19:59:59",
    ]
    with pytest.raises(ForecastError, match="after midnight"):
        read(tmp_path, text.replace("34200", "-5"), date="2012-06-21", tz="UTC")


def two_companies(second: str) -> str:
    own = [line + ",ACME" for line in rows()]
    return (
        HEADER
        + f",{second}\n"
        + "\n".join(own)
        + "\n"
        + "".join(f"2024-02-0{day},70,72,69,71,5,BETA\n" for day in (1, 2, 5, 6))
    )


@pytest.mark.parametrize("name", ["Name", "ticker", "Symbol", "ts_code", "ISIN", "contract", "series", "Stock Code"])
def test_a_column_that_names_two_symbols_is_an_error_that_names_them(tmp_path: Path, name: str) -> None:
    with pytest.raises(
        ForecastError, match=rf"2 values in column '{name}' \(ACME, BETA\).*--where '?{name}=ACME"
    ) as caught:
        read(tmp_path, two_companies(name))
    assert "max-dropped" not in str(caught.value)
    check(read(tmp_path, two_companies(name), where={name.lower(): "ACME"}))
    with pytest.raises(ForecastError, match="got none in 9"):
        read(tmp_path, two_companies(name), where={name: "GAMMA"})


def test_rows_are_named_by_their_number_and_file_where_others_were_left_out(tmp_path: Path) -> None:
    text = two_companies("Name") + "2024-01-09,nan,1,1,1,1,ACME\n"
    assert read(tmp_path, text, where={"Name": "ACME"}, max_dropped=1).report.first_row == {"missing open": 10}
    for number in (1, 2):
        (tmp_path / f"part{number}.csv").write_text(
            f"{HEADER}\n2024-01-0{number + 1},1,1,1,1,1\n2024-01-1{number},{number % 2},1,1,-1,1\n"
        )
    files = [tmp_path / "part1.csv", tmp_path / "part2.csv"]
    summary = source.read("ACME", files=files, max_dropped=1).report.summary()
    assert "2 price zero or negative (first: row 2 of part1.csv)" in summary


def with_dividends(close: list[float], *, dividend: float) -> str:
    days = calendars.sessions_between("2024-01-02", "2024-03-28", "XNYS")[: len(close)]
    text = "Date,Open,High,Low,Close,Volume,Dividends,Stock Splits\n"
    for row, (day, price) in enumerate(zip(days, close, strict=True)):
        text += (
            f"{day} 00:00:00-05:00,{price},{price},{price},{price},1000,{dividend if row in (20, 40) else 0.0},0.0\n"
        )
    return text


def test_prices_adjusted_for_dividends_are_brought_back_to_those_traded(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    traded = 100 * np.exp(np.cumsum(rng.normal(0, 0.003, 60)))
    traded[20:] -= 4
    traded[40:] -= 4
    factor = np.ones(60)
    for row in (40, 20):  # by hand, from the last one back
        factor[:row] *= 1 - 4 / traded[row - 1]
    for options in ({}, {"adjusted": True}):
        delivery = read(tmp_path, with_dividends((traded * factor).tolist(), dividend=4), **options)
        assert isinstance(delivery.prices, Bars)
        assert np.allclose(delivery.prices.close, traded, rtol=1e-12)
        assert "adjusted for dividends" in delivery.report.summary()
    for options in ({}, {"adjusted": False}):
        delivery = read(tmp_path, with_dividends(traded.tolist(), dividend=4), **options)
        assert isinstance(delivery.prices, Bars)
        assert np.allclose(delivery.prices.close, traded, rtol=1e-12)
        assert "adjusted" not in delivery.report.summary()


def test_dividends_that_the_prices_do_not_show_are_a_warning(tmp_path: Path) -> None:
    prices = (100 * np.exp(np.cumsum(np.random.default_rng(4).normal(0, 0.02, 60)))).tolist()
    summary = read(tmp_path, with_dividends(prices, dividend=0.1)).report.summary()
    assert "warning: 2 dividends" in summary
    assert "--adjusted" in summary
    assert "--as-traded" in summary


def test_bitcoin_without_a_calendar_is_refused_with_the_right_one(tmp_path: Path) -> None:
    days = [str(day) for day in np.arange("2024-01-01", "2024-03-01", dtype="datetime64[D]")]
    with pytest.raises(
        ForecastError, match=r"XNYS, which is taken where --calendar names none.*The rows fit 24/7: --calendar 24/7"
    ):
        read(tmp_path, bars_at(days))


def test_start_cuts_before_rows_are_counted(tmp_path: Path) -> None:
    text = HEADER + "\n1990-01-02,-1,1,1,1,1\n1990-01-03,1,-1,1,1,1\n" + SIX
    with pytest.raises(ForecastError, match="2 price zero or negative"):
        read(tmp_path, text)
    check(read(tmp_path, text, start=pd.Timestamp("2024-01-01").date()))


def test_the_adjusted_history_of_apple_is_brought_back_to_the_one_traded(tmp_path: Path, shared: Path) -> None:
    path = shared / "daily_wiki_public_domain" / "WIKI-AAPL.csv.gz"
    traded = source.read("AAPL", files=[path])
    file = pd.read_csv(path)
    splits = file["Split Ratio"].to_numpy()
    later = np.append(1.0, np.cumprod(splits)[:-1])  # newest first
    adjusted = pd.DataFrame({name: file[f"Adj. {name}"] for name in ("Open", "High", "Low", "Close", "Volume")})
    adjusted.insert(0, "Date", file["Date"])
    adjusted["Dividends"], adjusted["Stock Splits"] = file["Ex-Dividend"] / later, np.where(splits == 1, 0, splits)
    adjusted.to_csv(tmp_path / "f.csv", index=False)
    for options in ({}, {"adjusted": True}):
        undone = source.read("AAPL", files=[tmp_path / "f.csv"], **options)
        assert isinstance(undone.prices, Bars)
        assert isinstance(traded.prices, Bars)
        assert np.allclose(undone.prices.close, traded.prices.close, rtol=2e-3)  # WIKI's own form of the factor differs
        assert undone.actions is not None
        assert traded.actions is not None
        assert np.allclose(undone.actions.dividend, traded.actions.dividend)


def test_trades_of_lean_are_read_with_the_day_in_their_name(tmp_path: Path) -> None:
    text = "34200000,1449300,100,P,00000000,0\n34200500,1455500,200,P,00000000,0\n34201000,9455500,200,P,00000000,1\n"
    delivery = read(tmp_path, zipped(text, "20131007_spy_tick.csv"), name="20131007_trade.zip", shape="lean")
    assert isinstance(delivery.prices, Ticks)
    assert delivery.prices.price.tolist() == [144.93, 145.55]
    assert delivery.report.dropped == {"corrected or cancelled": 1}
    assert str(delivery.prices.time[1]) == "2013-10-07T13:30:00.500000000"


def test_e_mini_trades_on_the_hours_of_new_york_are_refused_with_their_own_calendar(shared: Path) -> None:
    path = shared / "tick_es_futures_2013" / "es_trades_20130901_20130903.csv.gz"
    with pytest.raises(ForecastError, match=r"141,996 of 500,000 rows.*--calendar CMES"):
        source.read("ES", files=[path], tz="America/Chicago")


@pytest.mark.parametrize(
    ("encoding", "header"),
    [
        ("cp1251", "Дата,Откр.,Макс.,Мин.,Цена,Объём"), ("cp932", "日付,始値,高値,安値,終値,出来高"),
        ("big5", "日期,開盤,最高,最低,收盤,成交量"), ("cp949", "날짜,시가,고가,저가,종가,거래량"),
        ("cp1250", "Data,Otwarcie,Najwyższy,Najniższy,Zamknięcie,Wolumen"),
        ("cp1254", "Tarih,Açılış,Yüksek,Düşük,Şimdi,Hac."), ("cp1252", "Date,Ouv.,Plus Haut,Plus Bas,Clôture,Vol."),
        ("utf-8", "Datum,Open,Hoog,Laag,Laatste,Volume"),
    ],
)  # fmt: skip
def test_headers_of_other_countries_are_read_in_their_old_encodings(tmp_path: Path, encoding: str, header: str) -> None:
    for written in (encoding, "utf-8"):
        check(read(tmp_path, table(header=header).encode(written)))
