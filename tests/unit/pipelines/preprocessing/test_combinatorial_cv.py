from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import ConfigError, TooFewBarsError
from pipelines.preprocessing.combinatorial_cv import combinatorial, count_folds, group_rows, path_folds, purge_around
from tests.helpers.windows import random_walk_windows


@given(
    bars=st.integers(500, 800),
    horizon=st.integers(1, 12),
    groups=st.integers(3, 7),
    tested=st.integers(1, 2),
    embargo=st.integers(0, 10),
)
def test_no_label_that_is_learned_from_overlaps_a_tested_one_on_either_side(bars, horizon, groups, tested, embargo):
    _, windows = random_walk_windows(bars=bars, horizon=horizon)
    apart = np.timedelta64(embargo, "D")
    folds = combinatorial(windows, groups=groups, tested=tested, embargo=f"{embargo}d")
    assert len(folds) == comb(groups, tested)
    for fold in folds:
        learned = np.concatenate([fold.train, fold.validation])
        for row in fold.test:  # label by label: [decided, exit] of the one ends before the other begins
            before = windows.exit_at[learned] + apart < windows.decided_at[row]
            assert (before | (windows.decided_at[learned] > windows.exit_at[row] + apart)).all()
        assert windows.exit_at[fold.train].max() + apart < windows.decided_at[fold.validation].min()


def test_purging_takes_the_horizon_before_a_group_and_the_horizon_after_it():
    _, windows = random_walk_windows(bars=629, horizon=3)  # 596 windows
    assert len(windows) == 596
    fold = combinatorial(windows, groups=4, tested=1)[1]  # rows 149 .. 297 are tested
    learned = np.concatenate([fold.train, fold.validation])
    assert (fold.test[0], fold.test[-1]) == (149, 297)
    # row r is decided at the close of day r and its label ends at the open of day r + 4, a day's part before the close
    # of day r + 4: the last row before is 145, the first one after is the one decided at the close of day 297 + 4
    gap = learned[(learned > 140) & (learned < 310)]
    assert [int(row) for row in gap] == [*range(141, 146), *range(301, 310)]


@given(groups=st.integers(2, 7), tested=st.integers(1, 3))
def test_every_path_goes_through_every_group_and_every_tested_group_is_on_one_path(groups, tested):
    if tested >= groups:
        return
    paths = path_folds(groups=groups, tested=tested)
    assert paths.shape == (comb(groups, tested) * tested // groups, groups)  # phi = C(N, k) k / N
    used = {(int(fold), group) for path in paths for group, fold in enumerate(path)}
    assert len(used) == comb(groups, tested) * tested


def test_each_fold_tests_its_groups_and_each_group_is_tested_as_often_as_there_are_paths():
    _, windows = random_walk_windows(bars=600)
    folds = combinatorial(windows, groups=6, tested=2)
    blocks = group_rows(len(windows), groups=6)
    for path in path_folds(groups=6, tested=2):
        for group, fold in enumerate(path):
            assert np.isin(blocks[group], folds[fold].test).all()
    counts = np.bincount(np.concatenate([fold.test for fold in folds]))
    assert (counts == 5).all()


@pytest.mark.parametrize(("groups", "tested"), [(1, 1), (4, 4), (4, 0), (12, 6)])
def test_an_impossible_number_of_groups_is_refused(groups, tested):
    _, windows = random_walk_windows(bars=500)
    with pytest.raises(ConfigError, match=f"got {groups} groups of which {tested} are tested"):
        combinatorial(windows, groups=groups, tested=tested)


def test_two_groups_are_the_fewest_and_200_folds_the_most():
    assert count_folds(groups=2, tested=1) == 2
    assert count_folds(groups=200, tested=1) == 200
    with pytest.raises(ConfigError, match="at most 200 folds, got 201 groups"):
        count_folds(groups=201, tested=1)


def test_a_label_that_ends_when_a_tested_one_begins_overlaps_it_and_so_does_one_that_begins_when_it_ends():
    _, windows = random_walk_windows(bars=100)
    exit_at = windows.exit_at.copy()
    exit_at[[8, 9]] = windows.decided_at[10] + np.array([-1, 0], "timedelta64[ns]")
    exit_at[11] = windows.decided_at[13]
    moved = type(windows)(**{**windows.__dict__, "exit_at": exit_at})
    rows, tested, day = np.array([7, 8, 9, 13, 14, 15]), np.array([10, 11]), np.timedelta64(1, "D")
    assert purge_around(moved, rows, tested=tested, embargo=day * 0).tolist() == [7, 8, 14, 15]
    assert purge_around(moved, rows, tested=tested, embargo=np.timedelta64(1, "ns")).tolist() == [7, 14, 15]
    assert purge_around(moved, rows, tested=tested, embargo=day).tolist() == [7, 15]
    assert purge_around(moved, rows, tested=tested[:0], embargo=day).tolist() == rows.tolist()


def test_too_little_history_is_refused():
    _, windows = random_walk_windows(bars=100)
    with pytest.raises(TooFewBarsError, match="Expected 50 train rows"):
        combinatorial(windows, groups=6, tested=5)
