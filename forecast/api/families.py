"""Several backtests -> their verdicts, corrected together."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING

from forecast.api.results import BacktestResult
from pipelines.errors import ConfigError, did_you_mean, in_one_line

if TYPE_CHECKING:
    import pandas as pd

    from forecast.statistics.families import JointFamily


@dataclass(frozen=True, kw_only=True, eq=False)
class BacktestFamily:
    """Several backtests, and what is left of their claims when they are tested together (Holm 1979).

    Attributes
    ----------
    results
        The backtests in their order; ``family["AAPL"]`` is that of a symbol.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> import forecast as fc
    >>> days = pd.bdate_range("2003-01-06", "2003-01-16")
    >>> mine = pd.DataFrame({"date": days, "probability": np.linspace(0.4, 0.6, len(days))})
    >>> frame = pd.concat([mine.assign(symbol=symbol) for symbol in ("AAPL", "MSFT")])
    >>> family = fc.judge(frame, ["AAPL", "MSFT"], progress=False)
    >>> [result.symbol for result in family], family["MSFT"].verdict.skill.answer
    (['AAPL', 'MSFT'], 'inconclusive')
    """

    results: tuple[BacktestResult, ...]

    @cached_property
    def families(self) -> "list[JointFamily]":
        """Each family of comparisons over all runs."""
        from forecast.statistics.families import joint_families
        from forecast.statistics.verdict import Verdict

        return joint_families(
            [
                (result.run.name, result.symbol, Verdict.from_json(result.saved.metrics["verdict"]))
                for result in self.results
            ]
        )

    @cached_property
    def comparisons(self) -> "pd.DataFrame":
        """One row a comparison: its answer alone, and what is left of it among all of its family."""
        import pandas as pd

        rows = [
            {"question": family.question, "family": family.family, **asdict(member)}
            for family in self.families
            for member in family.members
        ]
        columns = ["question", "family", "run", "symbol", "model", "benchmark", "alone", "answer"]
        return pd.DataFrame(rows, columns=[*columns, "p_value", "p_adjusted", "level"])

    @property
    def sentences(self) -> tuple[str, ...]:
        """The answers in words."""
        from forecast.report.sections.families import together

        return tuple(together(self.families))

    def __getitem__(self, symbol: str) -> BacktestResult:
        for result in self.results:
            if isinstance(symbol, str) and symbol.upper() in (result.symbol, result.run.name.upper()):
                return result
        symbols = [result.symbol for result in self.results]
        raise ConfigError(
            f"Expected a symbol out of {', '.join(symbols)}, got {in_one_line(symbol)}."
            f"{did_you_mean(in_one_line(symbol, text=str), symbols)}"
        )

    def __iter__(self) -> Iterator[BacktestResult]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    def __repr__(self) -> str:
        return "\n\n".join([*map(repr, self.results), "\n".join(self.sentences)]).rstrip()

    def _repr_html_(self) -> str:
        sentences = "".join(f"<p>{escape(sentence)}</p>" for sentence in self.sentences)
        return "".join(result._repr_html_() for result in self.results) + sentences
