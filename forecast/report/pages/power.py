"""A calibration -> one page: how often an edge was seen, where there was none and where there was one."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from forecast.report import formatting
from forecast.report.charts.equity import Figure, colour
from forecast.report.pages.run import environment, script_json
from forecast.studies.power_results import PowerStudy, edge_seen, kind_name, smallest_edges
from pipelines.files import write_atomically

_MARKS = {  # what a line is about besides its network
    "simple_rnn": ("solid", "diamond"),
    "always_flat": ("solid", "circle"),
    "buy_and_hold": ("6px,3px", "square-open"),
    "best_baseline": ("2px,3px", "triangle-up"),
}


def write_controls(found: PowerStudy, *, folder: Path) -> Path:
    """Writes `<folder>/calibration-<name>.html` and returns its path."""
    from plotly.offline import get_plotlyjs

    figures = {f"power-{kind}": power_curve(found.shares, kind) for kind in _planted(found.shares)}
    drawn = {name: {"data": each["data"], "layout": each["layout"]} for name, each in figures.items()}
    html = (
        environment()
        .get_template("controls.html.j2")
        .render(
            title="What this experiment can see",
            eyebrow=f"Calibration {found.name} · {formatting.count(int(found.about['market_bars']))} bars a market",
            sentence=sentence(found.shares),
            rows=rows(found.shares),
            curves=[(f"power-{kind}", kind_name(kind)) for kind in _planted(found.shares)],
            smallest=smallest(found.shares),
            setup=_setup(found.about),
            commands=[str(found.about["command"])],
            alt={name: figure["alt"] for name, figure in figures.items()},
            figures=script_json(drawn),
            plotly=get_plotlyjs(),
            created=str(found.about["created_at"])[:16].replace("T", " "),
        )
    )
    return write_atomically(folder / page_name(found), html.encode())


def page_name(found: PowerStudy) -> str:
    return f"calibration-{found.name}.html"


def sentence(shares: pd.DataFrame) -> str:
    """What came out, in one sentence that names the worst of the comparisons and not the best."""
    parts = []
    idle = shares[shares["edge"] == 0]
    if len(idle):
        worst = idle.sort_values("better").iloc[-1]
        parts.append(
            f"Where there is no edge, “better” was said in at most {formatting.percent(worst['better'])} of "
            f"{formatting.plural(int(worst['markets']), 'market')}"
        )
    for kind in _planted(shares):
        edge = edge_seen(shares, kind)
        when = "at none of the sizes tried" if edge is None else f"from a correlation of {edge:.2f} on"
        parts.append(f"{kind_name(kind)} is seen 4 times in 5 {when}")
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}."


def rows(shares: pd.DataFrame) -> list[dict[str, str]]:
    """The table of controls, written for a person."""
    return [
        {
            "market": ", ".join([kind_name(each["kind"]), *([f"{each['edge']:g}"] if each["edge"] else [])]),
            "who": f"{formatting.label(each['model'])} − {formatting.within(each['rival'])}",
            "better": formatting.percent(each["better"]),
            "interval": f"{formatting.percent(each['low'])} to {formatting.percent(each['high'])}",
            "untold": formatting.percent(each["cannot_tell"]),
            "worse": formatting.percent(each["worse"]),
            "markets": formatting.count(each["markets"]),
        }
        for each in sorted(shares.to_dict("records"), key=lambda each: (each["edge"] > 0, each["kind"], each["edge"]))
    ]


def smallest(shares: pd.DataFrame) -> list[tuple[str, str]]:
    """For each comparison on a planted market: the correlation seen 4 times in 5."""
    return [
        (
            f"{formatting.label(each['model'])} − {formatting.within(each['rival'])}, {kind_name(each['kind'])}",
            f"from {each['edge']:.2f} on" if each["edge"] is not None else "at none of the edges tried",
        )
        for each in smallest_edges(shares)
    ]


def power_curve(shares: pd.DataFrame, kind: str) -> Figure:
    """Share of "better" against the planted correlation, with Wilson intervals; at 0 the markets without an edge."""
    chosen = shares[(shares["kind"] == kind) | ((shares["kind"] == "none") & (shares["edge"] == 0))]
    traces, said = [], []
    for (model, rival), each in chosen.groupby(["model", "rival"], sort=False):
        if not (each["edge"] > 0).any():
            continue
        line = each.sort_values("edge")
        dash, symbol = _MARKS.get(str(rival), ("10px,3px", "x"))
        tint = "var(--ink)" if rival == "simple_rnn" else colour(str(model))
        name = f"{formatting.label(str(model))} − {formatting.within(str(rival))}"
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": name,
                "x": line["edge"].tolist(),
                "y": line["better"].tolist(),
                "error_y": {
                    "type": "data",
                    "symmetric": False,
                    "array": (line["high"] - line["better"]).tolist(),
                    "arrayminus": (line["better"] - line["low"]).tolist(),
                    "thickness": 1,
                    "width": 3,
                    "color": tint,
                },
                "line": {"color": tint, "width": 1.75, "dash": dash},
                "marker": {"color": tint, "size": 8, "symbol": symbol},
                "hovertemplate": f"{name}<br>edge %{{x:g}}: %{{y:.0%}}<extra></extra>",
            }
        )
        said.append(f"{name} {formatting.percent(float(line['better'].iloc[-1]))} at {line['edge'].iloc[-1]:g}")
    level = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": 0.8, "y1": 0.8}
    layout = {
        "xaxis": {"title": {"text": "planted correlation"}, "tickformat": ".2~f", "rangemode": "tozero"},
        "yaxis": {"title": {"text": "share of “better”"}, "tickformat": ".0%", "range": [-0.03, 1.03]},
        "shapes": [{**level, "line": {"color": "var(--muted)", "width": 1, "dash": "4px,3px"}}],
        "hovermode": "closest",
    }
    return {"data": traces, "layout": layout, "alt": f"Share of better against the planted edge. {'; '.join(said)}."}


def _planted(shares: pd.DataFrame) -> Sequence[str]:
    return list(dict.fromkeys(shares.loc[shares["edge"] > 0, "kind"]))


def _setup(about: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    aside = ("symbol", "interval", "bars", "start", "end")
    experiment = {name: each for name, each in about["experiment"].items() if name not in aside}
    machine = {"backend": about["backend"], **about["versions"]}
    return [
        (title, [(name.replace("_", " "), formatting.value(each)) for name, each in group.items()])
        for title, group in (("Experiment", experiment), ("Trading", about["rules"]), ("Versions", machine))
    ]
