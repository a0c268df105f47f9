"""Baselines, fitted on the same folds and windows as the networks: what an LSTM has to beat before it is worth it.

Like the networks they learn on training rows and make their one choice (how strongly to hold back) on validation rows.
"""

import itertools
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecast.compute.shared_data import SharedData
from forecast.compute.task import BaselineResult, Task
from forecast.config.model_registry import is_own_baseline
from forecast.training import user_baselines
from pipelines.errors import RunError
from pipelines.market.types import Floats
from pipelines.preprocessing.walk_forward import Fold
from pipelines.preprocessing.windows import Rows, gather

_RIDGES = (1e-4, 1e-3, 1e-2, 1e-1)  # inverse strength of the penalty, strongest first
_MOST_NEWTON = 2_000  # features whose Hessian is solved outright
_ROUNDS = 100
_BINS = 64
_MOST_AT_ONCE = 1 << 22  # numbers of the windows that are asked for at a time
_BLOCK = 64  # rows: BLAS gives the same last digits of a product whichever multiple of it is taken at once
_NARROWEST = 1e-3  # a baseline that always has an opinion, however weak


@dataclass(frozen=True, kw_only=True)
class BaselineTask:
    """One baseline to fit on one fold.

    work: in the unit of a network's, of which it is a small part. most: numbers that it learns from, where a panel has
    more; None: all of them. A panel's rows are thinned evenly in time.
    """

    symbol: str
    baseline: str
    fold: int
    work: int
    backend: str
    versions: tuple[tuple[str, str], ...]
    most: int | None = None
    own_code: tuple[tuple[str, str], ...] = ()

    @property
    def task(self) -> Task:
        """The key under which its result is kept; a baseline has one seed."""
        return self.baseline, self.fold, 0

    @property
    def name(self) -> str:
        """For a person."""
        return f"{self.symbol} {self.baseline} fold {self.fold}"

    @property
    def kind(self) -> Hashable:
        """One for all: they import scikit-learn and compile nothing."""
        return "baseline"

    def fit(self, shared: SharedData) -> BaselineResult:
        """Fits it, in a worker; no network library is needed."""
        return predict(shared, fold=self.fold, name=self.baseline, most=self.most)


