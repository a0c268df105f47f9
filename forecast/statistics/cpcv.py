"""Distribution of results over the paths of combinatorial purged cross-validation."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from forecast.config.model_registry import SAME_UNITS
from forecast.statistics.comparisons import is_network

DIFFERENCE = "difference"
_METRICS = ("sharpe", "total_return")


def path_results(performance: Mapping[str, Any]) -> dict[str, Any]:
    """Sharpe ratio and total return of each network on each path, and of LSTM - SimpleRNN, path by path.

    performance: of a backtest's metrics, whose members are the paths.
    Returns {model or "difference": {metric: {paths, mean, std, min, max, above_zero}}}; None where a path has none.
    """
    found: dict[str, dict[str, Any]] = {}
    for model in filter(is_network, performance):
        paths = [performance[model]["seeds"][each] for each in sorted(performance[model]["seeds"], key=int)]
        found[model] = {metric: _spread([each[metric] for each in paths]) for metric in _METRICS}
    if all(model in found for model in SAME_UNITS):
        first, second = (found[model] for model in SAME_UNITS)
        found[DIFFERENCE] = {
            metric: _spread(
                [
                    None if one is None or other is None else one - other
                    for one, other in zip(first[metric]["paths"], second[metric]["paths"], strict=True)
                ]
            )
            for metric in _METRICS
        }
    return found


def _spread(paths: Sequence[float | None]) -> dict[str, Any]:
    """Over paths; std with one degree of freedom taken off, None for a single path; None where a path has none."""
    known = np.array([each for each in paths if each is not None])
    if len(known) < len(paths):
        return {"paths": list(paths), **dict.fromkeys(("mean", "std", "min", "max", "above_zero"))}
    return {
        "paths": list(paths),
        "mean": float(known.mean()),
        "std": float(known.std(ddof=1)) if len(known) > 1 else None,
        "min": float(known.min()),
        "max": float(known.max()),
        "above_zero": int((known > 0).sum()),
    }
