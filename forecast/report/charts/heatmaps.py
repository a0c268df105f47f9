"""The heat maps of the memory page: gates by unit and bar, and what the signal depends on by feature and bar."""

from html import escape
from typing import Any

import numpy as np
import pandas as pd

from forecast.report import formatting
from forecast.report.charts.diagnostics import GATE_NAMES, STATES, integer_axis
from forecast.report.charts.equity import Figure, colour
from pipelines.market.types import Floats

MAPPED = {"lstm": ("input", "forget", "output", "c"), "gru": ("update", "reset", "h")}
"""What is drawn of the units of a cell."""
_STATE = [[0, colour("simple_rnn")], [0.5, "var(--paper)"], [1, colour("lstm")]]


def order(units: pd.DataFrame) -> list[int]:
    """A member's units, layer by layer and the most forgetful first: rows that belong together stand together."""
    return [int(unit) for unit in units[units["stage"] == "trained"].sort_values(["layer", "bars"])["unit"]]


def gate(table: pd.DataFrame, name: str, *, units: list[int], limits: tuple[float, float]) -> Figure:
    """One gate or state of one member; table: rows of unit and lag. limits: the ends of the colour scale."""
    grid = table.pivot(index="unit", columns="lag", values=name).loc[units].sort_index(axis=1, ascending=False)
    lags = [-int(lag) for lag in grid.columns]
    values = grid.to_numpy(np.float64)
    trace = {
        "type": "heatmap", "x": lags, "y": [str(unit) for unit in grid.index], "z": _rounded(values),
        "zmin": limits[0], "zmax": limits[1], "colorscale": _STATE if name in STATES else _gate_colours(table),
        "colorbar": {"thickness": 8, "len": 1, "outlinewidth": 0, "nticks": 4, "tickfont": {"size": 11}, "xpad": 4},
        "hovertemplate": "unit %{y}, bar %{x}<br>%{z:.3f}<extra></extra>",
    }  # fmt: skip
    layout = {
        "xaxis": {"title": {"text": "bar"}, "nticks": 6, **integer_axis(len(lags))},
        "yaxis": {"showticklabels": False, "ticks": "", "type": "category", "showgrid": False},
        "height": 230, "margin": {"l": 8, "r": 8, "t": 8, "b": 38},
    }  # fmt: skip
    alt = f"{GATE_NAMES[name]} by unit and bar, from {values.min():.2f} to {values.max():.2f}."
    return {"data": [trace], "layout": layout, "alt": alt}


def _gate_colours(table: pd.DataFrame) -> list[list[Any]]:
    return [[0, "var(--paper)"], [1, colour(str(table["model"].iloc[0]))]]


def colour_limits(name: str, *tables: pd.DataFrame) -> tuple[float, float]:
    """The colour scale's ends: the same for every map of a gate, even to both sides for a state."""
    values = np.concatenate([table[name].to_numpy(np.float64) for table in tables])
    low, high = (float(end) for end in np.quantile(values, [0.005, 0.995]))
    if name in STATES:
        high = max(abs(low), abs(high), 1e-6)
        return -high, high
    return low, max(high, low + 1e-6)


def occlusion(table: pd.DataFrame, model: str, *, highest: float) -> Figure:
    """How far an ensemble's answer moves when a feature of a bar is covered, in percentage points."""
    grid = influence(table, model)
    values = 100 * grid.to_numpy(np.float64)
    trace = {
        "type": "heatmap", "x": [-int(lag) for lag in grid.columns], "y": [escape(str(name)) for name in grid.index],
        "z": _rounded(values), "zmin": 0, "zmax": 100 * highest,
        "colorscale": [[0, "var(--paper)"], [1, colour(model)]],
        "colorbar": {"thickness": 8, "len": 1, "outlinewidth": 0, "nticks": 4, "tickfont": {"size": 11}, "xpad": 4},
        "hovertemplate": "%{y}, bar %{x}<br>%{z:.2f} percentage points<extra></extra>",
    }  # fmt: skip
    layout = {
        "xaxis": {"title": {"text": "bar"}, **integer_axis(values.shape[1])},
        "yaxis": {"autorange": "reversed", "ticks": "", "showgrid": False, "automargin": True},
        "height": 90 + 26 * len(grid),
    }
    row, column = divmod(int(values.argmax()), values.shape[1])
    name, lag = str(grid.index[row]), int(grid.columns[column])
    alt = f"{formatting.label(model)}: most depends on {name} {formatting.plural(lag, 'bar')} back."
    return {"data": [trace], "layout": layout, "alt": alt}


def influence(table: pd.DataFrame, model: str) -> pd.DataFrame:
    """Mean change of the probability over windows; a row a feature, the strongest first, a column a lag, in time."""
    rows = table[table["model"] == model]
    weighted = (rows["change"] * rows["windows"]).groupby([rows["feature"], rows["lag"]]).sum()
    grid = (weighted / rows["windows"].groupby([rows["feature"], rows["lag"]]).sum()).unstack("lag")
    order = grid.sum(axis=1).sort_values(ascending=False).index
    return grid.loc[order].sort_index(axis=1, ascending=False)


def occlusion_sentence(table: pd.DataFrame, model: str) -> str:
    """The occlusion map in a sentence."""
    grid = influence(table, model)
    total = float(grid.to_numpy().sum())
    if total <= 0:
        return f"Nothing that is covered moves the {formatting.label(model)}’s answer."
    share = (grid.sum(axis=0) / total).sort_index().cumsum()  # lag 0 first
    half = int(share[share >= 0.5].index[0]) + 1
    last = "bar" if half == 1 else formatting.plural(half, "bar")
    first = str(grid.index[0]).replace("_", " ")
    return (
        f"Half of what moves the {formatting.label(model)}’s answer lies in the last {last}; the "
        f"feature that counts most is {first} ({formatting.percent(float(grid.iloc[0].sum()) / total)})."
    )


def _rounded(values: Floats) -> list[list[Any]]:
    return [[float(f"{value:.4g}") for value in row] for row in values]
