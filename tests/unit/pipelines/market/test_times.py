"""Times go from arrays to tables and back without a change, and are written in one way."""

import numpy as np
import pandas as pd
import pytest

from pipelines.market.times import day, iso, moment_of, utc, zoned

TIMES = np.array(["2024-01-02T21:00:00.000000001", "2024-07-03T17:00"], dtype="datetime64[ns]")


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata"])
def test_times_of_any_zone_come_back_to_the_nanosecond(zone: str) -> None:
    assert zoned(TIMES).dtype == "datetime64[ns, UTC]"
    column = pd.Series(zoned(TIMES).tz_convert(zone))
    assert utc(column).dtype == "datetime64[ns]"
    assert utc(column).tolist() == TIMES.tolist()
    assert [moment_of(stamp) for stamp in column] == list(TIMES)


def test_times_without_a_zone_are_in_utc_and_coarser_ones_are_made_nanoseconds() -> None:
    assert utc(pd.Series(TIMES)).tolist() == TIMES.tolist()
    seconds = pd.Series(TIMES[1:].astype("datetime64[s]"))
    assert utc(seconds).tolist() == utc(seconds.dt.tz_localize("UTC")).tolist() == TIMES[1:].tolist()
    assert utc(seconds).dtype == "datetime64[ns]"


def test_what_a_table_gave_can_be_written_to() -> None:
    times = utc(pd.Series(zoned(TIMES)))
    times[0] = TIMES[1]
    assert times[0] == TIMES[1]


def test_times_are_written_with_their_zone_and_dates_are_those_of_utc() -> None:
    assert iso(TIMES[1]) == "2024-07-03T17:00:00+00:00"
    assert iso(TIMES[0]) == "2024-01-02T21:00:00.000000001+00:00"
    assert day(np.datetime64("2024-01-02T23:59:59.999999999", "ns")) == "2024-01-02"
