"""Each planted leak must be caught; the honest chain must pass."""

import dataclasses

import numpy as np
import pytest

from forecast.compute.progress import NotesOnly
from forecast.config.experiment import Experiment
from forecast.datasets import lookahead_audit
from forecast.datasets.dataset import Source, make_bars, prepare
from forecast.datasets.lookahead_audit import certify
from forecast.training.preparation import refuse_lookahead
from pipelines.errors import ConfigError
from pipelines.market import adjustments
from pipelines.market.types import Actions, Ticks
from pipelines.preprocessing import (
    combinatorial_cv,
    covariates,
    features,
    labels,
    sample_weights,
    scaling,
    walk_forward,
    windows,
)
from pipelines.sources import sample
from pipelines.sources.synthetic import random_walk

EXPERIMENT = Experiment(symbol="WALK", window=10, folds=3, features=tuple(features.FEATURES))


def walk(bars=700, seed=0):
    raw = dataclasses.replace(random_walk(bars=bars, seed=seed), adjusted="raw")
    ex_at = raw.opened_at[[100, 300, 500, 650]]
    actions = Actions(symbol="WALK", ex_at=ex_at, dividend=np.array([0.5, 0, 0.7, 0.4]), split=np.array([1.0, 2, 1, 1]))
    return Source(raw=raw, actions=actions)


def failures(source=None, experiment=EXPERIMENT, **options):
    source = walk() if source is None else source
    dataset = prepare(make_bars(source, experiment), experiment)
    return certify(source, experiment, dataset, **options).failures


def test_the_honest_chain_passes():
    source = walk()
    dataset = prepare(make_bars(source, EXPERIMENT), EXPERIMENT)
    certificate = certify(source, EXPERIMENT, dataset)
    assert certificate.passed, certificate.failures
    assert len(certificate.cuts) == 6
    assert certificate.compared > 6 * 2 * 10
    assert certify(source, EXPERIMENT, dataset).to_json() == certificate.to_json()


def test_the_sample_passes_daily_and_on_bars_of_trades():
    daily = sample.read("AAPL")
    assert not failures(Source(raw=daily.prices, actions=daily.actions), Experiment(symbol="AAPL"), cuts=3)
    trades = sample.read("ES").prices
    assert isinstance(trades, Ticks)
    source = Source(raw=trades, actions=Actions.none("ES"))
    assert not failures(source, Experiment(symbol="ES", bars="tick:500", folds=3), cuts=3)
    assert not failures(source, Experiment(symbol="ES", bars="time:1m", folds=3), cuts=3)


@pytest.mark.parametrize("label", ["direction", "cost-aware", "triple-barrier"])
@pytest.mark.parametrize("weights", ["none", "balanced", "uniqueness"])
def test_every_label_with_every_weight_passes(label, weights):
    chosen = dataclasses.replace(EXPERIMENT, label=label, weights=weights, horizon=7, barrier_width=0.5)
    assert not failures(experiment=chosen)
    source = walk()
    dataset = prepare(make_bars(source, chosen), chosen)
    past = lookahead_audit.truncated_in_first_test(source, chosen, dataset)
    np.testing.assert_array_equal(past.folds[0].train, dataset.folds[0].train)


def test_a_barrier_of_later_volatility_is_caught(monkeypatch):
    honest = labels.volatility
    monkeypatch.setattr(labels, "volatility", lambda bars: np.roll(honest(bars), -3))
    chosen = dataclasses.replace(EXPERIMENT, label="triple-barrier", horizon=7, barrier_width=0.5)
    assert any("labels change" in failure for failure in failures(experiment=chosen, cuts=20))


def test_a_label_said_to_be_known_before_it_is_is_caught(monkeypatch):
    honest = labels.triple_barrier

    def early(bars, **settings):
        outcomes = honest(bars, **settings)
        return dataclasses.replace(outcomes, exit_at=outcomes.entry_at)

    monkeypatch.setattr(labels, "triple_barrier", early)
    chosen = dataclasses.replace(EXPERIMENT, label="triple-barrier", horizon=7)
    assert any("not known when it is said to be" in failure for failure in failures(experiment=chosen))


