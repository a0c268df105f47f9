"""A backtest's verdict and main numbers on a terminal."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from forecast.cli.tables import print_table
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


def print_backtest(backtest: Any, page: Path, *, symbol: str) -> None:
    """The verdict first, then a small table, then where the report is."""
    from forecast.report.sections.notes import trading_notes
    from forecast.report.sections.panel import sentences as panel_sentences
    from forecast.report.sections.robustness import missed_leaks, trial_log
    from forecast.report.sections.verdict import verdict_text

    performance = backtest.metrics["performance"]
    text = verdict_text(backtest.metrics, symbol=symbol)
    click.echo("")
    for sentence in (*text.sentences, *text.details):
        click.echo(sentence)
    for caveat in text.caveats:
        click.echo(f"Caveat: {caveat}")
    order = ["lstm", *model_registry.MODELS, *model_registry.REFERENCES]
    models = sorted(performance, key=lambda each: order.index(each) if each in order else len(order))
    click.echo("")
    print_table(
        ["out of sample", *(f">{heading}" for _, heading, _ in _COLUMNS)],
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
            click.echo(sentence)
    for line in trading_notes(backtest.metrics.get("trading") or {}):
        click.echo(line)
    if shown := backtest.metrics.get("certificate"):
        for entry in shown.get("unverifiable", ()):
            click.echo(f"Cannot be checked for look-ahead bias: {entry}.")
        passed = "no look-ahead bias detected" + (" in what can be checked" if shown.get("unverifiable") else "")
        answer = passed if shown["passed"] else "LOOK-AHEAD BIAS DETECTED: " + "; ".join(shown["failures"][:3])
        click.echo(
            f"Look-ahead audit: {answer} ({shown['compared']} recomputations on truncated or scrambled history, "
            f"sha256 {shown['sha256'][:12]})"
        )
        if (share := shown.get("detectable_share")) is not None:
            click.echo(f"In features {missed_leaks(share)}.")
    if (trials := backtest.metrics.get("trials")) and trials["problems"]:
        click.echo(f"Trial log: {trial_log(trials)}")
    click.echo(f"Report: {page}")
