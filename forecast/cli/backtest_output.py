"""A backtest's verdict and main numbers on a terminal."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from forecast.cli.tables import Column, print_table
from forecast.cli.text import say
from forecast.config import model_registry
from forecast.report import formatting

_COLUMNS: tuple[tuple[str, str, Callable[[float], str]], ...] = (  # key in metrics.json, heading, format
    ("total_return", "return", formatting.percent),
    ("annual_return", "per year", formatting.percent),
    ("sharpe", "Sharpe", formatting.number),
    ("max_drawdown", "drawdown", formatting.percent),
    ("exposure", "exposure", formatting.percent),
    ("trades", "trades", formatting.count),
    ("cost_paid", "costs", formatting.percent),
)
_LEFT_OUT = {"exposure": 1, "cost_paid": 2, "trades": 3, "total_return": 4}
"""Columns that a narrow terminal does without, in this order."""


def _place(model: str, order: list[str]) -> int:
    """Models of other programs first, then in the order, then the others."""
    if model_registry.is_judged(model):
        return -1
    return order.index(model) if model in order else len(order)


def print_backtest(backtest: Any, page: Path, *, symbol: str) -> None:
    """The verdict first, then a small table, then where the report is."""
    from forecast.report.sections.notes import trading_notes
    from forecast.report.sections.panel import sentences as panel_sentences
    from forecast.report.sections.robustness import missed_leaks, portfolio_audit, trial_log
    from forecast.report.sections.verdict import verdict_text

    performance = backtest.metrics["performance"]
    text = verdict_text(backtest.metrics, symbol=symbol)
    click.echo("")
    for sentence in (*text.sentences, *text.details):
        say(sentence)
    for caveat in text.caveats:
        say(f"Caveat: {caveat}")
    order = ["lstm", *model_registry.MODELS, *model_registry.REFERENCES]
    models = sorted(performance, key=lambda model: _place(model, order))
    click.echo("")
    print_table(
        [
            Column("out of sample"),
            *(Column(heading, number=True, drop=_LEFT_OUT.get(key, 0)) for key, heading, _ in _COLUMNS),
        ],
        [
            [
                formatting.within(model),
                *(formatting.show(performance[model]["ensemble"][key], write) for key, _, write in _COLUMNS),
            ]
            for model in models
        ],
    )
    click.echo("")
    if panel := backtest.metrics.get("panel"):
        for sentence in panel_sentences(panel, [model for model in models if model in model_registry.MODELS]):
            say(sentence)
    for line in trading_notes(backtest.metrics.get("trading") or {}):
        say(line)
    if certificates := backtest.metrics.get("certificates"):
        say(f"Look-ahead audit: {portfolio_audit(certificates)}")
    if certificate := backtest.metrics.get("certificate"):
        for entry in certificate.get("unverifiable", ()):
            say(f"Cannot be checked for look-ahead bias: {entry}.")
        checks = (
            "recomputations on truncated or scrambled history" if certificate["cuts"] else "comparisons with the bars"
        )
        passed = "no look-ahead bias detected" + (" in what can be checked" if certificate.get("unverifiable") else "")
        answer = (
            passed if certificate["passed"] else "LOOK-AHEAD BIAS DETECTED: " + "; ".join(certificate["failures"][:3])
        )
        say(
            f"Look-ahead audit: {answer} ({formatting.count(certificate['compared'])} {checks}, sha256 "
            f"{certificate['sha256'][:12]})."
        )
        if (share := certificate.get("detectable_share")) is not None:
            say(f"{missed_leaks(share)}.")
    if (trials := backtest.metrics.get("trials")) and trials["problems"]:
        say(f"Trial log: {trial_log(trials)}")
    say(f"Report: {page}")
