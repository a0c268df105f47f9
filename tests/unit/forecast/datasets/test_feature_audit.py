"""Leaks of every kind that is known are refused or named; honest features of as many kinds pass."""

import dataclasses
import re

import numpy as np
import pytest

from forecast.config.experiment import Experiment
from forecast.datasets import feature_audit
from forecast.datasets.dataset import Source, make_bars, prepare
from forecast.datasets.lookahead_audit import certify, truncated_in_first_test
from pipelines import user_code
from pipelines.errors import ConfigError
from pipelines.market.types import Actions
from pipelines.sources.synthetic import random_walk
from tests.helpers import honest_features, leaky_features

LEAKY, HONEST = "tests.helpers.leaky_features", "tests.helpers.honest_features"


def walk(bars=600):
    raw = dataclasses.replace(random_walk(bars=bars, seed=3), adjusted="raw")
    return Source(raw=raw, actions=Actions.none(raw.symbol))


def experiment_of(module, functions):
    return Experiment(symbol="WALK", window=5, folds=3, features=tuple(f"{module}:{name}" for name in functions))


def audited(module, functions):
    experiment, source = experiment_of(module, functions), walk()
    user_code.end_process()
    dataset = prepare(make_bars(source, experiment), experiment)
    return feature_audit.audit(dataset, names=experiment.features, rng=np.random.default_rng(0))


@pytest.fixture(scope="module")
def leaks():
    return audited(LEAKY, ("left_for_another", *leaky_features.REFUSED))


@pytest.fixture(scope="module")
def reads(tmp_path_factory):
    table = tmp_path_factory.mktemp("leaks") / "table.npy"
    np.save(table, np.linspace(0.0, 1.0, 600))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FORECAST_TEST_TABLE", str(table))
        return audited(LEAKY, leaky_features.NAMED)


@pytest.fixture(scope="module")
def honest():
    return audited(HONEST, honest_features.PASSED)


@pytest.mark.parametrize("function", leaky_features.REFUSED)
def test_a_leak_is_refused_by_name(leaks, function):
    assert any(f"{LEAKY}:{function}" in failure.split() for failure in leaks.failures)


@pytest.mark.parametrize(("function", "access"), leaky_features.NAMED.items())
def test_what_a_feature_opens_is_named(reads, function, access):
    assert any(reason.startswith(f"feature {LEAKY}:{function} {access}") for reason in reads.unverifiable)


@pytest.mark.parametrize("function", honest_features.PASSED)
def test_an_honest_feature_passes(honest, function):
    name = f"{HONEST}:{function}"
    assert not [failure for failure in honest.failures if name in failure.split()]
    limits = [reason for reason in honest.unverifiable if name in reason.split()]
    assert all("its first" in reason and "unchecked" in reason for reason in limits)
    assert bool(limits) == (function == "declines_short_histories")


def test_the_days_on_which_a_feature_leaks_are_said(leaks):
    failure = next(failure for failure in leaks.failures if f"{LEAKY}:friday_sees_monday" in failure)
    assert "changes when the bars after it are cut off" in failure
    assert failure.endswith("all on Fridays)")


def test_a_feature_that_is_zero_where_it_is_too_short_is_told_to_be_nan(leaks):
    failure = next(failure for failure in leaks.failures if f"{LEAKY}:zero_where_too_short" in failure)
    assert re.search(r"all are among its first \d\d bars: where a history is too short for it, return NaN$", failure)


def test_honest_features_whose_last_digits_depend_on_the_length_pass_the_whole_chain():
    experiment, source = (
        experiment_of(HONEST, ("sum_by_fourier_transform", "sum_from_the_end", "single_precision")),
        walk(),
    )
    dataset = prepare(make_bars(source, experiment), experiment)
    assert certify(source, experiment, dataset).failures == ()
    past = truncated_in_first_test(source, experiment, dataset)
    rows = len(past.windows.values)
    np.testing.assert_array_equal(past.windows.values, dataset.windows.values[:rows])
    np.testing.assert_array_equal(past.scalers[0].mean, dataset.scalers[0].mean)


