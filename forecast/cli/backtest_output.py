"""A backtest's verdict and main numbers on a terminal."""

from pathlib import Path
from typing import Any

import click

from forecast.cli.tables import print_table
from forecast.config import model_registry

_NAMES = {
    "buy_and_hold": "buy and hold",
    "always_flat": "always flat",
    "previous_sign": "last direction",
    "logistic": "logistic regr.",
    "boosting": "boosting",
}
_COLUMNS = (  # key in metrics.json, heading, format
    ("total_return", "return", "{:.1%}"),
    ("annual_return", "a year", "{:.1%}"),
    ("sharpe", "Sharpe", "{:.2f}"),
    ("max_drawdown", "drawdown", "{:.0%}"),
    ("exposure", "invested", "{:.0%}"),
    ("trades", "trades", "{:.0f}"),
    ("cost_paid", "costs", "{:.1%}"),
)


def print_backtest(backtest: Any, page: Path) -> None:
    """The verdict first, then a small table, then where the report is."""
    verdict, performance = backtest.metrics["verdict"], backtest.metrics["performance"]
    click.echo(f"\n{verdict['sentence']}")
    told = (model_registry.SAME_UNITS, model_registry.SAME_PARAMETERS)
    single = sum((each["model"], each["rival"]) not in told for each in backtest.metrics["comparisons"])
    for detail in verdict["details"][: len(verdict["details"]) - single]:  # one by one they are in the report
        click.echo(detail)
    for caveat in verdict["caveats"]:
        click.echo(f"Beware: {caveat}")
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
    for line in (backtest.metrics.get("trading") or {}).get("notes", []):
        click.echo(line)
    if shown := backtest.metrics.get("certificate"):
        said = "nothing looks ahead" if shown["passed"] else "LOOKS AHEAD: " + "; ".join(shown["failures"][:3])
        click.echo(f"Certificate: {said} ({shown['compared']} comparisons, sha256 {shown['sha256'][:12]})")
    click.echo(f"Report: {page}")


def _name(model: str) -> str:
    return model_registry.label(model) if model in model_registry.MODELS else _NAMES.get(model, model)


def _cell(value: float | None, shape: str) -> str:
    return "–" if value is None else shape.format(value)
