"""A comparison of runs in words and cells, for the page and the terminal alike."""

from collections.abc import Sequence

from forecast.evaluation.run_comparison import ComparedRun, RunDifference
from forecast.report import formatting

_WHY = {
    "no_common_days": "they have no day in common, so nothing can be said of the difference",
    "too_few_days": "too few days for an interval",
    "same_returns": "the same return on each of them",
}


def sentence(found: RunDifference) -> str:
    """One difference with its interval, or why there is none."""
    pair = f"{formatting.label(found.model)} of {found.run} against {_reference(found)}"
    if found.missing == "no_common_days":
        return f"{pair}: {_WHY[found.missing]}."
    days = f"{formatting.plural(found.days, 'common day')}, {found.first} to {found.last}"
    if found.missing is not None or found.low is None or found.high is None or found.level is None:
        return f"{pair}: {_WHY.get(str(found.missing), 'no interval')} ({days})."
    answer = {"better": "earned more", "worse": "earned less", "inconclusive": "inconclusive"}[found.answer]
    return (
        f"{pair}: {answer}, {formatting.show(found.difference, formatting.percent)} per day "
        f"({formatting.number(100 * found.level, 1)} % interval {formatting.percent(found.low)} to "
        f"{formatting.percent(found.high)}, {days}; detectable from "
        f"{formatting.show(found.minimum_detectable_effect, formatting.percent)})."
    )


def numbers(compared: Sequence[ComparedRun]) -> list[list[str]]:
    """A row a run and network: run, network, then annual return, Sharpe ratio, drawdown, exposure, trades, costs."""
    rows = []
    for each in compared:
        for account in each.accounts:
            values = each.metrics["performance"][account.model]["ensemble"]
            rows.append(
                [
                    each.run.name, formatting.label(account.model),
                    *(
                        formatting.show(values.get(name), write)
                        for name, write in (
                            ("annual_return", formatting.percent), ("sharpe", formatting.number),
                            ("max_drawdown", formatting.percent), ("exposure", formatting.percent),
                            ("trades", formatting.count), ("cost_paid", formatting.percent),
                        )
                    ),
                ]
            )  # fmt: skip
    return rows


HEADINGS = ("run", "network", "return per year", "Sharpe", "drawdown", "exposure", "trades", "costs")
"""Of the columns of `numbers`."""


def _reference(found: RunDifference) -> str:
    other = "" if found.model == found.reference_model else f"{formatting.label(found.reference_model)} of "
    return f"{other}{found.reference}"
