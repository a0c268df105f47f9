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
    results: dict[str, dict[str, Any]] = {}
    for model in filter(is_network, performance):
        paths = [performance[model]["seeds"][path] for path in sorted(performance[model]["seeds"], key=int)]
        results[model] = {metric: _spread([path[metric] for path in paths]) for metric in _METRICS}
    if all(model in results for model in SAME_UNITS):
        first, second = (results[model] for model in SAME_UNITS)
        results[DIFFERENCE] = {
            metric: _spread(
                [
                    None if value is None or benchmark_value is None else value - benchmark_value
                    for value, benchmark_value in zip(first[metric]["paths"], second[metric]["paths"], strict=True)
                ]
            )
            for metric in _METRICS
        }
    return results


def _spread(paths: Sequence[float | None]) -> dict[str, Any]:
    """Over paths; std with one degree of freedom taken off, None for a single path; None where a path has none."""
    defined = np.array([value for value in paths if value is not None])
    if len(defined) < len(paths):
        return {"paths": list(paths), **dict.fromkeys(("mean", "std", "min", "max", "above_zero"))}
    return {
        "paths": list(paths),
        "mean": float(defined.mean()),
        "std": float(defined.std(ddof=1)) if len(defined) > 1 else None,
        "min": float(defined.min()),
        "max": float(defined.max()),
        "above_zero": int((defined > 0).sum()),
    }
