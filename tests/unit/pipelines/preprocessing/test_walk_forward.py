import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import ConfigError, TooFewBarsError
from pipelines.preprocessing.walk_forward import (
    SPLITS,
    before,
    by_length,
    checked,
    newest,
    purge,
    time_span,
    walk_forward,
)
from pipelines.preprocessing.windows import PER_WINDOW, Windows
from tests.helpers.windows import random_walk_windows


@settings(max_examples=60, deadline=None)
@given(
    bars=st.integers(400, 900),
    steps=st.integers(1, 40),
    horizon=st.integers(1, 12),
    folds=st.integers(1, 6),
    split=st.sampled_from(SPLITS),
    embargo=st.integers(0, 10),
)
def test_every_training_label_is_known_before_the_first_decision_it_is_tested_on(
    bars, steps, horizon, folds, split, embargo
):
    _, windows = random_walk_windows(bars=bars, steps=steps, horizon=horizon)
    apart = np.timedelta64(embargo, "D")
    for fold in walk_forward(windows, folds=folds, split=split, embargo=f"{embargo}d"):
        assert windows.exit_at[fold.train].max() + apart < windows.decided_at[fold.validation].min()
        assert windows.exit_at[fold.validation].max() + apart < windows.decided_at[fold.test].min()
        for rows in (fold.train, fold.validation, fold.test):
            assert (np.diff(rows) == 1).all()


@settings(max_examples=30, deadline=None)
@given(bars=st.integers(400, 900), folds=st.integers(1, 8))
def test_test_blocks_follow_each_other_to_the_last_window_without_a_gap(bars, folds):
    _, windows = random_walk_windows(bars=bars)
    tested = np.concatenate([fold.test for fold in walk_forward(windows, folds=folds)])
    np.testing.assert_array_equal(tested, np.arange(int(len(windows) * 0.4), len(windows)))


def test_purge_drops_exactly_the_rows_whose_exit_is_not_before_the_test():
    _, windows = random_walk_windows(bars=200, horizon=5)
    tested = np.arange(100, 120)
    # row r is decided at day r and exits at the open of day r + 6, a midnight before the close of day r + 6
    assert purge(windows, np.arange(100), tested=tested).tolist() == list(range(95))


def test_a_pause_in_trading_is_purged_in_time_and_not_by_count():
    _, windows = random_walk_windows(bars=200, horizon=1)
    late = windows.exit_at.copy()
    late[90] = windows.decided_at[100]  # a holiday: this label becomes known only when the test begins
    moved = type(windows)(**{**windows.__dict__, "exit_at": late})
    assert 90 not in purge(moved, np.arange(100), tested=np.arange(100, 120))
    assert 91 in purge(moved, np.arange(100), tested=np.arange(100, 120))


def test_too_little_history_for_the_folds_is_refused():
    _, windows = random_walk_windows(bars=100)
    with pytest.raises(TooFewBarsError, match="Expected 50 train rows in every fold, got"):
        walk_forward(windows, folds=6)
    with pytest.raises(ConfigError, match="1 fold or more, got 0"):
        walk_forward(windows, folds=0)


def test_the_gap_before_a_test_block_is_the_horizon_where_bars_are_evenly_spaced():
    _, windows = random_walk_windows(bars=600, horizon=3)
    fold = walk_forward(windows, folds=4)[2]
    gap = fold.test[0] - fold.validation[-1] - 1
    assert gap == 3  # horizon rows decided too late to be known


def test_a_rolling_fold_learns_from_as_many_rows_as_the_first_one_had():
    _, windows = random_walk_windows(bars=800)
    folds = walk_forward(windows, folds=4, split="rolling")
    first = int(len(windows) * 0.4)
    for fold in folds:
        assert fold.train[0] == fold.test[0] - first
        assert fold.validation[-1] == fold.test[0] - 2  # the label of the row between is known too late
    expanding = walk_forward(windows, folds=4)
    assert all(fold.train[0] == 0 for fold in expanding)
    assert [list(fold.test) for fold in folds] == [list(fold.test) for fold in expanding]


@pytest.mark.parametrize("embargo", ["soon", "-1d", "", "NaT"])
def test_an_embargo_that_is_no_time_span_is_refused(embargo):
    _, windows = random_walk_windows(bars=400)
    with pytest.raises(ConfigError, match="Expected a time span such as 5d, 2h or 30min"):
        walk_forward(windows, folds=2, embargo=embargo)