def test_weights_from_all_rows_are_caught(monkeypatch):
    honest = sample_weights.weigh

    def of_all(windows, fold, *, kind):
        return dataclasses.replace(
            fold, weights=honest(windows, dataclasses.replace(fold, train=np.arange(len(windows))), kind=kind).weights
        )

    monkeypatch.setattr(sample_weights, "weigh", of_all)
    chosen = dataclasses.replace(EXPERIMENT, weights="balanced")
    assert any("weights change" in failure for failure in failures(experiment=chosen))


COMBINATORIAL = dataclasses.replace(EXPERIMENT, split="combinatorial", groups=5, test_groups=2, horizon=3)


def test_a_combinatorial_split_passes_and_is_caught_without_its_purge_on_either_side(monkeypatch):
    assert not failures(experiment=COMBINATORIAL)

    def one_side(windows, rows, *, tested, embargo):
        return rows[(rows < tested[0] - 10) | (rows > tested[-1])]

    def other_side(windows, rows, *, tested, embargo):
        return rows[(rows < tested[0]) | (rows > tested[-1] + 10)]

    for careless in (one_side, other_side):
        monkeypatch.setattr(combinatorial_cv, "purge_around", careless)
        assert any("overlaps what it is tested on" in failure for failure in failures(experiment=COMBINATORIAL))


def leak_feature(monkeypatch, function):
    monkeypatch.setitem(features.FEATURES, "momentum_5", function)


def centred_mean(bars):
    padded = np.concatenate([bars.close, np.full(2, bars.close[-1])])
    return np.log(bars.close / np.mean([padded[lag : lag + len(bars)] for lag in range(3)], axis=0))


def future_volume(bars):
    return np.log1p(np.append(bars.volume[1:], bars.volume[-1]) / bars.volume)


def backfilled(bars):
    values = np.where(np.arange(len(bars)) % 7 < 6, features.log_return(bars), np.nan)
    for bar in range(len(values) - 2, 20, -1):
        values[bar] = values[bar + 1] if np.isnan(values[bar]) else values[bar]
    return np.nan_to_num(values)


def of_the_whole_history(bars):
    return np.log(bars.close / bars.close.mean())


OWN = """
import numpy as np

def tomorrow(bars):
    return np.append(np.log(bars.close[1:] / bars.close[:-1]), 0.0)

def today(bars):
    return np.append(np.nan, np.log(bars.close[1:] / bars.close[:-1]))

seen = []

def remembered(bars):
    seen.append(tomorrow(bars))  # what it saw first, cut to length: the same for every history that begins alike
    return seen[0][: len(bars)]
"""


def test_a_persons_own_feature_that_looks_ahead_is_caught_by_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_leak.py").write_text(OWN)
    honest = dataclasses.replace(EXPERIMENT, features=("return", "own_leak:today"))
    assert not failures(experiment=honest)
    leaky = dataclasses.replace(EXPERIMENT, features=("return", "own_leak:tomorrow"))
    source = walk()
    certificate = certify(source, leaky, prepare(make_bars(source, leaky), leaky))
    assert any(failure.startswith("feature own_leak:tomorrow at ") for failure in certificate.failures)
    assert certificate.cuts == ()  # nothing behind the features is looked at
    notes: list[str] = []
    with pytest.raises(ConfigError, match=r"own_leak:tomorrow looks ahead: .* Nothing was trained"):
        refuse_lookahead(certificate, leaky.features, progress=NotesOnly(write=notes.append))
    refuse_lookahead(certificate, ["own_leak:today"], progress=NotesOnly(write=notes.append))
    named = dataclasses.replace(certificate, unverifiable=("feature own_leak:today reads /x.csv",))
    refuse_lookahead(named, ["own_leak:today"], progress=NotesOnly(write=notes.append))
    assert notes[-1:] == ["Cannot be checked for look-ahead bias: feature own_leak:today reads /x.csv."]
    remembered = dataclasses.replace(EXPERIMENT, features=("return", "own_leak:remembered"))
    with pytest.raises(ConfigError, match=r"own_leak:remembered: .* keep nothing of them"):
        failures(experiment=remembered)


