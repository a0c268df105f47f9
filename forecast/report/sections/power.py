"""What a power study of the very same experiment measured."""

from collections.abc import Sequence

from forecast.report import formatting
from forecast.report.context import PageContext
from forecast.studies.power_results import PowerStudy, detectable_edge, kind_name, same_experiment


def measured(context: PageContext, studies: Sequence[PowerStudy]) -> str:
    """What `forecast power` has measured for the very same experiment and costs; empty where it was never run."""
    for study in studies:
        if same_experiment(study, context.about["config"], context.policy):
            return _measured(study)
    return ""


def _measured(study: PowerStudy) -> str:
    shares = study.shares
    clauses = []
    if len(idle := shares[shares["edge"] == 0]):
        false = formatting.percent(float((1 - idle["inconclusive"] / idle["markets"]).max()))
        clauses.append(f"where nothing is planted a claim was made in at most {false} of the markets")
    for kind in dict.fromkeys(shares.loc[shares["edge"] > 0, "kind"]):
        edge = detectable_edge(shares, kind)
        when = "at none of the sizes tried" if edge is None else f"from a correlation of {edge:.2f}"
        clauses.append(f"{kind_name(kind)} was found with 80 % power {when}")
    return (
        f"Measured with this very experiment on simulated markets of "
        f"{formatting.count(study.about['market_bars'])} bars: {'; '.join(clauses)} (power study {study.name})."
    )
