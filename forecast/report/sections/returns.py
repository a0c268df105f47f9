"""Returns by month, year, fold and market regime, the worst drawdowns, and the shape of returns, as tables."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from forecast.report import formatting
from forecast.report.charts.equity import colour, dash
from forecast.report.context import ENSEMBLE, PageContext
from forecast.statistics.comparisons import BUY_AND_HOLD
from forecast.statistics.performance import SHORTEST_YEARS, bar_returns
from forecast.statistics.periods import Labels, PeriodResult, by_period, compounded, terciles, trailing_deviation
from forecast.statistics.risk import Drawdown, distribution, drawdowns, market_model
from pipelines.market.calendars import session_of
from pipelines.market.times import utc
from pipelines.market.types import Floats

Table = dict[str, Any]

REGIMES = ("Calm", "Normal", "Turbulent")
_SHADES = 4  # of gains, and as many of losses
_FEWEST_MONTHS = 3
_TRAILING = 20  # sessions whose volatility tells a regime
_WORST = 5


def key_numbers(context: PageContext) -> Table:
    """Four numbers a network, and buy-and-hold's beside them."""
    performance = context.metrics["performance"]
    years = any(performance[model][ENSEMBLE].get("annual_return") is not None for model in context.networks)
    columns: Sequence[tuple[str, str, Callable[[float], str]]] = (
        ("annual_return", "Return per year", formatting.percent)
        if years
        else ("total_return", "Return", formatting.percent),
        ("sharpe", "Sharpe ratio", formatting.number),
        ("max_drawdown", "Max. drawdown", formatting.percent),
        ("trades", "Trades", formatting.count),
    )
    rows = [
        {
            "name": formatting.label(model),
            "line": {"colour": colour(model), "dash": dash(model)},
            "cells": [
                {"value": formatting.show(performance[model][ENSEMBLE].get(metric), write), "spread": ""}
                for metric, _, write in columns
            ],
        }
        for model in context.compared
    ]
    return {"columns": [heading for _, heading, _ in columns], "rows": rows, "note": ""}


def by_month(context: PageContext) -> list[Table] | None:
    """A heat map a model: years down, months across, the year's return and buy-and-hold's at the end.

    None for a record of less than three months.
    """
    months = context.times.astype("datetime64[M]")
    if not context.by_session or len(np.unique(months)) < _FEWEST_MONTHS:
        return None
    totals = {model: compounded(context.returns(model), months) for model in context.compared}
    deepest = max(float(np.quantile(np.abs(returns), 0.95)) for _, returns in totals.values()) or 1.0
    buy_and_hold = _years(context, BUY_AND_HOLD) if BUY_AND_HOLD in context.compared else {}
    return [
        {
            "model": formatting.label(model),
            "benchmark": bool(buy_and_hold) and model != BUY_AND_HOLD,
            "years": [
                {
                    "year": str(year),
                    "months": [_shaded(_in_month(labels, returns, year, month), deepest) for month in range(12)],
                    "total": formatting.percent(total),
                    "held": formatting.percent(buy_and_hold[year]) if buy_and_hold else "",
                }
                for year, total in _years(context, model).items()
            ],
        }
        for model, (labels, returns) in totals.items()
    ]


def by_day(context: PageContext) -> Table | None:
    """Each session's return; None for a record of three months or more."""
    days = np.unique(context.sessions)
    if len(np.unique(days.astype("datetime64[M]"))) >= _FEWEST_MONTHS:
        return None
    totals = {
        model: compounded(bar_returns(context.ensemble(model)), context.sessions)[1] for model in context.compared
    }
    rows = [
        {
            "name": str(day),
            "cells": [{"value": formatting.percent(float(totals[model][at])), "spread": ""} for model in totals],
        }
        for at, day in enumerate(days)
    ]
    return {"columns": [formatting.label(model) for model in totals], "rows": rows, "note": ""}


def by_year(context: PageContext) -> Table:
    """Each year's return, and its Sharpe ratio below."""
    return _periods(context, context.times.astype("datetime64[Y]").astype(np.int64) + 1970, str)


def by_fold(context: PageContext) -> Table | None:
    """Each fold's test rows; None where a row of the account belongs to several folds."""
    if context.metrics.get("paths") or context.predictions.empty:
        return None
    first = context.predictions.groupby(["model", "seed"], sort=False)["fold"].first().index[0]
    rows = context.predictions[(context.predictions["model"] == first[0]) & (context.predictions["seed"] == first[1])]
    fold = rows["fold"].to_numpy()
    if len(fold) != len(context.sessions):
        return None
    if context.by_session:
        starts = np.flatnonzero(np.append(True, context.sessions[1:] != context.sessions[:-1]))
        fold = fold[starts]
    return _periods(context, fold, lambda number: f"Fold {number}")


