"""The numbers side by side, written for a person."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from forecast.report import formatting
from forecast.report.context import ENSEMBLE, PageContext
from forecast.report.sections.verdict import REASONS, level_text, unit_text
from forecast.statistics.comparisons import Comparison, Question
from forecast.statistics.cpcv import DIFFERENCE
from forecast.statistics.verdict import Verdict
from pipelines.errors import listed

Write = Callable[[float], str]

PERFORMANCE: Sequence[tuple[str, str, Write]] = (
    ("total_return", "Total return", formatting.percent),
    ("annual_return", "Annualised return (CAGR)", formatting.percent),
    ("volatility", "Annualised volatility", formatting.percent),
    ("sharpe", "Sharpe ratio", formatting.number),
    ("sortino", "Sortino ratio", formatting.number),
    ("max_drawdown", "Maximum drawdown", formatting.percent),
    ("max_drawdown_bars", "Maximum drawdown duration, bars", formatting.count),
    ("exposure", "Exposure", formatting.percent),
    ("turnover", "Annual turnover", formatting.times),
    ("trades", "Trades", formatting.count),
    ("hit_rate", "Win rate", formatting.percent),
    ("cost_paid", "Cost paid, sum", formatting.percent),
    ("interest_paid", "Interest paid, sum", formatting.percent),
)

PREDICTION: Sequence[tuple[str, str, Write, str]] = (
    ("log_loss", "Log loss", lambda value: formatting.number(value, 4), "0.6931"),
    ("brier", "Brier score", lambda value: formatting.number(value, 4), "0.2500"),
    ("accuracy", "Accuracy", formatting.percent, ""),
    ("auc", "AUC", lambda value: formatting.number(value, 3), "0.500"),
    ("observations", "Decisions", formatting.count, ""),
)


def performance(context: PageContext, models: Sequence[str]) -> dict[str, Any]:
    """Rows of metrics, columns of models; below each ensemble's number its seeds' mean and standard deviation."""
    results = context.metrics["performance"]
    rows: list[dict[str, Any]] = [
        {"name": name, "cells": [_cell(results.get(model), metric, write) for model in models]}
        for metric, name, write in PERFORMANCE
    ]
    years = float(context.metrics["period"]["years"])
    short = any(row["cells"][0]["value"] == formatting.DASH for row in rows if str(row["name"]).startswith("Annual"))
    note = f"A dash: {formatting.number(365.25 * years, 1)} days are too short to annualise." if short else ""
    if not note and any(cell["value"] == formatting.DASH for row in rows for cell in row["cells"]):
        note = "A dash: not defined here, as a ratio without any variation or a share of no trades."
    return {"columns": [formatting.label(model) for model in models], "rows": rows, "note": note}


def prediction(context: PageContext) -> dict[str, Any]:
    """Scores of the networks, and what knowing nothing scores."""
    results = context.metrics.get("prediction", {})
    models = [model for model in context.models if model in results]
    rates = [
        results[model][ENSEMBLE]["base_rate"] for model in models if results[model][ENSEMBLE]["base_rate"] is not None
    ]
    nothing = {"accuracy": formatting.percent(max(rates[0], 1 - rates[0]))} if rates else {}
    rows = [
        {
            "name": name,
            "cells": [_cell(results[model], metric, write) for model in models]
            + [{"value": nothing.get(metric, coin) or formatting.DASH, "spread": ""}],
        }
        for metric, name, write, coin in PREDICTION
    ]
    ups = f"The price rose after {formatting.percent(rates[0])} of the decisions." if rates else ""
    return {"columns": [*(formatting.label(model) for model in models), "No skill"], "rows": rows, "note": ups}


def learned(context: PageContext, verdict: Verdict) -> list[tuple[str, str]]:
    """Whether each network's probabilities are worth more than the base rate: a headline and its numbers."""
    excess = {caveat.subject: caveat.value for caveat in verdict.caveats if caveat.code == "nothing_learned"}
    sentences = []
    for model in context.networks:
        loss = (context.metrics.get("prediction", {}).get(model) or {}).get(ENSEMBLE, {}).get("log_loss")
        if loss is None or model not in excess:
            continue
        sentences.append(
            (
                f"The {formatting.within(model)} has learned nothing about the size of the odds.",
                f"Its log loss on bars it had not seen is {formatting.number(loss, 4)}; always giving the share of "
                f"rises known before would have had {formatting.number(loss - excess[model], 4)}, which is better.",
            )
        )
    return sentences


