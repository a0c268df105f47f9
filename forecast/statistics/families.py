"""Verdicts of several runs side by side: the same families over all of them, so that no lucky run is picked out."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from forecast.config.significance import SIGNIFICANCE, SignificanceConfig
from forecast.statistics.comparisons import Answer, Comparison, Family, Question, gate_of
from forecast.statistics.multiple_testing import holm
from forecast.statistics.verdict import Verdict


@dataclass(frozen=True, kw_only=True)
class FamilyMember:
    """One comparison of one run. alone: the answer of its own verdict; answer: what is left of it among all runs."""

    run: str
    symbol: str
    model: str
    benchmark: str
    alone: Answer
    answer: Answer
    p_value: float | None
    p_adjusted: float
    level: float


@dataclass(frozen=True, kw_only=True)
class JointFamily:
    """The comparisons of one kind over several runs. expected_false: runs that claim something if nothing differs."""

    question: Question
    family: Family
    runs: int
    expected_false: float
    members: tuple[FamilyMember, ...]

    def claims(self, *, alone: bool = False) -> list[FamilyMember]:
        """The members that claim something, corrected over all runs, or by their own verdicts alone."""
        return [member for member in self.members if (member.alone if alone else member.answer) != "inconclusive"]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def joint_families(
    verdicts: Sequence[tuple[str, str, Verdict]], *, significance: SignificanceConfig = SIGNIFICANCE
) -> list[JointFamily]:
    """Each family over all runs with Holm's correction; the gate before money as in a single verdict.

    verdicts: run, symbol and verdict of each. Runs without a verdict do not count. The correction holds however much
    runs have in common, the same symbol included. expected_false is one family's 5 % for each run.
    """
    rows = [
        (run, symbol, comparison)
        for run, symbol, verdict in verdicts
        if verdict.status == "ok"
        for comparison in verdict.comparisons
        if comparison.family != "reference"
    ]
    families: list[JointFamily] = []
    claimed: set[tuple[str, str, str]] = set()  # run, model and benchmark of each skill that was claimed
    for question, family in sorted({(comparison.question, comparison.family) for _, _, comparison in rows}, key=_order):
        tests = [row for row in rows if (row[2].question, row[2].family) == (question, family)]
        steps = holm([_p_value(comparison) for _, _, comparison in tests], level=significance.level)
        members = []
        for (run, symbol, comparison), step in zip(tests, steps, strict=True):
            opened = question == "skill" or (run, *gate_of(comparison)) in claimed
            answer: Answer = comparison.answer if step.rejected and opened else "inconclusive"
            if question == "skill" and answer != "inconclusive":
                claimed.add((run, comparison.model, comparison.benchmark))
            members.append(
                FamilyMember(
                    run=run, symbol=symbol, model=comparison.model, benchmark=comparison.benchmark,
                    alone=comparison.answer, answer=answer, p_value=comparison.p_value,
                    p_adjusted=step.p_adjusted, level=step.level,
                )
            )  # fmt: skip
        runs = len({run for run, _, _ in tests})
        families.append(
            JointFamily(
                question=question, family=family, runs=runs, expected_false=runs * (1.0 - significance.level),
                members=tuple(members),
            )
        )  # fmt: skip
    return families


def _order(key: tuple[Question, Family]) -> tuple[bool, str]:
    return key[0] != "skill", key[1]


def _p_value(comparison: Comparison) -> float:
    """1 where the comparison claims nothing whatever its p-value: a single seed, an idle model, too few sessions."""
    testable = comparison.reason in ("", "interval_contains_zero", "no_skill", "against_skill")
    return comparison.p_value if testable and comparison.p_value is not None else 1.0
