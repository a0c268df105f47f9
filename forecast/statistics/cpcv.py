"""What a combinatorial run says: how much a result hangs on the path through history, and no verdict."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from forecast.statistics.verdict import PAIR, is_network, name

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
    if all(model in found for model in PAIR):
        first, second = (found[model] for model in PAIR)
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


def without_verdict(results: Mapping[str, Any], *, symbol: str) -> dict[str, Any]:
    """What stands in the place of a verdict: that there is none, why, and what the paths say."""
    return {
        "answer": "no verdict",
        "sentence": f"No verdict: on {symbol} each network was trained on later bars than it was tested on, by design, "
        "so nobody could have earned this; it shows how much a result hangs on the path through history.",
        "details": [_sentence(results), "For a verdict train walk-forward: --split expanding or rolling."],
    }


def _sentence(results: Mapping[str, Any]) -> str:
    said = []
    for model, found in results.items():
        each = found["sharpe"]
        if each["mean"] is None:
            continue
        who = "of the LSTM less that of the SimpleRNN" if model == DIFFERENCE else f"of {name(model)}"
        said.append(
            f"{who} {each['min']:.2f} to {each['max']:.2f}, {each['mean']:.2f} on average, above zero on "
            f"{each['above_zero']} of {len(each['paths'])}".replace("-", "−")
        )
    return f"Sharpe ratios over the paths: {'; '.join(said)}." if said else "No path has a Sharpe ratio."


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
