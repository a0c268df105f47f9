"""What would change an inconclusive answer, in a sentence: more days, symbols or seeds, lower costs, another label."""

from collections.abc import Callable, Sequence

from forecast.config.significance import SIGNIFICANCE
from forecast.report import formatting
from forecast.statistics.comparisons import Comparison, Reason
from forecast.statistics.inference import CORRELATION, MORE, SYMBOLS, LargerExperiments
from forecast.statistics.verdict import Verdict

_TIMES = {4: "four"}[MORE]
_REMEDIES: dict[Reason, str] = {
    "single_seed": "two seeds or more of each network (--seeds 3)",
    "identical_seeds": "trainings that differ from seed to seed",
    "too_few_observations": f"{SIGNIFICANCE.fewest} days or more out of sample",
    "too_few_sessions": f"{SIGNIFICANCE.fewest} sessions or more out of sample",
    "never_traded": "a lower --threshold, at which both trade",
    "differ_rarely": f"a record in which they differ on {SIGNIFICANCE.fewest} days or more",
}


def what_would_change(verdict: Verdict, *, amount: Callable[[float], str], several_symbols: bool) -> str:
    """One sentence for the answers that are inconclusive, empty where none is.

    amount: writes a difference in money. several_symbols: of a panel or portfolio, for which ten symbols are no news.
    """
    first = [comparison for comparison in (verdict.skill, verdict.money) if comparison is not None]
    remedies = dict.fromkeys(_REMEDIES[comparison.reason] for comparison in first if comparison.reason in _REMEDIES)
    if remedies:
        return f"An answer takes {' and '.join(remedies)}."
    effects = [
        (comparison.larger, rank_ic if comparison.question == "skill" else amount)
        for comparison in first
        if comparison.answer == "inconclusive" and comparison.larger is not None
    ]
    if not effects:
        return ""
    money = verdict.money
    return f"{smaller(effects, several_symbols=several_symbols)}; {_itself(money, amount)}."


def smaller(
    effects: Sequence[tuple[LargerExperiments, Callable[[float], str]]], *, several_symbols: bool = False
) -> str:
    """ "Smaller differences would be found with ...", without a full stop. effects: each with how it is written."""
    ways = {
        f"with {_TIMES} times the days of data": [write(effect.days) for effect, write in effects],
        f"with a panel of {SYMBOLS} such symbols that correlate by {CORRELATION:g}": [
            write(effect.symbols) for effect, write in effects if not several_symbols
        ],
        f"with {_TIMES} times the seeds": [
            write(effect.seeds) for effect, write in effects if effect.seeds is not None
        ],
    }
    clauses = [f"{way} ({', '.join(amounts)})" for way, amounts in ways.items() if amounts]
    return f"Smaller differences would be found ({formatting.POWER}) {_or(clauses)}"


def _or(clauses: Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(clauses[:-1]), clauses[-1])))


def _itself(money: Comparison | None, amount: Callable[[float], str]) -> str:
    """What lower costs and another label change: the difference itself."""
    part = money.attribution.costs if money is not None and money.attribution is not None else 0.0
    of_costs = f", of which costs are {'+' if part > 0 else ''}{amount(part)}" if abs(part) >= 5e-7 else ""
    return f"lower costs change the difference in money itself{of_costs}, another label (--horizon) both differences"


def rank_ic(value: float) -> str:
    """ "rank IC 0.041"."""
    return f"rank IC {formatting.number(value, 3)}"
