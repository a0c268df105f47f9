"""`forecast report`: a run -> an HTML page, and the list of all runs beside it."""

import click

from forecast.cli import completion
from forecast.cli.context import CliContext, json_option, print_json, standalone_option
from forecast.cli.text import say


@click.command()
@click.argument("run", default="latest", shell_complete=completion.runs_and_symbols)
@click.option(
    "--backtest",
    metavar="NAME",
    shell_complete=completion.backtests,
    help="Which backtest of the run; the newest when not given.",
)
@standalone_option
@json_option
@click.pass_obj
def command(settings: CliContext, run: str, backtest: str | None, standalone: bool, as_json: bool) -> None:
    """Write the HTML report of a run.

    RUN is a run's name; the newest one when not given. Nothing is loaded from the network: the chart library lies once
    beside the pages, or inside a page that is written with --standalone.

    \b
    Examples:
      forecast report
      forecast report AAPL-1d-0a1b2c3d4e --backtest long-flat_band-0.0_fee-1.0_slippage-2.0
      forecast report AAPL --standalone
    """
    from forecast.api.arguments import run_of
    from forecast.api.reports import chosen_backtest, report
    from forecast.cli.progress import busy
    from forecast.report.sections.verdict import verdict_text

    workspace = settings.workspace
    chosen = run_of(run, workspace)
    name = chosen_backtest(chosen, backtest)
    with busy(settings, f"Writing the page of {chosen.name}"):
        page = report(chosen, backtest=name, standalone=standalone, workspace=workspace)
    sentence = " ".join(verdict_text(chosen.metrics(name), symbol=chosen.symbol).sentences)
    if as_json:
        print_json(
            {
                "report": str(page),
                "index": str(page.with_name("index.html")),
                "run": chosen.name,
                "backtest": name,
                "bytes": page.stat().st_size,
                "verdict": sentence,
            }
        )
        return
    settings.note(sentence)
    say(f"{page} ({page.stat().st_size / 1e6:.1f} MB)")
