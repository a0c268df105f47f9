"""What this experiment could have seen: beside the verdict, so that "cannot tell" is not read as "there is nothing"."""

from collections.abc import Mapping, Sequence
from typing import Any

from forecast.report import formatting
from forecast.report.context import PageContext
from forecast.studies.power_results import PowerStudy, edge_seen, kind_name, same_experiment

Seen = Mapping[str, Any]


def sentence(material: PageContext) -> str:
    """The smallest difference between the networks (or to the first rival) that would have been told; empty without."""
    rows = _seen(material)
    if not rows:
        return ""
    each = rows[0]
    who = f"the {formatting.label(each['model'])} and {formatting.within(each['rival'])}"
    if each["rival"] in ("lstm", "simple_rnn"):
        who = "the two networks"
    return (
        f"What it could have seen: a true difference between {who} of {formatting.percent(each['a_year'])} a year "
        f"(a Sharpe ratio of the difference of {formatting.number(each['sharpe'])}) would have been told 4 times in 5, "
        "a smaller one less often."
    )


def rows(material: PageContext) -> list[dict[str, str]]:
    """The same for every comparison."""
    return [
        {
            "who": f"{formatting.label(each['model'])} − {formatting.within(each['rival'])}",
            "unit": formatting.percent(each["a_unit"]),
            "year": formatting.percent(each["a_year"]),
            "sharpe": formatting.number(each["sharpe"]),
        }
        for each in _seen(material)
    ]


def measured(material: PageContext, calibrations: Sequence[PowerStudy]) -> str:
    """What `forecast calibrate` has measured for the very same experiment and costs; empty where it was never run."""
    for found in calibrations:
        if same_experiment(found, material.about["config"], material.policy):
            return _measured(found)
    return ""


def _measured(found: PowerStudy) -> str:
    shares = found.shares
    said = []
    if len(idle := shares[shares["edge"] == 0]):
        said.append(f"an edge that is not there was seen in at most {formatting.percent(idle['better'].max())} of them")
    for kind in dict.fromkeys(shares.loc[shares["edge"] > 0, "kind"]):
        edge = edge_seen(shares, kind)
        when = "at none of the sizes tried" if edge is None else f"from a correlation of {edge:.2f} on"
        said.append(f"{kind_name(kind)} was seen 4 times in 5 {when}")
    return (
        f"Measured with this very experiment on made-up markets of "
        f"{formatting.count(found.about['market_bars'])} bars: "
        f"{'; '.join(said)} (calibration {found.name})."
    )


def _seen(material: PageContext) -> list[Seen]:
    return list((material.metrics.get("evidence") or {}).get("seen") or [])
