"""What a backtest says, for people who work in Python: answers, tables and charts."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any

from forecast.config.model_registry import side_by_side
from forecast.runs.run import Run
from forecast.runs.saved_backtests import Backtest
from forecast.statistics.comparisons import Answer, Comparison, Question, Reason, Unit
from forecast.statistics.verdict import Caveat, Status
from forecast.statistics.verdict import Verdict as VerdictNumbers
from pipelines.errors import ConfigError, RunError, in_one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    import plotly.graph_objects as go

    from forecast.report.context import PageContext
    from forecast.report.sections.verdict import VerdictText

_NAN = float("nan")
_COLUMNS = ("total_return", "annual_return", "sharpe", "max_drawdown", "exposure", "trades", "cost_paid")


@dataclass(frozen=True, kw_only=True)
class VerdictAnswer:
    """The answer to one of the two questions, skill or money.

    Attributes
    ----------
    question
        "skill" or "money".
    answer
        "better", "worse" or "inconclusive".
    reason
        Why it is inconclusive, as a code; "" where it is not.
    model, benchmark
        What was compared with what.
    difference
        The mean difference, in `unit`: a rank information coefficient, or a fraction of equity per day or bar.
    interval
        Lower and upper end of its confidence interval; NaN where there is none.
    level
        The confidence level of the interval.
    minimum_detectable_effect
        The smallest difference that would have been detected with a power of 80 %; NaN where that is not known.
    p_value
        After the correction for several comparisons; NaN where there is none.
    unit
        "rank_ic", "day" or "bar".

    Examples
    --------
    >>> import forecast as fc
    >>> skill = fc.backtest("AAPL").verdict.skill
    >>> skill.model, skill.answer, len(skill.comparisons) > 0
    ('lstm', 'inconclusive', True)
    """

    question: Question
    answer: Answer
    reason: Reason
    model: str
    benchmark: str
    difference: float
    interval: tuple[float, float]
    level: float
    minimum_detectable_effect: float
    p_value: float
    unit: Unit
    _all: tuple[Comparison, ...]

    @classmethod
    def of(cls, first: Comparison, comparisons: list[Comparison]) -> "VerdictAnswer":
        """The answer that the first comparison gives, and all comparisons of its question."""
        effect, p_value = first.minimum_detectable_effect, first.p_adjusted
        return cls(
            question=first.question,
            answer=first.answer,
            reason=first.reason,
            model=first.model,
            benchmark=first.benchmark,
            difference=first.difference,
            interval=first.interval or (_NAN, _NAN),
            level=first.level,
            minimum_detectable_effect=_NAN if effect is None else effect,
            p_value=_NAN if p_value is None else p_value,
            unit=first.unit,
            _all=tuple(comparisons),
        )

    @property
    def comparisons(self) -> "pd.DataFrame":
        """Every comparison of this question, one a row, the deciding one first."""
        return _comparisons(self._all)

    def __repr__(self) -> str:
        low, high = self.interval
        return (
            f"{self.question}: {self.model} against {self.benchmark} is {self.answer}, difference "
            f"{self.difference:.4g} per {self.unit}, {100 * self.level:.4g} % interval {low:.4g} to {high:.4g}"
        ).replace("per rank_ic", "in rank IC")


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What one backtest says: skill first, then money; see VerdictAnswer.

    Attributes
    ----------
    text
        The sentences of the report.

    Examples
    --------
    >>> import forecast as fc
    >>> verdict = fc.backtest("AAPL").verdict
    >>> verdict.status, verdict.sentences[0].startswith("Skill: ")
    ('ok', True)
    """

    text: "VerdictText"
    _numbers: VerdictNumbers

    @property
    def status(self) -> Status:
        """ "ok", or why there is no verdict: "look_ahead" (bias was detected) or "combinatorial"."""
        return self._numbers.status

    @property
    def skill(self) -> VerdictAnswer:
        """Does the network forecast better than its benchmark? Costs and exposure do not enter.

        Raises
        ------
        ForecastError
            There is no verdict; the message says why.
        """
        return self._answer("skill", self._numbers.skill)

    @property
    def money(self) -> VerdictAnswer:
        """Does it earn more, after costs?

        Raises
        ------
        ForecastError
            There is no verdict; the message says why.
        """
        return self._answer("money", self._numbers.money)

    @property
    def comparisons(self) -> "pd.DataFrame":
        """Every comparison of both questions, one a row."""
        return _comparisons(self._numbers.comparisons)

    @property
    def caveats(self) -> tuple[Caveat, ...]:
        """What limits the verdict."""
        return self._numbers.caveats

    @property
    def sentences(self) -> tuple[str, ...]:
        """The verdict in words, as on the first page of the report."""
        return (*self.text.sentences, *self.text.details, *(f"Caveat: {caveat}" for caveat in self.text.caveats))

    def _answer(self, question: Question, first: Comparison | None) -> VerdictAnswer:
        if first is None or self.status != "ok":
            raise RunError(f"Expected a verdict on {question}, got none: {' '.join(self.text.sentences)}")
        return VerdictAnswer.of(first, self._numbers.of(question))

    def __repr__(self) -> str:
        return "\n".join(self.sentences)

    def _repr_html_(self) -> str:
        first, *rest = self.sentences
        return f"<p><b>{escape(first)}</b></p>" + "".join(f"<p>{escape(sentence)}</p>" for sentence in rest)


