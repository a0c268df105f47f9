"""Every comparison of one experiment: skill first, then money, in named families with Holm's correction.

The rule, fixed before any result is seen:

1. Skill: the mean difference of daily rank information coefficients. Money: the mean difference of daily net returns.
   Both of ensembles, with days in blocks and seeds as sources of chance (forecast.statistics.inference).
2. In each family the chance of even one false "better" or "worse" is at most 1 - level (Holm 1979).
3. A difference in money is claimed only where the skill behind it was claimed before (a gatekeeping procedure,
   Dmitrienko and Tamhane 2007): of two models, for the one that forecasts better; against a benchmark, where the
   network differs from the base rate. Without skill it is exposure, turnover or luck, and the split into timing,
   exposure and costs says which.
4. Nothing is claimed from a single seed or copies of one, from fewer than 20 sessions, or of a model that never held a
   position.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from forecast.config import model_registry
from forecast.config.experiment import is_baseline
from forecast.config.significance import SIGNIFICANCE, SignificanceConfig
from forecast.statistics.attribution import Attribution, ReturnParts, asset_returns, attribution, return_parts
from forecast.statistics.inference import Estimate, LargerExperiments, estimate_difference
from forecast.statistics.multiple_testing import holm
from forecast.statistics.performance import bar_returns
from forecast.statistics.skill import Name, SkillScores
from forecast.trading.signals import ENSEMBLE
from forecast.trading.simulator import Ledger
from pipelines.market.types import Floats

Question = Literal["skill", "money"]
Answer = Literal["better", "worse", "inconclusive"]
Unit = Literal["rank_ic", "day", "bar"]
Family = Literal["architectures", "equal_parameters", "models", "base_rate", "benchmarks", "baselines", "reference"]
Reason = Literal[
    "",
    "interval_contains_zero",
    "no_skill",
    "against_skill",
    "single_seed",
    "identical_seeds",
    "too_few_observations",
    "too_few_sessions",
    "never_traded",
    "no_variation",
    "differ_rarely",
    "not_finite",
]
Sessions = NDArray[np.datetime64]

BASE_RATE = "base_rate"
BUY_AND_HOLD = "buy_and_hold"
CASH = "cash"
SAME_EXPOSURE = "same_exposure"
BENCHMARKS = (BUY_AND_HOLD, CASH, SAME_EXPOSURE)
_FIRST_FAMILIES = ("architectures", "base_rate", "benchmarks")  # whose answers a page may begin with


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One model against one benchmark (or another model) in one question.

    difference, low, high, minimum_detectable_effect: in the unit; a fraction of equity per "day" (or "bar"), or a
    "rank_ic". low, high: the interval at `level`, the one at which the family's correction decides; None where there is
    none. p_value: before, p_adjusted: after the correction. seeds: of the network with the fewest, 0 where none is
    random, copies not counted. attribution: of a difference in money. larger: what would detect less, of an
    inconclusive difference between networks or of one with a benchmark.
    """

    question: Question
    family: Family
    model: str
    benchmark: str
    answer: Answer
    reason: Reason
    difference: float
    low: float | None
    high: float | None
    level: float
    p_value: float | None
    p_adjusted: float | None
    minimum_detectable_effect: float | None
    unit: Unit
    observations: int
    block: float | None
    seeds: int
    attribution: Attribution | None = None
    larger: LargerExperiments | None = None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The confidence interval of the difference, None where there is none."""
        return None if self.low is None or self.high is None else (self.low, self.high)


@dataclass(frozen=True, kw_only=True)
class _Test:
    """One comparison before its family's correction. estimate: None where `reason` says why there is none."""

    question: Question
    family: Family
    model: str
    benchmark: str
    unit: Unit
    difference: float
    observations: int
    seeds: int
    estimate: Estimate | None
    reason: Reason
    attribution: Attribution | None = None


def is_network(model: str) -> bool:
    """Whether a model is one of those that the experiment is about, and no benchmark or baseline beside them."""
    return not is_baseline(model) and model.partition(":")[0] not in BENCHMARKS


