"""A calibration -> one page: how often an edge was seen, where there was none and where there was one."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from forecast.config.experiment import is_baseline
from forecast.report import formatting
from forecast.report.charts.equity import Figure, colour, dash
from forecast.report.document import write_page
from forecast.report.sections.power import effects
from forecast.statistics.comparisons import BASE_RATE
from forecast.studies.power_results import PowerStudy, detectable_edge, kind_name, smallest_edges


def write_controls(study: PowerStudy, *, folder: Path, standalone: bool = False) -> Path:
    """Writes `<folder>/calibration-<name>.html` and returns its path."""
    return write_page(
        folder / page_name(study),
        template="controls.html.j2",
        figures={f"power-{kind}": power_curve(study.shares, kind) for kind in _planted(study.shares)},
        standalone=standalone,
        title="Size and power of this experiment",
        eyebrow=f"Power study {study.name} · {formatting.count(int(study.about['market_bars']))} bars a market",
        sentence=sentence(study.shares),
        rows=rows(study.shares),
        curves=[(f"power-{kind}", kind_name(kind)) for kind in _planted(study.shares)],
        smallest=smallest(study.shares),
        effects=effects(study),
        setup=_setup(study.about),
        commands=[str(study.about["command"])],
        created=str(study.about["created_at"])[:16].replace("T", " "),
    )


def page_name(study: PowerStudy) -> str:
    return f"calibration-{study.name}.html"


def sentence(shares: pd.DataFrame) -> str:
    """The size and the power of the experiment in one sentence; of several comparisons it names the worst."""
    parts = []
    idle = shares[shares["edge"] == 0]
    if len(idle):
        worst = idle.sort_values("claims").iloc[-1]
        parts.append(
            f"Without an edge a claim was made in at most {formatting.percent(float(worst['claims']))} of "
            f"{formatting.plural(int(worst['markets']), 'market')}"
        )
    for kind in _planted(shares):
        edge = detectable_edge(shares, kind)
        detected_at = "at none of the sizes tried" if edge is None else f"from a correlation of {edge:.2f}"
        parts.append(f"{kind_name(kind)} is found with {formatting.POWER} {detected_at}")
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}."


def rows(shares: pd.DataFrame) -> list[dict[str, str]]:
    """The table of the study."""
    ordered = sorted(
        shares.to_dict("records"),
        key=lambda row: (row["edge"] > 0, row["kind"], row["edge"], row["question"] == "money"),
    )
    return [
        {
            "market": _market(row["kind"], row["edge"]),
            "question": row["question"],
            "pair": f"{formatting.label(row['model'])} − {formatting.within(row['benchmark'])}",
            "better": formatting.count(row["better"]),
            "interval": f"{formatting.percent(row['low'])} to {formatting.percent(row['high'])}",
            "inconclusive": formatting.count(row["inconclusive"]),
            "worse": formatting.count(row["worse"]),
            "markets": formatting.count(row["markets"]),
        }
        for row in ordered
    ]


def skill_counts(shares: pd.DataFrame) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """In how many markets the skill of each network differs from the base rate's: the networks, a row a market."""
    skill = shares[(shares["question"] == "skill") & (shares["benchmark"] == BASE_RATE)]
    skill = skill[~skill["model"].map(is_baseline).astype(bool)]
    networks = list(dict.fromkeys(skill["model"]))
    counts = []
    markets: Any = skill.assign(planted=skill["edge"] > 0).groupby(["planted", "kind", "edge"])
    for (_, kind, edge), group in markets:
        claims = group["better"] if edge else group["better"] + group["worse"]
        cells = dict(zip(group["model"], zip(claims, group["markets"], strict=True), strict=True))
        texts = [
            f"{formatting.count(cells[name][0])} of {formatting.count(cells[name][1])}" if name in cells else ""
            for name in networks
        ]
        counts.append((_market(kind, edge), texts))
    return networks, counts


def smallest(shares: pd.DataFrame) -> list[tuple[str, str]]:
    """For each comparison on a planted market: the correlation found with 80 % power; those without one together."""
    rows = smallest_edges(shares)
    detected = [
        (
            f"{row['question'].capitalize()}: {formatting.label(row['model'])} − "
            f"{formatting.within(row['benchmark'])}, {kind_name(row['kind'])}",
            f"from {row['edge']:.2f}",
        )
        for row in rows
        if row["edge"] is not None
    ]
    if (others := len(rows) - len(detected)) == 0:
        return detected
    name = "The other comparisons" if detected else "All comparisons"
    return [*detected, (f"{name} ({others})", "at none of the edges tried")]


def power_curve(shares: pd.DataFrame, kind: str) -> Figure:
    """Share of "better" against the planted correlation, with Wilson intervals; at 0 the markets without an edge."""
    chosen = shares[(shares["kind"] == kind) | ((shares["kind"] == "none") & (shares["edge"] == 0))]
    traces, clauses = [], []
    for (question, model, benchmark), group in chosen.groupby(["question", "model", "benchmark"], sort=False):
        if not (group["edge"] > 0).any():
            continue
        line = group.sort_values("edge")
        tint = "var(--ink)" if benchmark == "simple_rnn" else colour(str(model))
        name = f"{question}: {formatting.label(str(model))} − {formatting.within(str(benchmark))}"
        share = line["better"] / line["markets"]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": name,
                "visible": True if question == "skill" else "legendonly",
                "x": line["edge"].tolist(),
                "y": share.tolist(),
                "error_y": {
                    "type": "data",
                    "symmetric": False,
                    "array": (line["high"] - share).tolist(),
                    "arrayminus": (share - line["low"]).tolist(),
                    "thickness": 1,
                    "width": 3,
                    "color": tint,
                },
                "line": {"color": tint, "width": 1.75, "dash": dash(str(benchmark))},
                "marker": {"color": tint, "size": 8},
                "hovertemplate": f"{name}<br>edge %{{x:g}}: %{{y:.0%}}<extra></extra>",
            }
        )
        clauses.append(f"{name} {formatting.percent(float(share.iloc[-1]))} at {line['edge'].iloc[-1]:g}")
    level = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": 0.8, "y1": 0.8}
    layout = {
        "xaxis": {"title": {"text": "planted correlation"}, "tickformat": ".2~f", "rangemode": "tozero"},
        "yaxis": {"title": {"text": "share of “better”"}, "tickformat": ".0%", "range": [-0.03, 1.03]},
        "shapes": [{**level, "line": {"color": "var(--muted)", "width": 1, "dash": "4px,3px"}}],
        "hovermode": "closest",
    }
    return {"data": traces, "layout": layout, "alt": f"Share of better against the planted edge. {'; '.join(clauses)}."}


def _market(kind: str, edge: float) -> str:
    return f"{kind_name(kind)}, {edge:g}" if edge else kind_name(kind)


def _planted(shares: pd.DataFrame) -> Sequence[str]:
    return list(dict.fromkeys(shares.loc[shares["edge"] > 0, "kind"]))


def _setup(about: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    aside = ("symbol", "interval", "bars", "start", "end")
    experiment = {name: value for name, value in about["experiment"].items() if name not in aside}
    machine = {"backend": about["backend"], **about["versions"]}
    return [
        (title, [(name.replace("_", " "), formatting.value(value)) for name, value in group.items()])
        for title, group in (("Experiment", experiment), ("Trading", about["rules"]), ("Versions", machine))
    ]
