"""When a signal is stale: by the exchange's own sessions, holidays and half days among them."""

import numpy as np
import pytest

from forecast.cli.signal_output import note_on_clock
from forecast.config.trading import TradingConfig
from forecast.serving.signal import RunSignal


@pytest.mark.parametrize(
    ("decided_at", "now", "stale"),
    [
        ("2023-07-03T17:00", "2023-07-03T17:05", False),  # a half day: New York closed at 17:00 UTC
        ("2023-07-03T17:00", "2023-07-05T12:00", False),  # the 4th is a holiday
        ("2023-07-03T17:00", "2023-07-05T20:29", False),  # quotes of the 5th come late
        ("2023-07-03T17:00", "2023-07-05T20:30", True),
        ("2023-06-30T20:00", "2023-07-03T17:29", False),
        ("2023-06-30T20:00", "2023-07-03T17:30", True),  # half an hour after the early close
        ("2023-06-30T20:00", "2023-06-29T12:00", False),  # a clock that was set back makes nothing stale
    ],
)
def test_a_price_is_stale_once_a_later_session_has_been_closed_for_half_an_hour(decided_at, now, stale) -> None:
    forecast = RunSignal(
        run="r", symbol="AAPL", decided_at=np.datetime64(decided_at, "ns"), price=1.0, currency="USD", calendar="XNYS",
        bars_since_run=0, rules=TradingConfig(), networks=(),
    )  # fmt: skip
    assert forecast.stale(np.datetime64(now, "ns")) is stale


def test_a_clock_behind_the_newest_price_is_said() -> None:
    closed = np.datetime64("2013-03-01T21:00", "ns")
    assert note_on_clock(closed, now=closed) == ""
    assert note_on_clock(closed, now=np.datetime64("1999-01-01T08:00", "ns")) == (
        "The clock says 1999-01-01 08:00 UTC, earlier than the newest price (2013-03-01 21:00 UTC). Check it: stale "
        "prices go unnoticed."
    )
