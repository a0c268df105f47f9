import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import ConfigError, TooFewBarsError
from pipelines.preprocessing.walk_forward import SPLITS, by_length, purge, walk_forward
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
    _, made = random_walk_windows(bars=bars, steps=steps, horizon=horizon)
    apart = np.timedelta64(embargo, "D")
    for fold in walk_forward(made, folds=folds, split=split, embargo=f"{embargo}d"):
        assert made.exit_at[fold.train].max() + apart < made.decided_at[fold.validation].min()
        assert made.exit_at[fold.validation].max() + apart < made.decided_at[fold.test].min()
        for rows in (fold.train, fold.validation, fold.test):
            assert (np.diff(rows) == 1).all()


@settings(max_examples=30, deadline=None)
@given(bars=st.integers(400, 900), folds=st.integers(1, 8))
def test_test_blocks_follow_each_other_to_the_last_window_without_a_gap(bars, folds):
    _, made = random_walk_windows(bars=bars)
    tested = np.concatenate([fold.test for fold in walk_forward(made, folds=folds)])
    np.testing.assert_array_equal(tested, np.arange(int(len(made) * 0.4), len(made)))


def test_purge_drops_exactly_the_rows_whose_exit_is_not_before_the_test():
    _, made = random_walk_windows(bars=200, horizon=5)
    tested = np.arange(100, 120)
    # row r is decided at day r and exits at the open of day r + 6, a midnight before the close of day r + 6
    assert purge(made, np.arange(100), tested=tested).tolist() == list(range(95))


def test_a_pause_in_trading_is_purged_in_time_and_not_by_count():
    _, made = random_walk_windows(bars=200, horizon=1)
    late = made.exit_at.copy()
    late[90] = made.decided_at[100]  # a holiday: this label becomes known only when the test begins
    moved = type(made)(**{**made.__dict__, "exit_at": late})
    assert 90 not in purge(moved, np.arange(100), tested=np.arange(100, 120))
    assert 91 in purge(moved, np.arange(100), tested=np.arange(100, 120))


def test_too_little_history_for_the_folds_is_refused():
    _, made = random_walk_windows(bars=100)
    with pytest.raises(TooFewBarsError, match="Expected 50 train rows in every fold, got"):
        walk_forward(made, folds=6)
    with pytest.raises(ConfigError, match="1 fold or more, got 0"):
        walk_forward(made, folds=0)


def test_the_gap_before_a_test_block_is_the_horizon_where_bars_are_evenly_spaced():
    _, made = random_walk_windows(bars=600, horizon=3)
    fold = walk_forward(made, folds=4)[2]
    gap = fold.test[0] - fold.validation[-1] - 1
    assert gap == 3  # horizon rows decided too late to be known


def test_a_rolling_fold_learns_from_as_many_rows_as_the_first_one_had():
    _, made = random_walk_windows(bars=800)
    folds = walk_forward(made, folds=4, split="rolling")
    first = int(len(made) * 0.4)
    for fold in folds:
        assert fold.train[0] == fold.test[0] - first
        assert fold.validation[-1] == fold.test[0] - 2  # the label of the row between is known too late
    expanding = walk_forward(made, folds=4)
    assert all(fold.train[0] == 0 for fold in expanding)
    assert [list(fold.test) for fold in folds] == [list(fold.test) for fold in expanding]


@pytest.mark.parametrize("embargo", ["soon", "-1d", "", "NaT"])
def test_an_embargo_that_is_no_time_span_is_refused(embargo):
    _, made = random_walk_windows(bars=400)
    with pytest.raises(ConfigError, match="Expected a time span such as 5d, 2h or 30min"):
        walk_forward(made, folds=2, embargo=embargo)


def test_another_split_is_refused():
    _, made = random_walk_windows(bars=400)
    with pytest.raises(ConfigError, match="split out of expanding, rolling, got 'random'"):
        walk_forward(made, folds=2, split="random")


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
    whole = by_length(windows, train="300", test="100")
    for fold, again in zip(whole, by_length(shorter, train="300", test="100"), strict=False):
        np.testing.assert_array_equal(fold.train, again.train)
        np.testing.assert_array_equal(fold.test[: len(again.test)], again.test)


def test_lengths_in_years_are_calendar_time_and_a_length_that_is_none_is_one_line():
    windows = random_walk_windows(bars=1_500, steps=5)[1]
    folds = by_length(windows, train="2y", test="1y")
    year = np.timedelta64(1, "D") * 365.25
    begun = [windows.decided_at[fold.test[0]] - windows.decided_at[0] for fold in folds]
    assert [float(each / year) for each in begun] == pytest.approx([2.0, 3.0, 4.0], abs=0.03)  # weekends
    for text in ("", "0", "y", "3 years", "-5", "1.5y"):
        with pytest.raises(ConfigError, match="Expected a length in bars such as 750, or in years such as 3y, got"):
            by_length(windows, train=text, test="1y")
    with pytest.raises(TooFewBarsError, match="more than 9y of history"):
        by_length(windows, train="9y", test="1y")
