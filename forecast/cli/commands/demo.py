"""`forecast demo`: the whole chain on the sample that ships with forecast."""

from typing import Any

import click

from forecast.cli.context import CliContext
from forecast.cli.options import option_of
from forecast.config.compute import ComputeConfig
from forecast.report import formatting

_DAILY = {"symbol": "AAPL", "start": "2000-03-01", "end": "2013-03-01"}
_TICKS = {"symbol": "ES", "bars": "tick:200", "start": "2013-09-02", "end": "2013-09-03"}


@click.command("demo")
@click.option(
    "--ticks",
    is_flag=True,
    help="E-mini S&P 500 trades in bars of 200, with order-flow features, flat overnight, instead of daily "
    "Apple shares.",
)
@option_of(ComputeConfig, "jobs")
@click.pass_context
def command(ctx: click.Context, ticks: bool, jobs: int | None) -> None:
    """Train the networks on the shipped sample, trade their signals out of sample, costs paid, write the report.

    Takes a minute or two the first time; a second time it finds the finished run.

    \b
    Examples:
      forecast demo
      forecast demo --ticks
    """
    from forecast.cli.commands.backtest import evaluate_and_report, write_index
    from forecast.cli.commands.train import train_each
    from forecast.cli.options import jobs_or_cores
    from forecast.config.experiment import Experiment
    from forecast.config.trading import TradingConfig
    from pipelines.ingestion import ingest
    from pipelines.sources import sample
    from pipelines.store.store import Store

    settings: CliContext = ctx.obj
    chosen = _TICKS if ticks else _DAILY
    experiment = Experiment.from_options(dict(chosen))
    store = Store(settings.store)
    catalogue = store.catalogue()
    if not ((catalogue["symbol"] == experiment.symbol) & (catalogue["kind"] == ("ticks" if ticks else "bars"))).any():
        ingest(store, sample.read(experiment.symbol))  # prices that are there already stay as they are
    sample_text = "E-mini S&P 500 trades of 2013" if ticks else "daily prices of Apple, 2000 to 2013"
    settings.note(
        f"Sample: {sample_text}. {len(experiment.models)} networks x {experiment.folds} folds x {experiment.seeds} "
        "seeds."
    )
    run = train_each(settings, [experiment], jobs=jobs_or_cores(jobs))[0]
    # these trades come without quotes: the spread is estimated from the bars before
    rules = TradingConfig(spread="bars" if ticks else "given")
    evaluate_and_report(settings, run, rules, printed=True)
    write_index(settings)
    if ticks:
        settings.note(_scope(run))


def _scope(run: Any) -> str:
    """What so few sessions can show and what they cannot."""
    from pipelines.market.calendars import session_of
    from pipelines.market.times import utc

    described, bars = run.describe(), run.bars()
    closed_at = utc(bars["closed_at"])
    sessions = len(set(session_of(closed_at, described["data"]["calendar"]).tolist()))
    noun = "session" if sessions == 1 else "sessions"
    return (
        f"{formatting.count(len(bars))} bars of {sessions} {noun}, features of trades beside those of prices, nothing "
        "held overnight. "
        "They show what trading costs against what a bar moves, and whether the forecasts beat the base rate in "
        "these hours. They do not show whether either would be so on another day: days are the clusters of the "
        f"verdict, and {sessions} of them say next to nothing of a mean per day. Fetch a month of sessions of your own "
        "(`forecast fetch SYMBOL --source csv --file trades/`), with quotes where you have them."
    )