def paths(context: PageContext) -> dict[str, Any] | None:
    """The distribution over the paths of a combinatorial run, None for any other."""
    results = context.metrics.get("paths")
    if not results:
        return None
    columns = {model: formatting.label(model) for model in context.networks}
    columns |= {DIFFERENCE: "Difference"} if DIFFERENCE in results else {}
    rows = [
        {
            "name": f"{name}, {statistic}",
            "cells": [
                {"value": formatting.show(results[model][metric][key], write), "spread": ""} for model in columns
            ],
        }
        for metric, name, write in PERFORMANCE
        if metric in ("sharpe", "total_return")
        for key, statistic in (("mean", "mean"), ("std", "standard deviation"), ("min", "lowest"), ("max", "highest"))
    ]
    count = len(next(iter(results.values()))["sharpe"]["paths"])
    above = "; ".join(f"{name} {results[model]['sharpe']['above_zero']}" for model, name in columns.items())
    note = f"{formatting.plural(count, 'path')}; Sharpe ratio above zero on: {above}."
    return {"columns": [*columns.values()], "rows": rows, "note": note}


def comparisons(verdict: Verdict, question: Question) -> list[dict[str, str]]:
    """Every comparison of a question with its interval, minimum detectable effect and answer."""
    rows = []
    for comparison in verdict.of(question):

        def write(value: float, comparison: Comparison = comparison) -> str:
            return unit_text(comparison, value)

        parts = comparison.attribution
        rows.append(
            {
                "pair": f"{formatting.label(comparison.model)} − {formatting.within(comparison.benchmark)}",
                "difference": write(comparison.difference),
                "interval": f"{write(comparison.interval[0])} to {write(comparison.interval[1])}"
                if comparison.interval
                else formatting.DASH,
                "level": level_text(comparison.level),
                "p_value": formatting.DASH if comparison.p_value is None else _p_value(comparison.p_value),
                "detectable": formatting.show(comparison.minimum_detectable_effect, write),
                "answer": comparison.answer,
                "reason": REASONS[comparison.reason],
                "timing": formatting.DASH if parts is None else formatting.number(1e4 * parts.timing, 2),
                "timing_interval": ""
                if parts is None or parts.low is None or parts.high is None
                else f"{formatting.number(1e4 * parts.low, 2)} to {formatting.number(1e4 * parts.high, 2)}",
                "exposure": formatting.DASH if parts is None else formatting.number(1e4 * parts.exposure, 2),
                "costs": formatting.DASH if parts is None else formatting.number(1e4 * parts.costs, 2),
            }
        )
    return rows


def _p_value(value: float) -> str:
    return "below 0.001" if value < 0.001 else formatting.number(value, 3 if value < 0.1 else 2)


def folds(context: PageContext) -> list[list[str]]:
    """The dates and rows of each fold: number, then train, validation and test."""
    return [
        [
            str(fold["number"]),
            *(
                f"{formatting.day(part['first'])} to {formatting.day(part['last'])}, "
                f"{formatting.count(part['rows'])} rows"
                for part in (fold["train"], fold["validation"], fold["test"])
            ),
        ]
        for fold in context.about["folds"]
    ]  # fmt: skip


def setup(context: PageContext) -> list[tuple[str, list[tuple[str, str]]]]:
    """Experiment, trading, data and machine: what has to be the same for the same result."""
    about, data = context.about, context.about["data"]
    parameters = {f"parameters of {formatting.label(model)}": size for model, size in context.parameters.items()}
    machine = {"backend": about.get("backend"), **(about.get("versions") or {})}
    groups: list[tuple[str, Mapping[str, Any]]] = [
        ("Experiment", {**about["config"], **parameters, "seed numbers": about.get("seeds")}),
        *_tuning(about.get("tuning")),
        ("Trading", {"backtest": context.backtest, **context.policy}),
        ("Data", data),
        ("Versions", machine),
    ]
    return [
        (title, [(name.replace("_", " "), _setting(setting)) for name, setting in group.items()])
        for title, group in groups
    ]


def _setting(setting: Any) -> str:
    """Of hundreds of symbols the first ones."""
    many = isinstance(setting, list) and len(setting) > 10
    if isinstance(setting, int) and not isinstance(setting, bool):
        return formatting.count(setting)
    return listed(list(map(str, setting))) if many else formatting.value(setting)


def _tuning(tuning: Mapping[str, Any] | None) -> list[tuple[str, Mapping[str, Any]]]:
    """Which settings were chosen, by network and fold; nothing where none were tried."""
    if not tuning:
        return []
    chosen = {
        f"{formatting.label(best['model'])}, fold {best['fold']}": f"{best['units']} units, {best['learning_rate']:g}"
        for best in tuning["chosen"]
    }
    return [("Tuning: units, learning rate", {"trials per network and fold": tuning["tries"], **chosen})]


def _cell(entry: Mapping[str, Any] | None, metric: str, write: Write) -> dict[str, str]:
    if not entry or entry.get(ENSEMBLE) is None:
        return {"value": formatting.DASH, "spread": ""}
    spread = (entry.get("spread") or {}).get(metric) or {}
    mean, std = spread.get("mean"), spread.get("std")
    text = (
        f"{formatting.show(mean, write)} ± {formatting.show(std, write)}"
        if mean is not None and std is not None
        else ""
    )
    return {
        "value": formatting.show(entry[ENSEMBLE].get(metric), write),
        "spread": text if metric != "observations" else "",
    }
