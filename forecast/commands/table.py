"""A backtest's verdict and main numbers on a terminal."""

from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

_NAMES = {
    "simple_rnn": "SimpleRNN",
    "lstm": "LSTM",
    "buy_and_hold": "buy and hold",
    "always_flat": "always flat",
}
_ROWS = (  # key in metrics.json, name, format
    ("total_return", "total return", "{:.1%}"),
    ("annual_return", "a year", "{:.1%}"),
    ("sharpe", "Sharpe", "{:.2f}"),
    ("max_drawdown", "max drawdown", "{:.1%}"),
    ("exposure", "in the market", "{:.0%}"),
    ("trades", "trades", "{:.0f}"),
    ("cost_paid", "costs paid", "{:.1%}"),
)


def print_backtest(backtest: Any, page: Path) -> None:
    """The verdict first, then a small table, then where the report is."""
    verdict, performance = backtest.metrics["verdict"], backtest.metrics["performance"]
    click.echo(f"\n{verdict['sentence']}")
    for detail in verdict["details"]:
        click.echo(detail)
    models = sorted(performance, key=lambda name: (list(_NAMES).index(name) if name in _NAMES else 99, name))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("after costs, out of sample")
    for model in models:
        table.add_column(_NAMES.get(model, model), justify="right")
    for key, name, shape in _ROWS:
        table.add_row(name, *(_cell(performance[model]["ensemble"][key], shape) for model in models))
    Console(highlight=False).print("", table, "", sep="\n")
    if shown := backtest.metrics.get("certificate"):
        said = "nothing looks ahead" if shown["passed"] else "LOOKS AHEAD: " + "; ".join(shown["failures"][:3])
        click.echo(f"Certificate: {said} ({shown['compared']} comparisons, sha256 {shown['sha256'][:12]})")
    click.echo(f"Report: {page}")


def _cell(value: float | None, shape: str) -> str:
    return "–" if value is None else shape.format(value)