@pytest.mark.parametrize("function", [centred_mean, future_volume, backfilled, of_the_whole_history])
def test_a_feature_that_looks_ahead_is_caught_by_name(monkeypatch, function):
    leak_feature(monkeypatch, function)
    assert any("feature momentum_5" in failure for failure in failures())


def test_a_scaler_fitted_on_all_rows_is_caught(monkeypatch):
    honest = scaling.fit_scaler
    monkeypatch.setattr(scaling, "fit_scaler", lambda windows, *, rows: honest(windows, rows=np.arange(len(windows))))
    assert any("scaler" in failure for failure in failures())


def test_a_label_off_by_one_is_caught(monkeypatch):
    honest = labels.next_open_direction

    def early(bars, *, horizon):
        outcomes = honest(bars, horizon=horizon)
        moved = np.roll(outcomes.forward_return, 1)  # the return that has just passed
        return dataclasses.replace(outcomes, forward_return=moved, target=(moved > 0).astype(float))

    monkeypatch.setattr(labels, "next_open_direction", early)
    assert any("not the return from the next open on" in failure for failure in failures())


def test_a_window_that_ends_a_bar_late_is_caught(monkeypatch):
    honest = windows.build

    def late(matrix, outcomes, **options):
        on_time = honest(matrix, outcomes, **options)
        return dataclasses.replace(on_time, ends=on_time.ends + 1)

    monkeypatch.setattr(windows, "build", late)
    assert any("not made at the close of its bar" in failure for failure in failures())


def test_purge_left_out_is_caught(monkeypatch):
    monkeypatch.setattr(walk_forward, "purge", lambda windows, rows, *, tested, embargo: rows)
    assert any("known too late" in failure for failure in failures())


def test_a_shuffled_split_is_caught(monkeypatch):
    honest = walk_forward.walk_forward

    def shuffled(windows, **options):
        rng = np.random.default_rng(0)
        rows = rng.permutation(len(windows))
        return [
            dataclasses.replace(fold, train=np.sort(rows[: len(fold.train)]), test=fold.test)
            for fold in honest(windows, **options)
        ]

    monkeypatch.setattr(walk_forward, "walk_forward", shuffled)
    assert any("known too late" in failure for failure in failures())


def test_prices_adjusted_by_a_later_dividend_are_caught(monkeypatch):
    honest = adjustments.adjust
    monkeypatch.setattr(adjustments, "adjust", lambda bars, actions, base: honest(bars, actions, base="back"))
    assert any("bars change" in failure for failure in failures())


def test_ticks_bars_that_know_the_length_of_the_day_are_caught(monkeypatch):
    trades = sample.read("ES").prices.rows(slice(0, 60_000))
    from pipelines.bars import aggregation

    honest = aggregation.from_ticks
    monkeypatch.setattr(aggregation, "from_ticks", lambda ticks, kind: honest(ticks, f"tick:{len(ticks) // 300}"))
    source = Source(raw=trades, actions=Actions.none("ES"))
    assert failures(source, Experiment(symbol="ES", bars="tick:200", window=5, folds=2), cuts=2)


