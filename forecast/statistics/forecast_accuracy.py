"""How good the probabilities themselves were, before any trading."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from forecast.config.significance import SIGNIFICANCE
from forecast.statistics.performance import Metrics
from pipelines.market.types import Floats

if TYPE_CHECKING:
    import pandas as pd

_EPSILON = float(np.finfo(np.float64).eps)  # a wrong certainty costs 36 nats, not infinitely many


def prediction_quality(target: Floats, probability: Floats) -> Metrics:
    """Scores of a probability of "up" against what came, each array of shape (decisions,).

    target: 1 where the price rose, 0 where not; rows without a known target are left out. probability: 0 to 1.
    log_loss in nats (0.693 is a coin); brier is the mean squared error (0.25 is a coin); accuracy counts a
    probability above one half as "up" and is to be held against max(base_rate, 1 - base_rate), what always saying
    the commoner answer would have scored; auc is 0.5 for a coin, None where only one answer occurred.
    """
    finite = np.isfinite(target) & np.isfinite(probability)
    up, chance = target[finite] > 0.5, np.asarray(probability, dtype=np.float64)[finite]
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


def ensembles(predictions: "pd.DataFrame") -> "dict[str, pd.DataFrame]":
    """Each network's decisions with the mean probability over its seeds, in order of time.

    predictions: a run's predictions.parquet. Decisions are told apart by their number within a seed, since bars of
    trades can close within one time stamp. Columns: target, probability, entry_at, exit_at.
    """
    means = {}
    shared = ["target", "entry_at", "exit_at"]
    for model, rows in predictions.groupby("model", sort=False):
        if rows["seed"].nunique() == 1:  # nothing to average: a twentieth of the time
            means[str(model)] = rows[["probability", *shared]].reset_index(drop=True)
            continue
        decision = rows.groupby("seed").cumcount()
        first = {name: (name, "first") for name in shared}
        means[str(model)] = rows.groupby(decision).agg(probability=("probability", "mean"), **first)
    return means


@dataclass(frozen=True, kw_only=True, eq=False)
class Reliability:
    """Groups of decisions with like probabilities, each array of shape (groups,).

    predicted: their mean probability of a rise. observed: the share that rose. low, high: its 95 % interval
    (Wilson 1927). count: decisions in the group.
    """

    predicted: Floats
    observed: Floats
    low: Floats
    high: Floats
    count: NDArray[np.int64]


def reliability(target: Floats, probability: Floats, *, groups: int) -> Reliability:
    """Observed frequency of a rise by predicted probability: at most so many groups, about equally large.

    target, probability: shape (decisions,); rows without a known target are left out.
    """
    finite = np.isfinite(target) & np.isfinite(probability)
    order = np.argsort(probability[finite], kind="stable")
    up, chance = (target[finite] > 0.5)[order], probability[finite][order]
    parts = [part for part in np.array_split(np.arange(len(up)), groups) if len(part)]
    count = np.array([len(part) for part in parts], dtype=np.int64)
    observed = np.array([up[part].mean() for part in parts])
    critical_value = SIGNIFICANCE.critical_value
    center = (observed + critical_value**2 / (2 * count)) / (1 + critical_value**2 / count)
    half = (
        critical_value
        * np.sqrt(observed * (1 - observed) / count + critical_value**2 / (4 * count**2))
        / (1 + critical_value**2 / count)
    )
    predicted = np.array([chance[part].mean() for part in parts])
    return Reliability(predicted=predicted, observed=observed, low=center - half, high=center + half, count=count)


def correlation(probability: Floats, last_return: Floats) -> float | None:
    """Pearson's correlation of the signal with the return just seen; near 1 or -1 the network only repeats it.

    Each of shape (decisions,); None where one of them does not vary.
    """
    finite = np.isfinite(probability) & np.isfinite(last_return)
    signals, returns = probability[finite], last_return[finite]
    if len(signals) < 3 or np.ptp(signals) == 0 or np.ptp(returns) == 0:
        return None
    return float(np.corrcoef(signals, returns)[0, 1])


def _auc(up: NDArray[np.bool_], chance: Floats) -> float:
    """The share of (risen, fallen) pairs in which the risen one had the higher chance; ties count half."""
    _, group, size = np.unique(chance, return_inverse=True, return_counts=True)
    rank = (np.cumsum(size) - (size - 1) / 2)[group]  # Mann-Whitney: ranks, ties share their mean
    risen, fallen = int(up.sum()), int((~up).sum())
    return float((rank[up].sum() - risen * (risen + 1) / 2) / (risen * fallen))