def by_regime(context: PageContext) -> Table | None:
    """Calm, normal and turbulent markets: terciles of the market's trailing volatility, known before each session."""
    calendar = context.about["data"].get("calendar")
    if calendar is None or context.bars.empty or len(context.times) < 3 * _TRAILING or not context.by_session:
        return None
    sessions = session_of(utc(context.bars["closed_at"]), calendar)
    last = np.flatnonzero(np.append(sessions[1:] != sessions[:-1], True))
    close = context.bars["close"].to_numpy(np.float64)[last]
    volatility = trailing_deviation(np.diff(np.log(close), prepend=np.log(close[0])), window=_TRAILING)
    volatility_of = dict(zip(sessions[last].tolist(), volatility.tolist(), strict=True))
    of_session = np.array([volatility_of.get(day, np.nan) for day in context.times.tolist()])
    labels = terciles(of_session)
    if set(labels.tolist()) < {0, 1, 2}:
        return None
    return _periods(context, labels, lambda label: REGIMES[label] if label >= 0 else "Before the first 20 sessions")


def worst_drawdowns(context: PageContext) -> list[Table]:
    """The five deepest falls of each model."""
    times = np.concatenate([context.times[:1], context.times])  # the curve begins before the first return
    return [
        {
            "model": formatting.label(model),
            "rows": [_fall(context, fall, times) for fall in drawdowns(context.returns(model))[:_WORST]],
        }
        for model in context.compared
    ]


def tails(context: PageContext) -> Table:
    """Value at risk, expected shortfall, best and worst, and how returns hang on buy-and-hold's."""
    benchmark = context.returns(BUY_AND_HOLD) if BUY_AND_HOLD in context.models else None
    columns = ["VaR, 95 %", "CVaR, 95 %", "Worst", "Best", "Skewness"]
    if benchmark is not None:
        columns += ["Alpha per year", "Beta", "Correlation"]
    rows = []
    for model in context.compared:
        returns = context.returns(model)
        shape = distribution(returns)
        texts = [
            *map(formatting.percent, (shape.value_at_risk, shape.expected_shortfall, shape.worst, shape.best)),
            formatting.show(shape.skewness, formatting.number),
        ]
        if benchmark is not None:
            market = market_model(returns, benchmark, per_year=context.per_year)
            long_enough = float(context.metrics["period"]["years"]) >= SHORTEST_YEARS
            texts += [
                formatting.show(market.alpha if long_enough else None, formatting.percent),
                formatting.show(market.beta, formatting.number),
                formatting.show(market.correlation, formatting.number),
            ]
        rows.append({"name": formatting.label(model), "cells": [{"value": text, "spread": ""} for text in texts]})
    return {"columns": columns, "rows": rows, "note": ""}


def _periods(context: PageContext, labels: Labels, name: Callable[[Any], str]) -> Table:
    results = {
        model: by_period(context.returns(model), labels, per_year=context.per_year) for model in context.compared
    }
    order = sorted(range(len(next(iter(results.values())))), key=lambda at: next(iter(results.values()))[at].label)
    rows = []
    for at in order:
        first = next(iter(results.values()))[at]
        rows.append(
            {
                "name": name(first.label),
                "detail": formatting.plural(first.returns, context.unit),
                "cells": [_period(results[model][at], per_year=context.per_year) for model in context.compared],
            }
        )
    return {"columns": [formatting.label(model) for model in context.compared], "rows": rows, "note": ""}


def _period(result: PeriodResult, *, per_year: float) -> dict[str, str]:
    long_enough = result.sharpe is not None and result.returns >= SHORTEST_YEARS * per_year
    return {
        "value": formatting.percent(result.total),
        "spread": f"Sharpe {formatting.show(result.sharpe, formatting.number)}" if long_enough else "",
    }


def _years(context: PageContext, model: str) -> dict[str, float]:
    labels, totals = compounded(context.returns(model), context.times.astype("datetime64[Y]"))
    return {str(label): float(total) for label, total in zip(labels, totals, strict=True)}


def _in_month(labels: Labels, returns: Floats, year: str, month: int) -> float | None:
    at = np.flatnonzero(labels == np.datetime64(f"{year}-{month + 1:02d}", "M"))
    return float(returns[at[0]]) if len(at) else None


def _shaded(value: float | None, deepest: float) -> dict[str, str]:
    """A month's return, in full and for a narrow screen, with the shade of its size."""
    if value is None:
        return {"text": "", "short": "", "shade": ""}
    shade = min(_SHADES, int(np.ceil(_SHADES * abs(value) / deepest))) if abs(value) >= 5e-4 else 0
    side = "gain" if value > 0 else "loss"
    return {
        "text": formatting.number(100 * value, 1),
        "short": formatting.number(100 * value, 0),
        "shade": f"{side}-{shade}" if shade else "",
    }


def _fall(context: PageContext, fall: Drawdown, times: Any) -> dict[str, str]:
    def moment(row: int | None) -> str:
        if row is None:
            return "not yet"
        return str(times[row].astype("datetime64[D]" if context.by_session else "datetime64[m]")).replace("T", " ")

    last = len(times) - 1 if fall.recovery is None else fall.recovery - 1
    return {
        "depth": formatting.percent(fall.depth),
        "peak": moment(fall.peak),
        "trough": moment(fall.trough),
        "recovery": moment(fall.recovery),
        "length": formatting.count(last - fall.peak),
    }
