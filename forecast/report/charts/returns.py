"""How returns changed over time, how they are distributed, and what costs and thresholds would have made of them."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from forecast.report import formatting
from forecast.report.charts.equity import Figure, axis_times, colour, dash, rounded, time_axis
from forecast.report.context import PageContext
from forecast.statistics.risk import distribution, rolling
from pipelines.market.types import Floats

_BINS = 41
_WINDOWS = (126, 63)  # half a year and a quarter of sessions, as quantstats and pyfolio take


def rolling_window(context: PageContext) -> int | None:
    """Sessions of the rolling charts: half a year, or a quarter where the record is shorter; None below half a year."""
    if not context.by_session:
        return None
    return next((window for window in _WINDOWS if len(context.times) >= 2 * window), None)


def rolling_sharpe(context: PageContext, *, window: int) -> Figure:
    """The Sharpe ratio of the last `window` sessions, at each session."""
    ratios = {
        model: rolling(context.returns(model), window=window, per_year=context.per_year)[0]
        for model in context.compared
    }
    figure = _over_time(context, ratios, window=window, title="Sharpe ratio", tick=".1~f", hover=".2f")
    figure["layout"]["yaxis"] |= {"zeroline": True, "zerolinecolor": "var(--muted)", "zerolinewidth": 1}
    return figure


def rolling_volatility(context: PageContext, *, window: int) -> Figure:
    """The annualised volatility of the last `window` sessions, at each session."""
    deviations = {
        model: rolling(context.returns(model), window=window, per_year=context.per_year)[1]
        for model in context.compared
    }
    return _over_time(context, deviations, window=window, title="volatility per year", tick=".0~%", hover=".1~%")


def histogram(context: PageContext) -> Figure:
    """How often the networks' returns, and the market's, were how large."""
    values = {model: context.returns(model) for model in context.compared}
    pooled = np.concatenate(list(values.values()))
    low, high = np.quantile(pooled, [0.002, 0.998])
    width = max(abs(float(low)), abs(float(high)), 1e-6)
    edges = np.linspace(-width, width, _BINS + 1)
    middle = rounded((edges[1:] + edges[:-1]) / 2, 4)
    traces, shapes, clauses = [], [], []
    for model, returns in reversed(list(values.items())):
        share = np.histogram(np.clip(returns, -width, width), bins=edges)[0] / len(returns)
        traces.append(
            {
                "type": "scatter", "mode": "lines", "name": escape(formatting.label(model)), "x": middle,
                "y": rounded(share, 4), "hovertemplate": "%{y:.1%}",
                "line": {"shape": "hvh", "color": colour(model), "width": 2, "dash": dash(model)},
            }
        )  # fmt: skip
        tail = distribution(returns)
        clauses.append(f"{formatting.label(model)} value at risk {formatting.percent(tail.value_at_risk)}")
        shapes.append(
            {
                "type": "line", "x0": tail.value_at_risk, "x1": tail.value_at_risk, "yref": "paper", "y0": 0, "y1": 1,
                "line": {"color": colour(model), "width": 1.5, "dash": "2px,3px"},
            }
        )  # fmt: skip
    layout = {
        "xaxis": {"title": {"text": f"net return per {context.unit}"}, "tickformat": ".2~p", "hoverformat": ".2~p"},
        "yaxis": {"title": {"text": f"share of {context.unit}s"}, "tickformat": ".0%", "rangemode": "tozero"},
        "shapes": shapes, "hovermode": "x unified", "legend": {"traceorder": "reversed"},
    }  # fmt: skip
    return {
        "data": traces,
        "layout": layout,
        "alt": f"Distribution of returns per {context.unit}. {'; '.join(clauses)}.",
    }


def sensitivity(
    results: Mapping[str, Sequence[float]], at: Sequence[float], *, title: str, measure: str, chosen: float | None
) -> Figure:
    """What a setting would have made of each model: results[model][i] at at[i]. chosen: this backtest's."""
    traces, clauses = [], []
    for model, values in reversed(list(results.items())):
        traces.append(
            {
                "type": "scatter", "mode": "lines+markers", "name": escape(formatting.label(model)),
                "x": rounded(np.asarray(at, dtype=np.float64), 4),
                "y": rounded(np.asarray(values, dtype=np.float64), 4),
                "line": {"color": colour(model), "width": 2, "dash": dash(model)},
                "marker": {"size": 5, "color": colour(model)}, "hovertemplate": "%{y:.1~%}",
            }
        )  # fmt: skip
        first, last = formatting.percent(values[0]), formatting.percent(values[-1])
        clauses.append(f"{formatting.label(model)} from {first} to {last}")
    line = {"color": "var(--ink)", "width": 1.5, "dash": "2px,3px"}
    layout: dict[str, Any] = {
        "xaxis": {"title": {"text": title}, "tickformat": "~r", "range": _sides(at)},
        "yaxis": {"title": {"text": measure}, "tickformat": ".2~%", "zeroline": True, "zerolinecolor": "var(--muted)"},
        "hovermode": "x unified", "legend": {"traceorder": "reversed"},
    }  # fmt: skip
    if chosen is not None and at[0] <= chosen <= at[-1]:
        layout["shapes"] = [
            {"type": "line", "x0": chosen, "x1": chosen, "yref": "paper", "y0": 0, "y1": 1, "line": line}
        ]
        layout["annotations"] = [
            {
                "x": chosen, "y": 1, "yref": "paper", "yanchor": "top", "xanchor": "left", "text": " this backtest",
                "showarrow": False, "font": {"size": 12, "color": "var(--muted)"},
            }
        ]  # fmt: skip
    return {"data": traces, "layout": layout, "alt": f"{measure} by {title}. {'; '.join(clauses)}."}


def _sides(at: Sequence[float]) -> list[float]:
    margin = 0.03 * (at[-1] - at[0])
    return [at[0] - margin, at[-1] + margin]


def _over_time(
    context: PageContext, values: Mapping[str, Floats], *, window: int, title: str, tick: str, hover: str
) -> Figure:
    times = axis_times(context.times[window - 1 :], daily=True)
    traces, clauses = [], []
    for model, series in reversed(list(values.items())):
        finite = series[np.isfinite(series)]
        traces.append(
            {
                "type": "scatter", "mode": "lines", "name": escape(formatting.label(model)), "x": times,
                "y": [float(f"{value:.3g}") if np.isfinite(value) else None for value in series],
                "line": {"color": colour(model), "width": 1.75, "dash": dash(model)},
            }
        )  # fmt: skip
        if len(finite):
            clauses.append(f"{formatting.label(model)} from {finite.min():.2f} to {finite.max():.2f}")
    layout = {
        "xaxis": time_axis(daily=True),
        "yaxis": {"title": {"text": title}, "tickformat": tick, "hoverformat": hover},
        "hovermode": "x unified", "legend": {"traceorder": "reversed"},
    }  # fmt: skip
    return {"data": traces, "layout": layout, "alt": f"Rolling {title}, {window} sessions. {'; '.join(clauses)}."}
