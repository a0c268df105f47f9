"""Dates and times of day in several columns, prices in fractions, and parts of a file that lack its header."""

import gzip
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from pipelines.errors import BadFileError, ForecastError
from pipelines.market.types import Bars, Ticks
from pipelines.sources.csv import source
from tests.helpers.price_files import DAYS, HEADER, PRICES, check, lines, read, rows, table

PRICE_COLUMNS = HEADER.removeprefix("Date,")
NEW_YORK = {"tz": "America/New_York"}


def daily(header: str, when: Callable[[str, str, str], str]) -> str:
    return table(lambda day: when(*day.split("-")), header=f"{header},{PRICE_COLUMNS}")


def minutes(header: str, when: Callable[[int, int], str]) -> str:
    """Bars at 9:58, 9:59, ..., 10:02."""
    prices = (row.partition(",")[2] for row in rows())
    return f"{header},{PRICE_COLUMNS}\n" + "".join(
        f"{when((598 + number) // 60, (598 + number) % 60)},{cells}\n" for number, cells in enumerate(prices)
    )


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text)
    return folder


@pytest.mark.parametrize(
    ("header", "when"),
    [
        ("Year,Month,Day", lambda y, m, d: f"{y},{m},{d}"),
        ("year,month,day", lambda y, m, d: f"{y},{int(m)},{int(d)}"),
        ("Day,Month,Year", lambda y, m, d: f"{d},{m},{y}"),
        ("Month,Day,Year", lambda y, m, d: f"Jan,{d},{y}"),
        ("YYYY,MM,DD", lambda y, m, d: f"{y},{m},{d}"),
        ("yr,mon,dom", lambda y, m, d: f"{y}.0,{float(m)},{float(d)}"),
        ("Jahr,Monat,Tag", lambda y, m, d: f"{y},{m},{d}"),
        ("Year,Month,Day,Weekday", lambda y, m, d: f"{y},{m},{d},Mon"),
        ("Date,Year,Month,Day", lambda y, m, d: f"{y}-{m}-{d},1999,12,31"),
    ],
)
def test_dates_in_three_columns_are_joined_by_their_names(
    tmp_path: Path, header: str, when: Callable[[str, str, str], str]
) -> None:
    check(read(tmp_path, daily(header, when)))


@pytest.mark.parametrize(
    ("header", "when"),
    [
        ("Year,Month,Day,Hour,Minute", lambda h, m: f"2024,1,2,{h},{m}"),
        ("Year,Month,Day,Hour,Minute,Second", lambda h, m: f"2024,1,2,{h:02d},{m:02d},0"),
        ("Date,Hour,Minute", lambda h, m: f"2024-01-02,{h},{m}"),
        ("Date,HH,Min", lambda h, m: f"20240102,{h},{m}"),
        ("Year,Month,Day,Time", lambda h, m: f"2024,1,2,{h:02d}:{m:02d}"),
        ("Year,Month,Day,Time", lambda h, m: f"2024,1,2,{h}{m:02d}"),
        ("Date,Hour,Minute", lambda h, m: f"2024-01-02 {h:02d}:{m:02d}:00,{h},{m}"),
    ],
)
def test_times_of_day_in_columns_of_their_own_are_joined(
    tmp_path: Path, header: str, when: Callable[[int, int], str]
) -> None:
    bars = read(tmp_path, minutes(header, when), interval="1m", **NEW_YORK).prices
    assert isinstance(bars, Bars)
    assert [str(time)[:16] for time in bars.opened_at] == [
        f"2024-01-02T{h}" for h in ("14:58", "14:59", "15:00", "15:01", "15:02")
    ]


def test_seconds_of_trades_may_have_a_fraction(tmp_path: Path) -> None:
    text = "Year,Month,Day,Hour,Minute,Second,Price,Size\n" + "".join(
        f"2024,1,2,10,0,{second}.125,10.{second},100\n" for second in (8, 9, 10)
    )
    ticks = read(tmp_path, text, **NEW_YORK).prices
    assert isinstance(ticks, Ticks)
    assert [str(time)[17:23] for time in ticks.time] == ["08.125", "09.125", "10.125"]


@pytest.mark.parametrize(
    ("header", "when", "message"),
    [
        ("Year,Month,Day", lambda y, m, d: f"{y},2,30", r"date that exists in row 1, .*'2024-02-30'"),
        ("Year,Month,Day", lambda y, m, d: f"{y},13,{d}", r"month, 1 to 12 .* in row 1, column 'Month', got '13'"),
        ("yy,mm,dd", lambda y, m, d: f"{y[2:]},{m},{d}", r"year of four digits .* in row 1, column 'yy', got '24'"),
        ("Year,Month,Day", lambda y, m, d: f"{y},{m}," + d * (d != "04"), r"a day .* in row 3, .*'Day'"),
        ("YYYY,MM,DD,HH,mm", lambda y, m, d: f"{y},{m},{d},10,30", r"one column of each part .*, got 'MM', 'mm'"),
        ("Year,Month,Day,Our,Minute", lambda y, m, d: f"{y},{m},{d},9,3", r"a column of hours, in row 1, .*'Minute'"),
        ("Year,Month,Day,Hour", lambda y, m, d: f"{y},{m},{d},24", r"an hour, 0 to 23 in row 1, .*'Hour', got '24'"),
    ],
)  # fmt: skip
def test_a_part_of_a_date_that_is_none_is_named(
    tmp_path: Path, header: str, when: Callable[[str, str, str], str], message: str
) -> None:
    with pytest.raises(BadFileError, match=message):
        read(tmp_path, daily(header, when))


