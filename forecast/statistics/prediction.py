"""How good the probabilities themselves were, before any trading."""

import numpy as np
from numpy.typing import NDArray

from forecast.statistics.performance import Metrics
from pipelines.market import Floats

_EPSILON = float(np.finfo(np.float64).eps)  # a wrong certainty costs 36 nats, not infinitely many


def prediction_quality(target: Floats, probability: Floats) -> Metrics:
    """Scores of a probability of "up" against what came, each array of shape (decisions,).

    target: 1 where the price rose, 0 where not; rows without a known target are left out. probability: 0 to 1.
    log_loss in nats (0.693 is a coin); brier is the mean squared error (0.25 is a coin); accuracy counts a
    probability above one half as "up" and is to be held against max(base_rate, 1 - base_rate), what always saying
    the commoner answer would have scored; auc is 0.5 for a coin, None where only one answer occurred.
    """
    known = np.isfinite(target) & np.isfinite(probability)
    up, chance = target[known] > 0.5, np.asarray(probability, dtype=np.float64)[known]
    if not len(up):
        names = ("log_loss", "brier", "accuracy", "base_rate", "auc")
        return {**dict.fromkeys(names), "observations": 0}
    return {
        "log_loss": float(-np.log(np.clip(np.where(up, chance, 1.0 - chance), _EPSILON, 1.0)).mean()),
        "brier": float(np.square(chance - up).mean()),
        "accuracy": float(((chance > 0.5) == up).mean()),
        "base_rate": float(up.mean()),
        "auc": _auc(up, chance) if 0 < up.sum() < len(up) else None,
        "observations": len(up),
    }


def _auc(up: NDArray[np.bool_], chance: Floats) -> float:
    """The share of (risen, fallen) pairs in which the risen one had the higher chance; ties count half."""
    _, group, size = np.unique(chance, return_inverse=True, return_counts=True)
    rank = (np.cumsum(size) - (size - 1) / 2)[group]  # Mann-Whitney: ranks, ties share their mean
    risen, fallen = int(up.sum()), int((~up).sum())
    return float((rank[up].sum() - risen * (risen + 1) / 2) / (risen * fallen))
