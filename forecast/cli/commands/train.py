"""`forecast train`: the networks, walk-forward, several seeds."""

import shlex
import sys
from typing import TYPE_CHECKING, Any

import click

from forecast.cli.context import CliContext, json_option, print_json
from forecast.cli.help_groups import GroupedOptions
from forecast.cli.options import AliasedOption, how, make_experiment, training_options

if TYPE_CHECKING:
    from forecast.config.experiment import Experiment
    from forecast.runs.run import Run


@click.command("train", cls=GroupedOptions)
@click.argument("symbols", nargs=-1, required=True, metavar="SYMBOL...")
@click.option(
    "--global-model",
    cls=AliasedOption,
    aliases=["--pooled"],
    is_flag=True,
    help="One set of networks for all symbols, tested on each.",
)
@click.option("--experiment", metavar="NAME", help="The group that forecast runs lists these runs under.")
@training_options
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    symbols: tuple[str, ...],
    global_model: bool,
    experiment: str | None,
    jobs: int | None,
    backend: str,
    cluster: str | None,
    overwrite: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Train the networks walk-forward on SYMBOL's bars in the store; each symbol is a run of its own.

    With --global-model the runs of all symbols have the same networks, which learned from the rows of all of them.

    An interrupted training goes on where it stopped when the same command is run again. All symbols share the
    workers: processes of this machine, or those of a Dask cluster (a trusted one: whoever reaches a cluster's port
    can run programs on it).

    \b
    Examples:
      forecast train AAPL
      forecast train ES --bars tick:500 --window 60 --seeds 5
      forecast train AAPL MSFT --backend auto --cluster tcp://scheduler:8786
      forecast train AAPL MSFT KO --global-model
      forecast train AAPL --config experiment.toml --folds 4
    """
    from forecast.runs.labels import check_name, put_into_experiment

    if experiment is not None:
        check_name(experiment, what="an experiment's name")
    chosen = {**options, "panel": symbols} if global_model else options
    experiments = [make_experiment(symbol, chosen) for symbol in dict.fromkeys(symbols)]
    done = train_each(ctx.obj, experiments, overwrite=overwrite, **how(jobs=jobs, backend=backend, cluster=cluster))
    for run in done if experiment is not None else ():
        put_into_experiment(run, str(experiment))
    if as_json:
        print_json({"runs": [{"run": run.name, **run.describe()} for run in done]})
        return
    for run in done:
        click.echo(f"Run {run.name} is trained. Next: forecast backtest {run.name}")


def train_each(settings: CliContext, experiments: "list[Experiment]", **where: Any) -> "list[Run]":
    """Trains experiments with a progress display; their finished runs. where: as `forecast.train` takes it."""
    from forecast.api.training import train_all

    command = shlex.join(["forecast", *sys.argv[1:]])
    return train_all(experiments, progress=not settings.quiet, workspace=settings.workspace, command=command, **where)
