"""`forecast backtest`: a run's predictions traded on paper, costs paid, and the report written."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from forecast.cli import completion
from forecast.cli.context import CliContext, json_option, print_json, standalone_option
from forecast.cli.help_groups import GroupedOptions
from forecast.cli.options import (
    how,
    make_experiment,
    money_options,
    take_rules,
    trading_options,
    training_options,
    typed,
)
from forecast.cli.text import say
from pipelines.errors import listed

if TYPE_CHECKING:
    from forecast.api.results import BacktestResult
    from forecast.config.experiment import Experiment


@click.command("backtest", cls=GroupedOptions)
@click.argument("names", nargs=-1, metavar="[RUN|SYMBOL]...", shell_complete=completion.runs_and_symbols)
@click.option(
    "--portfolio",
    type=click.Choice(["equal", "inverse-volatility"]),
    help="Join the runs into one account per model, with these shares, rebalanced and paid for.",
)
@trading_options
@money_options
@training_options
@standalone_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    names: tuple[str, ...],
    portfolio: str | None,
    jobs: int | None,
    backend: str,
    cluster: str | None,
    overwrite: bool,
    standalone: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Trade the saved predictions of RUN (the latest when none is named), costs paid, and write the report.

    Works without the network library, so costs and bands can be changed without training again. A SYMBOL stands for
    its newest finished run; where it has none, or training options are given, its run of these options, which is
    trained first if it is not there yet.

    \b
    Examples:
      forecast backtest
      forecast backtest AAPL --policy long-short --threshold 0.02 --fee-bps 0.5 --borrow-rate 0.03
      forecast backtest AAPL MSFT IBM --portfolio inverse-volatility
      forecast backtest --calibration isotonic --threshold auto --sizing kelly --max-leverage 2
    """
    settings: CliContext = ctx.obj
    rules = take_rules(options)
    if portfolio and len(names) < 2:
        raise click.UsageError(f"Expected two symbols or more for --portfolio, got {', '.join(names) or 'none'}.")
    overrides = typed(ctx, {**options, "overwrite": overwrite, "backend": backend})
    runs: dict[str, Any] = {}
    for name in names or ("latest",):
        run = _named_run(settings, name)
        if run is not None and overrides:
            raise click.UsageError(f"Run {run.name} is trained already: name a symbol for training options, not a run.")
        runs[name] = run if run is not None or overrides else _newest_run(settings, name)
    if missing := {name.upper(): None for name, run in runs.items() if run is None}:
        from forecast.cli.commands.train import train_each

        where = how(jobs=jobs, backend=backend, cluster=cluster)
        experiments = [make_experiment(symbol, options) for symbol in missing]
        if not overrides:
            settings.note(
                f"No finished run of {listed(list(missing))} yet: training {sum(map(_members, experiments))} networks "
                "and baselines first. Ctrl-C stops it; the same command resumes."
            )
        trained = train_each(settings, experiments, overwrite=overwrite, **where)
        of_symbol = dict(zip(missing, trained, strict=True))
        runs = {name: run or of_symbol[name.upper()] for name, run in runs.items()}
    backtest_each(settings, list(runs.values()), rules, portfolio=portfolio, standalone=standalone, as_json=as_json)


def backtest_each(
    settings: CliContext, runs: list[Any], rules: Any, *, portfolio: str | None, standalone: bool, as_json: bool
) -> None:
    """Backtests and reports each run, and all of them together; prints the verdicts, or one JSON object."""
    from forecast.api.families import BacktestFamily

    done = [evaluate_and_report(settings, run, rules, printed=not as_json, standalone=standalone) for run in runs]
    answer: dict[str, Any] = {
        "backtests": [
            {"run": result.run.name, "backtest": result.name, "report": str(page), **result.saved.metrics}
            for result, page in done
        ]
    }
    family = BacktestFamily(results=tuple(result for result, _ in done))
    joined = _join(settings, runs, rules, portfolio, printed=not as_json, standalone=standalone) if portfolio else {}
    write_index(settings)
    if len(runs) > 1:
        answer["families"] = [asdict(joint) for joint in family.families]
    if as_json:
        print_json({**answer, **joined})
        return
    if len(runs) > 1:
        click.echo("")
    for sentence in family.sentences:
        say(sentence)


def evaluate_and_report(
    settings: CliContext, run: Any, rules: Any, *, printed: bool, standalone: bool = False
) -> "tuple[BacktestResult, Path]":
    """Backtests a run, writes its report, prints the verdict. The index is left to the caller."""
    from forecast.api.backtests import backtest
    from forecast.api.reports import write_page_of
    from forecast.cli.progress import busy

    with busy(settings, f"Backtesting {run.name}"):
        result = backtest(run, rules, workspace=settings.workspace)
        page = write_page_of(run, result.name, settings.workspace, standalone=standalone)
    if printed:
        from forecast.cli.backtest_output import print_backtest

        print_backtest(result.saved, page, symbol=result.symbol)
    return result, page


def write_index(settings: CliContext) -> None:
    """Writes the index of all runs, once a command."""
    from forecast.api.reports import write_index_of
    from forecast.cli.progress import busy

    with busy(settings, "Writing the list of runs"):
        write_index_of(settings.workspace)


def _join(
    settings: CliContext, runs: list[Any], rules: Any, weighting: Any, *, printed: bool, standalone: bool
) -> dict[str, Any]:
    """Joins runs into a portfolio, saves it, writes its page, prints its verdict; the JSON result."""
    from forecast.api.portfolios import portfolio
    from forecast.cli.progress import busy

    with busy(settings, f"Joining {len(runs)} runs"):
        result = portfolio(runs, rules, weighting=weighting, standalone=standalone, workspace=settings.workspace)
    if printed:
        from forecast.cli.backtest_output import print_backtest

        print_backtest(result.saved, result.page, symbol=", ".join(result.symbols))
    return {"portfolio": {"name": result.saved.name, "report": str(result.page), **result.saved.metrics}}


def _members(experiment: "Experiment") -> int:
    """How many networks and baselines an experiment trains in its folds."""
    return experiment.folds * (len(experiment.models) * experiment.seeds + len(experiment.baselines))


def _named_run(settings: CliContext, name: str) -> Any:
    """The run of that name, None where the name must be a symbol."""
    from forecast.runs.catalog import LATEST, named_run, open_run

    return open_run(settings.runs, name) if name == LATEST else named_run(settings.runs, name)


def _newest_run(settings: CliContext, symbol: str) -> Any:
    """The newest finished run of a symbol, None where there is none; a mistyped run is no symbol to train."""
    from forecast.runs.catalog import begins_as_a_run, newest_run, open_run
    from pipelines.market.types import check_symbol

    run = newest_run(settings.runs, check_symbol(symbol))
    if run is None and begins_as_a_run(settings.runs, symbol):
        return open_run(settings.runs, symbol)
    return run
