"""The lines of the memory page: gradients by lag, time constants, gates around trades, the textbook case."""

from typing import Any

import numpy as np
import pandas as pd

from forecast.config.significance import SIGNIFICANCE
from forecast.diagnostics.effective_memory import Memory, find, median_interval
from forecast.diagnostics.gradients import FADED
from forecast.report import formatting
from forecast.report.charts.equity import Figure, colour, dash, rounded
from forecast.studies import memory_benchmark
from forecast.studies.memory_benchmark import Benchmark
from pipelines.market.types import Floats

GATE_NAMES = {
    "input": "Input gate", "forget": "Forget gate", "output": "Output gate", "update": "Update gate",
    "reset": "Reset gate", "c": "Cell state c", "h": "Output state h",
}  # fmt: skip
STATES = ("c", "h")
"""Names in GATE_NAMES that are states, not gates."""
_LOWEST = 1e-6  # less than this is nothing on a chart


def gradient(curves: pd.DataFrame, memories: list[Memory], *, path: str) -> Figure:
    """The norm by lag as a share of the one at the decision, all networks, before and after training.

    path: "state" is of the bar's features for a network that hands on none; without any other path it is left out.
    """
    traces: list[dict[str, Any]] = []
    lowest, highest, clauses = 1.0, 1.0, []
    for model in dict.fromkeys(curves["model"]):
        measured = set(curves.loc[curves["model"] == model, "path"])
        drawn = "input" if path == "state" and path not in measured else path
        if drawn not in measured:
            continue
        for stage in ("initial", "trained"):
            rows = curves[(curves["model"] == model) & (curves["stage"] == stage) & (curves["path"] == drawn)]
            lags = np.sort(rows["lag"].unique())
            by_lag = rows.groupby("lag")
            middle = by_lag["median"].median().to_numpy()
            lowest, highest = min(lowest, float(middle.min())), max(highest, float(middle.max()))
            if stage == "trained":
                ends = by_lag["low"].quantile(0.1).to_numpy(), by_lag["high"].quantile(0.9).to_numpy()
                traces += _band(model, lags, *ends)
                highest = max(highest, min(float(ends[1].max()), 10 * highest))  # an exploding band is cut
            traces.append(_line(model, lags, middle, stage=stage))
        memory = find(memories, model, path=drawn)
        if memory is not None:
            traces.append(_mark(memory))
            clauses.append(f"{formatting.label(model)} falls to 1 % at {formatting.number(memory.bars, 1)} bars")
    bottom = np.log10(min(max(lowest / 3, _LOWEST), FADED / 2))
    top = max(0.35, float(np.log10(highest)) + 0.1)
    steps = int(curves["lag"].max())
    layout = {
        "xaxis": {"title": {"text": "bars before the decision"}, "range": [-0.3, steps + 0.3], **integer_axis(steps)},
        "yaxis": {
            "type": "log", "range": [bottom, top], "title": {"text": "share that is left"}, "dtick": 1,
            "tickformat": "~%", "hoverformat": ".2~%",
        },
        "shapes": [_across(FADED)],
        "hovermode": "x unified",
    }  # fmt: skip
    return {"data": traces, "layout": layout, "alt": f"Share of the gradient left by lag. {'; '.join(clauses)}."}


def constants(units: pd.DataFrame, model: str, *, window: int) -> Figure:
    """Units of all of a model's members in order of their time constant, before and after training."""
    traces, summary = [], ""
    units = units[units["model"] == model]
    for stage in ("initial", "trained"):
        bars = units.loc[units["stage"] == stage, "bars"].to_numpy(np.float64)
        share = np.linspace(0, 1, min(len(bars), 200))
        values = np.quantile(bars, share)
        traces.append(_line(model, share, values, stage=stage) | {"hovertemplate": "%{y:.1f} bars"})
        if stage == "trained":
            summary = f"Half of the units forget within {formatting.number(float(np.median(bars)), 1)} bars"
    top = max(window, float(units["bars"].max()))
    layout = {
        "xaxis": {"title": {"text": "share of all units, the most forgetful first"}, "tickformat": ".0%"},
        "yaxis": {"type": "log", "title": {"text": "bars"}, "dtick": "D2", "tickformat": "~r",
                  "range": [np.log10(max(0.3, units["bars"].min() / 1.3)), np.log10(1.3 * top)]},
        "shapes": [_across(float(window))],
        "annotations": [_note("your window", y=float(np.log10(window)))],
        "hovermode": "x unified",
    }  # fmt: skip
    return {"data": traces, "layout": layout, "alt": f"Time constants of the {formatting.label(model)}. {summary}."}


