"""How good the probabilities themselves were, before any trading."""

import numpy as np

from forecast.statistics.performance import Metrics
from pipelines.market import Floats


def prediction_quality(target: Floats, probability: Floats) -> Metrics:
    """Scores of a probability of "up" against what came, each array of shape (decisions,).

    target: 1 where the price rose, 0 where not; rows without a known target are left out. probability: 0 to 1.
    log_loss in nats (0.693 is a coin); brier is the mean squared error (0.25 is a coin); accuracy counts a
    probability above one half as "up" and is to be held against max(base_rate, 1 - base_rate), what always saying
    the commoner answer would have scored; auc is 0.5 for a coin, None where only one answer occurred.
    """
    from sklearn.metrics import log_loss, roc_auc_score

    known = np.isfinite(target) & np.isfinite(probability)
    up, chance = target[known] > 0.5, np.asarray(probability, dtype=np.float64)[known]
    if not len(up):
        names = ("log_loss", "brier", "accuracy", "base_rate", "auc")
        return {**dict.fromkeys(names), "observations": 0}
    return {
        "log_loss": float(log_loss(up, chance, labels=[False, True])),
        "brier": float(np.square(chance - up).mean()),
        "accuracy": float(((chance > 0.5) == up).mean()),
        "base_rate": float(up.mean()),
        "auc": float(roc_auc_score(up, chance)) if 0 < up.sum() < len(up) else None,
        "observations": len(up),
    }
