"""What networks learn bar by bar, worked out by hand; nothing of it may come from after a label is known."""

import dataclasses

import numpy as np
import pytest
from scipy.stats import norm

from forecast.config.experiment import Experiment
from forecast.datasets import path_targets
from forecast.datasets.dataset import prepare
from pipelines.errors import RunError
from pipelines.sources.synthetic import random_walk


def prepared(horizon=3, bars=500, **changes):
    return prepare(
        random_walk(bars=bars, seed=1), Experiment(symbol="W", window=5, horizon=horizon, folds=2, **changes)
    )


def test_a_path_is_the_log_returns_from_open_to_open_after_the_entry_and_adds_up_to_the_label():
    data = prepared()
    rows = np.array([0, 17, len(data.windows) - 1])
    paths = path_targets.realised(data.windows, rows, ahead=3)
    opens, end = data.bars.open, data.windows.ends[17]
    by_hand = [np.log(opens[end + 1 + step] / opens[end + step]) for step in (1, 2, 3)]
    np.testing.assert_allclose(paths[1], by_hand, rtol=1e-12)
    np.testing.assert_allclose(np.expm1(paths.sum(axis=1)), data.windows.forward_return[rows], rtol=1e-12)


def test_a_path_is_known_when_its_label_is_so_that_the_purge_holds_for_it():
    data = prepared(horizon=4)
    for fold in data.folds:
        for rows, tested in ((fold.train, fold.validation), (fold.validation, fold.test)):
            last_open = data.windows.ends[rows] + 1 + 4
            assert (data.bars.opened_at[last_open] < data.windows.decided_at[tested[0]]).all()


def test_the_unit_of_a_path_is_the_volatility_of_the_last_twenty_returns_known_at_the_decision():
    data = prepared()
    unit = path_targets.volatility(data.windows, train=data.folds[0].train)
    end = data.windows.ends[40]
    opens = data.bars.open[end - 20 : end + 1]  # the open of the deciding bar is the last one that is known
    assert unit[40] == pytest.approx(np.sqrt(np.mean(np.diff(np.log(opens)) ** 2)))
    later = data.windows.opens.copy()
    later[end + 1 :] *= np.exp(np.linspace(0, 1, len(later) - end - 1))
    again = path_targets.volatility(dataclasses.replace(data.windows, opens=later), train=data.folds[0].train)
    np.testing.assert_array_equal(again[:41], unit[:41])


def test_prices_that_stand_still_have_a_unit_too():
    windows = prepared().windows
    still = np.full(len(windows.opens), 7.0)
    train = np.arange(100)
    assert (path_targets.volatility(dataclasses.replace(windows, opens=still), train=train) == 1.0).all()
    woken = windows.opens.copy()
    woken[200:260] = woken[200]
    volatility = path_targets.volatility(dataclasses.replace(windows, opens=woken), train=train)
    assert volatility.min() == pytest.approx(0.1 * np.median(volatility[train]))


def test_windows_without_prices_have_no_path():
    with pytest.raises(RunError, match="Expected windows with the open prices"):
        path_targets.moves(dataclasses.replace(prepared().windows, opens=None))


def test_an_inner_label_is_that_of_the_window_ending_at_its_bar_and_counts_only_in_training_rows():
    data = prepared()
    windows, fold = data.windows, data.folds[1]
    weights = fold.weights.copy()
    weights[fold.train[5]] = 0.25
    labels, counts = path_targets.inner_labels(windows, dataclasses.replace(fold, weights=weights))
    for row in (0, 7, len(windows) - 1):
        assert labels[windows.ends[row]] == windows.targets[row]
    assert counts[windows.ends[fold.train[5]]] == 0.25
    assert counts.sum() == len(fold.train) - 0.75
    outside = np.setdiff1d(np.arange(len(windows)), fold.train)
    assert not counts[windows.ends[outside]].any()


def test_every_inner_label_of_a_training_window_is_known_before_the_first_validation_decision():
    for label in ("direction", "triple-barrier"):
        data = prepared(horizon=6, label=label)
        windows, fold = data.windows, data.folds[0]
        _, counts = path_targets.inner_labels(windows, fold)
        row_of = np.full(len(windows.values), -1)
        row_of[windows.ends] = np.arange(len(windows))
        inner = windows.ends[fold.train][:, None] + np.arange(-4, 1)
        counted = row_of[inner[counts[inner] > 0]]
        assert windows.exit_at[counted].max() < windows.decided_at[fold.validation[0]]


def test_the_chance_of_a_rise_is_the_normal_one_of_the_total_over_what_was_missed_before():
    predicted, actual = np.array([[0.5, 0.5], [-1.0, 0.2]]), np.array([[1.5, 0.5], [-1.0, 3.2]])
    spread = path_targets.deviation(predicted, actual, np.ones(2, dtype=np.float32))
    assert spread == pytest.approx(np.sqrt((1 + 9) / 2))
    assert path_targets.deviation(predicted, actual, np.array([1, 0], dtype=np.float32)) == 1.0
    np.testing.assert_allclose(path_targets.chance(predicted, deviation=2.0), norm.cdf([0.5, -0.4]))
    assert 0 < path_targets.chance(np.array([[-1e9]]), deviation=1.0)[0] < 1e-8
    assert path_targets.deviation(predicted, predicted, np.ones(2, dtype=np.float32)) > 0