def skill_comparisons(
    scores: SkillScores,
    *,
    significance: SignificanceConfig = SIGNIFICANCE,
    sessions: int | None = None,
    unseeded: Collection[str] = (),
) -> list[Comparison]:
    """Every skill comparison: architectures, equal parameters, other models, base rate, baselines, and theirs.

    sessions: the number of session days, None where they are not known. unseeded: models whose forecasts are judged as
    they are, not as one of several trainings.
    """
    networks = [model for model in scores.ensembles if is_network(model)]
    baselines = [model for model in scores.ensembles if is_baseline(model)]
    zero = np.zeros(len(scores.days))

    def test(family: Family, model: str, benchmark: str) -> _Test:
        rows = (scores.ensembles[model], scores.ensembles.get(benchmark, zero))
        random = [is_network(name) and name != BASE_RATE and name not in unseeded for name in (model, benchmark)]
        seeds = [
            scores.seeds[name] if resampled else None
            for name, resampled in zip((model, benchmark), random, strict=True)
        ]
        return _test(
            "skill", family, model, benchmark, *rows, *seeds, unit="rank_ic", sessions=sessions,
            significance=significance, copies=scores.copies,
        )  # fmt: skip

    tests = [test(family, *pair) for family, pair in _pairs(networks)]
    tests += [test("base_rate", model, BASE_RATE) for model in networks]
    tests += [test("baselines", model, baseline) for model in networks for baseline in baselines]
    tests += [test("reference", baseline, BASE_RATE) for baseline in baselines]
    return _decided(tests, significance)


def money_comparisons(
    ledgers: Sequence[Ledger],
    *,
    sessions: Sessions | None,
    skill: Sequence[Comparison],
    significance: SignificanceConfig = SIGNIFICANCE,
    unseeded: Collection[str] = (),
    copies: Collection[Name] = (),
) -> list[Comparison]:
    """Every comparison of net returns, closed where the skill it needs was not found.

    ledgers: one symbol (or one joined account), the same bars. sessions: the session date of each ledger row, shape
    (bars,), or None. skill: what `skill_comparisons` found; empty opens nothing. unseeded: as `skill_comparisons` takes
    them. copies: those of the skill's scores; the account of a copy says no more than the first.
    """
    accounts = {key: ledger for ledger in ledgers if (key := (ledger.model, ledger.member)) not in copies}
    daily = {key: daily_sums(bar_returns(ledger), sessions=sessions) for key, ledger in accounts.items()}
    ensembles = [model for model, member in accounts if member == ENSEMBLE]
    networks = [model for model in ensembles if is_network(model)]
    active = [model for model in ensembles if is_baseline(model) and np.any(accounts[model, ENSEMBLE].position)]
    parts = _parts(accounts)
    seeded = {model for model in ensembles if is_network(model)} - set(unseeded)
    days = len(np.unique(sessions[:-1])) if sessions is not None else None

    def test(family: Family, model: str, benchmark: str) -> _Test:
        account = f"{SAME_EXPOSURE}:{model}" if benchmark == SAME_EXPOSURE else benchmark
        (a, unit), (b, _) = daily[model, ENSEMBLE], daily[account, ENSEMBLE]
        seeds = [_seeds(daily, name) if name in seeded else None for name in (model, account)]
        idle = [name for name in (model, account) if is_network(name) and not np.any(accounts[name, ENSEMBLE].position)]
        tested = _test(
            "money", family, model, benchmark, a, b, *seeds, unit=unit, sessions=days, significance=significance,
            idle=bool(idle), copies=copies,
        )  # fmt: skip
        return replace(tested, attribution=_attribution(parts, model, account, sessions, len(a), significance, seeded))

    tests = [test(family, *pair) for family, pair in _pairs(networks)]
    for benchmark in BENCHMARKS:
        for model in networks:
            if benchmark in ensembles or f"{benchmark}:{model}" in ensembles:
                tests.append(test("benchmarks", model, benchmark))
    tests += [test("baselines", model, baseline) for model in networks for baseline in active]
    gates = {(comparison.model, comparison.benchmark): comparison.answer for comparison in skill}
    return [_gated(comparison, gates) for comparison in _decided(tests, significance)]


def compare_accounts(ledger: Ledger, benchmark: Ledger, *, sessions: Sessions | None, level: float) -> Comparison:
    """Net returns of one account less another's at that level: no gate, no family. Both over the same bars."""
    (first, unit), (second, _) = (
        daily_sums(bar_returns(account), sessions=sessions) for account in (ledger, benchmark)
    )
    test = _test(
        "money", "architectures", ledger.model, benchmark.model, first, second, None, None, unit=unit,
        sessions=None if sessions is None else len(np.unique(sessions[:-1])), significance=SIGNIFICANCE,
    )  # fmt: skip
    return _comparison(test, level=level, p_adjusted=1.0, significance=SIGNIFICANCE)


