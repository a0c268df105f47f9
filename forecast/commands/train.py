"""`forecast train`: both networks, walk-forward, several seeds."""

import shlex
import sys
from typing import Any

import click

from forecast.commands.options import jobs_or_cores, make_experiment, training_options
from forecast.commands.settings import Settings, json_option, print_json


@click.command("train")
@click.argument("symbols", nargs=-1, required=True, metavar="SYMBOL...")
@training_options
@json_option
@click.pass_context
def command(
    ctx: click.Context, /, symbols: tuple[str, ...], jobs: int | None, fresh: bool, as_json: bool, **options: Any
) -> None:
    """Train the networks walk-forward on SYMBOL's bars in the store; each symbol is a run of its own.

    An interrupted training goes on where it stopped when the same command is run again.

    \b
    Examples:
      forecast train AAPL
      forecast train ES --bars tick:500 --window 60 --seeds 5
      forecast train AAPL --config experiment.toml --folds 4
    """
    done = [
        train_one(ctx, make_experiment(ctx, symbol, options), jobs=jobs_or_cores(jobs), fresh=fresh)
        for symbol in symbols
    ]
    if as_json:
        print_json({"runs": [{"run": run.name, **run.describe()} for run in done]})
        return
    for run in done:
        click.echo(f"Run {run.name} is trained. Next: forecast backtest {run.name}")


def train_one(ctx: click.Context, experiment: Any, *, jobs: int, fresh: bool) -> Any:
    """Trains one experiment with a progress display; the finished run."""
    from forecast.commands.progress import TrainingProgress
    from forecast.training import train
    from pipelines.store import Store

    settings: Settings = ctx.obj
    with TrainingProgress(quiet=settings.quiet) as progress:
        return train(
            experiment,
            store=Store(settings.store),
            folder=settings.runs,
            command=shlex.join(["forecast", *sys.argv[1:]]),
            jobs=jobs,
            fresh=fresh,
            progress=progress,
        )
