"""Proof of no lookahead: the chain from raw prices to windows is run again on histories that end, or turn into noise,
at a cut, and everything up to the cut has to come out the same to the last digit.

A value that needed something after the cut cannot survive both: the truncated history has no future, the scrambled one
has another. What a recomputation cannot show (when a label is known, what comes before what) is checked directly.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from forecast.config.experiment import Experiment
from forecast.datasets import feature_audit, label_audit
from forecast.datasets.altered_histories import PRICES, scrambled
from forecast.datasets.altered_histories import truncated as truncated
from forecast.datasets.audit_cuts import chain_rows
from forecast.datasets.certificate import Certificate as Certificate
from forecast.datasets.dataset import (
    Dataset,
    Source,
    bars_alone,
    label_windows,
    make_bars,
    make_windows,
    prepare,
    with_features,
)
from pipelines.errors import ForecastError
from pipelines.market.times import iso
from pipelines.market.types import Actions, Bars, Floats
from pipelines.preprocessing import custom_features, sample_weights, scaling
from pipelines.preprocessing.custom_labels import is_user_label
from pipelines.preprocessing.scaling import Scaler
from pipelines.preprocessing.walk_forward import FEWEST_ROWS, Fold
from pipelines.preprocessing.windows import Windows


def certify(source: Source, experiment: Experiment, dataset: Dataset, *, cuts: int = 6, seed: int = 0) -> Certificate:
    """Checks a run's data from raw prices to folds and scalers at `cuts` decisions spread over the test rows.

    Features are computed again at a few hundred bars more (forecast.datasets.feature_audit), and so is a label of a
    person's own (forecast.datasets.label_audit). Labels, weights and scalers are made again from the bars at some of
    each kind at which leaks hide, in training rows too: each time as soon as everything that they may need is known.

    Raises:
        ConfigError: a person's own feature or label that fails, takes too long, or gives others for the same bars.
    """
    experiment = with_features(experiment, dataset.bars)
    failures = list(structure(dataset, experiment))
    checked = feature_audit.audit(
        dataset,
        names=experiment.columns,
        rng=np.random.default_rng([seed, 1]),
        events=source.actions.ex_at,
        covariates={symbol: bars_alone(covariate, experiment) for symbol, covariate in source.covariates.items()},
    )
    failures += checked.failures
    rng = np.random.default_rng(seed)
    compared, unverifiable = checked.compared, checked.unverifiable
    user_features = [name for name in experiment.features if custom_features.is_user_feature(name)]
    stops = any(name in failure.split() for failure in checked.failures for name in user_features)
    if is_user_label(experiment.label):
        label = label_audit.audit(
            dataset, name=experiment.label, horizon=experiment.horizon, rng=np.random.default_rng([seed, 2])
        )
        failures += label.failures
        compared += label.compared
        unverifiable += label.unverifiable
        stops = stops or bool(label.failures)
    places = [] if stops else cut_bars(dataset, cuts=cuts)
    for bar in places:
        cutoff = dataset.bars.closed_at[bar]
        for name, variant in (
            ("truncated", truncated(source, cutoff)),
            ("scrambled", scrambled(source, cutoff, rng=rng)),
        ):
            for subject, unchanged in _compare(variant, experiment, dataset, bar=int(bar)):
                compared += 1
                if not unchanged:
                    failures.append(f"{subject} change when the future after {iso(cutoff)} is {name}")
    chain = [] if stops else chain_bars(dataset, experiment, rng=np.random.default_rng([seed, 3]))
    for bar in chain:
        for name, prices, values in _other_futures(dataset, bar, rng=rng):
            for subject, unchanged in _compare_chain(prices, values, experiment, dataset, bar=bar):
                compared += 1
                if not unchanged:
                    cutoff = dataset.bars.closed_at[bar]
                    failures.append(f"{subject} change when the future after {iso(cutoff)} is {name}")
    return Certificate(
        cuts=tuple(iso(dataset.bars.closed_at[bar]) for bar in places),
        compared=compared,
        failures=tuple(dict.fromkeys(failures)),
        unverifiable=unverifiable,
        chain_cuts=len(chain),
        feature_cuts=checked.cuts,
        random_cuts=checked.random,
        detectable_share=round(feature_audit.detectable_share(checked.random), 6),
    )


def truncated_in_first_test(source: Source, experiment: Experiment, dataset: Dataset) -> Dataset:
    """The dataset as it stood in the middle of the first test block: a network trained on it must be the same one."""
    first, ends = dataset.folds[0].test, dataset.windows.ends
    settled = ends[first[0]] + 1 + experiment.horizon + FEWEST_ROWS["test"]  # every label of a training row is there
    cutoff = dataset.bars.closed_at[min(max(ends[first[len(first) // 2]], settled), len(dataset.bars) - 1)]
    past = prepare(make_bars(truncated(source, cutoff), experiment), experiment, planned=len(dataset.windows))
    return without_rounding(past, dataset, experiment, bar=len(past.bars) - 1)


def retrained(certificate: Certificate, model: str, *, expected: Floats, retrained_probability: Floats) -> Certificate:
    """With one more comparison: probabilities of a member, and of the same one trained on truncated history."""
    unchanged = 0 < len(retrained_probability) <= len(expected) and _equal(
        retrained_probability, expected[: len(retrained_probability)]
    )
    failure = () if unchanged else (f"{model} predicts otherwise when it is trained on truncated history",)
    return replace(
        certificate,
        compared=certificate.compared + 1,
        failures=tuple(dict.fromkeys(certificate.failures + failure)),
        retrained=certificate.retrained + 1,
    )


def cut_bars(dataset: Dataset, *, cuts: int) -> list[int]:
    """Bars at which a test decision is made, spread over all test blocks but not at their very start."""
    ends = [dataset.windows.ends[fold.test[len(fold.test) // 2 :]] for fold in dataset.folds if len(fold.test)]
    decisions = np.concatenate(ends)
    return sorted({int(decisions[place]) for place in np.linspace(0, len(decisions) - 1, cuts).astype(int)})


def chain_bars(dataset: Dataset, experiment: Experiment, *, rng: np.random.Generator) -> list[int]:
    """The bars at whose close all is known that some labels, or the training rows of a fold, may need."""
    windows = dataset.windows
    first, tested = (
        int(windows.ends[0]),
        int(windows.ends[min(int(fold.test[0]) for fold in dataset.folds if len(fold.test))]),
    )
    rows = chain_rows(dataset.bars, first=first, tested=tested, rng=rng)
    row = np.minimum(np.searchsorted(windows.ends, rows), len(windows) - 1)
    exits = windows.ends[row] + 1 + windows.held[row]
    learned = [_settled(dataset, fold, experiment) for fold in dataset.folds if len(fold.train)]
    fewest = first + experiment.horizon + 2
    if is_user_label(experiment.label):  # which has an audit of its own, and may be slow
        exits = exits[:0]
    bars = np.unique(np.concatenate([exits, np.array(learned, dtype=np.int64)]))
    return [int(bar) for bar in bars if fewest <= bar < len(dataset.bars) - 1]


def _settled(dataset: Dataset, fold: Fold, experiment: Experiment) -> int:
    """The first bar at whose close a window of every row that the fold learns from is there."""
    last = max(int(rows[-1]) for rows in (fold.train, fold.validation) if len(rows))
    return int(dataset.windows.ends[last]) + 1 + experiment.horizon


def _other_futures(dataset: Dataset, bar: int, *, rng: np.random.Generator) -> Iterator[tuple[str, Bars, Any]]:
    """The bars and their features up to `bar`, and with others after it."""
    bars, values = dataset.bars, dataset.windows.values
    yield "truncated", bars.rows(slice(0, bar + 1)), values[: bar + 1]
    other = scrambled(Source(raw=bars, actions=Actions.none(bars.symbol)), bars.closed_at[bar], rng=rng)
    later = np.arange(len(values))[:, None] > bar
    yield "scrambled", cast(Bars, other.raw), np.where(later, np.nan_to_num(values[::-1]), values)


def _compare_chain(
    prices: Bars, values: Floats, experiment: Experiment, dataset: Dataset, *, bar: int
) -> Iterator[tuple[str, bool]]:
    """Labels made again from other bars after `bar`, and what the newest fold learns of which all is known by then."""
    settled = [fold for fold in dataset.folds if len(fold.train) and _settled(dataset, fold, experiment) <= bar]
    try:
        ready = label_windows(prices, values, experiment)
        yield from _same_windows(ready, dataset, experiment, bar=bar)
        if settled and not experiment.combinatorial and not experiment.panel:
            fold = replace(settled[-1], test=settled[-1].test[:0])
            again = sample_weights.weigh(ready, fold, kind=experiment.weights)
            yield from _same_learning(again, scaling.fit_scaler(ready, rows=fold.train), dataset, windows=len(ready))
    except (ForecastError, IndexError):  # rows that it asks for are not there yet
        yield "labels, weights or scalers", False


def _compare(source: Source, experiment: Experiment, dataset: Dataset, *, bar: int) -> Iterator[tuple[str, bool]]:
    """Everything that was known at the close of `bar`, made again from another source."""
    custom_features.import_anew([*experiment.features, experiment.label])
    try:
        prices = make_bars(source, experiment)
        if len(prices) <= bar:  # the last bar of trades was closed by a pause that has no end yet
            bar = len(prices) - 1
        if experiment.combinatorial or experiment.panel:  # what their folds are made of is checked by structure
            recomputed = _with_folds_of(dataset, prices, experiment, bar=bar)
        else:
            recomputed = prepare(prices, experiment, planned=len(dataset.windows))
        recomputed = without_rounding(recomputed, dataset, experiment, bar=bar)
    except ForecastError:
        yield "bars, windows or folds", False
        return
    past = slice(0, bar + 1)
    columns = ("opened_at", "closed_at", *PRICES)
    yield "bars", all(_equal(getattr(prices, name)[past], getattr(dataset.bars, name)[past]) for name in columns)
    matrix, recomputed_matrix = dataset.windows.values[past], recomputed.windows.values[past]
    for column, name in enumerate(experiment.columns):
        yield (
            f"feature {name}",
            matrix.shape == recomputed_matrix.shape and _equal(matrix[:, column], recomputed_matrix[:, column]),
        )
    yield from _same_windows(recomputed.windows, dataset, experiment, bar=bar)
    for fold, remade, scaler in zip(dataset.folds, recomputed.folds, recomputed.scalers, strict=False):
        if not len(fold.test):
            continue
        if dataset.windows.ends[fold.test[0]] + 1 + experiment.horizon > bar:  # a training row may lack its label
            break
        yield "training rows", _equal(fold.train, remade.train)
        yield "validation rows", _equal(fold.validation, remade.validation)
        yield from _same_learning(remade, scaler, dataset, windows=len(recomputed.windows))


def _same_windows(ready: Windows, dataset: Dataset, experiment: Experiment, *, bar: int) -> Iterator[tuple[str, bool]]:
    """Whether the windows and the labels known at the close of `bar` are the dataset's."""
    expected, both = dataset.windows, min(len(ready), len(dataset.windows))
    settled = int(np.searchsorted(expected.ends + 1 + experiment.horizon, bar, side="right"))
    yield "windows", both >= settled and _equal(ready.ends[:both], expected.ends[:both])
    labels = f"labels of {experiment.label}" if is_user_label(experiment.label) else "labels"
    settled_exit = expected.exit_at[:both] < dataset.bars.closed_at[bar]
    for name in ("targets", "label_weights", "forward_return", "held", "exit_at"):
        yield labels, _equal(getattr(ready, name)[:both][settled_exit], getattr(expected, name)[:both][settled_exit])