def fractions(write_one: Callable[[int, Fraction], str], header: str = HEADER) -> str:
    """The usual prices plus 35, in eighths: 45, 45 3/8, ..."""
    text = header + "\n"
    for day, line in zip(DAYS, PRICES, strict=True):
        eighths = [round((value + 35) * 8) for value in line[:4]]
        cells = (write_one(number // 8, Fraction(number % 8, 8)) for number in eighths)
        text += ",".join([day, *cells, str(line[4])]) + "\n"
    return text


@pytest.mark.parametrize(
    "form",
    [
        lambda units, part: f"{units} {part}" if part else str(units),
        lambda units, part: f"{units}-{part}" if part else f"{units}",
        lambda units, part: f"{units}.00" if not part else f"{units} {part.numerator * 4 * (8 // part.denominator)}/32",
        lambda units, part: f"${units} {part}" if part else f"${units}",
        lambda units, part: f"{units}{' ⅛¼⅜½⅝¾⅞'[int(part * 8)]}".strip(),
        lambda units, part: f'"1,0{units} {part}"' if part else f'"1,0{units}"',
    ],
)
def test_prices_in_fractions_are_read_to_the_last_digit(tmp_path: Path, form: Callable[[int, Fraction], str]) -> None:
    bars = read(tmp_path, fractions(form)).prices
    assert isinstance(bars, Bars)
    thousand = 1000 if form(45, Fraction(0)).startswith('"') else 0
    expected = [round((line[3] + 35) * 8) / 8 + thousand for line in PRICES]
    assert bars.close.tolist() == expected


@pytest.mark.parametrize(
    ("cell", "hint"),
    [
        ("45 3/7", "A fraction has 2, 4"), ("45 9/8", "A fraction has 2, 4"), ("45 3/0", "A fraction has 2, 4"),
        ("110-16", "Thirty-seconds .* 110.5"), ("110:16", "Thirty-seconds"), ("110'16+", "Thirty-seconds"),
        ("110-165", "Thirty-seconds"), ("-45 3/8", ""), ("453/8", ""),
    ],
)  # fmt: skip
def test_what_is_no_fraction_of_a_price_is_refused_with_its_row(tmp_path: Path, cell: str, hint: str) -> None:
    text = table(price="{:.2f}").replace("10.50,10.70", f"{cell},10.70")
    with pytest.raises(ForecastError, match=rf"a number in row 3, column 'Open', got ['\"]{cell[0]}.*{hint}"):
        read(tmp_path, text)


def test_a_first_row_with_wrong_cells_is_no_header(tmp_path: Path) -> None:
    for first in ("2023-12-29,45-16,46-00,44-16,45-16,5", "2023-12-29,x,y,z,w,5"):
        with pytest.raises(BadFileError, match="a number in row 1, column 'Open'"):
            read(tmp_path, table().replace("\n", f"\n{first}\n", 1))


def test_digits_that_never_exceed_31_are_warned_of(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    steps = 110 * 32 + np.cumsum(rng.integers(-9, 10, 60))
    days = np.busday_offset("2024-01-02", np.arange(60), holidays=["2024-01-15", "2024-02-19"])

    def text(form: Callable[[int], str]) -> str:
        return (
            HEADER
            + "\n"
            + "".join(
                f"{day},{form(n)},{form(n + 12)},{form(n - 12)},{form(n + 5)},9\n"
                for day, n in zip(days, steps, strict=True)
            )
        )

    notes = read(tmp_path, text(lambda n: f"{n // 32}.{n % 32:02d}"), max_dropped=1.0).report.notes
    assert any("thirty-seconds" in note for note in notes)
    notes = read(tmp_path, text(lambda n: f"{n / 32:.2f}")).report.notes
    assert not any("thirty-seconds" in note for note in notes)


@pytest.mark.parametrize("with_header", [0, 1, 2])
def test_parts_without_a_header_have_the_columns_of_the_file_that_has_them(tmp_path: Path, with_header: int) -> None:
    header = "Date,Close,Volume,Open,High,Low\n"
    days = lines("{d:%Y-%m-%d},{c},{v},{o},{h},{l}").splitlines(keepends=True)
    parts = ["".join(days[:2]), days[2], "".join(days[3:])]
    parts[with_header] = header + parts[with_header]
    folder = write(tmp_path / "parts", **dict(zip("abc", parts, strict=True)))
    delivery = source.read("ACME", files=[folder])
    check(delivery)
    assert f"no header: columns as in {'abc'[with_header]}.csv" in delivery.report.notes
    for path in folder.iterdir():
        path.with_suffix(".csv.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    check(source.read("ACME", files=[folder]))


def test_a_part_of_another_width_still_needs_its_own_header(tmp_path: Path) -> None:
    days = rows()
    folder = write(tmp_path / "parts", a="\n".join([HEADER, *days[:3]]), b="\n".join(f"{row},9" for row in days[3:]))
    with pytest.raises(BadFileError, match=r"b\.csv: Expected a header"):
        source.read("ACME", files=[folder])
