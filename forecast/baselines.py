"""Simple rivals, fitted on the same folds and windows as the networks: what an LSTM has to beat before it is worth it.

Like the networks they learn on training rows and make their one choice (how strongly to hold back) on validation rows.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from forecast.dataset import Dataset
from pipelines.market import Floats
from pipelines.windows import Rows, gather

_RIDGES = (1e-4, 1e-3, 1e-2, 1e-1)  # inverse strength of the penalty, strongest first
_ROUNDS = 100
_NARROWEST = 1e-3  # a rival that always has an opinion, however weak


def predict(dataset: Dataset, *, fold: int, name: str) -> Floats:
    """Out-of-sample probabilities of a rise by the named rival, shape (test rows,)."""
    return BASELINES[name](dataset, fold)


def previous_sign(dataset: Dataset, fold: int) -> Floats:
    """Tomorrow as today: up after a rise from close to close, with the confidence that it had on the training rows.

    A rule that was wrong more often than right keeps its sign with next to no confidence; it is not turned round.
    """
    rows, close = dataset.folds[fold], dataset.bars.close
    ends, targets = dataset.windows.ends, dataset.windows.targets
    rose = close[ends] > close[ends - 1]
    right = float(np.mean(rose[rows.train] == (targets[rows.train] > 0)))
    confidence = max(right - 0.5, _NARROWEST)
    return np.where(rose[rows.test], 0.5 + confidence, 0.5 - confidence)


def logistic(dataset: Dataset, fold: int) -> Floats:
    """Logistic regression with a ridge on the flattened window; the ridge with the lowest validation log loss."""
    from sklearn.linear_model import LogisticRegression

    flat, rows, targets = _flat(dataset, fold), dataset.folds[fold], dataset.windows.targets
    if (constant := _one_class(targets[rows.train], len(rows.test))) is not None:
        return constant
    fitted = [
        LogisticRegression(C=ridge, max_iter=1000).fit(flat(rows.train), targets[rows.train]) for ridge in _RIDGES
    ]
    losses = [_log_loss(each.predict_proba(flat(rows.validation))[:, 1], targets[rows.validation]) for each in fitted]
    return _probabilities(fitted[int(np.argmin(losses))].predict_proba(flat(rows.test)))


def boosting(dataset: Dataset, fold: int) -> Floats:
    """Histogram gradient boosting on the flattened window; as many trees as gave the lowest validation log loss."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    flat, rows, targets = _flat(dataset, fold), dataset.folds[fold], dataset.windows.targets
    if (constant := _one_class(targets[rows.train], len(rows.test))) is not None:
        return constant
    with threadpool_limits(1):  # sums in one order, whatever the machine
        fitted = HistGradientBoostingClassifier(
            max_iter=_ROUNDS, learning_rate=0.05, max_leaf_nodes=8, early_stopping=False, random_state=0
        ).fit(flat(rows.train), targets[rows.train])
        staged = fitted.staged_predict_proba(flat(rows.validation))
        best = int(np.argmin([_log_loss(each[:, 1], targets[rows.validation]) for each in staged]))
        for trees, each in enumerate(fitted.staged_predict_proba(flat(rows.test))):
            if trees == best:
                return _probabilities(each)
    raise RuntimeError("boosting gave no stage")


BASELINES: dict[str, Callable[[Dataset, int], Floats]] = {
    "previous_sign": previous_sign,
    "logistic": logistic,
    "boosting": boosting,
}


def _flat(dataset: Dataset, fold: int) -> Callable[[Rows], NDArray[np.float32]]:
    """A function from rows to their scaled windows laid flat, shape (rows, steps x features)."""
    windows = dataset.windows
    values = dataset.scalers[fold].apply(windows.values)
    return lambda rows: gather(values, windows.ends[rows], steps=windows.steps).reshape(len(rows), -1)


def _one_class(targets: Floats, length: int) -> Floats | None:
    """Where all training rows have one class there is nothing to fit: that class, as surely as its count allows."""
    share = float(np.mean(targets))
    if 0.0 < share < 1.0:
        return None
    return np.full(length, (share * len(targets) + 1.0) / (len(targets) + 2.0))


def _log_loss(probability: Floats, target: Floats) -> float:
    kept = np.clip(probability, 1e-12, 1 - 1e-12)
    return float(-np.mean(target * np.log(kept) + (1 - target) * np.log1p(-kept)))


def _probabilities(found: NDArray[np.floating]) -> Floats:
    return np.clip(np.asarray(found[:, 1], dtype=np.float64), 1e-9, 1 - 1e-9)
