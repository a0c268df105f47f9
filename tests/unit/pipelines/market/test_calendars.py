"""Sessions and hours, against what the exchanges published."""

import numpy as np
import pandas as pd
import pytest

from pipelines.errors import BadPricesError, ConfigError
from pipelines.market import calendars, known_sessions
from pipelines.sources.yahoo.exchanges import CALENDARS


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


def test_a_clock_that_is_behind_takes_no_session_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exchange_calendars.exchange_calendar.GLOBAL_DEFAULT_END", pd.Timestamp("1971-01-01"))
    for calendar in ("XNYS", "XSHG"):  # the second one records nothing beyond 2026
        sessions = calendars.schedule.__wrapped__(calendar)
        assert np.isin(days("2013-03-01", "2026-12-31"), sessions.date).all()


def test_an_unknown_calendar_is_named_with_the_nearest_ones() -> None:
    with pytest.raises(ConfigError, match="XNYS"):
        calendars.schedule("XNYX")


# Sessions from 1960 (or the first recorded year) to 2024, and of 2024 alone: exchange_calendars 4.13.2 on pandas 3.0.6,
# those of 2024 as the exchanges' own calendars have them (252 in New York, 254 in London and Frankfurt, 245 in Tokyo).
SESSIONS = {
    "24/5": (16957, 262), "24/7": (23739, 366), "ASEX": (16303, 248), "BVMF": (16261, 251), "CMES": (16791, 259),
    "IEPA": (16790, 259), "XAMS": (16582, 256), "XASX": (16528, 254), "XBKK": (16152, 243), "XBOM": (6926, 246),
    "XBRU": (16582, 256), "XBUD": (16377, 247), "XBUE": (16273, 248), "XCSE": (16381, 250), "XDUB": (16517, 255),
    "XETR": (16599, 254), "XFRA": (16599, 254), "XHEL": (16425, 251), "XHKG": (16084, 246), "XICE": (16304, 248),
    "XIDX": (16391, 237), "XIST": (16506, 250), "XJSE": (16375, 251), "XKLS": (16321, 247), "XKRX": (18087, 244),
    "XLIS": (16420, 256), "XLON": (16507, 254), "XMAD": (16467, 256), "XMEX": (16505, 252), "XMIL": (16574, 253),
    "XNYS": (16446, 252), "XNZE": (16419, 251), "XOSL": (16411, 250), "XPAR": (16613, 256), "XPRA": (16416, 251),
    "XSAU": (994, 246), "XSES": (9792, 252), "XSGO": (16353, 248), "XSHG": (8324, 242), "XSTO": (16415, 251),
    "XSWX": (16426, 250), "XTAE": (16158, 246), "XTAI": (16214, 243), "XTKS": (6864, 245), "XTSE": (16443, 252),
    "XWAR": (16414, 249), "XWBO": (16271, 254),
}  # fmt: skip


@pytest.mark.parametrize("calendar", CALENDARS)
def test_every_mapped_calendar_trades_when_its_exchange_did(calendar: str) -> None:
    assert any(fact.calendar == calendar for fact in known_sessions.KNOWN_SESSIONS)
    assert known_sessions.contradictions(calendar) == []
    dates = calendars.schedule(calendar).date
    past = dates[dates < np.datetime64("2025-01-01")]
    assert (len(past), np.count_nonzero(past >= np.datetime64("2024-01-01"))) == SESSIONS[calendar]


def test_a_calendar_that_cannot_be_built_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import exchange_calendars

    def broken(*arguments: object, **options: object) -> None:
        raise NotImplementedError("implemented by\nsubclasses " * 10_000)

    monkeypatch.setattr(exchange_calendars, "get_calendar", broken)
    with pytest.raises(ConfigError, match=r"^Expected to build the calendar XCYS, got NotImplementedError") as caught:
        calendars.schedule("XCYS")
    assert len(str(caught.value)) < 400
    assert "\n" not in str(caught.value)


def test_a_lost_session_and_a_wrong_close_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    schedule = calendars.schedule("XNYS")
    listed = schedule.date != np.datetime64("2024-07-03")
    close = schedule.close.copy()
    close[schedule.date == np.datetime64("2024-11-29")] += np.timedelta64(3, "h")
    lossy = calendars.Schedule(
        date=schedule.date[listed], open=schedule.open[listed], close=close[listed], zone=schedule.zone
    )
    monkeypatch.setattr(calendars, "schedule", lambda name: lossy)
    assert [line.split(":")[0] for line in known_sessions.contradictions("XNYS")] == ["2024-07-03", "2024-11-29"]