def test_another_split_is_refused():
    _, windows = random_walk_windows(bars=400)
    with pytest.raises(ConfigError, match="split out of expanding, rolling, got 'random'"):
        walk_forward(windows, folds=2, split="random")


def test_blocks_of_a_length_learn_from_so_many_moments_before_them_and_follow_without_a_gap():
    windows = random_walk_windows(bars=1_000, steps=5)[1]
    folds = by_length(windows, train="300", test="100", validation=0.2)
    assert len(folds) == -(-(len(windows) - 300) // 100)
    assert folds[0].test[0] == 300
    np.testing.assert_array_equal(np.concatenate([fold.test for fold in folds]), np.arange(300, len(windows)))
    for fold in folds:
        learned = np.concatenate([fold.train, fold.validation])
        assert learned.min() == fold.test[0] - 300
        assert windows.exit_at[learned].max() < windows.decided_at[fold.test].min()
        assert windows.exit_at[fold.train].max() < windows.decided_at[fold.validation].min()
        assert len(fold.validation) == int(0.2 * (len(fold.validation) + (fold.validation[0] - learned.min())))


def test_blocks_of_a_length_are_the_same_for_a_shorter_history():
    windows = random_walk_windows(bars=1_000, steps=5)[1]
    shorter = random_walk_windows(bars=750, steps=5)[1]
    folds = by_length(windows, train="300", test="100")
    for fold, again in zip(folds, by_length(shorter, train="300", test="100"), strict=False):
        np.testing.assert_array_equal(fold.train, again.train)
        np.testing.assert_array_equal(fold.test[: len(again.test)], again.test)


def test_lengths_in_years_are_calendar_time_and_a_length_that_is_none_is_one_line():
    windows = random_walk_windows(bars=1_500, steps=5)[1]
    folds = by_length(windows, train="2y", test="1y")
    year = np.timedelta64(1, "D") * 365.25
    begun = [windows.decided_at[fold.test[0]] - windows.decided_at[0] for fold in folds]
    assert [float(moment / year) for moment in begun] == pytest.approx([2.0, 3.0, 4.0], abs=0.03)  # weekends
    for text in ("", "0", "y", "3 years", "-5", "1.5y"):
        with pytest.raises(ConfigError, match="Expected a length in bars such as 750, or in years such as 3y, got"):
            by_length(windows, train=text, test="1y")
    with pytest.raises(TooFewBarsError, match="more than 9y of history"):
        by_length(windows, train="9y", test="1y")


def every(hours: int, *, moments: int, symbols: int = 1) -> Windows:
    """So many windows at moments that are so many hours apart; a label is known an hour after its decision."""
    windows = random_walk_windows(bars=100)[1]
    rows = moments * symbols
    columns = {name: np.resize(getattr(windows, name), rows) for name in PER_WINDOW}
    decided = np.datetime64("2020-01-01", "ns") + np.arange(moments) * np.timedelta64(hours, "h")
    times = {"decided_at": np.repeat(decided, symbols), "exit_at": np.repeat(decided + np.timedelta64(1, "h"), symbols)}
    return dataclasses.replace(windows, **columns | times)


@pytest.mark.parametrize(
    ("text", "seconds"), [("3d", 259_200), ("2h", 7_200), ("30min", 1_800), ("10s", 10), (" 1 D ", 86_400)]
)
def test_a_time_span_in_seconds(text, seconds):
    assert time_span(text) == np.timedelta64(seconds * 1_000_000_000, "ns")


def test_a_label_known_a_nanosecond_before_the_test_is_kept():
    windows = every(24, moments=20)
    late = windows.exit_at.copy()
    late[8:10] = windows.decided_at[10] - np.array([1, 0], "timedelta64[ns]")
    moved = dataclasses.replace(windows, exit_at=late)
    tested = np.arange(10, 12)
    assert purge(moved, np.arange(10), tested=tested).tolist() == list(range(9))
    nanosecond = np.timedelta64(1, "ns")
    assert purge(moved, np.arange(10), tested=tested, embargo=nanosecond).tolist() == list(range(8))
    assert purge(moved, np.arange(10), tested=tested[:0]).tolist() == []


def test_the_fewest_rows_of_a_fold_are_50_to_train_10_to_validate_and_5_to_test():
    windows = every(24, moments=100)
    rows = {"train": np.arange(50), "validation": np.arange(60, 70), "test": np.arange(80, 85)}
    assert checked(windows, 0, **rows).weights.tolist() == [1.0] * 100
    for name, fewest in (("train", 50), ("validation", 10), ("test", 5)):
        with pytest.raises(TooFewBarsError, match=f"Expected {fewest} {name} rows in every fold, got {fewest - 1} in"):
            checked(windows, 0, **rows | {name: rows[name][:-1]})


def test_15_percent_of_the_rows_before_a_block_validate():
    fold = walk_forward(every(24, moments=1_000), folds=1)[0]
    assert (fold.train.tolist(), fold.validation.tolist()) == (list(range(340)), list(range(340, 400)))
    assert fold.test.tolist() == list(range(400, 1_000))


def test_planned_blocks_lie_where_they_will_lie_and_begin_with_5_rows():
    full = walk_forward(every(24, moments=1_000), folds=3)  # blocks of 200 from row 400 on
    for count, tested in ((604, [200]), (605, [200, 5]), (800, [200, 200]), (1_000, [200, 200, 200])):
        folds = walk_forward(every(24, moments=count), folds=3, planned=1_000)
        assert [len(fold.test) for fold in folds] == tested
        for fold, planned in zip(folds, full, strict=False):
            np.testing.assert_array_equal(fold.train, planned.train)
            assert (fold.number, fold.test[0]) == (planned.number, planned.test[0])


def test_decisions_of_one_moment_are_in_one_block():
    folds = walk_forward(every(24, moments=200, symbols=3), folds=7)  # 360 rows from row 240 on: 52, 52, 52, 51, ...
    begins = [fold.test[0] for fold in folds]
    assert begins == [240, 291, 342, 396, 447, 498, 549]  # 292, 344, 396, 447, ..., each brought to its moment's first
    np.testing.assert_array_equal(np.concatenate([fold.test for fold in folds]), np.arange(240, 600))


def test_the_last_block_of_a_length_is_left_out_below_5_rows():
    for moments, last in ((204, 100), (205, 5)):
        assert len(by_length(every(24, moments=moments), train="100", test="100")[-1].test) == last
    with pytest.raises(TooFewBarsError, match="Expected 5 test rows in every fold, got 1 in fold 0"):
        by_length(every(24, moments=204), train="100", test="1")
    with pytest.raises(TooFewBarsError, match="Expected more than 100 of history before the first test, got 100"):
        by_length(every(24, moments=100), train="100", test="100")


def test_a_year_is_365_and_a_quarter_days_to_the_second():
    windows = every(6, moments=3 * 1_461 + 9)  # four moments a day: 1,461 a year
    folds = by_length(windows, train="1y", test="1y")
    assert [fold.test[0] for fold in folds] == [1_461, 2_922, 4_383]
    assert [fold.train[0] for fold in folds] == [0, 1_461, 2_922]
    assert [len(fold.test) for fold in folds] == [1_461, 1_461, 9]


def test_the_newest_fold_learns_from_all_labels_known_at_its_decision():
    windows = every(24, moments=200)
    fold = newest(windows)
    assert (fold.train.tolist(), fold.validation.tolist()) == (list(range(170)), list(range(170, 199)))  # 0.15 x 199
    assert (fold.number, fold.test.tolist()) == (0, [199])
    rolling = newest(windows, split="rolling")
    assert (rolling.train[0], rolling.validation[-1]) == (199 - 80, 198)
    panel = newest(windows, test=np.arange(190, 200), embargo="2d")
    assert panel.validation[-1] == 187  # known at hour 1 of its day, 2 days and more before day 190
    assert panel.test.tolist() == list(range(190, 200))


def test_a_fold_of_given_test_rows_learns_from_what_was_known_before_them():
    fold = before(every(24, moments=200), 4, test=np.arange(150, 170))
    assert (fold.number, fold.train.tolist()) == (4, list(range(128)))
    assert fold.validation.tolist() == list(range(128, 150))  # 0.15 x 150
