"""The numbers side by side, written for a person."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from forecast.report import formatting as words
from forecast.report.context import ENSEMBLE, Material

Write = Callable[[float], str]

PERFORMANCE: Sequence[tuple[str, str, Write]] = (
    ("total_return", "Total return", words.percent),
    ("annual_return", "Return a year", words.percent),
    ("volatility", "Volatility a year", words.percent),
    ("sharpe", "Sharpe ratio", words.number),
    ("sortino", "Sortino ratio", words.number),
    ("max_drawdown", "Deepest drawdown", words.percent),
    ("max_drawdown_bars", "Longest time under water, bars", words.count),
    ("exposure", "Time in the market", words.percent),
    ("turnover", "Turnover a year", words.times),
    ("trades", "Trades", words.count),
    ("hit_rate", "Trades that gained", words.percent),
    ("cost_paid", "Cost paid, sum", words.percent),
    ("interest_paid", "Interest paid, sum", words.percent),
)

PREDICTION: Sequence[tuple[str, str, Write, str]] = (
    ("log_loss", "Log loss", lambda value: words.number(value, 4), "0.6931"),
    ("brier", "Brier score", lambda value: words.number(value, 4), "0.2500"),
    ("accuracy", "Accuracy", words.percent, ""),
    ("auc", "AUC", lambda value: words.number(value, 3), "0.500"),
    ("observations", "Decisions", words.count, ""),
)


def performance(material: Material) -> dict[str, Any]:
    """Rows of metrics, columns of models; below each ensemble's number its seeds' mean and standard deviation."""
    found = material.metrics["performance"]
    rows: list[dict[str, Any]] = [
        {"name": name, "cells": [_cell(found.get(model), metric, write) for model in material.models]}
        for metric, name, write in PERFORMANCE
    ]
    years = float(material.metrics["period"]["years"])
    short = any(row["cells"][0]["value"] == words.DASH for row in rows if row["name"].endswith("a year"))
    note = f"A dash: {words.number(365.25 * years, 1)} days are too short to speak of a year." if short else ""
    if not note and any(cell["value"] == words.DASH for row in rows for cell in row["cells"]):
        note = "A dash: not defined here, as a ratio without any variation or a share of no trades."
    return {"columns": [words.label(model) for model in material.models], "rows": rows, "note": note}


def prediction(material: Material) -> dict[str, Any]:
    """Scores of the networks, and what knowing nothing scores."""
    found = material.metrics.get("prediction", {})
    models = [model for model in material.models if model in found]
    rates = [found[model][ENSEMBLE]["base_rate"] for model in models if found[model][ENSEMBLE]["base_rate"] is not None]
    nothing = {"accuracy": words.percent(max(rates[0], 1 - rates[0]))} if rates else {}
    rows = [
        {
            "name": name,
            "cells": [_cell(found[model], metric, write) for model in models]
            + [{"value": nothing.get(metric, coin) or words.DASH, "spread": ""}],
        }
        for metric, name, write, coin in PREDICTION
    ]
    ups = f"The price rose after {words.percent(rates[0])} of the decisions." if rates else ""
    return {"columns": [*(words.label(model) for model in models), "Knowing nothing"], "rows": rows, "note": ups}


def paths(material: Material) -> dict[str, Any] | None:
    """The distribution over the paths of a combinatorial run, None for any other."""
    found = material.metrics.get("paths")
    if not found:
        return None
    columns = [*material.networks, *(["difference"] if "difference" in found else [])]
    rows = [
        {
            "name": f"{name}, {what}",
            "cells": [{"value": words.show(found[model][metric][key], write), "spread": ""} for model in columns],
        }
        for metric, name, write in PERFORMANCE
        if metric in ("sharpe", "total_return")
        for key, what in (("mean", "mean"), ("std", "standard deviation"), ("min", "lowest"), ("max", "highest"))
    ]
    count = len(found[columns[0]]["sharpe"]["paths"])
    above = "; ".join(f"{words.label(model)} {found[model]['sharpe']['above_zero']}" for model in columns)
    note = f"{words.plural(count, 'path')}; Sharpe ratio above zero on: {above}."
    return {"columns": [words.label(model) for model in columns], "rows": rows, "note": note}


def comparisons(material: Material) -> list[dict[str, str]]:
    """Every comparison with its interval and its answer."""
    rows = []
    for each in material.metrics["comparisons"]:
        known = each["low"] is not None
        rows.append(
            {
                "who": f"{words.label(each['model'])} − {words.within(each['rival'])}",
                "difference": words.percent(each["mean_difference"]),
                "interval": f"{words.percent(each['low'])} to {words.percent(each['high'])}" if known else words.DASH,
                "level": f"{100 * each['level']:.4g} %",
                "sample": words.plural(each["observations"], each["unit"]),
                "block": words.show(each["block"], lambda length: words.number(length, 1)),
                "answer": each["answer"],
                "reason": "" if each["reason"] == "the interval contains zero" else each["reason"],
            }
        )
    return rows


def folds(material: Material) -> list[list[str]]:
    """The dates and rows of each fold: number, then train, validation and test."""
    return [
        [
            str(fold["number"]),
            *(
                f"{words.day(part['first'])} to {words.day(part['last'])}, {words.count(part['rows'])} rows"
                for part in (fold["train"], fold["validation"], fold["test"])
            ),
        ]
        for fold in material.about["folds"]
    ]  # fmt: skip


def setup(material: Material) -> list[tuple[str, list[tuple[str, str]]]]:
    """Experiment, trading, data and machine: what has to be the same for the same result."""
    about, data = material.about, material.about["data"]
    parameters = {f"parameters of {words.label(model)}": n for model, n in (about.get("parameters") or {}).items()}
    machine = {"backend": about.get("backend"), **(about.get("versions") or {})}
    groups: list[tuple[str, Mapping[str, Any]]] = [
        ("Experiment", {**about["config"], **parameters, "seed numbers": about.get("seeds")}),
        *_tuning(about.get("tuning")),
        ("Trading", {"backtest": material.backtest, **material.policy}),
        ("Data", data),
        ("Versions", machine),
    ]
    return [
        (title, [(name.replace("_", " "), words.value(setting)) for name, setting in group.items()])
        for title, group in groups
    ]


def _tuning(found: Mapping[str, Any] | None) -> list[tuple[str, Mapping[str, Any]]]:
    """Which settings were chosen, by network and fold; nothing where none were tried."""
    if not found:
        return []
    taken = {
        f"{words.label(each['model'])}, fold {each['fold']}": f"{each['units']} units, {each['learning_rate']:g}"
        for each in found["chosen"]
    }
    return [("Tuning: units, learning rate", {"tries a network and fold": found["tries"], **taken})]


def _cell(entry: Mapping[str, Any] | None, metric: str, write: Write) -> dict[str, str]:
    if not entry or entry.get(ENSEMBLE) is None:
        return {"value": words.DASH, "spread": ""}
    spread = (entry.get("spread") or {}).get(metric) or {}
    mean, std = spread.get("mean"), spread.get("std")
    text = f"{words.show(mean, write)} ± {words.show(std, write)}" if mean is not None and std is not None else ""
    return {"value": words.show(entry[ENSEMBLE].get(metric), write), "spread": text if metric != "observations" else ""}
