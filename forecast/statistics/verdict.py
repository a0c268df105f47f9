"""The verdict of one experiment: two answers, the comparisons they come from, and what limits them. Numbers only."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from forecast.config import model_registry
from forecast.statistics.attribution import Attribution
from forecast.statistics.comparisons import BASE_RATE, BUY_AND_HOLD, Comparison, Question
from forecast.statistics.inference import LargerExperiments

Status = Literal["ok", "look_ahead", "combinatorial"]
CaveatCode = Literal[
    "few_sessions",
    "short_record",
    "crash_risk",
    "filled_at_once",
    "nothing_learned",
    "too_good",
    "too_accurate",
    "diverged",
    "unverified",
    "not_recomputed",
    "trial_log",
    "unseeded",
]


@dataclass(frozen=True, kw_only=True)
class Caveat:
    """One thing that limits the verdict. value: sessions, a share, a ratio, a count. subject: the model it is about."""

    code: CaveatCode
    value: float = 0.0
    subject: str = ""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What one experiment says.

    status: "ok", or why there is no verdict: look-ahead bias was detected, or the run is combinatorial. failures: what
    the look-ahead audit found.
    """

    comparisons: tuple[Comparison, ...]
    caveats: tuple[Caveat, ...] = ()
    status: Status = "ok"
    failures: tuple[str, ...] = ()

    @property
    def skill(self) -> Comparison | None:
        """The first question: LSTM against SimpleRNN, or a network against the base rate where one is missing."""
        return self._first("skill", BASE_RATE)

    @property
    def money(self) -> Comparison | None:
        """The second question: LSTM against SimpleRNN, or a network against buy-and-hold where one is missing."""
        return self._first("money", BUY_AND_HOLD)

    def of(self, question: Question, *, family: str = "", benchmark: str = "") -> list[Comparison]:
        """The comparisons of a question, of a family or with a benchmark only where one is named."""
        return [
            comparison
            for comparison in self.comparisons
            if comparison.question == question
            and (not family or comparison.family == family)
            and (not benchmark or comparison.benchmark == benchmark)
        ]

    def _first(self, question: Question, benchmark: str) -> Comparison | None:
        pair = [
            comparison
            for comparison in self.of(question)
            if (comparison.model, comparison.benchmark) == model_registry.SAME_UNITS
        ]
        return next(iter(pair or self.of(question, benchmark=benchmark)), None)

    def to_json(self) -> dict[str, Any]:
        """JSON-ready: skill and money as answers, then every comparison and caveat."""
        skill, money = self.skill, self.money
        return {
            "status": self.status,
            "skill": skill.answer if skill is not None and self.status == "ok" else None,
            "money": money.answer if money is not None and self.status == "ok" else None,
            "comparisons": [asdict(comparison) for comparison in self.comparisons],
            "caveats": [asdict(caveat) for caveat in self.caveats],
            "failures": list(self.failures),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Verdict":
        """What `to_json` made.

        Raises:
            KeyError, TypeError: it is something else.
        """
        return cls(
            comparisons=tuple(_comparison(comparison) for comparison in content["comparisons"]),
            caveats=tuple(Caveat(**caveat) for caveat in content["caveats"]),
            status=content["status"],
            failures=tuple(content["failures"]),
        )


_COLUMNS = tuple(column.name for column in fields(Comparison))


def _comparison(content: Mapping[str, Any]) -> Comparison:
    values = {name: content[name] for name in _COLUMNS if name != "larger"}
    if larger := content.get("larger"):  # backtests of earlier versions do not have it
        values["larger"] = LargerExperiments(**larger)
    if values["attribution"] is not None:
        values["attribution"] = Attribution(**values["attribution"])
    return Comparison(**values)