def predict(data: SharedData, *, fold: int, name: str, most: int | None = None) -> BaselineResult:
    """Probabilities of a rise by the named baseline, out of sample and for the validation rows.

    most: as BaselineTask has it.
    """
    rows = data.folds[fold]
    classes = (data.windows.targets > 0.5).astype(np.float64)  # a rank within its day is above the median or not
    data = replace(data, windows=replace(data.windows, targets=classes))
    if most is not None:
        numbers = data.windows.steps * data.windows.values.shape[1]
        train, validation = (_thinned(part, most=most // numbers) for part in (rows.train, rows.validation))
        thin = replace(rows, train=train, validation=validation)
        data = replace(data, folds=tuple(thin if test_fold.number == fold else test_fold for test_fold in data.folds))
    predicted_rows = np.concatenate([rows.test, rows.validation])
    if is_own_baseline(name):
        probability = user_baseline(data, fold, predicted_rows, name=name.partition(":")[2])
    else:
        probability = BASELINES[name](data, fold, predicted_rows)
    return BaselineResult(probability=probability[: len(rows.test)], validation=probability[len(rows.test) :])


def previous_sign(data: SharedData, fold: int, predicted_rows: Rows) -> Floats:
    """Tomorrow as today: up after a rise from close to close, with the confidence that it had on the training rows.

    A rule that was wrong more often than right keeps its sign with next to no confidence; it is not turned round.
    """
    if data.closes is None:
        raise RunError("Expected the closes of the bars for the previous sign, got none.")
    rows, close = data.folds[fold], data.closes
    ends, targets = data.windows.ends, data.windows.targets
    rising = close[ends] > close[ends - 1]
    hit_rate = _mean(rising[rows.train] == (targets[rows.train] > 0), rows.weights[rows.train])
    confidence = max(hit_rate - 0.5, _NARROWEST)
    return np.where(rising[predicted_rows], 0.5 + confidence, 0.5 - confidence)


def logistic(data: SharedData, fold: int, predicted_rows: Rows) -> Floats:
    """Logistic regression with a ridge on the flattened window; the ridge with the lowest validation log loss."""
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    flat, rows, targets = _flat(data, fold), data.folds[fold], data.windows.targets
    train, checked = _weighted(rows, rows.train), _weighted(rows, rows.validation)
    if (constant := _one_class(targets[train], len(predicted_rows))) is not None:
        return constant
    features = flat(train)
    solver = "newton-cholesky" if features.shape[1] <= _MOST_NEWTON else "lbfgs"  # ten times as fast, while it fits
    with threadpool_limits(1):  # sums in one order, whatever the machine
        fitted = [
            LogisticRegression(C=ridge, max_iter=1000, solver=solver).fit(features, targets[train], rows.weights[train])
            for ridge in _RIDGES
        ]
    losses = [
        _log_loss(model.predict_proba(flat(checked))[:, 1], targets[checked], rows.weights[checked]) for model in fitted
    ]
    best = fitted[int(np.argmin(losses))]
    del features
    return _in_parts(lambda part: best.predict_proba(flat(part)), predicted_rows, data)


def boosting(data: SharedData, fold: int, predicted_rows: Rows) -> Floats:
    """Histogram gradient boosting on the flattened window; as many trees as gave the lowest validation log loss."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    # binned here: scikit-learn takes minutes for it where rows have weights
    flat, rows, targets = _flat(data, fold, bins=_BINS), data.folds[fold], data.windows.targets
    train, checked = _weighted(rows, rows.train), _weighted(rows, rows.validation)
    if (constant := _one_class(targets[train], len(predicted_rows))) is not None:
        return constant
    with threadpool_limits(1):  # sums in one order, whatever the machine
        fitted = HistGradientBoostingClassifier(
            max_iter=_ROUNDS, learning_rate=0.05, max_leaf_nodes=8, early_stopping=False, random_state=0
        ).fit(flat(train), targets[train], rows.weights[train])
        staged = fitted.staged_predict_proba(flat(checked))
        best = int(np.argmin([_log_loss(stage[:, 1], targets[checked], rows.weights[checked]) for stage in staged]))
        return _in_parts(lambda part: _stage(fitted.staged_predict_proba(flat(part)), best), predicted_rows, data)


def _stage(stages: Iterable[NDArray[np.floating]], number: int) -> NDArray[np.floating]:
    """The answers after so many trees."""
    return next(itertools.islice(stages, number, None))


def user_baseline(data: SharedData, fold: int, predicted_rows: Rows, *, name: str) -> Floats:
    """A person's own, `module:Class`: scikit-learn's fit and predict_proba on the flattened, scaled windows.

    Raises:
        ConfigError: it fails, takes too long, or answers with something else than probabilities of two classes.
    """
    flat, rows, targets = _flat(data, fold), data.folds[fold], data.windows.targets
    train = _weighted(rows, rows.train)
    if (constant := _one_class(targets[train], len(predicted_rows))) is not None:
        return constant
    return user_baselines.answers(name, flat(train), targets[train], rows.weights[train], flat(predicted_rows))


BASELINES: dict[str, Callable[[SharedData, int, Rows], Floats]] = {
    "previous_sign": previous_sign,
    "logistic": logistic,
    "boosting": boosting,
}


def _flat(data: SharedData, fold: int, *, bins: int = 0) -> Callable[[Rows], NDArray[Any]]:
    """A function from rows to their scaled windows laid flat, shape (rows, steps x features).

    bins: numbers of equally full bins instead of values, the bins found on the last bars of the training windows; in
    float64, which scikit-learn's trees would make of them beside the float32.
    """
    windows = data.windows
    values = data.scalers[fold].apply(windows.values)
    if bins:
        edges = np.quantile(values[windows.ends[data.folds[fold].train]], np.arange(1, bins) / bins, axis=0)
        columns = [np.searchsorted(edge, column, side="right") for edge, column in zip(edges.T, values.T, strict=True)]
        places = np.stack(columns, axis=1).astype(np.uint8)
        return lambda rows: gather(places, windows.ends[rows], steps=windows.steps).reshape(len(rows), -1).astype(float)
    return lambda rows: gather(values, windows.ends[rows], steps=windows.steps).reshape(len(rows), -1)


def _thinned(rows: Rows, *, most: int) -> Rows:
    """At most so many of them, evenly spaced."""
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, max(1, most)).astype(np.int64)]


def _in_parts(predict_rows: Callable[[Rows], NDArray[np.floating]], predicted_rows: Rows, data: SharedData) -> Floats:
    """Probabilities of a rise of all rows asked for, of so many at a time that their windows fit into memory."""
    width = data.windows.steps * data.windows.values.shape[1]
    length = max(_BLOCK, _MOST_AT_ONCE // width // _BLOCK * _BLOCK)
    parts = [predicted_rows[start : start + length] for start in range(0, max(1, len(predicted_rows)), length)]
    return np.concatenate([_probabilities(predict_rows(part)) for part in parts])


def _one_class(targets: Floats, length: int) -> Floats | None:
    """Where all training rows have one class there is nothing to fit: that class, as surely as its count allows."""
    share = float(np.mean(targets))
    if 0.0 < share < 1.0:
        return None
    return np.full(length, (share * len(targets) + 1.0) / (len(targets) + 2.0))


def _weighted(fold: Fold, rows: Rows) -> Rows:
    """The rows that teach something; all of them where none does."""
    weighted = rows[fold.weights[rows] > 0]
    return weighted if len(weighted) else rows


def _log_loss(probability: Floats, target: Floats, weights: NDArray[np.float32]) -> float:
    clipped = np.clip(probability, 1e-12, 1 - 1e-12)
    return -_mean(target * np.log(clipped) + (1 - target) * np.log1p(-clipped), weights)


def _mean(values: NDArray[Any], weights: NDArray[np.float32]) -> float:
    """Weighted mean; the plain one where nothing has a weight."""
    return float(np.average(values, weights=weights if weights.any() else None))


def _probabilities(class_probabilities: NDArray[np.floating]) -> Floats:
    return np.clip(np.asarray(class_probabilities[:, 1], dtype=np.float64), 1e-9, 1 - 1e-9)