def _same_learning(remade: Fold, refitted: Scaler, dataset: Dataset, *, windows: int) -> Iterator[tuple[str, bool]]:
    """Whether the weights and the scaler of a fold made again are the dataset's. windows: how many there were."""
    fold, scaler = dataset.folds[remade.number], dataset.scalers[remade.number]
    learned = np.concatenate([fold.train, fold.validation])
    yield "weights", learned.max(initial=-1) < windows and _equal(fold.weights[learned], remade.weights[learned])
    yield "scaler", _equal(scaler.mean, refitted.mean) and _equal(scaler.scale, refitted.scale)


def without_rounding(recomputed: Dataset, dataset: Dataset, experiment: Experiment, *, bar: int) -> Dataset:
    """With the dataset's own values up to the bar where a person's features differ from them by rounding alone.

    The audit of the features judges those; what is made of them behind is then the same to the last digit or is not.
    """
    user_columns = [place for place, name in enumerate(experiment.features) if custom_features.is_user_feature(name)]
    past = slice(0, bar + 1)
    values, expected = recomputed.windows.values.copy(), dataset.windows.values
    if not user_columns or values[past].shape != expected[past].shape:
        return recomputed
    for column in user_columns:
        scale = feature_audit.feature_scale(dataset, column)
        actual, trained = values[past, column], expected[past, column]
        precision = float(np.finfo(np.float32).eps)
        allowed = feature_audit.rounding(trained, scale=scale, precision=precision) + np.spacing(np.abs(trained))
        values[past, column] = np.where(np.abs(actual - trained) <= allowed, trained, actual)
    if _equal(values, recomputed.windows.values):
        return recomputed
    values.flags.writeable = False
    rounded = replace(recomputed.windows, values=values)
    scalers = tuple(
        scaling.fit_scaler(rounded, rows=fold.train) if len(fold.train) and experiment.scaling == "symbol" else scaler
        for fold, scaler in zip(recomputed.folds, recomputed.scalers, strict=True)
    )
    return replace(recomputed, windows=rounded, scalers=scalers)