@dataclass(frozen=True, kw_only=True, eq=False)
class BacktestResult:
    """A run's predictions traded by some rules: the verdict, the tables behind it, and charts.

    Attributes
    ----------
    run
        The run.
    saved
        The backtest as it is saved beside the run.

    Examples
    --------
    >>> import forecast as fc
    >>> result = fc.backtest("AAPL")
    >>> result.symbol, "lstm" in result.performance.index, set(result.trades["model"]) <= set(result.ledger["model"])
    ('AAPL', True, True)
    >>> type(result.plot_growth()).__name__
    'Figure'
    """

    run: Run
    saved: Backtest

    @property
    def name(self) -> str:
        """The backtest's name: the same rules give the same one."""
        return self.saved.name

    @property
    def symbol(self) -> str:
        """The symbol that was traded."""
        return self.run.symbol

    @cached_property
    def verdict(self) -> Verdict:
        """Two answers: skill, then money."""
        return verdict_of(self.saved.metrics, symbol=self.symbol)

    @cached_property
    def performance(self) -> "pd.DataFrame":
        """Models x metrics of the ensembles, in natural units: 0.05 is 5 %; NaN where a metric is not defined."""
        return performance_of(self.saved.metrics["performance"])

    @cached_property
    def prediction(self) -> "pd.DataFrame":
        """Models x measures of how well the ensembles forecast."""
        return performance_of(self.saved.metrics["prediction"])

    @property
    def ledger(self) -> "pd.DataFrame":
        """One row a model, member and bar: position, gross return, financing, what was traded, cost, net return."""
        return self.saved.ledger

    @property
    def signals(self) -> "pd.DataFrame":
        """One row a model, member and decision: signal, probability, target position."""
        return self.saved.signals

    @cached_property
    def trades(self) -> "pd.DataFrame":
        """One row per trade: model, member, side, entry and exit with their prices, bars held, gross return, financing,
        cost, net return, whether it is open at the end. A backtest saved by an earlier version lacks the prices."""
        import numpy as np

        from forecast.trading.ledgers import read_ledgers, trade_frame

        if self.saved.trades is not None:
            return self.saved.trades
        ledgers = read_ledgers(self.saved.ledger)
        return trade_frame(ledgers, opens=np.full(len(ledgers[0].time), np.nan))

    def plot_growth(self) -> "go.Figure":
        """What became of 1 unit of money: each ensemble, and the range of a network's seeds as a band."""
        from forecast.report.charts import equity

        return self._figure(equity.growth, "Growth of 1 unit of money")

    def plot_drawdown(self) -> "go.Figure":
        """How far below its last peak each account stood."""
        from forecast.report.charts import equity

        return self._figure(equity.drawdown, "Fall below the last peak")

    def plot_comparisons(self, question: Question = "skill") -> "go.Figure":
        """Each comparison of a question, "skill" or "money", with its interval; across zero it is inconclusive."""
        from forecast.report.charts import equity

        if question not in ("skill", "money"):
            raise ConfigError(f"Expected question out of skill, money, got {in_one_line(question)}.")
        rows = VerdictNumbers.from_json(self.saved.metrics["verdict"]).of(question)
        unit = (
            "rank IC"
            if question == "skill"
            else f"net return per {next((comparison.unit for comparison in rows), 'day')}"
        )
        tick = ".2~f" if question == "skill" else ".2~p"
        return self._figure(
            lambda _: equity.intervals(rows, title=f"difference in {unit}", tick=tick), question.capitalize()
        )

    def plot_calibration(self) -> "go.Figure":
        """How often the price rose, for each tenth of the probabilities that were forecast; the diagonal is right."""
        from forecast.report.sections import robustness

        return self._figure(robustness.reliability, "Calibration of the probabilities")

    def plot_trades(self) -> "go.Figure":
        """The price, the buys and sells of two networks at most, and what each held."""
        from forecast.report.charts import trades

        return self._figure(trades.prices, f"{self.symbol}: trades")

    def plot_folds(self) -> "go.Figure":
        """When each fold learned, chose, and was tested."""
        from forecast.report.charts import training

        return self._figure(training.folds, "Folds")

    def plot_learning_curves(self) -> "list[go.Figure]":
        """Each fold's losses while its members learned, and on validation rows."""
        from forecast.report.charts import training
        from forecast.report.plotly_figures import plotly_figure

        with side_by_side(self._context.models):
            return [plotly_figure(curves, title=title) for title, curves in training.learning(self._context)]

    @cached_property
    def _context(self) -> "PageContext":
        from forecast.report.context import gather

        return gather(self.run, backtest=self.name)

    def _figure(self, draw: "Callable[[PageContext], dict[str, Any]]", title: str) -> "go.Figure":
        from forecast.report.plotly_figures import plotly_figure

        with side_by_side(self._context.models):
            return plotly_figure(draw(self._context), title=title)

    def __repr__(self) -> str:
        table = self.performance[list(_COLUMNS)].to_string(float_format=lambda value: f"{value:.4g}")
        return f"Backtest {self.name} of run {self.run.name}\n{self.verdict!r}\n\n{table}"

    def _repr_html_(self) -> str:
        table = self.performance[list(_COLUMNS)].to_html(float_format=lambda value: f"{value:.4g}", escape=True)
        about = f"<p>Backtest {escape(self.name)} of run {escape(self.run.name)}</p>"
        return f"<div>{self.verdict._repr_html_()}{about}{table}</div>"


def verdict_of(metrics: Mapping[str, Any], *, symbol: str) -> Verdict:
    """The verdict in the metrics of a backtest or a portfolio."""
    from forecast.report.sections.verdict import verdict_text

    numbers = VerdictNumbers.from_json(metrics["verdict"])
    return Verdict(text=verdict_text(metrics, symbol=symbol), _numbers=numbers)


def performance_of(metrics: Mapping[str, Any]) -> "pd.DataFrame":
    """Models x metrics of the ensembles."""
    import pandas as pd

    frame = pd.DataFrame.from_dict({model: entry["ensemble"] for model, entry in metrics.items()}, orient="index")
    return frame.astype("float64").rename_axis("model")


def _comparisons(comparisons: tuple[Comparison, ...]) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame([{**asdict(comparison), "attribution": comparison.attribution} for comparison in comparisons])
