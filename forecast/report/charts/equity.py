"""Growth, drawdown and certainty as plain plotly figures; colours are names that the page turns into light or dark."""

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from forecast.config import model_registry
from forecast.report import formatting
from forecast.report.charts.downsampling import ASIDE_LIMIT, LINE_LIMIT, thin
from forecast.report.context import PageContext
from forecast.statistics.comparisons import BUY_AND_HOLD, Comparison, Question, is_network
from forecast.statistics.performance import bar_returns, equity_curve
from forecast.statistics.verdict import Verdict
from pipelines.market.types import Floats, Times

Figure = dict[str, Any]

_WIDE = 5  # growth that differs by more than this is drawn on a logarithmic scale at first
_UNIFIED = {"hovermode": "x unified", "legend": {"traceorder": "reversed"}}


def colour(model: str, *, alpha: float | None = None) -> str:
    """A model's colour as the page names it: "var(--lstm)", "var(--lstm)/0.2"."""
    return f"var(--{model_registry.colour(model)})" + ("" if alpha is None else f"/{alpha:g}")


def dash(model: str) -> str:
    """A model's line as plotly and SVG read it: "6px,2px"."""
    return ",".join(f"{length}px" for length in model_registry.dash(model)) or "solid"


def axis_times(times: Times, *, daily: bool) -> list[str]:
    """Times as plotly reads them: the date of a daily bar, milliseconds (UTC) of anything shorter."""
    return [str(text) for text in np.datetime_as_string(times, unit="D" if daily else "ms")]


def time_axis(*, daily: bool) -> dict[str, Any]:
    """An axis of times: bars within a day stand side by side, without the nights and weekends between them."""
    return {} if daily else {"type": "category"}


def rounded(values: Floats, digits: int = 6) -> list[float]:
    """Significant digits enough for a chart, so that the page stays small."""
    with np.errstate(divide="ignore"):
        size = np.floor(np.log10(np.abs(values), where=values != 0, out=np.zeros(len(values))))
    scale = np.power(10.0, digits - 1 - size)
    return [float(value) for value in np.round(values * scale) / scale]


def growth(context: PageContext) -> Figure:
    """What became of 1 unit of money: each ensemble, and the range of a network's seeds as a band."""
    traces: list[dict[str, Any]] = []
    for model in context.networks:
        traces += _band(context, model)
    clauses = []
    for model in reversed(context.models):
        account = context.ensemble(model)
        curve = equity_curve(bar_returns(account))
        traces.append(_line(context, model, account.time, curve))
        clauses.append(f"{formatting.label(model)} {formatting.number(float(curve[-1]))}")
    growths = np.concatenate([trace["y"] for trace in traces])
    wide = bool(growths.min() > 0 and growths.max() / growths.min() > _WIDE)
    scale = {"type": "log", "dtick": "D2"} if wide else {"type": "linear"}
    layout = {
        "xaxis": time_axis(daily=context.daily),
        "yaxis": {"title": {"text": "1 grew to"}, "tickformat": ".4~g", "hoverformat": ".4~g", **scale},
        **_UNIFIED,
    }
    return {"data": traces, "layout": layout, "alt": f"Growth of 1 unit of money. At the end: {', '.join(clauses)}."}


def drawdown(context: PageContext) -> Figure:
    """How far below its last peak each account stood."""
    traces, clauses = [], []
    for model in reversed([name for name in context.models if is_network(name) or name == "buy_and_hold"]):
        account = context.ensemble(model)
        curve = equity_curve(bar_returns(account))
        below = curve / np.maximum.accumulate(curve) - 1.0
        traces.append(_line(context, model, account.time, below))
        clauses.append(f"{formatting.label(model)} {formatting.percent(float(below.min()))}")
    layout = {
        "xaxis": time_axis(daily=context.daily),
        "yaxis": {"tickformat": ".2~p", "hoverformat": ".1~%", "rangemode": "tozero"},
        **_UNIFIED,
    }
    return {"data": traces, "layout": layout, "alt": f"Fall below the last peak. Deepest: {', '.join(clauses)}."}


