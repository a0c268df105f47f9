"""How easily luck alone would have looked like this: picking the best afterwards, and trying often."""

from collections.abc import Mapping
from typing import Any

from forecast.report import formatting

Found = Mapping[str, Any]


def picked(found: Found) -> str:
    """Probability of backtest overfitting, in the words of what was counted."""
    each = found.get("overfitting")
    if not each:
        return ""
    return (
        f"Cut the time into two halves, pick the best of {formatting.count(each['strategies'])} strategies "
        "(every seed, every ensemble, every baseline) in one half and look at the other: in "
        f"{formatting.percent(each['probability'])} of "
        f"{formatting.count(each['splits'])} ways to cut, it was in the lower half there (probability of backtest "
        "overfitting). Picking at random gives about 50 %."
    )


def record(found: Found) -> str:
    """Minimum backtest length: how soon the best of so many tries looks good without any skill."""
    each = found.get("minimum_length")
    if not each or "years" not in found:
        return ""
    tries, years = each["trials"], found["years"]
    if tries < 2:
        return "One try needs no minimum: there was nothing to pick from."
    side = "longer" if years >= each["years"] else "shorter"
    return (
        f"{formatting.number(each['years'], 1)} years: in so short a record the best of {formatting.count(tries)} "
        "tries without any skill is expected to show a Sharpe ratio of 1. This record has "
        f"{formatting.number(years, 1)} years and is {side}; that alone says nothing about its own Sharpe ratio."
    )
