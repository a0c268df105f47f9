"""Ranks of a panel as plain plotly figures: the information coefficient by year and horizon, returns by decile."""

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from forecast.config import model_registry
from forecast.report import formatting
from forecast.report.charts.equity import Figure, colour, dash

_PALER = 0.6


def rank_ic_by_year(panel: Mapping[str, Any], models: Sequence[str]) -> Figure:
    """Mean daily rank information coefficient of each year."""
    traces = [
        _bars(model, list(by_year := panel["rank_ic"][model]["by_year"]), list(by_year.values())) for model in models
    ]
    layout = {
        "barmode": "group",
        "xaxis": {"type": "category"},
        "yaxis": {"title": {"text": "rank IC"}, "tickformat": ".2~f"},
    }
    return {"data": traces, "layout": layout, "alt": f"Rank information coefficient by year. {_means(panel, models)}"}


def rank_ic_decay(panel: Mapping[str, Any], models: Sequence[str]) -> Figure:
    """The same against the return over more and more bars."""
    traces = [
        {
            "type": "scatter", "mode": "lines+markers", "name": escape(formatting.label(model)),
            "x": [int(lag) for lag in panel["rank_ic"][model]["decay"]],
            "y": [round(value, 6) for value in panel["rank_ic"][model]["decay"].values()],
            "line": {"color": colour(model), "dash": dash(model)},
        }
        for model in models
    ]  # fmt: skip
    layout = {
        "xaxis": {"title": {"text": "bars after the fill"}},
        "yaxis": {"title": {"text": "rank IC"}, "tickformat": ".2~f", "rangemode": "tozero"},
    }
    return {"data": traces, "layout": layout, "alt": "Rank information coefficient against returns over more bars."}


def quantiles(panel: Mapping[str, Any], models: Sequence[str]) -> Figure:
    """Mean return to the exit by group of the forecast's rank; models of one colour differ by how pale it is."""
    traces = []
    of_colour: Counter[tuple[str, str]] = Counter()
    for model in models:
        returns = panel["quantiles"][model]["returns"]
        bars = _bars(model, [str(place) for place in range(1, len(returns) + 1)], returns)
        shade = model_registry.PALETTE[model_registry.colour(model)]
        alpha = _PALER ** of_colour[shade]
        of_colour[shade] += 1
        traces.append({**bars, "marker": {"color": colour(model, alpha=None if alpha == 1.0 else round(alpha, 2))}})
    layout = {
        "barmode": "group",
        "xaxis": {"type": "category", "title": {"text": "group by rank of the forecast, lowest first"}},
        "yaxis": {"title": {"text": "mean return"}, "tickformat": ".2~p"},
    }
    spreads = ", ".join(
        f"{formatting.label(model)} {formatting.percent(panel['quantiles'][model]['spread']['mean'])}"
        for model in models
    )
    return {"data": traces, "layout": layout, "alt": f"Mean return by group. Highest less lowest: {spreads}."}


def _bars(model: str, names: Sequence[str], values: Sequence[float | None]) -> dict[str, Any]:
    return {
        "type": "bar", "name": escape(formatting.label(model)), "x": list(names),
        "y": [None if value is None else round(value, 8) for value in values], "marker": {"color": colour(model)},
    }  # fmt: skip


def _means(panel: Mapping[str, Any], models: Sequence[str]) -> str:
    parts = [f"{formatting.label(model)} {formatting.number(panel['rank_ic'][model]['mean'], 3)}" for model in models]
    return f"Mean: {', '.join(parts)}."
