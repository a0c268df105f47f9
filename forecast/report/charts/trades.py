"""The price with the networks' buys and sells, and what each network held below it."""

from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np

from forecast.report import formatting
from forecast.report.charts.equity import Figure, axis_times, colour, rounded
from forecast.report.context import PageContext
from forecast.trading.simulator import Ledger
from pipelines.market.times import utc
from pipelines.market.types import Floats, Times

_VIEW = 250  # bars in sight at first: marks stand apart, and buttons show the rest
_MOST_CANDLES = 12_000
_MOST_MARKS = 4_000  # a network and side; the newest


def prices(context: PageContext) -> Figure:
    """Candles as they were traded, a triangle at each open where a network changed its position, and what it held.

    The axis has no nights and weekends: each bar is as wide as any other. "view" is the number of bars to begin with,
    0 for all.
    """
    scale = float(context.about["data"].get("price_scale") or 1.0)
    opened, closed = utc(context.bars["opened_at"]), utc(context.bars["closed_at"])
    tested = context.traded
    at = (opened + (closed - opened) // 2 if context.daily else opened)[tested]  # the middle names the session's date
    traded = {
        name: context.bars[name].to_numpy(np.float64)[tested] * scale for name in ("open", "high", "low", "close")
    }
    width = -(-len(at) // _MOST_CANDLES)
    unit = context.about["data"].get("currency") or "quote currency"
    traces: list[dict[str, Any]] = [
        {
            "type": "candlestick",
            "name": "Price",
            "x": axis_times(at[::width], daily=context.daily),
            **{name: rounded(values) for name, values in _joined(traded, width=width).items()},
            "line": {"color": "var(--price)"},
            "showlegend": False,
        }
    ]
    layout: dict[str, Any] = {"hovermode": "closest", "yaxis": {"title": {"text": escape(unit)}, "domain": [0.36, 1]}}
    bottom, clauses = 0.34, []
    for place, model in enumerate(context.networks[:2], start=2):
        account = context.ensemble(model)
        axis, bottom = f"y{place}", bottom - 0.17
        traces += _marks(account, at=at, opens=traded["open"], daily=context.daily, filled=place == 2)
        traces.append(_position_steps(account, at=at, daily=context.daily, axis=axis))
        layout[f"yaxis{place}"] = _strip(account, bottom=bottom)
        layout.setdefault("annotations", []).append(_title(model, top=bottom + 0.09))
        changes = int(np.count_nonzero(np.diff(account.position, prepend=0.0)))
        clauses.append(f"{formatting.label(model)} changed its position {changes} times")
    begin = max(0, len(at) - _VIEW)
    last_change = max(_last_change(context.ensemble(model)) for model in context.networks) if context.networks else 0
    everything = last_change < begin  # nothing to see in the last stretch
    layout["xaxis"] = {
        "type": "category",
        "rangeslider": {"visible": False},
        "anchor": f"y{1 + len(context.networks[:2])}",
    }
    return {
        "data": traces,
        "layout": layout,
        "view": 0 if everything else _VIEW,
        "joined": width,
        "alt": f"Candles of the price with buy and sell marks. {'; '.join(clauses)}.",
    }


def _joined(traded: Mapping[str, Floats], *, width: int) -> dict[str, Floats]:
    """Candles of `width` bars each."""
    first = np.arange(0, len(traded["open"]), width)
    last = np.append(first[1:], len(traded["open"])) - 1
    return {
        "open": traded["open"][first],
        "high": np.maximum.reduceat(traded["high"], first),
        "low": np.minimum.reduceat(traded["low"], first),
        "close": traded["close"][last],
    }


def _last_change(account: Ledger) -> int:
    """The last bar at which the position changed, -1 for none; closing at the very end is no decision."""
    changed = np.flatnonzero(np.diff(account.position[:-1], prepend=0.0))
    return int(changed[-1]) if len(changed) else -1


def _marks(account: Ledger, *, at: Times, opens: Floats, daily: bool, filled: bool) -> list[dict[str, Any]]:
    """Buys and sells of one network at the price at which they were filled."""
    change = np.diff(account.position, prepend=0.0)
    name = escape(formatting.label(account.model))
    traces = []
    for word, changed in (("buys", np.flatnonzero(change > 0)), ("sells", np.flatnonzero(change < 0))):
        rows = changed[-_MOST_MARKS:]
        symbol = "triangle-up" if word == "buys" else "triangle-down"
        edge = "var(--paper)" if filled else colour(account.model)
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": f"{name} {word}",
                "x": axis_times(at[rows], daily=daily),
                "y": rounded(opens[rows]),
                "marker": {
                    "symbol": symbol if filled else f"{symbol}-open",
                    "size": 11 if filled else 12,
                    "color": colour(account.model),
                    "line": {"width": 0.75 if filled else 1.75, "color": edge},
                },
                "hovertemplate": f"{name} {word} at the open, %{{y:,.2f}}<extra></extra>",
            }
        )  # fmt: skip
    return traces


def _position_steps(account: Ledger, *, at: Times, daily: bool, axis: str) -> dict[str, Any]:
    """The position as steps: only the bars at which it changed."""
    changed = np.flatnonzero(np.diff(account.position, prepend=np.nan) != 0)
    rows = np.unique(np.append(changed[-2 * _MOST_MARKS :], len(account.position) - 1))
    return {
        "type": "scatter",
        "mode": "lines",
        "x": axis_times(at[rows], daily=daily),
        "y": rounded(account.position[rows], 4),
        "yaxis": axis,
        "line": {"shape": "hv", "width": 0.75, "color": colour(account.model)},
        "fill": "tozeroy",
        "fillcolor": colour(account.model, alpha=0.55),
        "showlegend": False,
        "hovertemplate": f"{escape(formatting.label(account.model))} holds %{{y:.0%}}<extra></extra>",
    }


def _strip(account: Ledger, *, bottom: float) -> dict[str, Any]:
    low = -1.0 if account.position.min() < 0 else 0.0
    most = max(1.0, float(np.abs(account.position).max()))
    return {
        "domain": [bottom, bottom + 0.09],
        "range": [1.05 * most * low, 1.05 * most],
        "tickvals": [low, 1] if low else [0, 1],
        "ticktext": ["short", "long"] if low else ["out", "in"],
        "fixedrange": True,
        "showgrid": False,
    }


def _title(model: str, *, top: float) -> dict[str, Any]:
    return {
        "text": f"{escape(formatting.label(model))} holds",
        "xref": "paper",
        "yref": "paper",
        "x": 0,
        "y": top + 0.03,
        "xanchor": "left",
        "yanchor": "middle",
        "showarrow": False,
        "font": {"size": 12},
    }
