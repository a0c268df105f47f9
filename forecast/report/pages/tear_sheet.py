"""What the pages of a run and of a portfolio have in common: figures and tables of their accounts."""

from typing import Any

from forecast.report import formatting
from forecast.report.charts import equity, returns
from forecast.report.charts.equity import Figure
from forecast.report.context import PageContext
from forecast.report.sections import returns as tables_of_returns
from forecast.report.sections import tables
from forecast.statistics.comparisons import Question
from forecast.statistics.verdict import Verdict


def figures(context: PageContext, verdict: Verdict) -> dict[str, Figure]:
    """Growth, drawdown, intervals, rolling ratios and the distribution, those that the record is long enough for."""
    charts = {
        "growth": equity.growth(context),
        "drawdown": equity.drawdown(context),
        "histogram": returns.histogram(context),
    }
    titles: tuple[tuple[Question, str, str], ...] = (
        ("skill", "rank IC", ".2~f"),
        ("money", f"net return per {unit_of_money(verdict)}", ".2~p"),
    )
    for question, title, tick in titles:
        leading = equity.leading(verdict, question)
        if any(comparison.interval is not None for comparison in leading):
            charts[question] = equity.intervals(leading, title=title, tick=tick)
    if window := returns.rolling_window(context):
        charts["rolling-sharpe"] = returns.rolling_sharpe(context, window=window)
        charts["rolling-volatility"] = returns.rolling_volatility(context, window=window)
    return charts


def sections(context: PageContext, verdict: Verdict) -> dict[str, Any]:
    """What the templates' sections of returns, risk, skill, money and performance read."""
    others = [model for model in context.models if model not in context.compared]
    return {
        "key": tables_of_returns.key_numbers(context),
        "networks": [_drawn_as(context, model) for model in context.networks],
        "months": tables_of_returns.by_month(context),
        "days": tables_of_returns.by_day(context),
        "years": tables_of_returns.by_year(context),
        "by_fold": tables_of_returns.by_fold(context),
        "window": returns.rolling_window(context),
        "falls": tables_of_returns.worst_drawdowns(context),
        "tails": tables_of_returns.tails(context),
        "regimes": tables_of_returns.by_regime(context),
        "unit_of_returns": context.unit,
        "performance": tables.performance(context, context.compared),
        "others": tables.performance(context, others) if others else None,
        "skill_rows": tables.comparisons(verdict, "skill"),
        "money_rows": tables.comparisons(verdict, "money"),
        "unit": unit_of_money(verdict),
    }


def unit_of_money(verdict: Verdict) -> str:
    """The day or bar that differences in money are of."""
    return next((comparison.unit for comparison in verdict.of("money")), "day")


def _drawn_as(context: PageContext, model: str) -> dict[str, str]:
    """A network's name, its number of parameters and its line, for a legend."""
    size = f" ({context.parameters[model]} parameters)" if model in context.parameters else ""
    name = formatting.label(model)
    return {"name": name, "size": size, "colour": equity.colour(model), "dash": equity.dash(model)}
