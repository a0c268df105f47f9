"""Several verdicts side by side: Holm over all of a family, the gate before money, and how many would be false."""

from dataclasses import replace

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from forecast.report.sections.families import together
from forecast.statistics.comparisons import Comparison
from forecast.statistics.families import JointFamily, joint_families
from forecast.statistics.verdict import Verdict


def comparison(question: str, family: str, *, p_value: float, model: str = "lstm") -> Comparison:
    benchmark = {"base_rate": "base_rate", "benchmarks": "cash"}.get(family, "simple_rnn")
    return Comparison(
        question=question, family=family, model=model, benchmark=benchmark,  # type: ignore[arg-type]
        answer="better" if p_value < 0.05 else "inconclusive",
        reason="" if p_value < 0.05 else "interval_contains_zero",
        difference=0.05, low=0.01, high=0.09, level=0.95, p_value=p_value, p_adjusted=p_value,
        minimum_detectable_effect=0.06, unit="rank_ic", observations=500, block=1.0, seeds=3,
    )  # fmt: skip


def runs(p_values: list[float], *, money: float = 0.5) -> list[tuple[str, str, Verdict]]:
    return [
        (
            f"run-{number}", f"S{number}",
            Verdict(
                comparisons=(
                    comparison("skill", "architectures", p_value=p),
                    comparison("money", "architectures", p_value=money),
                )
            ),
        )
        for number, p in enumerate(p_values)
    ]  # fmt: skip


def of(families: list[JointFamily], question: str) -> JointFamily:
    return next(family for family in families if family.question == question)


@pytest.mark.parametrize("seed", range(10))
def test_holm_over_all_runs_rejects_what_statsmodels_rejects(seed: int) -> None:
    p_values = np.random.default_rng(seed).uniform(0, 0.02, 8).tolist()
    family = of(joint_families(runs(p_values)), "skill")
    rejected, adjusted, *_ = multipletests(p_values, alpha=0.05, method="holm")
    assert [member.answer == "better" for member in family.members] == rejected.tolist()
    assert [member.p_adjusted for member in family.members] == pytest.approx(adjusted.tolist())


def test_one_significant_run_of_thirty_is_what_chance_gives() -> None:
    families = joint_families(runs([0.04] + [0.5] * 29))
    skill = of(families, "skill")
    assert (len(skill.claims(alone=True)), len(skill.claims())) == (1, 0)
    assert (skill.runs, skill.expected_false) == (30, pytest.approx(1.5))
    assert together(families)[0] == (
        "Skill, LSTM against SimpleRNN: 1 of 30 verdicts claims a difference; if nothing differed, at most 1.5 "
        "would be expected by chance. Corrected together (Holm, 30 comparisons) none remains."
    )


def test_a_strong_run_remains_and_is_named() -> None:
    families = joint_families(runs([1e-6, 0.04, 0.6]))
    assert [(member.symbol, member.alone, member.answer) for member in of(families, "skill").members] == [
        ("S0", "better", "better"), ("S1", "better", "inconclusive"), ("S2", "inconclusive", "inconclusive")
    ]  # fmt: skip
    assert "S0 (the LSTM better than the SimpleRNN) remains" in together(families)[0]


def test_money_falls_with_the_skill_behind_it() -> None:
    families = joint_families(runs([1e-6, 0.04, 0.9], money=1e-9))
    assert [member.answer for member in of(families, "money").members] == ["better", "inconclusive", "inconclusive"]


def test_a_single_run_and_a_look_ahead_say_nothing_together() -> None:
    assert together(joint_families(runs([0.01]))) == []
    spoilt = [(run, symbol, replace(verdict, status="look_ahead")) for run, symbol, verdict in runs([0.01, 0.01])]
    assert joint_families(spoilt) == []


def test_a_comparison_without_a_test_takes_part_with_a_p_value_of_one() -> None:
    verdicts = runs([0.02, 0.02])
    single = replace(verdicts[1][2].comparisons[0], reason="single_seed", p_value=None, answer="inconclusive")
    verdicts[1] = (*verdicts[1][:2], Verdict(comparisons=(single,)))
    assert [member.p_adjusted for member in of(joint_families(verdicts), "skill").members] == [pytest.approx(0.04), 1.0]


def test_each_run_counts_once_and_money_comes_after_skill() -> None:
    rows = runs([0.001, 0.5, 0.5], money=0.001)
    families = joint_families([*rows, (rows[0][0], "S9", rows[0][2])])
    assert [(family.question, family.runs, len(family.members)) for family in families] == [
        ("skill", 3, 4),
        ("money", 3, 4),
    ]
    assert [family.expected_false for family in families] == pytest.approx([0.15, 0.15])
    assert [member.level for member in of(families, "skill").members] == pytest.approx(
        [1 - 0.05 / 4, 1 - 0.05 / 2, 1 - 0.05 / 2, 1 - 0.05 / 3]  # of the two that are not rejected the level is one
    )


def test_a_reference_takes_no_part_and_families_stand_by_name() -> None:
    verdict = Verdict(
        comparisons=tuple(
            comparison(question, family, p_value=0.2)
            for question, family in (
                ("skill", "reference"), ("money", "benchmarks"), ("skill", "base_rate"), ("skill", "architectures"),
            )
        )
    )  # fmt: skip
    families = joint_families([("run-0", "S0", verdict)])
    assert [(family.question, family.family) for family in families] == [
        ("skill", "architectures"), ("skill", "base_rate"), ("money", "benchmarks")
    ]  # fmt: skip


def test_money_against_a_benchmark_opens_with_the_skill_over_the_base_rate_of_its_own_run_alone() -> None:
    def verdict(p_value: float) -> Verdict:
        return Verdict(
            comparisons=(
                comparison("skill", "base_rate", p_value=p_value), comparison("money", "benchmarks", p_value=1e-9)
            )
        )  # fmt: skip

    families = joint_families([("run-0", "S0", verdict(1e-9)), ("run-1", "S1", verdict(0.9))])
    assert [member.answer for member in of(families, "money").members] == ["better", "inconclusive"]


@pytest.mark.parametrize(
    ("reason", "p_adjusted"),
    [("no_skill", 0.002), ("against_skill", 0.002), ("interval_contains_zero", 0.002), ("never_traded", 1.0)],
)
def test_a_reason_that_no_test_gave_counts_as_a_p_value_of_one(reason: str, p_adjusted: float) -> None:
    first, second = runs([0.001, 0.9])
    changed = replace(first[2].comparisons[0], reason=reason, answer="inconclusive")  # type: ignore[arg-type]
    families = joint_families([(*first[:2], Verdict(comparisons=(changed,))), second])
    assert of(families, "skill").members[0].p_adjusted == pytest.approx(p_adjusted)