def daily_sums(values: Floats, *, sessions: Sessions | None) -> tuple[Floats, Unit]:
    """Sums over each session day, shape (days,), where there are at least 20 of them; the bars as they are if not.

    values: shape (bars - 1,), one for each bar held. sessions: shape (bars,), the last belongs to the closing row.
    """
    if sessions is None or not len(values):
        return values, "bar"
    days, row = np.unique(sessions[: len(values)], return_inverse=True)
    if len(days) < SIGNIFICANCE.fewest:
        return values, "bar"
    return np.asarray(np.bincount(row, weights=values), dtype=np.float64), "day"


def _pairs(networks: Sequence[str]) -> Iterable[tuple[Family, tuple[str, str]]]:
    """LSTM against SimpleRNN with as many units and with as many parameters, and every pair with another model."""
    families: tuple[tuple[Family, tuple[str, str]], ...] = (
        ("architectures", model_registry.SAME_UNITS),
        ("equal_parameters", model_registry.SAME_PARAMETERS),
    )
    named = [(family, pair) for family, pair in families if all(model in networks for model in pair)]
    compared = set(model_registry.DEFAULT_MODELS)
    others = [pair for pair in combinations(networks, 2) if not compared.issuperset(pair)]
    return [*named, *(("models", pair) for pair in others)]


def _test(
    question: Question,
    family: Family,
    model: str,
    benchmark: str,
    a: Floats,
    b: Floats,
    seeds_a: Floats | None,
    seeds_b: Floats | None,
    *,
    unit: Unit,
    sessions: int | None,
    significance: SignificanceConfig,
    idle: bool = False,
    copies: Collection[Name] = (),
) -> _Test:
    columns = {name: seeds for name, seeds in ((model, seeds_a), (benchmark, seeds_b)) if seeds is not None}
    single = [name for name, seeds in columns.items() if seeds.shape[1] < 2]
    impossible = _impossible(a - b, significance, sessions=sessions)
    estimate = None
    if not impossible:
        several = [None if single else seeds for seeds in (seeds_a, seeds_b)]
        estimate = estimate_difference(a, b, seeds_a=several[0], seeds_b=several[1])
    reason = impossible
    if idle and reason != "too_few_sessions":
        reason = "never_traded"
    elif not reason and single:
        reason = "identical_seeds" if any(name in single for name, _ in copies) else "single_seed"
    return _Test(
        question=question,
        family=family,
        model=model,
        benchmark=benchmark,
        unit=unit,
        difference=float((a - b).mean()) if len(a) else 0.0,
        observations=len(a),
        seeds=min((seeds.shape[1] for seeds in columns.values()), default=0),
        estimate=estimate,
        reason=reason,
    )


def _impossible(difference: Floats, significance: SignificanceConfig, *, sessions: int | None) -> Reason:
    """Why no interval can be had, empty where one can. sessions: None where they are not known."""
    if sessions is not None and sessions < significance.fewest:
        return "too_few_sessions"
    if len(difference) < significance.fewest:
        return "too_few_observations"
    if not np.all(np.isfinite(difference)):
        return "not_finite"
    if np.ptp(difference) <= 1e-12 * np.abs(difference).max(initial=0.0):
        return "no_variation"
    if np.count_nonzero(difference) < significance.fewest:
        return "differ_rarely"
    return ""


def _decided(tests: Sequence[_Test], significance: SignificanceConfig) -> list[Comparison]:
    """The answers, family by family."""
    answers: dict[int, Comparison] = {}
    for family in dict.fromkeys(test.family for test in tests):
        places = [place for place, test in enumerate(tests) if test.family == family]
        members = [tests[place] for place in places]
        p_values = [1.0 if test.estimate is None or test.reason else test.estimate.p_value for test in members]
        for place, test, step in zip(places, members, holm(p_values, level=significance.level), strict=True):
            answers[place] = _comparison(test, level=step.level, p_adjusted=step.p_adjusted, significance=significance)
    return [answers[place] for place in range(len(tests))]


