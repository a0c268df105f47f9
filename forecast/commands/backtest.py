"""`forecast backtest`: a run's predictions traded on paper, costs paid, and the report written."""

from typing import Any

import click

from forecast.commands.options import how, make_experiment, make_rules, trading_options, training_options
from forecast.commands.settings import Settings, json_option, print_json


@click.command("backtest")
@click.argument("names", nargs=-1, metavar="[RUN|SYMBOL]...")
@trading_options
@training_options
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    names: tuple[str, ...],
    policy: str,
    band: float,
    fee_bps: float,
    slippage_bps: float,
    jobs: int | None,
    backend: str,
    cluster: str | None,
    fresh: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Trade the saved predictions of RUN (the latest when none is named), costs paid, and write the report.

    Works without the network library, so costs and bands can be changed without training again. A SYMBOL stands for
    its newest finished run; one that has none is trained first, and only then the training options count.

    \b
    Examples:
      forecast backtest
      forecast backtest AAPL --policy long-short --band 0.02 --fee-bps 0.5
    """
    settings: Settings = ctx.obj
    rules = make_rules(policy=policy, band=band, fee_bps=fee_bps, slippage_bps=slippage_bps)
    results = []
    for name in names or ("latest",):
        run = _find_run(settings, name)
        if run is None:
            from forecast.commands.train import train_one

            settings.note(f"No finished run of {name.upper()} yet: training one first.")
            where = how(jobs=jobs, backend=backend, cluster=cluster)
            run = train_one(ctx, make_experiment(ctx, name, options), fresh=fresh, **where)
        results.append(evaluate_and_report(settings, run, rules, say=not as_json))
    if as_json:
        print_json({"backtests": results})


def evaluate_and_report(settings: Settings, run: Any, rules: Any, *, say: bool) -> dict[str, Any]:
    """Backtests a run, writes its report and the index, prints the verdict; the JSON result."""
    from forecast.evaluation import evaluate
    from forecast.report import write_index, write_report
    from forecast.runs import list_runs

    backtest = evaluate(run, rules=rules)
    page = write_report(run, backtest=backtest.name, folder=settings.reports_dir)
    write_index(list_runs(settings.runs), folder=settings.reports_dir)
    if say:
        from forecast.commands.table import print_backtest

        print_backtest(backtest, page)
    return {"run": run.name, "backtest": backtest.name, "report": str(page), **backtest.metrics}


def _find_run(settings: Settings, name: str) -> Any:
    """The run of that name, or the newest finished one of that symbol; None for a symbol without any."""
    from forecast.runs import list_runs, open_run
    from pipelines.market import check_symbol

    found = list_runs(settings.runs)
    if name == "latest" or any(run.name == name for run in found):
        return open_run(settings.runs, name)
    symbol = check_symbol(name)
    return next((run for run in found if run.finished and run.describe()["config"]["symbol"] == symbol), None)
