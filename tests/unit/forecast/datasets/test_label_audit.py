"""Labels that look further than they say are refused; honest ones of as many kinds pass."""

import dataclasses

import numpy as np
import pytest

from forecast.config.experiment import Experiment
from forecast.datasets import label_audit
from forecast.datasets.dataset import Source, make_bars, prepare
from forecast.datasets.lookahead_audit import certify
from pipelines.errors import ConfigError
from pipelines.market.types import Actions
from pipelines.sources.synthetic import random_walk
from tests.helpers import own_labels

OWN = "tests.helpers.own_labels"


def chain(function):
    raw = dataclasses.replace(random_walk(bars=600, seed=3), adjusted="raw")
    source = Source(raw=raw, actions=Actions.none(raw.symbol))
    experiment = Experiment(symbol="WALK", window=5, folds=3, label=f"{OWN}:{function}", horizon=5)
    return source, experiment, prepare(make_bars(source, experiment), experiment)


@pytest.mark.parametrize("function", own_labels.LEAKY)
def test_a_label_that_looks_further_than_it_says_is_refused_by_name(function):
    source, experiment, dataset = chain(function)
    certificate = certify(source, experiment, dataset)
    (failure,) = certificate.failures
    assert failure.startswith(f"label {experiment.label} at ")
    assert certificate.cuts == ()  # nothing behind it is worth making again


@pytest.mark.parametrize("function", own_labels.HONEST)
def test_an_honest_label_passes_the_whole_chain(function):
    source, experiment, dataset = chain(function)
    certificate = certify(source, experiment, dataset)
    assert certificate.failures == ()
    assert certificate.compared > 200


def test_a_label_of_random_numbers_is_refused():
    _, experiment, dataset = chain("noise")
    with pytest.raises(ConfigError, match="expected the same values for the same bars"):
        label_audit.audit(dataset, name=experiment.label, horizon=5, rng=np.random.default_rng(0))


def test_training_rows_are_purged_by_the_exits_that_the_label_names():
    _, _, dataset = chain("first_move")
    windows = dataset.windows
    assert len(np.unique(windows.held)) > 2
    for fold in dataset.folds:
        assert windows.exit_at[fold.train].max() < windows.decided_at[fold.validation].min()
        assert windows.exit_at[fold.validation].max() < windows.decided_at[fold.test].min()