def _comparison(test: _Test, *, level: float, p_adjusted: float, significance: SignificanceConfig) -> Comparison:
    estimate = test.estimate
    low, high = estimate.interval(level) if estimate is not None else (None, None)
    answer: Answer = "inconclusive"
    reason = test.reason
    if not reason and low is not None and high is not None:
        answer = "better" if low > 0 else "worse" if high < 0 else "inconclusive"
        reason = "interval_contains_zero" if answer == "inconclusive" else ""
    stated = estimate is not None and reason in ("", "interval_contains_zero")
    return Comparison(
        question=test.question,
        family=test.family,
        model=test.model,
        benchmark=test.benchmark,
        answer=answer,
        reason=reason,
        difference=test.difference,
        low=low,
        high=high,
        level=level,
        p_value=estimate.p_value if estimate is not None and stated else None,
        p_adjusted=p_adjusted if stated else None,
        minimum_detectable_effect=estimate.minimum_detectable_effect(level=level, power=significance.power)
        if estimate is not None and stated
        else None,
        unit=test.unit,
        observations=test.observations,
        block=estimate.block if estimate is not None else None,
        seeds=test.seeds,
        attribution=test.attribution,
        larger=estimate.in_larger_experiments(level=level, power=significance.power)
        if estimate is not None and stated and answer == "inconclusive" and test.family in _FIRST_FAMILIES
        else None,
    )


def gate_of(comparison: Comparison) -> tuple[str, str]:
    """Model and benchmark of the skill that has to be claimed before a comparison of money claims anything."""
    return comparison.model, BASE_RATE if comparison.family == "benchmarks" else comparison.benchmark


def _gated(comparison: Comparison, gates: Mapping[tuple[str, str], Answer]) -> Comparison:
    """No claim about money without the skill behind it, nor for the one of two models that forecasts worse.

    The second keeps a false claim of skill from opening a true difference in costs: it does so in one direction only.
    """
    skill = gates.get(gate_of(comparison), "inconclusive")
    if comparison.answer == "inconclusive":
        return comparison
    if skill == "inconclusive":
        return replace(comparison, answer="inconclusive", reason="no_skill")
    if comparison.family != "benchmarks" and skill != comparison.answer:
        return replace(comparison, answer="inconclusive", reason="against_skill")
    return comparison


def _seeds(daily: Mapping[tuple[str, str], tuple[Floats, Unit]], model: str) -> Floats:
    rows = [values for (name, member), (values, _) in daily.items() if name == model and member != ENSEMBLE]
    return np.stack(rows, axis=1) if rows else np.empty((0, 0))


def _parts(accounts: Mapping[tuple[str, str], Ledger]) -> dict[tuple[str, str], ReturnParts]:
    """Every account split into timing, exposure and costs; empty where there is no one position in one asset."""
    holding = accounts.get((BUY_AND_HOLD, ENSEMBLE))
    if holding is None:
        return {}
    returns = asset_returns(holding)
    of_many_names = any(
        not np.allclose(ledger.gross_return[:-1], ledger.position[:-1] * returns, rtol=0.0, atol=1e-9)
        for ledger in accounts.values()
    )
    if of_many_names or "+" in holding.symbol:
        return {}
    return {key: return_parts(ledger, asset_returns=returns) for key, ledger in accounts.items()}


def _attribution(
    parts: Mapping[tuple[str, str], ReturnParts],
    model: str,
    benchmark: str,
    sessions: Sessions | None,
    days: int,
    significance: SignificanceConfig,
    seeded: Collection[str],
) -> Attribution | None:
    if not parts or not days:
        return None
    a, b = parts[model, ENSEMBLE], parts[benchmark, ENSEMBLE]
    influence = {
        key: daily_sums(part.influence, sessions=sessions)
        for key, part in parts.items()
        if key[0] in (model, benchmark)
    }
    rows = [influence[name, ENSEMBLE][0] for name in (model, benchmark)]
    seeds = [_seeds(influence, name) if name in seeded else None for name in (model, benchmark)]
    several = [seed_values if seed_values is None or seed_values.shape[1] > 1 else None for seed_values in seeds]
    count = None if sessions is None else len(np.unique(sessions[:-1]))
    impossible = _impossible(rows[0] - rows[1], significance, sessions=count)
    timing = None if impossible else estimate_difference(*rows, seeds_a=several[0], seeds_b=several[1])
    return attribution(a, b, days=days, timing=timing, level=significance.level)
