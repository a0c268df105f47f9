"""Files that other readers take wrongly without a word: read right, or refused with what to do."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipelines.errors import ForecastError
from pipelines.market import calendars
from pipelines.market.types import Bars
from pipelines.sources.csv import source
from pipelines.sources.csv.formats import streams
from tests.helpers.price_files import DAYS, PRICES, rows, table
from tests.helpers.price_files import HEADER as NAMES

HEADER = NAMES + "\n"

NIGHT = ("00:30", "01:30", "01:30", "02:30", "03:30")  # New York puts its clocks back at 02:00 on 2024-11-03


def read(folder: Path, text: str, **options: object) -> source.Delivery:
    path = folder / "f.csv"
    path.write_text(text, encoding="utf-8")
    return source.read("ACME", files=[path], **options)


def bars(delivery: source.Delivery) -> Bars:
    assert isinstance(delivery.prices, Bars)
    return delivery.prices


def hours(times: tuple[str, ...], closes: range) -> str:
    return HEADER + "".join(f"2024-11-03 {t},{c},{c},{c},{c},1\n" for t, c in zip(times, closes, strict=True))


@pytest.mark.parametrize("newest_first", [False, True])
def test_the_hour_that_comes_twice_is_told_by_the_order_of_the_file(tmp_path: Path, newest_first: bool) -> None:
    times, closes = (NIGHT[::-1], range(15, 10, -1)) if newest_first else (NIGHT, range(11, 16))
    options = {"interval": "1h", "tz": "America/New_York", "calendar": "24/7"}
    prices = bars(read(tmp_path, hours(times, closes), **options))
    assert prices.opened_at.astype("datetime64[h]").astype(str).tolist() == [
        f"2024-11-03T0{hour}" for hour in (4, 5, 6, 7, 8)
    ]
    assert prices.close.tolist() == [11, 12, 13, 14, 15]


def test_five_minute_bars_of_the_hour_that_comes_twice_are_an_hour_apart(tmp_path: Path) -> None:
    minutes = [f"01:{minute:02d}" for minute in range(0, 60, 5)]
    text = hours((*minutes, *minutes), range(1, 25))
    prices = bars(read(tmp_path, text, interval="5m", tz="America/New_York", calendar="24/7"))
    assert prices.close.tolist() == list(range(1, 25))
    assert np.all(np.diff(prices.opened_at) == np.timedelta64(5, "m"))


@pytest.mark.parametrize("cell", ["110'16", "110-16", "110'165", "10 1/3", "10 12", "1'.2"])
def test_fractions_are_not_read_as_larger_numbers(tmp_path: Path, cell: str) -> None:
    text = HEADER + "".join(f"{day},{cell},{cell},{cell},{cell},10\n" for day in DAYS)
    with pytest.raises(ForecastError, match=f"Expected a number in row 1, column 'Open', got .{cell}"):
        read(tmp_path, text)


def test_thousands_may_still_be_grouped_by_apostrophes_and_blanks(tmp_path: Path) -> None:
    text = HEADER + "".join(f"{day},110'{n}65,1 234 567.5,100,1\u202f000,10\n" for n, day in enumerate(DAYS))
    assert bars(read(tmp_path, text)).open.tolist() == [110_065, 110_165, 110_265, 110_365, 110_465]


@pytest.mark.parametrize("form", ["%y-%m-%d", "%y/%m/%d"])
def test_a_year_of_two_digits_may_come_first(tmp_path: Path, form: str) -> None:
    prices = bars(read(tmp_path, table(lambda day: np.datetime64(day, "D").astype(object).strftime(form))))
    assert [str(day) for day in calendars.session_of(prices.closed_at, prices.calendar)] == list(DAYS)


def test_a_single_day_of_a_two_digit_year_may_have_it_first_or_last(tmp_path: Path) -> None:
    text = HEADER + "".join(f"24-01-02 09:3{n},{row.partition(',')[2]}\n" for n, row in enumerate(rows()))
    options: dict[str, object] = {"interval": "1m", "tz": "America/New_York"}
    with pytest.raises(ForecastError, match=r"--date-format, e\.g\. '%y-%m-%d %H:%M'"):  # it was 2002-01-24
        read(tmp_path, text, **options)
    first = bars(read(tmp_path, text, time_format="%y-%m-%d %H:%M", **options)).opened_at[0]
    assert str(first)[:16] == "2024-01-02T14:30"
    first = bars(read(tmp_path, text.replace("24-01-02", "31-01-24"), **options)).opened_at[0]
    assert str(first)[:10] == "2024-01-31"


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("kind", ["open,high,low,close,volume", "price,size"])
def test_volumes_of_the_day_so_far_are_refused(tmp_path: Path, kind: str, newest_first: bool) -> None:
    prices = ",".join(["10"] * kind.count(","))
    lines_ = [
        f"2024-01-0{day} 1{5 + n // 60}:{n % 60:02d},{prices},{100 + n * n}\n" for day in (3, 4) for n in range(80)
    ]
    text = f"time,{kind}\n" + "".join(lines_[::-1] if newest_first else lines_)
    name = kind.rpartition(",")[2]
    with pytest.raises(ForecastError, match=f"'{name}', got such as hardly ever .*--column {name}=COLUMN"):
        read(tmp_path, text, tz="UTC", interval="1m")


@pytest.mark.parametrize("decimals", [2, 4])
@pytest.mark.parametrize("step", ["1min", "1D"])
def test_a_mean_price_is_no_open(tmp_path: Path, decimals: int, step: str) -> None:
    rng = np.random.default_rng(3)
    gap = 0.0 if step == "1min" else 0.5
    times = pd.date_range("2024-01-02 09:30", periods=100, freq=step)
    close, mean, opened = 100.0, "", ""
    for time in times:
        path = close + rng.normal(0, gap) + np.cumsum(rng.normal(0, 0.05, 100))
        close = path[-1]
        for first in (path[0], path.mean()):
            cells = (first, path.max(), path.min(), close)
            row = f"{time}," + ",".join(f"{cell:.{decimals}f}" for cell in cells) + f",{rng.integers(1, 99)}\n"
            mean, opened = (mean, opened + row) if first == path[0] else (mean + row, opened)
    (tmp_path / "opens.csv").write_text(opened)
    options: dict[str, object] = {"interval": "1m" if gap == 0 else "1d", "tz": "America/New_York", "calendar": "24/7"}
    source.read("ACME", files=[tmp_path / "opens.csv"], **options)
    with pytest.raises(ForecastError, match="Expected a header"):
        read(tmp_path, mean, **options)


def test_a_second_header_in_another_order_is_refused(tmp_path: Path) -> None:
    text = table() + "Date,Close,High,Low,Open,Volume\n2024-01-09,10,11,9,10.5,1\n"  # open and close were swapped
    with pytest.raises(ForecastError, match="the same columns in all of the file, got 'Close' for 'Open'"):
        read(tmp_path, text)


@pytest.mark.parametrize("second", ["{}.1", "{} 2", "{:l}", "{} (€)"])
def test_of_two_columns_of_one_name_one_is_asked_for(tmp_path: Path, second: str) -> None:
    names = ["Open", "High", "Low", "Close"]
    others = [name.lower() if second == "{:l}" else second.format(name) for name in names]
    text = ",".join(["Date", *names, *others]) + "\n" + "".join(f"{day},10,11,9,10,7,7,7,7\n" for day in DAYS)
    with pytest.raises(ForecastError, match=r"one column of the open, got 'Open', '.*--column open='Open'"):
        read(tmp_path, text)  # the first were taken
    chosen = dict(zip(("open", "high", "low", "close"), others, strict=True))
    assert bars(read(tmp_path, text, names=chosen)).close.tolist() == [7.0] * 5


@pytest.mark.parametrize(("shift", "stamp", "other"), [(1, "start", "end"), (0, "end", "start")])
def test_bars_stamped_at_the_other_end_are_warned_of(tmp_path: Path, shift: int, stamp: str, other: str) -> None:
    text = HEADER + "".join(
        f"2024-01-{day:02d} {hour:02d}:{minute:02d},10,11,9,10,{hour * minute}\n"
        for day in (3, 4, 5)
        for hour, minute in (divmod(570 + 5 * (n + shift), 60) for n in range(78))
    )
    options: dict[str, object] = {"interval": "5m", "tz": "America/New_York"}
    assert any(f"--stamp {other} if" in note for note in read(tmp_path, text, stamp=stamp, **options).report.notes)
    right = read(tmp_path, text, stamp=other, **options)
    assert (len(right.prices), right.report.notes) == (234, ())


@pytest.mark.parametrize(("name", "cell"), [("Close Time", "14:{:02d}:59.999"), ("End Time", "14:{:02d}:00")])
def test_times_at_which_bars_end_are_asked_about(tmp_path: Path, name: str, cell: str) -> None:
    late = int(cell.endswith("00"))
    text = table(lambda day: "2024-01-02 " + cell.format(30 + DAYS.index(day) + late)).replace("Date", name)
    options: dict[str, object] = {"interval": "1m", "tz": "UTC", "calendar": "24/7"}
    with pytest.raises(ForecastError, match=f"ends in column '{name}'. Say --stamp end"):
        read(tmp_path, text, **options)
    first = bars(read(tmp_path, text, stamp="end", **options)).opened_at[0]
    assert first == np.datetime64("2024-01-02T14:30")


def test_dates_of_the_persian_calendar_are_named(tmp_path: Path) -> None:
    with pytest.raises(ForecastError, match=r"in row 1, column 'Date', got '1402/10/12'\. Write dates of the Persian"):
        read(tmp_path, table(lambda day: f"1402/10/{12 + DAYS.index(day)}"))


def test_days_since_1970_are_no_days_of_a_spreadsheet(tmp_path: Path) -> None:
    with pytest.raises(ForecastError, match="day numbers of a spreadsheet"):
        read(tmp_path, table(lambda day: str(20_090 + DAYS.index(day))), calendar="24/7")  # were of 1955


@pytest.mark.parametrize(
    ("column", "cells"), [("side", "bid ask"), ("is_bid", "1 0"), ("type", "trade order"), ("level", "1 2")]
)
def test_orders_and_sides_of_quotes_are_no_trades(tmp_path: Path, column: str, cells: str) -> None:
    text = f"time,{column},price,size\n" + "".join(
        f"2024-01-02 14:30:0{n},{cell},{10 + n},5\n" for n, cell in enumerate(cells.split())
    )
    with pytest.raises(ForecastError, match=f"in column '{column}', as orders and levels of a book.*--column price="):
        read(tmp_path, text, tz="UTC")
    assert len(read(tmp_path, text, tz="UTC", names={"price": "price"}).prices) == 2


def test_a_relative_volume_is_none(tmp_path: Path) -> None:
    delivery = read(tmp_path, table().replace("Volume", "Relative Volume"))
    assert "no column of volume: taken as 0" in delivery.report.notes


def test_times_of_day_need_their_day(tmp_path: Path) -> None:
    text = "time,price,size\n09:30:00.125,10,1\n09:30:01.5,10,1\n"
    with pytest.raises(ForecastError, match=r"got '09:30:00\.125'\. Name the day of these times, for example --date"):
        read(tmp_path, text, tz="America/New_York")
    times = read(tmp_path, text, tz="America/New_York", date="2024-01-02").prices.time  # type: ignore[union-attr]
    assert str(times[0])[:23] == "2024-01-02T14:30:00.125"


def test_the_zone_in_the_name_of_the_time_is_taken(tmp_path: Path) -> None:
    text = table(lambda day: f"2024-01-02 09:3{DAYS.index(day)}").replace("Date,", "Datetime (America/New_York),")
    assert str(bars(read(tmp_path, text, interval="1m")).opened_at[0])[:16] == "2024-01-02T14:30"


def test_closes_of_days_are_no_trades(tmp_path: Path) -> None:
    text = "Date,Price,Volume\n" + "".join(f"{day},10,5\n" for day in DAYS)
    for options in ({}, {"tz": "UTC", "calendar": "24/7"}):
        with pytest.raises(ForecastError, match="Expected times of day of trades, got dates alone"):
            read(tmp_path, text, **options)


def test_a_clock_of_twelve_hours_without_am_and_pm_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ForecastError, match=r"AM and PM beside them\) in row 5.*from 0 to 24 hours"):
        read(
            tmp_path, hours(("09:30", "10:30", "11:30", "12:30", "01:30"), range(1, 6)),
            interval="1h", tz="UTC", calendar="24/7",
        )  # fmt: skip


def test_headers_marks_and_totals_between_the_rows_are_left_out_and_counted(tmp_path: Path) -> None:
    lines = [row + "\n" for row in rows()]
    joined = "\ufeff" + HEADER + "".join(lines[:2]) + "\ufeff" + HEADER + "".join(lines[2:]) + "Total,,,,,5700\n"
    delivery = read(tmp_path, joined)
    assert bars(delivery).close.tolist() == [10.2, 10.5, 10.3, 10.8, 10.9]
    assert "rows that repeat the header or hold totals left out: 2" in delivery.report.notes
    marked = HEADER + "".join(lines[:2]) + "\ufeff" + "".join(lines[2:])
    assert len(read(tmp_path, marked).prices) == len(PRICES)


@pytest.mark.parametrize(
    ("name", "factor"),
    [
        ("Volume ('000)", 1_000),
        ("Volume (in thousands)", 1_000),
        ("Volume (Mio)", 1_000_000),
        ("Volume (lots)", 1),
        ("Volume (100s)", 100),
        ("Volume (mm)", 1_000_000),
    ],
)  # fmt: skip
def test_volumes_are_multiplied_by_the_unit_in_their_header(tmp_path: Path, name: str, factor: int) -> None:
    prices = bars(read(tmp_path, table().replace("Volume", name)))
    assert prices.volume[0] == 1_000 * factor


@pytest.mark.parametrize(
    ("first", "what"), [(638_397_702_000_000_000, r"\.NET.*2013-09-02"), (133_486_794_000_000_000, "Windows file time")]
)
def test_clocks_of_other_systems_are_no_nanoseconds_since_1970(tmp_path: Path, first: int, what: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"time,price,size\n{first},10,1\n{first + 10_000_000},10,1\n")
    with pytest.raises(ForecastError, match=rf"got {first}, which would be of .*{what}"):
        source.read("X", files=[path], calendar="24/7")


@pytest.mark.parametrize("cell", ["2:1", "2-for-1", "2 for 1", "2/1", "1:2", "2.0"])
def test_a_split_may_be_a_ratio_which_the_prices_turn_the_right_way(tmp_path: Path, cell: str) -> None:
    text = "Date,Open,High,Low,Close,Volume,Stock Splits\n2024-01-02,100,101,99,100,1,0\n2024-01-03,50,51,49,50,1,"
    delivery = read(tmp_path, text + f"{cell}\n2024-01-04,50,51,49,50,1,0\n")
    assert delivery.actions is not None
    assert delivery.actions.split.tolist() == [2.0]
    assert bars(delivery).close.tolist() == [100, 50, 50]
    adjusted = read(tmp_path, text.replace("100,101,99,100", "50,51,49,50") + "2:1\n2024-01-04,50,51,49,50,1,0\n")
    assert bars(adjusted).close.tolist() == [100, 50, 50]


@pytest.mark.parametrize(
    ("before", "split"),
    [(49.5, 2.0), (50.5, 2.0), (49.5, 0.5), (50.5, 0.5), (49.0, 1.02)],  # adjusted, and the day's change beside it
)
def test_no_split_is_turned_by_a_usual_change_of_price(tmp_path: Path, before: float, split: float) -> None:
    text = f"Date,Open,High,Low,Close,Volume,Stock Splits\n2024-01-02,{before},{before},{before},{before},1,0\n"
    delivery = read(tmp_path, text + f"2024-01-03,50,51,49,50,1,{split}\n2024-01-04,50,51,49,50,1,0\n")
    assert delivery.actions is not None
    assert delivery.actions.split.tolist() == [split]


def labelled(labels: str, *, at: int, price: float) -> str:
    """Nine sessions with a column of words, which change at one row; from there another price."""
    days = [f"2024-01-{day:02d}" for day in (3, 4, 5, 8, 9, 10, 11, 12, 16)]
    closes = [10.0] * at + [price] * (9 - at)
    return "Date,Fruit,Open,High,Low,Close,Volume\n" + "".join(
        f"{day},{label},{c},{c},{c},{c},5\n" for day, label, c in zip(days, labels.split(), closes, strict=True)
    )


def test_two_series_that_follow_each_other_are_told_by_any_column_of_words(tmp_path: Path) -> None:
    text = labelled("apple apple apple apple apple pear pear pear pear", at=5, price=30.0)
    with pytest.raises(ForecastError, match=r"2 values in column 'Fruit' \(apple, pear\).*--where Fruit=apple"):
        read(tmp_path, text)
    assert bars(read(tmp_path, text, where={"Fruit": "pear"})).close.tolist() == [30.0] * 4
    head, *lines_ = text.replace("30.0", "10.0").splitlines()
    backwards = "\n".join([head, *lines_[5:], *lines_[:5]]) + "\n"  # the later dates first: another series begins
    with pytest.raises(ForecastError, match="2 values in column 'Fruit'"):
        read(tmp_path, backwards)


def test_a_price_that_jumps_where_no_word_changes_jumps_where_one_does(tmp_path: Path) -> None:
    text = labelled("calm calm calm calm calm wild wild wild wild", at=5, price=14.0)
    text = text.replace("-04,calm,10.0,10.0,10.0,10.0", "-04,calm,14.0,14.0,14.0,14.0")
    assert len(read(tmp_path, text).prices) == 9


@pytest.mark.parametrize("labels", ["a a a b b b c c c", "up down up down up down up down up"])
def test_words_that_change_without_the_price_are_no_symbols(tmp_path: Path, labels: str) -> None:
    assert len(read(tmp_path, labelled(labels, at=6, price=10.5)).prices) == 9


@pytest.mark.parametrize(
    ("name", "clock", "interval"),
    [
        ("ms_of_day", "{ms}", "1m"),
        ("time", "{ms}", "1m"),
        ("time", "{s}", "1m"),
        ("seconds", "{s}", "1m"),
        ("minute", "{hm}", "1m"),
        ("時刻", "{hm}", "1m"),
    ],
)
def test_times_of_day_beside_a_date(tmp_path: Path, name: str, clock: str, interval: str) -> None:
    text = f"{name},open,high,low,close,volume,date\n"
    for minute in range(30, 35):
        seconds = 9 * 3600 + minute * 60
        text += clock.format(ms=seconds * 1000, s=seconds, hm=f"09:{minute}") + ",10,10,10,10,5,20240102\n"
    prices = bars(read(tmp_path, text, interval=interval, tz="America/New_York"))
    assert str(prices.opened_at[0]) == "2024-01-02T14:30:00.000000000"
    assert len(prices) == 5


def test_money_is_taken_as_volume_only_where_there_is_no_other(tmp_path: Path) -> None:
    both = "Date,Open,High,Low,Close,Volume USDT,Volume BTC\n" + "".join(f"{day},10,10,10,10,99,7\n" for day in DAYS)
    assert bars(read(tmp_path, both)).volume[0] == 7
    delivery = read(tmp_path, table().replace("Volume", "Volume USD"))
    assert "Volume USD taken as volume (money, not shares)" in delivery.report.notes


def test_the_currency_of_prices_in_pence_is_kept(tmp_path: Path) -> None:
    text = table().replace("Volume", "Volume,Currency").replace("00\n", "00,GBp\n")
    assert bars(read(tmp_path, text)).currency == "GBp"


def test_abbreviated_zones_are_read(tmp_path: Path) -> None:
    text = HEADER + "".join(f"2024-01-02 1{hour}:00 EST,10,10,10,10,1\n" for hour in range(4))
    assert str(bars(read(tmp_path, text, interval="1h")).opened_at[0].astype("datetime64[m]")) == "2024-01-02T15:00"


@pytest.mark.parametrize(
    "footer", ["Source: Example\nPrices, in USD, are, delayed\n", "\npage\n\nROWS;PAGE\n0;25;100\n", "5000\n"]
)
def test_a_footer_after_many_blocks_repeats_no_trade(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, footer: str
) -> None:
    monkeypatch.setattr(streams, "BLOCK", 1 << 13)
    trades = "".join(f"2024-01-02 14:{n // 60 % 30 + 30}:{n % 60:02d},10,{n ^ 1}\n" for n in range(1, 5000))
    ticks = read(tmp_path, "time,price,size\n" + trades + footer, tz="UTC").prices
    assert sorted(ticks.size.tolist()) == sorted(n ^ 1 for n in range(1, 5000))  # type: ignore[union-attr]


@pytest.mark.parametrize("last", ["2024-01", "2024-01-09,10.9", "2", "Jan 9 2024,"])
def test_a_row_that_is_cut_off_is_no_footer(tmp_path: Path, last: str) -> None:
    with pytest.raises(ForecastError, match="row 6 has"):
        read(tmp_path, table() + last + "\n")


@pytest.mark.parametrize("row", ["2024-01-09,10,11,9", "1704810600,10,11"])
def test_a_row_that_is_cut_off_below_a_line_of_words_is_no_footer(tmp_path: Path, row: str) -> None:
    with pytest.raises(ForecastError, match="row 7 has"):
        read(tmp_path, table() + f"a note\n{row}\n")


@pytest.mark.parametrize(
    ("kinds", "refused"),
    [
        (("Prev {}", "{}"), ""),  # both were refused
        (("Bid {}", "Ask {}"), ""),
        (("T {}", "F {}"), "columns of 2"),  # those of F were taken: T and Day are names of times
        (("Day {}", "Night {}"), "columns of 2"),
    ],
)
def test_prices_of_another_kind_beside_them_are_not_taken(tmp_path: Path, kinds: tuple[str, str], refused: str) -> None:
    prices = [[*row[:4], 7, 7, 7, 7] for row in PRICES]
    if kinds[1] == "{}":
        prices = [[7, 7, 7, 7, *row[:4]] for row in PRICES]
    header = [kind.format(price) for kind in kinds for price in ("Open", "High", "Low", "Close")]
    text = ",".join(["Date", *header]) + "\n"
    text += "".join(",".join(map(str, [day, *row])) + "\n" for day, row in zip(DAYS, prices, strict=True))
    if refused:
        with pytest.raises(ForecastError, match=refused):
            read(tmp_path, text)
    else:
        assert bars(read(tmp_path, text)).close.tolist() == [row[3] for row in PRICES]


def test_a_symbol_that_is_a_word_of_headers_may_stand_before_each_name(tmp_path: Path) -> None:
    text = "Date,T.Open,T.High,T.Low,T.Close,T.Volume\n" + table().partition("\n")[2]
    assert bars(read(tmp_path, text)).close.tolist() == [row[3] for row in PRICES]


def test_day_numbers_of_a_spreadsheet_among_dates_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ForecastError, match="45293"):
        read(tmp_path, table().replace("2024-01-02", "45293"))


def test_prices_in_no_order_that_is_told_need_a_header(tmp_path: Path) -> None:
    steps = [0.05 * n for n in range(len(DAYS))]  # from close to open 0.45, from open to close 0.55
    text = "".join(
        f"{day},{10 + s:g},{11 + s:g},{9 + s:g},{10.5 + s:g},5000\n" for day, s in zip(DAYS, steps, strict=True)
    )
    with pytest.raises(ForecastError, match="Expected a header"):
        read(tmp_path, text)


def test_prices_of_two_kinds_need_a_header(tmp_path: Path) -> None:
    text = "".join(f"{day},{','.join(map(str, (*row[:4], *row)))}\n" for day, row in zip(DAYS, PRICES, strict=True))
    with pytest.raises(ForecastError, match="Name them in order"):
        read(tmp_path, text)


def test_rows_numbered_without_a_name_are_no_splits(tmp_path: Path) -> None:
    text = ",日期,开盘,收盘,最高,最低,成交量,成交额\n" + "".join(
        f"{n},{day},{o},{c},{h},{low},{v},{v * c * 100:.0f}\n"
        for n, (day, (o, h, low, c, v)) in enumerate(zip(DAYS, PRICES, strict=True))
    )
    prices = bars(read(tmp_path, text))
    assert prices.close.tolist() == [line[3] for line in PRICES]
    assert prices.volume.tolist() == [100 * line[4] for line in PRICES]


def test_day_numbers_of_a_spreadsheet_are_dates_and_those_since_1904_no_sessions(tmp_path: Path) -> None:
    numbers = ("45293", "45294.6666667", "45295", "45296", "45299")
    text = table(lambda day: numbers[DAYS.index(day)])
    assert [str(day)[:10] for day in bars(read(tmp_path, text)).opened_at] == list(DAYS)
    with pytest.raises(ForecastError, match="it is closed at"):
        read(tmp_path, table(lambda day: str(int(float(numbers[DAYS.index(day)])) - 1462)))


def test_negative_prices_of_crsp_are_days_without_a_trade(tmp_path: Path) -> None:
    text = "PERMNO,date,BIDLO,ASKHI,PRC,VOL,RET,OPENPRC\n" + "".join(
        f"1,{day},{low},{h},{c},{v},C,{o}\n" for day, (o, h, low, c, v) in zip(DAYS, PRICES, strict=True)
    )
    delivery = read(tmp_path, text.replace("10.3,900,C,10.5", "-10.3,0,C,"))
    assert bars(delivery).close.tolist() == [10.2, 10.5, 10.8, 10.9]
    assert any("days without a trade" in note and note.endswith(": 1") for note in delivery.report.notes)


def test_a_ragged_row_of_other_bytes_is_one_line_and_no_traceback(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    text = HEADER + "".join(f"{day},10,11,9,10,1\n" for day in DAYS)
    path.write_bytes(text.encode("utf-8-sig") + b"2024-01-1\xd6,10,11,9,10\n")
    hook, seen = sys.unraisablehook, []
    sys.unraisablehook = seen.append
    try:
        with pytest.raises(ForecastError, match="Expected 6 cells in each row"):
            source.read("ACME", files=[path])
    finally:
        sys.unraisablehook = hook
    assert seen == []
