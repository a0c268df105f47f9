import numpy as np
import pandas as pd
import pytest

from forecast.config.experiment import Experiment
from forecast.studies import power_study
from forecast.studies.power_results import rates, smallest_edge, wilson
from forecast.studies.power_study import Market, make
from pipelines.errors import ConfigError

EXPERIMENT = Experiment(symbol="CONTROL", window=5, folds=2)


def test_a_shuffled_market_keeps_its_prices_and_test_labels_and_deals_out_the_others():
    plain, shuffled = (make(Market(kind=kind, edge=0.0, seed=3, bars=500), EXPERIMENT) for kind in ("none", "shuffled"))
    np.testing.assert_array_equal(plain.bars.close, shuffled.bars.close)
    first = plain.folds[-1].test[0]
    np.testing.assert_array_equal(plain.windows.targets[first:], shuffled.windows.targets[first:])
    assert (plain.windows.targets[:first] != shuffled.windows.targets[:first]).mean() > 0.3
    assert plain.windows.targets[:first].sum() == shuffled.windows.targets[:first].sum()


def test_a_planted_lag_stands_in_the_labels_of_the_experiment():
    dataset = make(Market(kind="lag-1", edge=0.5, seed=0, bars=6_000), EXPERIMENT)
    last = dataset.windows.values[dataset.windows.ends, 0]  # the return that is known at the decision
    assert np.corrcoef(last, dataset.windows.forward_return)[0, 1] == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("kind", ["lag", "lag-0", "lag-x", "lag-99999", "memory-2", ""])
def test_an_unknown_market_is_refused(kind):
    with pytest.raises(ConfigError, match="Expected a market out of none, shuffled, memory, lag-1"):
        make(Market(kind=kind, edge=0.1, seed=0, bars=500), EXPERIMENT)


def test_shares_count_each_answer():
    answers = ["better"] * 3 + ["worse"] + ["inconclusive"] * 6
    keys = {"question": "skill", "kind": "none", "edge": 0.0, "model": "lstm", "benchmark": "base_rate"}
    frame = pd.DataFrame({**keys, "answer": answers})
    row = rates(frame).iloc[0]
    assert (row["markets"], row["better"], row["worse"], row["inconclusive"]) == (10, 3, 1, 6)
    assert (row["claims"], row["claims_high"]) == (0.4, pytest.approx(0.6873, abs=1e-4))
    assert (row["low"], row["high"]) == (pytest.approx(0.1078, abs=1e-4), pytest.approx(0.6032, abs=1e-4))


def test_wilson_agrees_with_statsmodels():
    from statsmodels.stats.proportion import proportion_confint

    for hits, count in [(0, 20), (1, 20), (10, 20), (20, 20), (7, 200)]:
        assert wilson(hits, count) == pytest.approx(proportion_confint(hits, count, method="wilson"), abs=1e-9)


@pytest.mark.parametrize(
    ("better", "expected"), [([0.0, 0.6, 1.0], 0.15), ([0.9, 1.0, 1.0], 0.05), ([0.1, 0.2, 0.7], None)]
)
def test_the_smallest_edge_lies_between_the_edges_tried(better, expected):
    shares = pd.DataFrame({"edge": [0.05, 0.1, 0.2], "better": np.array(better) * 20, "markets": 20})
    assert smallest_edge(shares) == (None if expected is None else pytest.approx(expected))


def test_markets_of_different_truth_have_different_names():
    names = {
        Market(kind=kind, edge=edge, seed=seed, bars=bars).name
        for kind in ("none", "lag-1")
        for edge in (0.1, 0.15)
        for seed in (0, 1)
        for bars in (500, 600)
    }
    assert len(names) == 16
    assert power_study.Market(kind="none", edge=0.0, seed=0, bars=500, volatility=0.02).name not in names
