"""`forecast report`: a run -> an HTML page, and the list of all runs beside it."""

import click

from forecast.cli.context import CliContext, json_option, print_json


@click.command()
@click.argument("run", default="latest")
@click.option("--backtest", metavar="NAME", help="Which backtest of the run; the newest when not given.")
@click.option("--standalone", is_flag=True, help="Put the chart library into the page: one file to mail, 1.2 MB more.")
@json_option
@click.pass_obj
def command(settings: CliContext, run: str, backtest: str | None, standalone: bool, as_json: bool) -> None:
    """Write the HTML report of a run.

    RUN is a run's name; the newest one when not given. Nothing is loaded from the network: the chart library lies once
    beside the pages, or inside a page that is written with --standalone.

    \b
    Examples:
      forecast report
      forecast report 20260301-120000-aapl-1d --backtest default
      forecast report AAPL --standalone
    """
    from forecast.report import write_index, write_report
    from forecast.report.sections.verdict import verdict_text
    from forecast.runs.catalog import list_runs, open_run
    from forecast.studies.power_results import listed
    from pipelines.errors import RunError

    chosen = open_run(settings.runs, run)
    names = chosen.backtests()
    if not names:
        raise RunError(f"Need a backtest of run {chosen.name}, found none. Make one: forecast backtest {chosen.name}.")
    if backtest is not None and backtest not in names:
        raise RunError(f"Need a backtest of run {chosen.name}: {', '.join(names)}. Got {backtest[:80]!r}.")
    name = backtest or names[-1]
    calibrations = listed(settings.calibrations)
    page = write_report(
        chosen, backtest=name, folder=settings.reports_dir, calibrations=calibrations, standalone=standalone
    )
    index = write_index(list_runs(settings.runs), folder=settings.reports_dir, calibrations=calibrations)
    symbol = str(chosen.describe()["config"]["symbol"])
    sentence = " ".join(verdict_text(chosen.metrics(name), symbol=symbol).sentences)
    if as_json:
        print_json(
            {
                "report": str(page),
                "index": str(index),
                "run": chosen.name,
                "backtest": name,
                "bytes": page.stat().st_size,
                "verdict": sentence,
            }
        )
        return
    settings.note(sentence)
    click.echo(f"{page} ({page.stat().st_size / 1e6:.1f} MB)")