def _with_folds_of(dataset: Dataset, prices: Bars, experiment: Experiment, *, bar: int) -> Dataset:
    """Windows made again, with the scalers of those folds of a panel that were begun at the bar."""
    built = make_windows(prices, experiment)
    ends = dataset.windows.ends
    begun = tuple(
        fold
        for fold in dataset.folds
        if not experiment.combinatorial and (not len(fold.test) or ends[fold.test[0]] + 1 + experiment.horizon <= bar)
    )
    scalers = tuple(
        scaling.fit_scaler(built, rows=fold.train)
        if len(fold.test) and experiment.scaling == "symbol"  # the panel's is made again by panel_audit
        else dataset.scalers[fold.number]
        for fold in begun
    )
    return Dataset(bars=prices, windows=built, folds=begun, scalers=scalers)


def structure(dataset: Dataset, experiment: Experiment) -> Iterator[str]:
    """What comes before what: decisions before entries, exits of training rows before the rows they are tested on."""
    windows, bars = dataset.windows, dataset.bars
    end, leave = windows.ends, windows.ends + 1 + windows.held
    if (
        end[0] < 0
        or np.max(leave) >= len(bars)
        or np.any(windows.label_weights[windows.held < 1] > 0)
        or np.min(windows.held) < 0
        or np.max(windows.held) > experiment.horizon
    ):
        yield "a decision is not made at the close of its bar, or not filled at the next open"
        return
    if not _equal(windows.decided_at, bars.closed_at[end]) or not _equal(windows.entry_at, bars.opened_at[end + 1]):
        yield "a decision is not made at the close of its bar, or not filled at the next open"
    if not _equal(windows.exit_at, bars.opened_at[leave]) or np.any(windows.entry_at < windows.decided_at):
        yield "a label is not known when it is said to be"
    if not _equal(windows.forward_return, bars.open[leave] / bars.open[end + 1] - 1.0):
        yield "a label is not the return from the next open on"
    signs = (windows.forward_return > 0).astype(np.float64)
    if not is_user_label(experiment.label) and not _equal(windows.targets, signs):
        yield "a target is not the sign of its return"
    if experiment.combinatorial:
        yield from _purged_around(dataset)
        return
    yield from late_rows(windows, dataset.folds)