def regimes(table: pd.DataFrame, model: str, *, rng: np.random.Generator) -> Figure:
    """Each gate of a model in turbulent markets against calm ones, as a change in percent with its interval."""
    traces, clauses = [], []
    table = table[table["model"] == model]
    for gate in GATE_NAMES:
        rows = table[table["gate"] == gate].pivot_table(index=["fold", "seed"], columns="regime", values="mean")
        if not {"calm", "turbulent"} <= set(rows.columns):
            continue
        change = (rows["turbulent"] / rows["calm"] - 1).dropna().unstack("seed").dropna()
        if change.empty:
            continue
        values = change.to_numpy(np.float64)
        middle, interval = float(np.median(values)), median_interval(values, rng=rng)
        low, high = interval or (middle, middle)
        name = f"Size of {gate}" if gate in STATES else GATE_NAMES[gate]
        clauses.append(f"{name} {formatting.percent(middle)}")
        traces.append(
            {
                "type": "scatter", "mode": "markers", "x": [middle], "y": [name], "showlegend": False,
                "error_x": {"type": "data", "symmetric": False, "array": [high - middle],
                            "arrayminus": [middle - low], "thickness": 2, "width": 5, "color": colour(model)},
                "marker": {"size": 9, "color": colour(model)},
                "hovertemplate": f"{formatting.percent(middle)}<br>{formatting.CONFIDENCE} interval "
                f"{formatting.percent(low)} to {formatting.percent(high)}<extra></extra>",
            }
        )  # fmt: skip
    layout = {
        "xaxis": {"tickformat": ".1~%", "zeroline": True, "zerolinewidth": 2, "zerolinecolor": "var(--ink)",
                  "title": {"text": "turbulent against calm"}},
        "yaxis": {"autorange": "reversed", "automargin": True, "ticks": "", "fixedrange": True},
        "height": 90 + 40 * len(traces),
    }  # fmt: skip
    return {"data": traces, "layout": layout, "alt": f"Turbulent against calm: {', '.join(clauses)}."}


def trades(table: pd.DataFrame, gate: str, model: str) -> Figure:
    """One gate's mean around the decisions at which a model's ensemble turned."""
    traces: list[dict[str, Any]] = []
    table = table[table["model"] == model]
    for side, tint, strokes in (("buy", colour(model), "solid"), ("sell", colour("buy_and_hold"), "6px,3px")):
        rows = table[(table["gate"] == gate) & (table["side"] == side)]
        if rows.empty:
            continue
        offset, mean, error = (rows[name].to_numpy(np.float64) for name in ("offset", "mean", "error"))
        reach = SIGNIFICANCE.critical_value * error
        low, high = _band(model, offset, mean - reach, mean + reach)
        traces += [low, {**high, "fillcolor": f"{tint}/0.14"}]
        line = _line(model, offset, mean, stage="trained") | {"name": side, "hovertemplate": "%{y:.4f}"}
        traces.append(line | {"line": {"color": tint, "width": 2, "dash": strokes}})
    layout = {
        "xaxis": {"title": {"text": "decisions from the change"}, "tickformat": "d"},
        "yaxis": {"nticks": 5, "tickformat": ".3~r"},
        "shapes": [{"type": "line", "x0": 0, "x1": 0, "yref": "paper", "y0": 0, "y1": 1, "line": _THIN}],
        "showlegend": False, "height": 230, "margin": {"l": 42, "r": 8, "t": 8, "b": 38}, "hovermode": "x unified",
    }  # fmt: skip
    return {"data": traces, "layout": layout, "alt": f"{GATE_NAMES[gate]} around buys and sells."}


