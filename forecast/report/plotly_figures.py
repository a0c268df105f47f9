"""The pages' figures as plotly objects: the same traces, with colours in the place of the page's names for them."""

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from forecast.report.document import Figure, environment

if TYPE_CHECKING:
    import plotly.graph_objects as go

_COLOUR = re.compile(r"var\(--([a-z_]+)\)(?:/([\d.]+))?")


def plotly_figure(description: Figure, *, title: str) -> "go.Figure":
    """A figure of forecast.report.charts as one that can be shown, changed and saved, in the page's light colours."""
    import plotly.graph_objects as go

    figure = go.Figure(_coloured({name: description[name] for name in ("data", "layout")}), skip_invalid=True)
    figure.update_layout(
        template="plotly_white",
        title={"text": title, "font": {"size": 15}},
        font={"color": _colours()["ink"]},
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": -0.12, "yanchor": "top"},  # the title is above
        hoverlabel={"namelength": -1},
    )
    figure.update_xaxes(nticks=8, tickangle=0)  # dates of bars as categories would stand on end, one over the other
    return figure


def _coloured(node: Any) -> Any:
    if isinstance(node, str):
        match = _COLOUR.fullmatch(node)
        return node if match is None else _colour(match[1], match[2])
    if isinstance(node, list | tuple):
        return [_coloured(entry) for entry in node]
    if isinstance(node, dict):
        return {key: _coloured(entry) for key, entry in node.items()}
    return node


def _colour(name: str, alpha: str | None) -> str:
    colour = _colours()[name]
    if alpha is None:
        return colour
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"


@lru_cache
def _colours() -> dict[str, str]:
    """The names of the page's colours, as its style sheet has them in light."""
    style = environment().get_template("style.css").render()
    return dict(re.findall(r"--([a-z_]+):\s*(#[0-9a-f]{6})\b", style[: style.index("@media")]))
