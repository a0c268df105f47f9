"""Sessions and hours, against what the exchanges published."""

import numpy as np
import pytest

from pipelines.errors import BadPricesError, ConfigError
from pipelines.market import calendars


def days(*texts: str) -> np.ndarray:
    return np.array(texts, "datetime64[D]")


def test_a_year_has_252_sessions_in_new_york_and_365_and_a_quarter_for_crypto() -> None:
    assert calendars.sessions_per_year("XNYS") == pytest.approx(251.7, abs=0.3)
    assert calendars.sessions_per_year("24/7") == 365.25
    assert calendars.sessions_per_year("XTKS") == pytest.approx(245, abs=1.5)


def test_hours_follow_daylight_saving_and_half_days() -> None:
    opened, closed = calendars.daily_times(days("2024-01-02", "2024-07-01", "2024-07-03"), "XNYS")
    assert list(opened.astype(str)) == [f"2024-{t}:00.000000000" for t in ("01-02T14:30", "07-01T13:30", "07-03T13:30")]
    assert list(closed.astype(str)) == [f"2024-{t}:00.000000000" for t in ("01-02T21:00", "07-01T20:00", "07-03T17:00")]


def test_holidays_and_weekends_are_no_sessions() -> None:
    chosen = days("2001-09-11", "2001-09-12", "2001-09-17", "2024-12-25", "2024-12-28", "2024-12-30")
    assert calendars.is_session(chosen, "XNYS").tolist() == [False, False, True, False, False, True]
    assert calendars.is_session(chosen, "24/7").all()
    with pytest.raises(BadPricesError, match="2024-12-25"):
        calendars.daily_times(days("2024-12-24", "2024-12-25"), "XNYS")


@pytest.mark.parametrize("calendar", ["XNYS", "XTKS", "XLON"])
def test_dates_before_the_recorded_years_are_weekdays_with_the_first_hours(calendar: str) -> None:
    chosen = days("1955-06-15", "1962-01-03", "1996-12-30")
    opened, closed = calendars.daily_times(chosen, calendar)
    assert np.array_equal(opened.astype("datetime64[D]"), chosen)
    assert np.all(closed > opened)
    assert not calendars.is_session(days("1955-06-18"), calendar)[0]
    assert np.array_equal(calendars.session_of(closed, calendar), chosen)


def test_a_time_belongs_to_the_first_session_that_has_not_closed() -> None:
    opened, closed = calendars.daily_times(days("2013-08-30", "2013-09-03"), "XNYS")
    second = np.timedelta64(1, "s")
    times = np.concatenate([opened, closed, closed[:1] + second])
    expected = days("2013-08-30", "2013-09-03", "2013-08-30", "2013-09-03", "2013-09-03")
    assert np.array_equal(calendars.session_of(times, "XNYS"), expected)
    assert calendars.is_open(times, "XNYS").tolist() == [True, True, True, True, False]


def test_a_futures_session_starts_the_evening_before() -> None:
    time = np.array(["2013-09-01T22:00:00.083", "2013-09-02T15:29:59", "2013-09-03T13:30"], "datetime64[ns]")
    assert np.array_equal(calendars.session_of(time, "CMES"), days("2013-09-02", "2013-09-02", "2013-09-03"))


def test_an_unknown_calendar_is_named_with_the_nearest_ones() -> None:
    with pytest.raises(ConfigError, match="XNYS"):
        calendars.schedule("XNYX")