def test_cuts_lie_in_the_later_half_of_the_test_blocks():
    dataset = prepare(make_bars(walk(), EXPERIMENT), EXPERIMENT)
    for bar in lookahead_audit.cut_bars(dataset, cuts=9):
        fold = next(fold for fold in dataset.folds if bar <= dataset.windows.ends[fold.test[-1]])
        assert bar >= dataset.windows.ends[fold.test[len(fold.test) // 2]]


def with_covariate():
    other = dataclasses.replace(random_walk(bars=700, seed=9), symbol="SPY", adjusted="raw")
    spy = Source(raw=other, actions=Actions.none("SPY"))
    experiment = dataclasses.replace(EXPERIMENT, features=("return", "range"), covariates=("SPY",))
    return dataclasses.replace(walk(), covariates={"SPY": spy}), experiment


def test_a_covariate_joined_as_of_the_close_passes():
    source, experiment = with_covariate()
    assert experiment.columns == ("return", "range", "SPY:return", "SPY:range")
    assert not failures(source, experiment, cuts=3)


def test_a_covariate_of_the_next_day_is_caught(monkeypatch):
    def leaky(bars, covariate, *, names):
        joined = honest(bars, covariate, names=names)
        return {name: np.append(column[1:], column[-1]) for name, column in joined.items()}

    honest = covariates.join
    monkeypatch.setattr(covariates, "join", leaky)
    source, experiment = with_covariate()
    caught = failures(source, experiment, cuts=2)
    assert any(failure.startswith("feature SPY:return at") for failure in caught)
    assert any(failure.startswith("feature SPY:range change when") for failure in caught)


def month_ends(bars):
    months = bars.closed_at.astype("datetime64[M]")
    return np.append(months[1:] != months[:-1], False)


def after_the_largest_moves(bars):
    moves = np.abs(np.diff(np.log(bars.close), prepend=np.log(bars.close[0])))
    return np.isin(np.arange(len(bars)), np.argsort(moves)[-4:])


RARE = {
    "month ends": month_ends,
    "the largest moves": after_the_largest_moves,
    "Tuesdays": lambda bars: bars.closed_at.astype("datetime64[D]").astype(int) % 7 == 5,
    "a third of the training rows": lambda bars: (np.arange(len(bars)) < 250) & (np.arange(len(bars)) % 3 == 0),
}


@pytest.mark.parametrize("where", RARE)
def test_a_barrier_of_later_volatility_is_caught_where_it_is_rare(monkeypatch, where):
    """The barrier knows what comes five bars after the label's last one."""
    honest = labels.volatility

    def leaky(bars):
        volatility = honest(bars)
        later = np.append(volatility[12:], np.full(min(12, len(volatility)), volatility[-1]))
        return np.where(RARE[where](bars), later, volatility)

    monkeypatch.setattr(labels, "volatility", leaky)
    chosen = dataclasses.replace(EXPERIMENT, label="triple-barrier", horizon=7, barrier_width=0.5)
    assert any("labels change" in failure for failure in failures(experiment=chosen))


def test_a_label_of_another_horizon_is_caught(monkeypatch):
    honest = labels.next_open_direction

    def longer(bars, *, horizon):
        outcomes, other = honest(bars, horizon=horizon), honest(bars, horizon=horizon + 2)
        target = outcomes.target.copy()
        target[: len(other)] = other.target
        return dataclasses.replace(outcomes, target=target)

    monkeypatch.setattr(labels, "next_open_direction", longer)
    assert any("not the sign of its return" in failure for failure in failures())


def test_a_purge_by_count_is_caught_where_labels_last_longer(monkeypatch):
    monkeypatch.setattr(walk_forward, "purge", lambda windows, rows, *, tested, embargo: rows[:-1])
    assert not failures()  # of one bar, that is enough
    chosen = dataclasses.replace(EXPERIMENT, horizon=5)
    assert any("known too late" in failure for failure in failures(experiment=chosen))


def test_weights_that_know_the_next_label_are_caught(monkeypatch):
    """Whose outcome is there at every cut in the test blocks."""
    honest = sample_weights.weigh

    def knowing(windows, fold, *, kind):
        weighed = honest(windows, fold, kind=kind)
        following = windows.forward_return[min(int(fold.validation[-1]) + 3, len(windows) - 1)]
        return dataclasses.replace(weighed, weights=weighed.weights * np.float32(1.0 + following))

    monkeypatch.setattr(sample_weights, "weigh", knowing)
    assert any("weights change" in failure for failure in failures())


def test_a_scaler_that_knows_the_next_bars_is_caught(monkeypatch):
    honest = scaling.fit_scaler

    def knowing(windows, *, rows):
        last = min(int(rows[-1]) + 200, len(windows) - 1)
        return honest(windows, rows=np.append(rows, last))

    monkeypatch.setattr(scaling, "fit_scaler", knowing)
    assert any("scaler change" in failure for failure in failures())
