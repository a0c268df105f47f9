"""A backtest's verdict and main numbers on a terminal."""

from pathlib import Path
from typing import Any

import click

from forecast.cli.tables import print_table
from forecast.config import model_registry

_NAMES = {
    "buy_and_hold": "buy and hold",
    "cash": "cash",
    "previous_sign": "last direction",
    "logistic": "logistic regr.",
    "boosting": "boosting",
}
_COLUMNS = (  # key in metrics.json, heading, format
    ("total_return", "return", "{:.1%}"),
    ("annual_return", "per year", "{:.1%}"),
    ("sharpe", "Sharpe", "{:.2f}"),
    ("max_drawdown", "drawdown", "{:.0%}"),
    ("exposure", "exposure", "{:.0%}"),
    ("trades", "trades", "{:.0f}"),
    ("cost_paid", "costs", "{:.1%}"),
)


def print_backtest(backtest: Any, page: Path, *, symbol: str) -> None:
    """The verdict first, then a small table, then where the report is."""
    from forecast.report.sections.notes import trading_notes
    from forecast.report.sections.verdict import verdict_text

    performance = backtest.metrics["performance"]
    text = verdict_text(backtest.metrics, symbol=symbol)
    click.echo("")
    for sentence in (*text.sentences, *text.details):
        click.echo(sentence)
    for caveat in text.caveats:
        click.echo(f"Caveat: {caveat}")
    order = ["lstm", *model_registry.MODELS, *_NAMES]
    models = sorted(performance, key=lambda each: order.index(each) if each in order else len(order))
    click.echo("")
    print_table(
        ["out of sample", *(f">{heading}" for _, heading, _ in _COLUMNS)],
        [
            [_name(each), *(_cell(performance[each]["ensemble"][key], shape) for key, _, shape in _COLUMNS)]
            for each in models
        ],
    )
    click.echo("")
    for line in trading_notes(backtest.metrics.get("trading") or {}):
        click.echo(line)
    if shown := backtest.metrics.get("certificate"):
        said = (
            "no look-ahead bias detected"
            if shown["passed"]
            else "LOOK-AHEAD BIAS DETECTED: " + "; ".join(shown["failures"][:3])
        )
        click.echo(
            f"Look-ahead audit: {said} ({shown['compared']} recomputations on truncated or scrambled history, "
            f"sha256 {shown['sha256'][:12]})"
        )
    click.echo(f"Report: {page}")


def _name(model: str) -> str:
    if model.startswith("same_exposure:"):
        return f"exposure of {_name(model.partition(':')[2])}"
    return model_registry.label(model) if model in model_registry.MODELS else _NAMES.get(model, model)


def _cell(value: float | None, shape: str) -> str:
    return "–" if value is None else shape.format(value)
