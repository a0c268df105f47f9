"""The verdict as sentences: skill first, then money, then what decides and what limits them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from forecast.config import model_registry
from forecast.config.significance import SIGNIFICANCE
from forecast.report import formatting
from forecast.report.sections.larger_experiments import what_would_change
from forecast.statistics.comparisons import BASE_RATE, SAME_EXPOSURE, Comparison
from forecast.statistics.performance import SHORTEST_YEARS
from forecast.statistics.verdict import Caveat, Verdict
from pipelines.errors import listed

_IN_SENTENCES = {
    "simple_rnn_wide": "the wide SimpleRNN",
    SAME_EXPOSURE: "the same exposure",
    BASE_RATE: "the base rate",
}
_ROUNDS_UP = 5e-6  # a tenth of a basis point after rounding
_TOO_SMALL = 5e-7  # a part of a daily difference that no page would show

REASONS = {
    "": "",
    "interval_contains_zero": "",
    "no_skill": "not claimed: no difference in forecasting skill was found",
    "against_skill": "the one that earned more forecasts worse, so that its lead is exposure or costs",
    "single_seed": "a single seed: another could have said the opposite",
    "identical_seeds": "all seeds forecast the same, so what another training would say is not known",
    "too_few_observations": f"fewer than {SIGNIFICANCE.fewest} days to compare",
    "too_few_sessions": f"fewer than {SIGNIFICANCE.fewest} sessions",
    "never_traded": "one of the two never held a position",
    "no_variation": "the difference never varied",
    "differ_rarely": f"they differed on fewer than {SIGNIFICANCE.fewest} days",
    "not_finite": "a return is not finite",
}


_TESTED = ("", "interval_contains_zero", "no_skill", "against_skill", "no_variation")


@dataclass(frozen=True, kw_only=True)
class VerdictText:
    """skill, money: "Skill: ..." and "Money: ...", one sentence each. details: what decides them. caveats: limits."""

    skill: str
    money: str
    details: tuple[str, ...]
    caveats: tuple[str, ...]

    @property
    def sentences(self) -> list[str]:
        return [self.skill, self.money] if self.money else [self.skill]


def verdict_text(metrics: Mapping[str, Any], *, symbol: str) -> VerdictText:
    """What metrics.json of a backtest says, in words.

    Raises:
        KeyError, TypeError: it does not hold a verdict.
    """
    verdict = Verdict.from_json(metrics["verdict"])
    scope = f"on {symbol}, {period(metrics['period']['first'], metrics['period']['last'])}"
    if verdict.status == "look_ahead":
        failures = tuple(f"Look-ahead audit: {failure}." for failure in verdict.failures)
        text = f"Look-ahead bias detected: nothing that this run shows {scope} can be trusted: {verdict.failures[0]}."
        return VerdictText(skill=text, money="", details=failures, caveats=())
    if verdict.status == "combinatorial":
        return VerdictText(
            skill=f"No verdict: {scope} each network was trained on later bars than it was tested on, by design of "
            "combinatorial cross-validation; the paths show how much a result depends on the period.",
            money="",
            details=(_paths(metrics["paths"]), "For a verdict train walk-forward: --split expanding or rolling."),
            caveats=(),
        )
    span = _span(metrics["period"], verdict)
    details = (
        _skill_numbers(verdict),
        _simple(verdict),
        _between(verdict),
        _money_numbers(verdict, span),
        _against_benchmarks(verdict),
        what_would_change(verdict, amount=span.amount, several_symbols="panel" in metrics or ", " in symbol),
        _counting(verdict),
    )
    return VerdictText(
        skill=_skill(verdict, scope),
        money=_money(verdict, span),
        details=tuple(filter(None, details)),
        caveats=tuple(_caveats(verdict.caveats)),
    )


@dataclass(frozen=True, kw_only=True)
class _Span:
    """What differences in money are told for: a year, or the whole record where it is too short for a yearly figure."""

    units: float
    text: str = "per year"

    @property
    def yearly(self) -> bool:
        return self.text == "per year"

    def amount(self, value: float) -> str:
        """ "12.9 % per year" of a mean per day."""
        return f"{formatting.percent(value * self.units)} {self.text}"

    def signed(self, value: float) -> str:
        """ "+12.9 %", without what it is for."""
        return f"{'+' if value > 0 else ''}{formatting.percent(value * self.units)}"


def _span(period: Mapping[str, Any], verdict: Verdict) -> _Span:
    if float(period["years"]) >= SHORTEST_YEARS or verdict.money is None:
        return _Span(units=float(period["units_per_year"]))
    return _Span(units=verdict.money.observations, text="over the whole record")


def _paths(results: Mapping[str, Any]) -> str:
    """Sharpe ratios over the paths of combinatorial cross-validation."""
    clauses = []
    for model, metrics in results.items():
        ratio = metrics["sharpe"]
        if ratio["mean"] is not None:
            subject = "of the LSTM less that of the SimpleRNN" if model == "difference" else f"of {name(model)}"
            clauses.append(
                f"{subject} {formatting.number(ratio['min'])} to {formatting.number(ratio['max'])}, "
                f"{formatting.number(ratio['mean'])} on average, above zero on {ratio['above_zero']} of "
                f"{len(ratio['paths'])}"
            )
    return f"Sharpe ratios over the paths: {'; '.join(clauses)}." if clauses else "No path has a Sharpe ratio."


def name(model: str) -> str:
    """How a sentence calls a model: "the LSTM", "buy-and-hold"."""
    network = f"the {model_registry.label(model)}" if model in model_registry.MODELS else formatting.within(model)
    if model_registry.is_unlisted(model):  # as it is spelled elsewhere, at the beginning of a sentence too
        network = f"the model “{formatting.within(model)}”"
    return _IN_SENTENCES.get(model, network)


def _caveats(caveats: Sequence[Caveat]) -> list[str]:
    """A sentence for each kind of caveat, all models it is about in one."""
    return [
        _caveat([caveat for caveat in caveats if caveat.code == code])
        for code in dict.fromkeys(caveat.code for caveat in caveats)
    ]


def _caveat(caveats: Sequence[Caveat]) -> str:
    caveat = max(caveats, key=lambda caveat: abs(caveat.value))
    days, models = f"{caveat.value:.0f}", joined([name(caveat.subject) for caveat in caveats if caveat.subject])
    several = len(caveats) > 1
    verb = "" if several else "s"
    texts = {
        "few_sessions": f"{days} session{'s' * (caveat.value != 1)} cannot speak for other days.",
        "short_record": f"With {days} sessions intervals are too narrow: at 60 days some cover 55 % instead "
        f"of {formatting.CONFIDENCE}.",
        "crash_risk": f"Among the returns of {models} large losses are rare (skewness "
        f"{formatting.number(caveat.value, 1)}): the interval understates what a crash could cost.",
        "filled_at_once": f"{formatting.percent(caveat.value)} of the decisions were filled within the same time stamp "
        "at which they were made; whether an order could have been there in time these prices cannot say.",
        "nothing_learned": f"The log loss of {models} is above that of the validation rows' share of rises (by "
        f"{caveat.value:.4f}{' at most' * several}): the probabilities are over-confident, and only their order is "
        "judged.",
        "too_good": f"{capital(models)} look{verb} too good to be true (a Sharpe ratio of "
        f"{formatting.number(caveat.value, 1)}): look for a leak before believing it.",
        "too_accurate": f"{capital(models)} look{verb} too good to be true ({formatting.percent(caveat.value)} of the "
        "directions right): look for a leak before believing it.",
        "unseeded": f"The forecasts of {models} are judged as they are: how much another training of the same model "
        "would differ is not counted.",
        "diverged": f"Members of {models} diverged in training: they forecast 0.5, trade nothing and leave the side "
        "of the ensemble to the other seeds.",
        "unverified": "The run is of an earlier version, which recorded no sha256: whether its files are as they were "
        "written cannot be checked.",
        "not_recomputed": f"Unverified: whether the forecasts of {models} are those of {'their' if several else 'its'} "
        "stored weights, which were not asked again.",
        "trial_log": "The trial log was cut or edited, or lacks runs: more may have been tried than is counted.",
    }
    return texts[caveat.code]


def unit_text(comparison: Comparison, value: float) -> str:
    """A difference in its unit: a rank IC as a number, money as a percentage."""
    return formatting.number(value, 3) if comparison.unit == "rank_ic" else formatting.percent(value)


def interval_text(comparison: Comparison) -> str:
    """ "95 % interval +0.010 to +0.052", empty where there is none."""
    if comparison.low is None or comparison.high is None:
        return ""
    ends = " to ".join(
        ("+" if end > 0 else "") + unit_text(comparison, end) for end in (comparison.low, comparison.high)
    )
    return f"{level_text(comparison.level)} interval {ends}"


def level_text(level: float) -> str:
    """0.95 -> "95 %"."""
    return f"{100 * level:.4g} %"


def period(first: str, last: str) -> str:
    """Years where the period spans several, days where it does not."""
    if first[:4] != last[:4]:
        return f"{first[:4]}–{last[:4]}"
    return first[:10] if first[:10] == last[:10] else f"{first[:10]} to {last[:10]}"


def capital(text: str) -> str:
    """The same with a capital first letter."""
    return text[:1].upper() + text[1:]


def _skill(verdict: Verdict, scope: str) -> str:
    first = verdict.skill
    if first is None:
        return "Skill: not tested, there is no network with forecasts on these days."
    pair = f"{capital(scope)}, {name(first.model)}"
    benchmark = name(first.benchmark)
    if first.answer != "inconclusive":
        return f"Skill: {first.answer}. {pair} forecasts {first.answer} than {benchmark}."
    if first.reason not in _TESTED:
        return f"Skill: inconclusive. {pair} could not be tested against {benchmark}: {REASONS[first.reason]}."
    return f"Skill: inconclusive. {pair} and {benchmark} do not differ significantly in forecasting."


def _skill_numbers(verdict: Verdict) -> str:
    first = verdict.skill
    if first is None:
        return ""
    reason = f" ({REASONS[first.reason]})" if REASONS[first.reason] else ""
    parts = (f"Difference in skill (rank IC) {_signed(first)}{reason}", interval_text(first))
    return f"{', '.join(filter(None, parts))}{_detectable(first)}."


def _money(verdict: Verdict, span: _Span) -> str:
    first = verdict.money
    if first is None:
        return ""
    if first.difference == 0.0:
        both = f"{capital(name(first.model))} and {name(first.benchmark)}"
        return f"Money: {first.answer}. {both} earned the same after costs."
    more = "more" if first.difference > 0 else "less"
    amount = span.amount(abs(first.difference))
    earned = f"{amount} {more} than {name(first.benchmark)} after costs"
    if not span.yearly:
        amount = formatting.percent(abs(first.difference) * span.units)
        earned = f"{amount} {more} than {name(first.benchmark)} after costs {span.text}"
    chance = ", which may be chance" if first.answer == "inconclusive" else ""
    if first.reason in ("no_skill", "against_skill"):  # its interval excludes zero
        chance = f", more than chance explains; {REASONS[first.reason]}"
    elif first.reason not in _TESTED:
        chance = f"; not tested: {REASONS[first.reason]}"
    return f"Money: {first.answer}. {capital(name(first.model))} earned {earned}, without compounding{chance}."


def _money_numbers(verdict: Verdict, span: _Span) -> str:
    """Why the answer is what it is: reason, interval, smallest effect, and where the difference came from."""
    first = verdict.money
    if first is None:
        return ""
    reason = f" ({REASONS[first.reason]})" if REASONS[first.reason] else ""
    effect = first.minimum_detectable_effect
    parts = (
        f"Difference in net return {span.signed(first.difference)} {span.text} without compounding{reason}",
        _money_interval(first, span),
    )
    detectable = "" if effect is None else (
        f"; minimum detectable effect {formatting.percent(effect * span.units)} ({formatting.POWER})"
    )  # fmt: skip
    return f"{', '.join(filter(None, parts))}{detectable}.{_source(first)}"


def _money_interval(comparison: Comparison, span: _Span) -> str:
    if comparison.interval is None:
        return ""
    return f"{level_text(comparison.level)} interval {' to '.join(map(span.signed, comparison.interval))}"


def _source(comparison: Comparison) -> str:
    """Where the difference came from, in basis points per day."""
    parts = comparison.attribution
    if parts is None:
        return ""
    components = (("timing", parts.timing), ("exposure", parts.exposure), ("costs", parts.costs))
    if all(abs(value) < _TOO_SMALL for _, value in components):
        return ""
    listed = ", ".join(
        f"{label} {'+' if value >= _ROUNDS_UP else ''}{formatting.number(1e4 * value, 1)}"
        for label, value in components
    )
    return f" Per {comparison.unit} it splits into {listed} basis points."


def _simple(verdict: Verdict) -> str:
    """Each network against the base rate."""
    rows = verdict.of("skill", family="base_rate")
    return _clauses(
        rows, verbs={"better": "forecast better than", "worse": "forecast worse than"}, benchmark="the base rate"
    )


def _between(verdict: Verdict) -> str:
    """Models that are not the LSTM and the SimpleRNN, with each other and with these."""
    rows = verdict.of("skill", family="models")
    if not rows:
        return ""
    verbs = {
        ("skill", "better"): "forecasts better than",
        ("skill", "worse"): "forecasts worse than",
        ("money", "better"): "earned more than",
        ("money", "worse"): "earned less than",
    }
    claims = [
        f"{name(row.model)} {verbs[row.question, row.answer]} {name(row.benchmark)}"
        for row in (*rows, *verdict.of("money", family="models"))
        if row.answer != "inconclusive"
    ]
    if claims:
        return f"{capital(listed(claims, at_most=6, separator='; '))}."
    models = dict.fromkeys(model for row in rows for model in (row.model, row.benchmark))
    return f"Between {joined([name(model) for model in models])} no difference in forecasting is claimed."


def _against_benchmarks(verdict: Verdict) -> str:
    """Networks against the best baseline in skill, and against the benchmarks in money."""
    sentences = []
    baselines = verdict.of("skill", family="baselines")
    reference = {comparison.model: comparison.difference for comparison in verdict.of("skill", family="reference")}
    if baselines and reference:
        best = max(reference, key=lambda model: reference[model])
        rows = [comparison for comparison in baselines if comparison.benchmark == best]
        verbs = {"better": "forecast better than", "worse": "forecast worse than"}
        sentences.append(_clauses(rows, verbs=verbs, benchmark=f"{name(best)}, the best baseline"))
    verbs = {"better": "earned more than", "worse": "earned less than"}
    alike: dict[tuple[str, ...], list[str]] = {}  # benchmarks by the answers of the networks
    for benchmark in dict.fromkeys(comparison.benchmark for comparison in verdict.of("money", family="benchmarks")):
        rows = verdict.of("money", family="benchmarks", benchmark=benchmark)
        alike.setdefault(tuple(comparison.answer for comparison in rows), []).append(benchmark)
    for answers, benchmarks in alike.items():
        rows = verdict.of("money", family="benchmarks", benchmark=benchmarks[0])
        names = joined([name(benchmark) for benchmark in benchmarks])
        if set(answers) == {"inconclusive"}:
            sentences.append(f"Against {names} no difference in money is claimed.")
        else:
            sentences.append(_clauses(rows, verbs=verbs, benchmark=names))
    return " ".join(sentences)


def _clauses(rows: Sequence[Comparison], *, verbs: Mapping[str, str], benchmark: str) -> str:
    if not rows:
        return ""
    groups: dict[str, list[str]] = {}
    for comparison in rows:
        tested = comparison.answer != "inconclusive" or comparison.reason in _TESTED
        groups.setdefault(comparison.answer if tested else "untested", []).append(name(comparison.model))
    texts = []
    for answer, models in groups.items():
        listed = joined(models)
        if answer == "untested":
            reasons = dict.fromkeys(
                REASONS[comparison.reason] for comparison in rows if comparison.reason not in _TESTED
            )
            texts.append(f"{listed} could not be tested against {benchmark}: {'; '.join(reasons)}")
        elif answer == "inconclusive":
            texts.append(f"{listed} {'do' if len(models) > 1 else 'does'} not differ significantly from {benchmark}")
        else:
            verb = verbs[answer] if len(models) > 1 else verbs[answer].replace("forecast ", "forecasts ", 1)
            texts.append(f"{listed} {verb} {benchmark}")
    return f"{capital('; '.join(texts))}."


def joined(names: Sequence[str]) -> str:
    """ "A, B and C"."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def _counting(verdict: Verdict) -> str:
    counts: dict[tuple[str, str], int] = {}
    for comparison in verdict.comparisons:
        if comparison.family != "reference":
            counts[comparison.question, comparison.family] = counts.get((comparison.question, comparison.family), 0) + 1
    if not counts:
        return ""
    return (
        f"{sum(counts.values())} comparisons in {len(counts)} families; in each family the chance of even one false "
        f"claim is at most {level_text(1.0 - SIGNIFICANCE.level)} (Holm). Money is claimed only where skill was found."
    )


def _detectable(comparison: Comparison) -> str:
    effect = comparison.minimum_detectable_effect
    if effect is None:
        return ""
    return f"; minimum detectable effect {unit_text(comparison, effect)} ({formatting.POWER})"


def _signed(comparison: Comparison) -> str:
    return ("+" if comparison.difference > 0 else "") + formatting.number(comparison.difference, 3)
