"""Cleaning: each reason with its count and row, and nothing dropped that is genuine."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.cleaning import cleaning
from pipelines.errors import BadPricesError, ConfigError

GOOD = {"open": 10.0, "high": 12.0, "low": 9.0, "close": 11.0, "volume": 5.0}
DAYS = ["2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05", "2024-01-08"]


def table(*changes: dict[str, object], days: list[str] = DAYS) -> pd.DataFrame:
    rows = [{"date": day, **GOOD} for day in days]
    for row, change in enumerate(changes):
        rows[row].update(change)
    frame = pd.DataFrame(rows)
    frame["date"] = pd.to_datetime(frame["date"])
    return frame


def daily(frame: pd.DataFrame, max_dropped: float = 1.0, calendar: str = "XNYS"):
    return cleaning.bars(frame, symbol="XYZ", interval="1d", calendar=calendar, max_dropped=max_dropped)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"close": np.nan}, "missing close"),
        ({"date": None}, "missing date"),
        ({"high": np.inf}, "not finite"),
        ({"low": 0.0}, "price zero or negative"),
        ({"open": -1.0}, "price zero or negative"),
        ({"high": 8.0}, "high below low"),
        ({"close": 12.5}, "open or close outside high and low"),
        ({"open": 8.5}, "open or close outside high and low"),
        ({"volume": -1.0}, "negative volume"),
        ({"date": "2024-01-06"}, "not a session of XNYS"),
    ],
)
def test_a_row_that_cannot_be_is_dropped_with_its_reason_and_number(change: dict[str, object], reason: str) -> None:
    bars, report = daily(table({}, {}, change))
    assert len(bars) == 4
    assert report.dropped == {reason: 1}
    assert report.first_row == {reason: 3}
    assert report.summary() == f"4 of 5 rows kept; dropped: 1 {reason} (first: row 3)"


def test_a_close_outside_by_float32_rounding_is_mended() -> None:
    bars, report = daily(table({"close": 12.0000001}))
    assert bars.high[0] == 12.0000001
    assert not report.dropped
    assert "rounding" in report.summary()


def test_of_rows_with_one_date_the_last_stays_and_repeats_are_not_held_against_the_file() -> None:
    days = ["2024-01-02", "2024-01-03", "2024-01-03", "2024-01-04", "2024-01-04"]
    bars, report = daily(table({}, {}, {}, {"close": 10.0}, {"close": 11.5}, days=days))
    assert bars.close.tolist() == [11, 11, 11.5]
    assert report.dropped == {"same row again": 1, "same time with other values": 1}
    with pytest.raises(BadPricesError, match=r"1 of 5.*row 4.*--where COLUMN=VALUE"):
        daily(table({}, {}, {}, {"close": 10.0}, {"close": 11.5}, days=days), max_dropped=0.01)
    daily(table(days=["2024-01-02"] * 5), max_dropped=0.0)


def test_newest_first_is_reversed_and_disorder_is_sorted_both_with_a_note() -> None:
    bars, report = daily(table({"close": 9.5}).iloc[::-1])
    assert bars.close[0] == 9.5
    assert report.notes == ("rows were stored newest first: reversed",)
    bars, report = daily(table({"close": 9.5}).iloc[[1, 0, 2, 3, 4]])
    assert bars.close[0] == 9.5
    assert "first: row 2" in report.notes[0]


def test_more_than_one_percent_of_bad_rows_is_an_error_that_names_them() -> None:
    with pytest.raises(BadPricesError, match=r"at most 1.0%.*2 of 5.*2 price zero.*row 1\)\. Correct these rows"):
        daily(table({"low": 0}, {"low": -1}), max_dropped=0.01)
    assert len(daily(table({"low": 0}, {"low": -1}), max_dropped=0.4)[0]) == 3


def test_mostly_closed_days_mean_the_wrong_calendar() -> None:
    weekend = ["2024-01-06", "2024-01-07", "2024-01-13", "2024-01-08", "2024-01-14"]
    with pytest.raises(BadPricesError, match=r"XNYS.*4 of 5.*row 1, 2024-01-06.*--calendar"):
        daily(table(days=weekend))
    assert len(daily(table(days=weekend), calendar="24/7")[0]) == 5


def test_nothing_left_is_an_error() -> None:
    with pytest.raises(BadPricesError, match="got none"):
        daily(table().iloc[:0])
    with pytest.raises(BadPricesError, match="no row is left"):
        daily(table(*[{"low": 0}] * 5))


def intraday(times: list[str], interval: str = "1h", calendar: str = "XNYS"):
    frame = pd.DataFrame([{"opened_at": time, **GOOD} for time in times])
    frame["opened_at"] = pd.to_datetime(frame["opened_at"])
    return cleaning.bars(frame, symbol="XYZ", interval=interval, calendar=calendar)


def test_an_intraday_bar_ends_after_its_interval_or_at_the_close() -> None:
    bars, report = intraday(["2024-01-02T19:30", "2024-01-02T20:30", "2024-01-02T21:00", "2024-07-03T16:30"])
    assert bars.closed_at.astype("datetime64[m]").astype(str).tolist() == [
        "2024-01-02T20:30",
        "2024-01-02T21:00",
        "2024-07-03T17:00",  # the half day before the 4th of July
    ]
    assert report.dropped == {"outside the hours of XNYS": 1}


def test_bars_closer_together_than_the_interval_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"1h apart.*5 minutes"):
        intraday(["2024-01-02T19:30", "2024-01-02T19:35"])
    with pytest.raises(ConfigError, match="15m"):
        cleaning.length("1 fortnight")


def trades(rows: list[tuple[int, float, float]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["time", "price", "size"])
    frame["time"] = frame["time"].to_numpy().astype("datetime64[s]")
    return frame


def test_repeated_trades_stay_and_bad_ones_go() -> None:
    rows = [(1, 10.0, 5.0), (1, 10.0, 5.0), (2, 0.0, 5.0), (3, 10.0, -5.0), (4, np.inf, 1.0), (5, np.nan, 1.0)]
    ticks, report = cleaning.ticks(trades(rows), symbol="XYZ", calendar="24/7", max_dropped=1)
    assert ticks.size.tolist() == [5, 5]
    assert list(report.dropped.values()) == [1, 1, 1, 1]
    with pytest.raises(BadPricesError, match="4 of 6"):
        cleaning.ticks(trades(rows), symbol="XYZ", calendar="24/7")


@given(st.lists(st.tuples(st.integers(0, 9), st.floats(-1, 5), st.floats(-1, 5)), max_size=50))
def test_what_is_kept_and_what_is_dropped_add_up(rows: list[tuple[int, float, float]]) -> None:
    good = [row for row in rows if row[1] > 0 and row[2] >= 0]
    if not good:
        with pytest.raises(BadPricesError):
            cleaning.ticks(trades(rows), symbol="XYZ", calendar="24/7", max_dropped=1)
        return
    ticks, report = cleaning.ticks(trades(rows), symbol="XYZ", calendar="24/7", max_dropped=1)
    assert report.rows_out + sum(report.dropped.values()) == report.rows_in == len(rows)
    order = sorted(good, key=lambda row: row[0]) if any(np.diff([row[0] for row in good]) > 0) else good[::-1]
    if all(np.diff([row[0] for row in good]) >= 0):
        order = good
    assert ticks.price.tolist() == [row[1] for row in order]
