"""A missing open is no damage, and no open is invented."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.cleaning import cleaning
from pipelines.errors import BadPricesError
from pipelines.market import calendars
from pipelines.market.types import Bars

DAYS = calendars.sessions_between("1980-01-02", "1990-12-31", "XNYS")


def cleaned(missing: np.ndarray, *, value: float = 0.0, newest_first: bool = False) -> tuple[Bars, dict[str, int]]:
    opens = np.where(missing, value, 10.0)
    frame = pd.DataFrame(
        {"date": DAYS[: len(missing)].astype("datetime64[ns]"), "open": opens, "high": 11.0, "low": 9.0, "close": 10.0}
    ).assign(volume=100.0)
    if newest_first:
        frame = frame.iloc[::-1].reset_index(drop=True)
    bars, report = cleaning.bars(frame, symbol="X", interval="1d", calendar="XNYS")
    return bars, report.dropped


@pytest.mark.parametrize("value", [0.0, np.nan])
@pytest.mark.parametrize("newest_first", [False, True])
def test_bars_begin_after_the_last_stretch_with_many_missing_opens(value: float, newest_first: bool) -> None:
    missing = np.arange(900) < 400
    bars, dropped = cleaned(missing, value=value, newest_first=newest_first)
    assert len(bars) == 500
    assert calendars.session_of(bars.closed_at, "XNYS")[0] == DAYS[400]
    assert dropped == {"before the opens begin": 400}


def test_scattered_missing_opens_are_dropped_one_by_one_and_do_not_count_as_damage() -> None:
    bars, dropped = cleaned(np.arange(900) % 30 == 7)  # 3.3 %: two in each sixty
    assert dropped == {"missing open": 30}
    assert len(bars) == 870


def test_the_case_of_two_leading_rows_is_read() -> None:
    bars, dropped = cleaned(np.array([True, True, False, False, False]))
    assert (len(bars), dropped) == (3, {"missing open": 2})


def test_a_late_stretch_does_not_throw_a_good_history_away() -> None:
    missing = (np.arange(900) >= 800) & (np.arange(900) < 890)
    with pytest.raises(BadPricesError, match="90 missing open"):
        cleaned(missing)


def test_an_open_of_zero_beside_damaged_prices_is_damage() -> None:
    frame = pd.DataFrame({"date": DAYS[:3].astype("datetime64[ns]"), "open": [0.0, 10, 10], "high": [11.0, 11, 11]})
    frame = frame.assign(low=[9.0, 9, 9], close=[0.0, 10, 10], volume=1.0)
    with pytest.raises(BadPricesError, match="price zero or negative"):
        cleaning.bars(frame, symbol="X", interval="1d", calendar="XNYS")


@given(st.lists(st.booleans(), min_size=1, max_size=300))
def test_what_is_kept_is_a_row_of_the_input_with_its_own_open(flags: list[bool]) -> None:
    missing = np.array(flags)
    try:
        bars, dropped = cleaned(missing)
    except BadPricesError:
        assert missing.any()
        return
    assert len(bars) + sum(dropped.values()) == len(missing)
    present = np.isin(DAYS[: len(missing)], calendars.session_of(bars.closed_at, "XNYS"))
    assert not np.any(present & missing)
    assert np.all(bars.open == 10.0)
