"""Paths of a combinatorial run: how they are put together, and what is said of them."""

import numpy as np
import pytest

from forecast.config.experiment import Experiment
from forecast.datasets.dataset import prepare
from forecast.runs import tables
from forecast.statistics.cpcv import path_results
from forecast.trading.signals import members
from pipelines.sources.synthetic import random_walk

EXPERIMENT = Experiment(symbol="WALK", window=5, split="combinatorial", groups=4, test_groups=2, seeds=2)


def test_a_path_takes_each_group_from_the_fold_that_its_turn_names():
    dataset = prepare(random_walk(bars=408, seed=0), EXPERIMENT)
    assert len(dataset.windows) == 401  # 100 windows a group, 101 in the first
    assert len(dataset.folds) == 6
    paths = {
        ("lstm", fold.number, seed): np.full(len(fold.test), (fold.number + seed) / 10)
        for fold in dataset.folds
        for seed in (0, 1)
    }
    frame = tables.path_predictions(dataset, EXPERIMENT, paths)
    assert len(frame) == 3 * 401
    # folds: 0 tests groups 0, 1; 1: 0, 2; 2: 0, 3; 3: 1, 2; 4: 1, 3; 5: 2, 3; each group takes its folds in turn
    for path, folds in enumerate([[0, 0, 1, 2], [1, 3, 3, 4], [2, 4, 5, 5]]):
        rows = frame[frame["seed"] == path]
        np.testing.assert_array_equal(rows["fold"], np.repeat(folds, [101, 100, 100, 100]))
        np.testing.assert_allclose(rows["probability"], (rows["fold"] + 0.5) / 10)  # the mean of both seeds
        np.testing.assert_array_equal(
            rows["decided_at"].dt.tz_convert(None).to_numpy(),
            dataset.windows.decided_at.astype(rows.decided_at.dtype.base),
        )
    assert {member for _, member in members(frame).names} == {"0", "1", "2", "ensemble"}


def performance(*sharpes):
    return {"seeds": {str(path): {"sharpe": sharpe, "total_return": sharpe} for path, sharpe in enumerate(sharpes)}}


def test_the_difference_is_taken_path_by_path():
    results = path_results({"lstm": performance(0.5, -0.1, 0.2), "simple_rnn": performance(0.4, 0.1, 0.0), "cash": {}})
    assert results["difference"]["sharpe"]["paths"] == pytest.approx([0.1, -0.2, 0.2])
    assert results["difference"]["sharpe"]["mean"] == pytest.approx(0.1 / 3)
    assert results["lstm"]["sharpe"]["std"] == pytest.approx(0.3)  # of 0.3, -0.3 and 0: sqrt(0.18 / 2)
    assert results["lstm"]["sharpe"]["above_zero"] == 2
    assert "cash" not in results


def test_a_spread_over_paths_worked_out_by_hand():
    results = path_results({"lstm": performance(0.0, 0.3, -0.3, 0.2, 0.1, 0.5, 0.4, 0.6, 0.7, 0.8, 0.9)})
    spread = results["lstm"]["total_return"]
    assert spread["paths"] == [0.0, 0.3, -0.3, 0.2, 0.1, 0.5, 0.4, 0.6, 0.7, 0.8, 0.9]  # the tenth path after the ninth
    assert (spread["min"], spread["max"], spread["above_zero"]) == (-0.3, 0.9, 9)
    assert spread["std"] == pytest.approx(np.std(spread["paths"], ddof=1))
    assert "difference" not in results


def test_two_paths_have_a_deviation_and_one_has_none():
    assert path_results({"lstm": performance(0.1)})["lstm"]["sharpe"]["std"] is None
    assert path_results({"lstm": performance(0.1, 0.3)})["lstm"]["sharpe"]["std"] == pytest.approx(0.2 / 2**0.5)


def test_a_path_without_a_ratio_leaves_the_spread_open():
    missing = path_results({"lstm": performance(0.1, None), "simple_rnn": performance(0.2, 0.1)})
    names = ("mean", "std", "min", "max", "above_zero")
    for key, paths in (("lstm", [0.1, None]), ("difference", [pytest.approx(-0.1), None])):
        assert missing[key]["sharpe"] == {"paths": paths, **dict.fromkeys(names)}