def leading(verdict: Verdict, question: Question) -> list[Comparison]:
    """The comparisons that a chart shows: of the networks, and with the benchmarks; the others stand in the table."""
    return [comparison for comparison in verdict.of(question) if comparison.family not in ("baselines", "reference")]


def intervals(comparisons: Sequence[Comparison], *, title: str, tick: str) -> Figure:
    """Each comparison as a dot with its interval; one that touches zero is inconclusive."""
    rows = [comparison for comparison in comparisons if comparison.interval is not None]
    traces = []
    for place, comparison in enumerate(rows):
        low, high = comparison.interval or (0.0, 0.0)
        pair = escape(f"{formatting.label(comparison.model)} − {formatting.within(comparison.benchmark)}")
        write = formatting.percent if comparison.unit != "rank_ic" else lambda value: formatting.number(value, 3)
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": [comparison.difference],
                "y": [pair],
                "error_x": {
                    "type": "data",
                    "symmetric": False,
                    "array": [high - comparison.difference],
                    "arrayminus": [comparison.difference - low],
                    "thickness": 2.5 if place == 0 else 1.5,
                    "width": 5,
                    "color": colour(comparison.model),
                },
                "marker": {
                    "size": 11 if place == 0 else 8,
                    "symbol": "diamond" if place == 0 else "circle",
                    "color": colour(comparison.model),
                },
                "hovertemplate": f"{write(comparison.difference)}<br>"
                f"{100 * comparison.level:.4g} % interval {write(low)} to {write(high)}<extra></extra>",
                "showlegend": False,
            }
        )
    layout = {
        "xaxis": {
            "tickformat": tick,
            "zeroline": True,
            "zerolinewidth": 2,
            "zerolinecolor": "var(--ink)",
            "title": {"text": title},
        },
        "yaxis": {"autorange": "reversed", "automargin": True, "ticks": "", "fixedrange": True},
        "height": 90 + 44 * len(rows),
    }
    alt = f"{len(rows)} differences with their intervals; the table below has every number."
    return {"data": traces, "layout": layout, "alt": alt}


def _line(context: PageContext, model: str, times: Times, values: Floats) -> dict[str, Any]:
    aside = not is_network(model) and model != BUY_AND_HOLD
    rows = thin(values, limit=ASIDE_LIMIT if aside else LINE_LIMIT)
    return {
        "type": "scatter",
        "mode": "lines",
        "name": escape(formatting.label(model)),
        "legendgroup": escape(model),
        "visible": "legendonly" if aside else True,
        "x": axis_times(times[rows], daily=context.daily),
        "y": rounded(values[rows], 5),
        "line": {
            "color": colour(model),
            "width": 2 if model in context.networks else 1.5,
            "dash": dash(model),
        },
    }


def _band(context: PageContext, model: str) -> list[dict[str, Any]]:
    """Lowest and highest seed at each time, as an area that keeps out of the legend."""
    seeds = context.seeds(model)
    if len(seeds) < 2:
        return []
    curves = np.stack([equity_curve(bar_returns(ledger)) for ledger in seeds])
    low, high = curves.min(axis=0), curves.max(axis=0)
    rows = np.union1d(thin(low, limit=ASIDE_LIMIT), thin(high, limit=ASIDE_LIMIT))
    times = axis_times(seeds[0].time[rows], daily=context.daily)
    shared = {
        "type": "scatter",
        "mode": "lines",
        "x": times,
        "line": {"width": 0},
        "legendgroup": escape(model),
        "showlegend": False,
        "hoverinfo": "skip",
    }
    return [
        {**shared, "y": rounded(low[rows], 4)},
        {**shared, "y": rounded(high[rows], 4), "fill": "tonexty", "fillcolor": colour(model, alpha=0.16)},
    ]
