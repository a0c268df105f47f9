"""How easily luck alone would have looked like this: picking the best afterwards, and trying often."""

from collections.abc import Mapping
from typing import Any

from forecast.report import formatting

Evidence = Mapping[str, Any]


def picked(evidence: Evidence) -> str:
    """Probability of backtest overfitting, in the words of what was counted."""
    result = evidence.get("overfitting")
    if not result:
        return ""
    return (
        f"Cut the time into two halves, pick the best of {formatting.count(result['strategies'])} strategies "
        "(every seed, every ensemble, every baseline) in one half and look at the other: in "
        f"{formatting.percent(result['probability'])} of "
        f"{formatting.count(result['splits'])} ways to cut, it was in the lower half there (probability of backtest "
        "overfitting). Picking at random gives about 50 %."
    )


def record(evidence: Evidence) -> str:
    """Minimum backtest length: how soon the best of so many tries looks good without any skill."""
    result = evidence.get("minimum_length")
    if not result or "years" not in evidence:
        return ""
    tries, years = result["trials"], evidence["years"]
    if tries < 2:
        return "One try needs no minimum: there was nothing to pick from."
    effective = result.get("effective_trials")
    alike = ""
    if effective is not None and effective < 0.95 * tries:
        alike = f", which are as much alike as {formatting.number(effective, 1)} independent ones"
    if result["years"] < 0.05:  # of as good as one try
        return f"None for {formatting.count(tries)} tries{alike}: there was hardly anything to pick from."
    side = "longer" if years >= result["years"] else "shorter"
    length = f"has {formatting.number(years, 1)} years and" if years >= 0.1 else "has days only and"
    return (
        f"{formatting.number(result['years'], 1)} years: in so short a record the best of {formatting.count(tries)} "
        f"tries{alike}{',' if alike else ''} without any skill is expected to show a Sharpe ratio of 1. This record "
        f"{length} is {side}; that alone says nothing about its own Sharpe ratio."
    )