def late_rows(windows: Windows, folds: Iterable[Fold]) -> Iterator[str]:
    """Walk-forward folds that learn from a row whose label was not known before the first one it is tested on."""
    for fold in folds:
        parts = (("training", fold.train, fold.validation), ("validation", fold.validation, fold.test))
        for name, rows, tested in parts:
            if len(rows) and len(tested) and np.max(windows.exit_at[rows]) >= np.min(windows.decided_at[tested]):
                yield f"a {name} row of fold {fold.number} is known too late for what it is tested on"


def _purged_around(dataset: Dataset) -> Iterator[str]:
    """No label that is learned from, or stopped on, overlaps one that is tested, row by row and on both sides."""
    decided_at, exit_at = dataset.windows.decided_at, dataset.windows.exit_at
    for fold in dataset.folds:
        if np.max(exit_at[fold.train]) >= np.min(decided_at[fold.validation]):
            yield f"a training row of fold {fold.number} is known too late for what it is tested on"
        breaks = np.flatnonzero(np.diff(fold.test) > 1) + 1
        for group in np.split(fold.test, breaks):
            for name, rows in (("training", fold.train), ("validation", fold.validation)):
                early = exit_at[rows] < np.min(decided_at[group])
                late = decided_at[rows] > np.max(exit_at[group])
                if not np.all(early | late):
                    yield f"a {name} row of fold {fold.number} overlaps what it is tested on"


def _equal(first: NDArray[Any], second: NDArray[Any]) -> bool:
    """Equal to the last digit, NaN in the same places."""
    if first.shape != second.shape:
        return False
    return bool(np.array_equal(first, second, equal_nan=first.dtype.kind == "f"))
