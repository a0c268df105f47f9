"""What a power study of the very same experiment measured, and the smallest effects that it would find."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from forecast.config.trading import TradingConfig
from forecast.report import formatting
from forecast.report.context import PageContext
from forecast.report.sections.larger_experiments import rank_ic, smaller
from forecast.report.sections.verdict import name
from forecast.studies.power_results import (
    PowerStudy,
    SmallestEffect,
    detectable_edge,
    kind_name,
    same_experiment,
    smallest_effects,
)

_SESSIONS = 252  # a year of shares


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
        detected_at = "at none of the sizes tried" if edge is None else f"from a correlation of {edge:.2f}"
        clauses.append(f"{kind_name(kind)} was found with {formatting.POWER} {detected_at}")
    return (
        f"Measured with this very experiment on simulated markets of "
        f"{formatting.count(study.about['market_bars'])} bars: {'; '.join(clauses)} (power study {study.name})."
    )


def effects(study: PowerStudy) -> list[str]:
    """The smallest skill and money that the experiment finds with 80 % power, and what would find less."""
    smallest = {effect.question: effect for effect in smallest_effects(study.shares)}
    if not smallest:
        return []
    sentences = []
    if skill := smallest.get("skill"):
        sentences.append(
            f"The smallest skill found with {formatting.POWER} is a rank IC of {_amount(skill, skill.effect)} "
            f"({name(skill.model)} against the base rate, {formatting.count(skill.observations)} days)."
        )
    if money := smallest.get("money"):
        sentences.append(
            f"The smallest gain found with {formatting.POWER}, where its skill is found, is "
            f"{_amount(money, money.effect)} more than cash ({name(money.model)})."
        )
    larger = [
        (effect.larger, rank_ic if effect.unit == "rank_ic" else partial(_amount, effect))
        for effect in smallest.values()
        if effect.larger is not None
    ]
    if larger:
        sentences.append(f"{smaller(larger)}.")
    return [*sentences, *_cheaper(smallest.get("money"), study.about.get("rules") or {})]


def _cheaper(money: SmallestEffect | None, rules: Mapping[str, Any]) -> list[str]:
    cost = TradingConfig.from_json(rules).costs.basis_points if rules else 0.0
    if money is None or not money.costs or cost <= 0:
        return []
    yearly = -money.costs * _SESSIONS
    return [
        f"Lower costs let less skill pay: {formatting.percent(yearly)} per year went into costs, "
        f"{formatting.percent(yearly / cost)} for each basis point.",
        "Another label can do the same: with --horizon 5 forecasts change more slowly and less is traded; whether that "
        "finds as much skill, the same command with it says.",
    ]


def _amount(effect: SmallestEffect, value: float) -> str:
    """A rank IC as a number, money as a percentage per year."""
    if effect.unit == "rank_ic":
        return formatting.number(value, 3)
    return f"{formatting.percent(value * _SESSIONS)} per year"
