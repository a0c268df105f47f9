"""`forecast signal`: buy, hold or sell at the newest close."""

from typing import TYPE_CHECKING, Any

import click

from forecast.cli.context import CliContext, json_option
from forecast.cli.options import option_of
from forecast.config.trading import TradingConfig

if TYPE_CHECKING:
    import numpy as np

    from forecast.runs.run import Run
    from forecast.serving.loader import LoadedRun
    from forecast.serving.signal import PathForecast

STALE = 3
"""Exit code where the newest price is older than the last session that has closed."""


@click.command("signal")
@click.argument("name", default="latest", metavar="[RUN|SYMBOL]")
@click.option("--symbol", help="The newest run of this symbol.")
@click.option("--all", "every", is_flag=True, help="A table: the newest run of every symbol.")
@click.option("--offline", is_flag=True, help="Fetch nothing: the newest close in the store.")
@click.option("--refit", is_flag=True, help="Ask networks that are trained on all rows up to now.")
@click.option("--jobs", type=int, help="--refit: worker processes  [default: as many as cores]")
@click.option("--watch", is_flag=True, help="Go on with the live stream: a signal at the close of each bar.")
@option_of(TradingConfig, "policy", default=None)
@option_of(TradingConfig, "threshold", default=None)
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    name: str,
    symbol: str | None,
    every: bool,
    offline: bool,
    refit: bool,
    jobs: int | None,
    watch: bool,
    policy: str | None,
    threshold: float | str | None,
    as_json: bool,
) -> None:
    """The signal of RUN's networks (the latest run when none is named; the newest run of SYMBOL) at the newest close,
    after fetching it.

    The members of the last fold decide together: the mean of their probabilities, as in the backtest. The position is
    what the rules of the run's newest backtest hold from the next open on. Exit code 3: the newest price is older than
    the last session that has closed.

    \b
    Examples:
      forecast signal
      forecast signal --symbol AAPL --threshold 0.02 --json
      forecast signal --all --offline
      forecast signal BTC-USD-time-1m-0a1b2c3d4e --watch
    """
    import numpy as np

    from forecast.cli import signal_watch
    from forecast.cli.signal_output import show

    settings: CliContext = ctx.obj
    if every and (name != "latest" or symbol or watch):
        raise click.UsageError("--all goes without a run, --symbol and --watch.")
    now = np.datetime64("now", "ns")
    ask = _Asking(
        settings, now=now, offline=offline, refit=refit, jobs=jobs, rules={"policy": policy, "threshold": threshold}
    )
    if every:
        stale = _table(ask, settings, now=now, as_json=as_json)
    else:
        run = _chosen(settings, name, symbol)
        if watch:
            signal_watch.check(run)
        loaded, found = ask(run)
        stale = found.stale(now)
        show(found, settings, now=now, as_json=as_json, line=watch)
        if watch:
            signal_watch.follow(settings, loaded, rules=found.rules, as_json=as_json)
    if stale:
        ctx.exit(STALE)


class _Asking:
    """What is done for each run: fetch, load, decide."""

    def __init__(
        self,
        settings: CliContext,
        *,
        now: "np.datetime64",
        offline: bool,
        refit: bool,
        jobs: int | None,
        rules: dict[str, Any],
    ) -> None:
        self._settings, self._now = settings, now
        self._offline, self._refit, self._jobs, self._rules = offline, refit, jobs, rules

    def __call__(self, run: "Run") -> "tuple[LoadedRun, PathForecast]":
        from forecast.api.signals import ask
        from forecast.cli.options import jobs_or_cores

        return ask(
            run,
            workspace=self._settings.workspace,
            now=self._now,
            offline=self._offline,
            refit=self._refit,
            jobs=jobs_or_cores(self._jobs) if self._refit else None,
            rules=self._rules,
            note=self._settings.note,
        )


def _chosen(settings: CliContext, name: str, symbol: str | None) -> "Run":
    from forecast.runs.catalog import LATEST, newest_run, newest_runs, open_run
    from pipelines.errors import RunError
    from pipelines.market.types import check_symbol

    if symbol is None:
        return open_run(settings.runs, name)
    symbol = check_symbol(symbol)
    if name != LATEST:
        run = open_run(settings.runs, name)
        if run.symbol != symbol:
            raise RunError(f"Run {run.name} was trained on {run.symbol}, not on {symbol}: forecast train {symbol}.")
        return run
    newest = newest_run(settings.runs, symbol)
    if newest is None:
        others = ", ".join(newest_runs(settings.runs)) or "no symbol"
        raise RunError(f"Expected a run of {symbol}, got runs of {others}. Train one: forecast train {symbol}.")
    return newest


def _table(ask: _Asking, settings: CliContext, *, now: "np.datetime64", as_json: bool) -> bool:
    """One outlook a symbol; a run that cannot be asked is told and passed over. Whether any is stale."""
    from forecast.cli import signal_output
    from forecast.runs.catalog import newest_runs
    from pipelines.errors import ForecastError, RunError

    runs = newest_runs(settings.runs, note=settings.note)
    if not runs:
        raise RunError(f"Expected a finished run in {settings.runs}, got none. Train one: forecast train SYMBOL.")
    forecasts, failed = [], {}
    for symbol, run in runs.items():
        try:
            forecasts.append(ask(run)[1])
        except ForecastError as error:
            failed[symbol] = str(error)
            settings.note(f"{symbol}: {error}")
    signal_output.show_table(forecasts, failed, now=now, as_json=as_json)
    if failed:
        raise ForecastError(f"Asked {len(forecasts)} of {len(runs)} runs, not {', '.join(failed)} (reasons above).")
    return any(forecast.stale(now) for forecast in forecasts)
