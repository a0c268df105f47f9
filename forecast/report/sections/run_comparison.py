"""A comparison of runs in words and cells, for the page and the terminal alike."""

from collections.abc import Sequence

from forecast.evaluation.run_comparison import ComparedRun, RunDifference
from forecast.report import formatting

_WHY = {
    "no_common_days": "they have no day in common, so nothing can be said of the difference",
    "too_few_days": "too few days for an interval",
    "same_returns": "the same return on each of them",
}


def sentence(difference: RunDifference) -> str:
    """One difference with its interval, or why there is none."""
    pair = f"{formatting.label(difference.model)} of {difference.run} against {_reference(difference)}"
    if difference.missing == "no_common_days":
        return f"{pair}: {_WHY[difference.missing]}."
    days = f"{formatting.plural(difference.days, 'common day')}, {difference.first} to {difference.last}"
    if difference.missing is not None or difference.low is None or difference.high is None or difference.level is None:
        return f"{pair}: {_WHY.get(str(difference.missing), 'no interval')} ({days})."
    answer = {"better": "earned more", "worse": "earned less", "inconclusive": "inconclusive"}[difference.answer]
    return (
        f"{pair}: {answer}, {formatting.show(difference.difference, formatting.percent)} per day "
        f"({formatting.number(100 * difference.level, 1)} % interval {formatting.percent(difference.low)} to "
        f"{formatting.percent(difference.high)}, {days}; detectable from "
        f"{formatting.show(difference.minimum_detectable_effect, formatting.percent)})."
    )


def numbers(compared: Sequence[ComparedRun]) -> list[list[str]]:
    """A row a run and network: run, network, then annual return, Sharpe ratio, drawdown, exposure, trades, costs."""
    rows = []
    for entry in compared:
        for account in entry.accounts:
            values = entry.metrics["performance"][account.model]["ensemble"]
            rows.append(
                [
                    entry.run.name, formatting.label(account.model),
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


def _reference(difference: RunDifference) -> str:
    model = (
        "" if difference.model == difference.reference_model else f"{formatting.label(difference.reference_model)} of "
    )
    return f"{model}{difference.reference}"
