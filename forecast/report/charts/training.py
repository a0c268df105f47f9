"""Learning curves fold by fold, and the folds on a time line."""

import math
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from forecast.config import model_registry
from forecast.report import formatting
from forecast.report.charts.equity import Figure, colour, dash, rounded
from forecast.report.context import PageContext

MOST_FOLDS = 12
"""Small charts shown at most; of more folds, evenly spaced ones."""

COIN = math.log(2)
_PARTS = {"train": ("train", ""), "validation": ("validation", "/"), "test": ("test", "x")}


def learning(context: PageContext) -> list[tuple[str, Figure]]:
    """One small chart a fold: every seed's loss while learning (pale) and on validation rows.

    The networks that give probabilities stand by their log loss, and behind them those that forecast a path by their
    squared error.
    """
    apart = context.history["model"].map(model_registry.path).to_numpy(bool)
    probabilities, paths = context.history[~apart], context.history[apart]
    return _charts(context, probabilities, "Fold") + _charts(context, paths, "Squared error of paths, fold")


def _charts(context: PageContext, history: pd.DataFrame, title: str) -> list[tuple[str, Figure]]:
    numbers = np.sort(history["fold"].unique())
    if len(numbers) > MOST_FOLDS:
        numbers = numbers[np.unique(np.linspace(0, len(numbers) - 1, MOST_FOLDS).round().astype(int))]
    finite = history[["loss", "val_loss"]].to_numpy()
    finite = finite[np.isfinite(finite)]
    if not len(finite):
        return []
    low, high = np.quantile(finite, [0.0, 0.99])
    margin = max(0.1 * (high - low), 1e-3)
    coin = COIN if title == "Fold" else None
    limits = [float(min(low, coin or low) - margin), float(max(high, coin or high) + margin)]
    last = int(history["epoch"].max())
    return [
        (f"{title} {int(number)}", _fold(context, history[history["fold"] == number], limits, last, coin))
        for number in numbers
    ]


def _fold(context: PageContext, history: pd.DataFrame, limits: list[float], last: int, coin: float | None) -> Figure:
    traces: list[dict[str, Any]] = []
    clauses = []
    for model in context.networks:
        rows = history[history["model"] == model]
        for index, (_, curve) in enumerate(rows.groupby("seed")):
            for column, alpha, width in (("loss", 0.5, 1.25), ("val_loss", None, 1.75)):
                traces.append(
                    {
                        "type": "scatter",
                        "mode": "lines" if len(curve) > 1 else "markers",
                        "name": (
                            f"{escape(formatting.label(model))}, {'validation' if column == 'val_loss' else 'training'}"
                        ),
                        "legendgroup": f"{escape(model)} {column}",
                        "showlegend": index == 0,
                        "x": curve["epoch"].tolist(),
                        "y": rounded(curve[column].to_numpy(np.float64)),
                        "line": {"color": colour(model, alpha=alpha), "dash": dash(model), "width": width},
                        "marker": {"color": colour(model, alpha=alpha), "size": 7},
                        "hovertemplate": "%{y:.4f}",
                    }
                )
        if len(rows):
            clauses.append(f"{formatting.label(model)} lowest validation loss {rows['val_loss'].min():.4f}")
    places = max(2, math.ceil(-math.log10((limits[1] - limits[0]) / 5)))  # neighbouring ticks differ
    layout = {
        "xaxis": {
            "range": [0.5, max(last + 0.5, 2.5)], "title": {"text": "epoch"}, "tickformat": "d",
            **({"dtick": 1} if last <= 6 else {}),
        },
        "yaxis": {"range": limits, "tickformat": f".{places}f", "nticks": 5},
        "shapes": [
            {
                "type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": coin, "y1": coin,
                "line": {"color": "var(--muted)", "width": 1, "dash": "4px,3px"},
            }
        ] if coin else [],
        "showlegend": False,
        "height": 210,
        "margin": {"l": 28 + 7 * places, "r": 8, "t": 8, "b": 38},
    }  # fmt: skip
    return {"data": traces, "layout": layout, "alt": f"Loss by epoch. {'; '.join(clauses)}."}


def folds(context: PageContext) -> Figure:
    """When each fold learned, when it chose, and when it was tested."""
    plan = context.about["folds"]
    traces = []
    for part, (tint, pattern) in _PARTS.items():
        fold_spans = [(fold["number"], span) for fold in plan for span in fold[part].get("pieces") or [fold[part]]]
        fold_spans = [(number, span) for number, span in fold_spans if span["rows"]]
        spans = [span for _, span in fold_spans]
        start = pd.to_datetime([span["first"] for span in spans], utc=True)
        stop = pd.to_datetime([span["last"] for span in spans], utc=True)
        length = (stop - start) / pd.Timedelta(milliseconds=1)
        traces.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": part.capitalize(),
                "hoverlabel": {"namelength": 0},
                "y": [f"Fold {number}" for number, _ in fold_spans],
                "base": [moment.strftime("%Y-%m-%dT%H:%M:%S") for moment in start],
                "x": [float(milliseconds) for milliseconds in length],
                "customdata": [
                    [formatting.count(span["rows"]), escape(str(span["first"])[:16]), escape(str(span["last"])[:16])]
                    for span in spans
                ],
                "hovertemplate": part + ": %{customdata[0]} rows<br>%{customdata[1]} to %{customdata[2]}",
                "marker": {
                    "color": f"var(--{tint})",
                    "line": {"width": 0},
                    "pattern": {
                        "shape": pattern, "fillmode": "overlay", "fgcolor": "var(--paper)", "size": 6, "solidity": 0.2,
                    },
                },
            }
        )  # fmt: skip
    layout = {
        "barmode": "overlay",
        "bargap": 0.35,
        "xaxis": {"type": "date"},
        "yaxis": {"autorange": "reversed", "ticks": "", "fixedrange": True, "automargin": True},
        "height": 110 + 28 * len(plan),
    }
    alt = f"{len(plan)} folds in time order; each learns from the past and is tested on what came after it."
    if context.metrics.get("paths"):
        alt = f"{len(plan)} folds; each learns from what lies around the groups it is tested on."
    return {"data": traces, "layout": layout, "alt": alt}