def textbook(benchmark: Benchmark, task: str, *, window: int | None) -> Figure:
    """Error by length as a share of guessing's: a point a seed, a line through the medians, and the user's window."""
    traces, clauses = [], []
    rows = benchmark.table[benchmark.table["task"] == task]
    share = rows["error"] / rows["guess"]
    for model in memory_benchmark.CELLS:
        of_cell = rows["cell"] == model
        length = rows.loc[of_cell, "length"]
        traces.append(
            {
                "type": "scatter", "mode": "markers", "showlegend": False, "legendgroup": model,
                "x": length.tolist(), "y": rounded(share[of_cell].to_numpy(np.float64), 3),
                "name": formatting.label(model),
                "marker": {"size": 6, "color": colour(model, alpha=0.45)}, "hovertemplate": "%{y:.1%} of guessing",
            }
        )  # fmt: skip
        middle = share[of_cell].groupby(length).median()
        traces.append(_line(model, middle.index.to_numpy(), middle.to_numpy(), stage="trained"))
        clauses.append(f"the {formatting.label(model)} learns up to length {benchmark.reach(task, model)}")
    lengths = np.sort(rows["length"].unique())
    shapes = [_across(memory_benchmark.SOLVED)]
    notes = [_note("learned", y=float(np.log10(memory_benchmark.SOLVED)), above=False)]
    if window is not None:
        shapes.append({"type": "line", "x0": window, "x1": window, "yref": "paper", "y0": 0, "y1": 1, "line": _DOTTED})
        notes.append({"x": float(np.log10(window)), "y": 1, "yref": "paper", "yanchor": "bottom", "text": "your window",
                      "showarrow": False, "font": {"size": 12, "color": "var(--muted)"}})  # fmt: skip
    ends = [min(lengths.min(), window or lengths.min()), max(lengths.max(), window or 0)]
    limits = min(0.008, share.min() / 1.5), max(1.8, 1.3 * share.max())
    layout = {
        "xaxis": {"type": "log", "title": {"text": "length of the sequence"}, "tickvals": lengths.tolist(),
                  "ticktext": [str(steps) for steps in lengths],
                  "range": [float(np.log10(ends[0] / 1.15)), float(np.log10(ends[1] * 1.15))]},
        "yaxis": {"type": "log", "tickformat": "~%", "dtick": 1, "title": {"text": "error against guessing"},
                  "range": [float(np.log10(limit)) for limit in limits]},
        "shapes": shapes, "annotations": notes, "hovermode": "closest", "legend": {"y": 1.1},
    }  # fmt: skip
    return {"data": traces, "layout": layout, "alt": f"Error by length on the {task} task: {', '.join(clauses)}."}


_THIN = {"color": "var(--muted)", "width": 1}
_DOTTED = {"color": "var(--ink)", "width": 1.5, "dash": "2px,3px"}


def integer_axis(steps: int) -> dict[str, Any]:
    """An axis of bars has no ticks between them."""
    return {"tickformat": "d", **({"dtick": 1} if steps < 10 else {})}


def _across(level: float) -> dict[str, Any]:
    line = {"color": "var(--muted)", "width": 1, "dash": "4px,3px"}
    return {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": level, "y1": level, "line": line}


def _note(text: str, *, y: float, above: bool = True) -> dict[str, Any]:
    return {
        "text": text, "xref": "paper", "x": 0.01, "y": y, "yanchor": "bottom" if above else "top", "xanchor": "left",
        "showarrow": False, "font": {"size": 12, "color": "var(--muted)"},
    }  # fmt: skip


def _line(model: str, x: Floats, y: Floats, *, stage: str) -> dict[str, Any]:
    trained = stage == "trained"
    return {
        "type": "scatter", "mode": "lines", "name": formatting.label(model) + ("" if trained else " before training"),
        "legendgroup": model, "x": [round(float(value), 4) for value in x],
        "y": rounded(np.maximum(y, 1e-12) if np.all(y >= 0) else y, 4),
        "line": {"color": colour(model, alpha=None if trained else 0.5), "width": 2.25 if trained else 1.25,
                 "dash": dash(model)},
    }  # fmt: skip


def _band(model: str, x: Floats, low: Floats, high: Floats) -> list[dict[str, Any]]:
    shared = {
        "type": "scatter", "mode": "lines", "x": x.tolist(), "line": {"width": 0}, "legendgroup": model,
        "showlegend": False, "hoverinfo": "skip",
    }  # fmt: skip
    low = np.maximum(low, 1e-12) if np.all(low >= 0) else low
    return [
        {**shared, "y": rounded(low, 4)},
        {**shared, "y": rounded(high, 4), "fill": "tonexty", "fillcolor": colour(model, alpha=0.16)},
    ]


def _mark(memory: Memory) -> dict[str, Any]:
    """Where the curve meets 1 %, with its interval."""
    low, high = (memory.bars if end is None else end for end in (memory.low, memory.high))
    return {
        "type": "scatter", "mode": "markers", "x": [round(memory.bars, 2)], "y": [FADED], "showlegend": False,
        "legendgroup": memory.model, "marker": {"size": 9, "symbol": "diamond", "color": colour(memory.model)},
        "error_x": {"type": "data", "symmetric": False, "array": [high - memory.bars],
                    "arrayminus": [memory.bars - low], "thickness": 2, "width": 5, "color": colour(memory.model)},
        "hoverinfo": "skip", "visible": not memory.whole,
    }  # fmt: skip
