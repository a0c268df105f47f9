"""Networks that forecast the next bars one by one: how far off each step is, and the newest forecast as a fan."""

from html import escape
from typing import Any

import numpy as np
import pandas as pd

from forecast.report import formatting
from forecast.report.charts.equity import Figure, colour, dash, rounded
from forecast.report.context import PageContext
from pipelines.market.types import Floats

_BANDS = ((0.05, 0.95, "90 %", 0.14), (0.25, 0.75, "50 %", 0.26))


def loss_by_step(context: PageContext) -> Figure | None:
    """Mean squared error of each step of the path, the mean over seeds, beside what saying nothing would have."""
    models = _by_model(context)
    if not models:
        return None
    traces: list[dict[str, Any]] = []
    clauses = []
    for model, rows in models:
        for part, alpha in (("test", None), ("validation", 0.5)):
            predicted, realised, unit = _arrays(rows[rows["part"] == part])
            loss = np.mean(((realised - predicted) / unit) ** 2, axis=0)
            name = f"{formatting.label(model)}, {part}"
            traces.append(_line(name, loss, tint=colour(model, alpha=alpha), strokes=dash(model)))
            if part == "test":
                silent = np.mean((realised / unit) ** 2, axis=0)
                clauses.append(f"{formatting.label(model)} {formatting.number(float(loss.mean()), 3)}")
    traces.append(_line("No move, test", silent, tint="var(--muted)", strokes="4px,3px"))
    clauses.append(f"no move {formatting.number(float(silent.mean()), 3)}")
    layout = {
        "xaxis": {"title": {"text": "bars after the entry"}, "tickformat": "d"},
        "yaxis": {"title": {"text": "squared error, in units of volatility²"}, "tickformat": ".2f"},
        "hovermode": "x unified",
    }
    return {"data": traces, "layout": layout, "alt": f"Squared error by step. Mean over steps: {', '.join(clauses)}."}


def fans(context: PageContext) -> list[tuple[str, Figure]]:
    """For each network the newest tested decision: the path it saw, how wrong it used to be, and the realised one."""
    return [_fan(model, rows) for model, rows in _by_model(context)]


def _fan(model: str, rows: pd.DataFrame) -> tuple[str, Figure]:
    rows = rows[rows["fold"] == rows["fold"].max()]
    predicted, realised, unit = _arrays(rows[rows["part"] == "validation"])
    missed = np.cumsum((realised - predicted) / unit, axis=1)
    newest = rows[rows["decided_at"] == rows["decided_at"].max()]
    predicted, realised, unit = _arrays(newest)
    path, actual = _from_zero(predicted[0]), _from_zero(realised[0])
    steps = list(range(len(path)))
    traces: list[dict[str, Any]] = []
    shared = {"type": "scatter", "mode": "lines", "x": steps, "line": {"width": 0}, "showlegend": False}
    for low, high, name, alpha in _BANDS:
        for share, fill in ((low, {}), (high, {"fill": "tonexty", "fillcolor": colour(model, alpha=alpha)})):
            edge = path + np.append(0.0, np.quantile(missed, share, axis=0)) * unit[0, 0]
            label = f"{name} band, {'lower' if not fill else 'upper'} end"
            traces.append({**shared, **fill, "name": label, "y": rounded(np.expm1(edge)), "hovertemplate": "%{y:.2%}"})
    for name, values, tint, width in (
        ("Forecast", path, colour(model), 2.25),
        ("Realised return", actual, "var(--ink)", 1.75),
    ):
        traces.append(_line(name, np.expm1(values), tint=tint, width=width) | {"x": steps, "hovertemplate": "%{y:.2%}"})
    day = f"{newest['decided_at'].iloc[0]:%Y-%m-%d %H:%M}"
    layout = {
        "xaxis": {"title": {"text": "bars after the entry"}, "tickformat": "d"},
        "yaxis": {"title": {"text": "return since the entry"}, "tickformat": ".1~%"},
        "hovermode": "x unified",
        "showlegend": False,
    }
    ends = " forecast, ".join(formatting.percent(float(np.expm1(returns[-1]))) for returns in (path, actual))
    alt = f"Path of the {formatting.within(model)} from {day} UTC on: after {len(path) - 1} bars {ends} came."
    return f"{formatting.label(model)}, decided {day} UTC", {"data": traces, "layout": layout, "alt": alt}


def _by_model(context: PageContext) -> list[tuple[str, pd.DataFrame]]:
    """Each network's paths, the mean over its seeds, in the report's order."""
    if context.paths is None:
        return []
    means = context.paths.groupby(["model", "fold", "part", "decided_at", "step"], sort=True).mean().reset_index()
    return [(model, rows) for model in context.networks if len(rows := means[means["model"] == model])]


def _arrays(rows: pd.DataFrame) -> tuple[Floats, Floats, Floats]:
    """Forecast, realised return and unit, each of shape (decisions, steps); rows sorted by decision and step."""
    steps = int(rows["step"].max())

    def by_step(name: str) -> Floats:
        return rows[name].to_numpy(np.float64).reshape(-1, steps)

    return by_step("predicted"), by_step("came"), by_step("volatility")


def _from_zero(returns: Floats) -> Floats:
    return np.append(0.0, np.cumsum(returns))


def _line(name: str, values: Floats, *, tint: str, strokes: str = "solid", width: float = 1.75) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": escape(name),
        "x": list(range(1, len(values) + 1)),
        "y": rounded(values),
        "line": {"color": tint, "dash": strokes, "width": width},
        "hovertemplate": "%{y:.3f}",
    }
