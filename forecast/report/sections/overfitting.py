"""How easily luck alone would have looked like this: picking the best afterwards, and trying often."""

from collections.abc import Mapping
from typing import Any

from forecast.report import formatting as words

Found = Mapping[str, Any]


def picked(found: Found) -> str:
    """Probability of backtest overfitting, in the words of what was counted."""
    each = found.get("overfitting")
    if not each:
        return ""
    return (
        f"Cut the time into two halves, pick the best of {words.count(each['strategies'])} strategies (every seed, "
        f"every ensemble, every rival) in one half and look at the other: in {words.percent(each['probability'])} of "
        f"{words.count(each['splits'])} ways to cut, it was in the lower half there (probability of backtest "
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
    enough = "long enough" if years >= each["years"] else "too short"
    return (
        f"The best of {words.count(tries)} tries without any skill is expected to show a Sharpe ratio of 1 within "
        f"{words.number(each['years'], 1)} years; with {words.number(years, 1)} years this record is {enough} for that "
        "not to be luck alone (minimum backtest length)."
    )