OWN = """
import os
import time
import numpy as np

def noise(bars):
    return np.random.rand(len(bars))

counter = [0]

def counted(bars):
    counter[0] += 1
    return np.full(len(bars), float(counter[0])) + np.arange(len(bars))

def leaves(bars):
    if "FORECAST_TEST_LEAVES" in os.environ:
        os._exit(7)
    return bars.close

def endless(bars):
    time.sleep(3600)

prints = print

def talkative(bars):
    prints("so many bars:", len(bars))
    return bars.close / bars.open

def knows_by_heart(bars):
    days = bars.closed_at.astype("datetime64[D]").astype(int)
    return np.array([TABLE.get(day, 0.0) for day in days])
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = walk()
    opens = source.raw.open
    later = np.append(opens[2:] / opens[1:-1] - 1.0, [0.0, 0.0])
    days = source.raw.closed_at.astype("datetime64[D]").astype(int)
    table = dict(zip(days.tolist(), later.tolist(), strict=True))
    name = f"own_{tmp_path.name}".replace("-", "_")
    (tmp_path / f"{name}.py").write_text(f"{OWN}\nTABLE = {table!r}\n")
    return name


@pytest.mark.parametrize("function", ["noise", "counted"])
def test_a_feature_that_does_not_repeat_is_refused(own, function):
    with pytest.raises(ConfigError, match=rf"{own}:{function}: expected the same values for the same bars"):
        audited(own, [function])


def test_a_feature_that_ends_its_process_is_refused_and_the_run_goes_on_living(own, monkeypatch):
    experiment, source = experiment_of(own, ["leaves"]), walk()
    dataset = prepare(make_bars(source, experiment), experiment)
    monkeypatch.setenv("FORECAST_TEST_LEAVES", "1")
    with pytest.raises(ConfigError, match=r"leaves: expected it to return, got the end of its process \(exit code 7"):
        certify(source, experiment, dataset)


def test_a_feature_that_takes_too_long_is_stopped(own, monkeypatch):
    monkeypatch.setattr("pipelines.preprocessing.custom_features.LONGEST_CALL", 0.05)
    with pytest.raises(ConfigError, match=r"endless: expected an answer within 0\.05 s, got none\. .* these 600 bars"):
        audited(own, ["endless"])


def test_what_a_feature_prints_does_not_disturb_its_audit(own):
    assert audited(own, ["talkative"]).failures == ()


def test_a_table_of_later_returns_written_into_the_module_is_named(own):
    unverifiable = audited(own, ["knows_by_heart"]).unverifiable
    assert any("knows_by_heart has a rank correlation of 1.00 with the return" in reason for reason in unverifiable)


def test_the_share_of_rows_that_random_cuts_detect_follows_from_their_number():
    assert feature_audit.detectable_share(150) == pytest.approx(0.0197731, abs=1e-6)  # 1 - 0.05 ** (1 / 150)
    assert feature_audit.detectable_share(0) == 1.0


def test_every_weekday_month_end_first_row_and_largest_move_is_among_the_cuts():
    bars = walk(2000).raw
    rows = feature_audit.telling_rows(bars, first=20, rng=np.random.default_rng(1), events=None)
    weekdays = (bars.closed_at.astype("datetime64[D]").astype(int) + 3) % 7
    assert set(np.unique(weekdays)) <= set(weekdays[rows])
    largest = int(np.argmax(np.abs(np.diff(np.log(bars.close))))) + 1
    assert {20, 21, largest - 1, largest} <= set(rows.tolist())
    months = bars.closed_at.astype("datetime64[M]")
    assert np.sum(months[rows[rows < 1999]] != months[rows[rows < 1999] + 1]) >= 16


def test_the_bars_beside_every_holiday_are_among_the_cuts():
    bars = walk(2000).raw
    holidays = np.arange(100, 1900, 150)
    left = np.setdiff1d(np.arange(2000), holidays)
    before = np.searchsorted(left, holidays) - 1
    cuts = feature_audit.telling_rows(bars.rows(left), first=20, rng=np.random.default_rng(1), events=None)
    assert {*before.tolist(), *(before + 1).tolist()} <= set(cuts.tolist())
