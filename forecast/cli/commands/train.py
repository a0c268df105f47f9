"""`forecast train`: the networks, walk-forward, several seeds."""

import shlex
import sys
from typing import TYPE_CHECKING, Any

import click

from forecast.cli import completion
from forecast.cli.context import CliContext, json_option, print_json
from forecast.cli.help_groups import GroupedOptions
from forecast.cli.options import AliasedOption, how, make_experiment, training_options
from forecast.cli.text import say
from pipelines.errors import listed

if TYPE_CHECKING:
    from forecast.config.experiment import Experiment
    from forecast.runs.run import Run


@click.command("train", cls=GroupedOptions)
@click.argument("symbols", nargs=-1, required=True, metavar="SYMBOL...", shell_complete=completion.symbols)
@click.option(
    "--global-model",
    cls=AliasedOption,
    aliases=["--pooled"],
    is_flag=True,
    help="One run with one set of networks for all symbols, tested on each: a panel.",
)
@click.option("--local-models", is_flag=True, help="One run too, with networks of its own for each symbol.")
@click.option(
    "--skip-unsuitable", is_flag=True, help="Of a panel: leave out symbols that cannot take part, and say so."
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
    local_models: bool,
    skip_unsuitable: bool,
    experiment: str | None,
    jobs: int | None,
    backend: str,
    cluster: str | None,
    overwrite: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Train the networks walk-forward on SYMBOL's bars in the store; each symbol is a run of its own.

    With --global-model all symbols are one run, a panel: the same networks learn from the rows of all and are tested on
    each. With --local-models they are one run too, with one account and verdict, but each symbol has networks that
    learn from its own rows alone. @FILE stands for the symbols of a watchlist, or of a universe file with the columns
    symbol,from,to: each symbol then counts on the days on which it is a member.

    An interrupted training resumes when the same command is run again. All symbols share the
    workers: processes of this machine, or those of a Dask cluster (a trusted one: whoever reaches a cluster's port
    can run programs on it).

    \b
    Examples:
      forecast train AAPL
      forecast train ES --bars tick:500 --window 60 --seeds 5
      forecast train AAPL MSFT --backend auto --cluster tcp://scheduler:8786
      forecast train AAPL MSFT IBM --global-model
      forecast train AAPL MSFT IBM --local-models
      forecast train @sp500.csv --global-model --skip-unsuitable
      forecast train AAPL --config experiment.toml --folds 4
    """
    from forecast.runs.labels import check_name, put_into_experiment

    if experiment is not None:
        check_name(experiment, subject="an experiment's name")
    experiments = _experiments(symbols, options, global_model=global_model, local_models=local_models)
    workers = how(jobs=jobs, backend=backend, cluster=cluster)
    runs = train_each(ctx.obj, experiments, overwrite=overwrite, skip_unsuitable=skip_unsuitable, **workers)
    for run in runs if experiment is not None else ():
        put_into_experiment(run, str(experiment))
    if as_json:
        print_json({"runs": [{"run": run.name, **run.describe()} for run in runs]})
        return
    for run in runs:
        say(f"Run {run.name} is trained. Next: forecast backtest {run.name}")
        diverged = [
            f"{member['model']} fold {member['fold']} seed {member['seed']}"
            for member in run.describe().get("diverged", ())
        ]
        if diverged:
            say(f"Diverged in training, forecasting 0.5 and trading nothing: {listed(diverged, at_most=5)}.")


def _experiments(
    symbols: tuple[str, ...], options: dict[str, Any], *, global_model: bool, local_models: bool
) -> list[Any]:
    """One experiment a symbol, or a panel's one."""
    from forecast.config.universe import read_universe

    if global_model and local_models:
        raise click.UsageError("Expected --global-model or --local-models, got both.")
    panel = global_model or local_models
    if not panel and not any(symbol.startswith("@") for symbol in symbols):
        return [make_experiment(symbol, options) for symbol in dict.fromkeys(symbols)]
    universe = read_universe(symbols)
    if panel:
        options = {**options, "local_models": local_models}
        return [
            make_experiment(universe.name, {**options, "panel": universe.symbols, "membership": universe.membership})
        ]
    if universe.membership:
        raise click.UsageError(
            "Expected --global-model or --local-models with a universe file of symbol,from,to, got none."
        )
    return [make_experiment(symbol, options) for symbol in universe.symbols]


def train_each(settings: CliContext, experiments: "list[Experiment]", **workers: Any) -> "list[Run]":
    """Trains experiments with a progress display; their finished runs. where: as `forecast.train` takes it."""
    from forecast.api.training import train_all

    command = shlex.join(["forecast", *sys.argv[1:]])
    return train_all(experiments, progress=not settings.quiet, workspace=settings.workspace, command=command, **workers)
