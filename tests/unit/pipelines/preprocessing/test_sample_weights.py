import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import ConfigError, TooFewBarsError
from pipelines.preprocessing.sample_weights import class_weights, uniqueness, weigh
from pipelines.preprocessing.walk_forward import walk_forward
from tests.helpers.windows import random_walk_windows


def test_uniqueness_of_three_labels_worked_out_by_hand():
    # bars:      3    4    5    6    7
    # label 0    x    x                    alive 1, 2       uniqueness 1, 1/2       mean 3/4
    # label 1         x    x    x          alive 2, 1, 1    1/2, 1, 1               mean 5/6
    # label 2                        x     alive 1          1                       mean 1
    shares = uniqueness(np.array([3, 4, 7]), held=np.array([2, 3, 1]))
    expected = np.array([3 / 4, 5 / 6, 1.0])
    np.testing.assert_allclose(shares, expected / expected.mean(), rtol=1e-12)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 8)), min_size=1, max_size=40))
def test_uniqueness_is_what_counting_bar_by_bar_gives(spans):
    spans.sort()
    lives = [set(range(entry, entry + bars_held)) for entry, bars_held in spans]
    plain = np.array([np.mean([1 / sum(bar in other for other in lives) for bar in life]) for life in lives])
    shares = uniqueness(np.array([entry for entry, _ in spans]), held=np.array([bars_held for _, bars_held in spans]))
    np.testing.assert_allclose(shares, plain / plain.mean(), rtol=1e-9)


def test_balanced_classes_weigh_the_same_and_one_on_average():
    assert class_weights(np.array([True] * 3 + [False])) == (pytest.approx(2 / 3), 2.0)  # 3 x 2/3 = 1 x 2
    assert class_weights(np.array([True] * 3)) == (1.0, 1.0)


def test_weights_of_a_fold_come_from_its_training_rows():
    _, windows = random_walk_windows(bars=500, horizon=3)
    fold = walk_forward(windows, folds=2)[1]
    balanced = weigh(windows, fold, kind="balanced").weights
    rises = windows.targets > 0
    train, up, down = fold.train, fold.train[rises[fold.train]], fold.train[~rises[fold.train]]
    np.testing.assert_allclose(balanced[up].sum(), balanced[down].sum(), rtol=1e-5)
    np.testing.assert_allclose(balanced[train].mean(), 1.0, rtol=1e-5)
    assert set(balanced[fold.validation]) == set(balanced[train])
    unique = weigh(windows, fold, kind="uniqueness").weights
    np.testing.assert_allclose(unique[train].mean(), 1.0, rtol=1e-5)
    # three labels share a bar inside; the first one is alone for a bar: (1 + 1/2 + 1/3) / 3 against 1/3
    np.testing.assert_allclose(unique[train[0]] / unique[train[10]], (1 + 1 / 2 + 1 / 3) / 3 / (1 / 3), rtol=1e-5)
    assert (weigh(windows, fold, kind="none").weights[train] == 1).all()


def test_rows_that_teach_nothing_weigh_nothing_and_too_few_others_are_refused():
    _, windows = random_walk_windows(bars=500)
    fold = walk_forward(windows, folds=2)[0]
    half = dataclasses.replace(windows, label_weights=(np.arange(len(windows)) % 2).astype(float))
    for kind in ("none", "balanced", "uniqueness"):
        weights = weigh(half, fold, kind=kind).weights
        assert (weights[fold.train[fold.train % 2 == 0]] == 0).all()
        assert (weights[fold.train[fold.train % 2 == 1]] > 0).all()
    few = np.zeros(len(windows))
    few[fold.train[:50]] = few[fold.validation[:10]] = 1
    assert weigh(dataclasses.replace(windows, label_weights=few), fold, kind="none").weights.sum() == 60
    for row, name, fewest in ((fold.train[0], "train", 50), (fold.validation[0], "validation", 10)):
        fewer = np.where(np.arange(len(windows)) == row, 0.0, few)
        with pytest.raises(TooFewBarsError, match=f"Expected {fewest} {name} rows that move .* got {fewest - 1} in"):
            weigh(dataclasses.replace(windows, label_weights=fewer), fold, kind="none")
    with pytest.raises(
        TooFewBarsError, match=r"Expected 50 train rows that move .* got 0 in fold 0\. Lower --label-cost"
    ):
        weigh(dataclasses.replace(windows, label_weights=np.zeros(len(windows))), fold, kind="none")
    with pytest.raises(ConfigError, match="weights out of none, balanced, uniqueness, got 'all'"):
        weigh(windows, fold, kind="all")


def test_classes_are_balanced_over_the_rows_that_teach_and_one_half_is_no_rise():
    _, windows = random_walk_windows(bars=500)
    fold = walk_forward(windows, folds=2)[0]
    place = np.arange(len(windows)) % 5  # of five rows one rises, two stay, one falls, and a rise teaches nothing
    chosen = dataclasses.replace(
        windows,
        targets=np.array([1.0, 0.5, 0.5, 0.0, 1.0])[place],
        label_weights=np.array([1.0, 1.0, 1.0, 1.0, 0.0])[place],
    )
    rows = fold.train[: len(fold.train) // 5 * 5]
    weights = weigh(chosen, dataclasses.replace(fold, train=rows), kind="balanced").weights
    expected = np.array([4 / 2, 4 / 6, 4 / 6, 4 / 6, 0])[place]  # four teach: one against three
    np.testing.assert_allclose(weights[rows], expected[rows], rtol=1e-6)
    np.testing.assert_allclose(weights[fold.validation], expected[fold.validation], rtol=1e-6)
