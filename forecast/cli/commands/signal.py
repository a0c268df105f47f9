"""`forecast signal`: buy, hold or sell at the newest close."""

import math
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from forecast.cli import completion
from forecast.cli.context import CliContext, json_option
from forecast.cli.options import option_of
from forecast.config.compute import ComputeConfig
from forecast.config.trading import TradingConfig

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from forecast.api.evenings import Asking
    from forecast.cli.evening_output import Orders
    from forecast.runs.run import Run
    from forecast.serving.evening import Evening

STALE = 3
"""Exit code where the newest price is older than the last session that has closed."""

FAILED = 4
"""Exit code where some live run could not be asked, or a program of --on-change failed; the others were served."""


def now() -> "np.datetime64":
    """The moment at which is asked, UTC."""
    import numpy as np

    return np.datetime64("now", "ns")


def _finite(ctx: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    """Neither nan nor inf, which a range lets through."""
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"Expected a finite number, got {value}.", ctx, parameter)
    return value


@click.command("signal")
@click.argument("name", default="latest", metavar="[RUN|SYMBOL]", shell_complete=completion.runs_and_symbols)
@click.option("--symbol", shell_complete=completion.symbols, help="The newest run of this symbol.")
@click.option("--all", "every", is_flag=True, help="A line for each run of the live set (forecast live add).")
@click.option("--changed", is_flag=True, help="--all: only positions that are other ones than before.")
@click.option("--csv", "as_csv", is_flag=True, help="--all: print CSV.")
@click.option(
    "--cash",
    type=click.FloatRange(min=0, min_open=True, max=1e15),
    callback=_finite,
    metavar="MONEY",
    help="--all: orders in whole shares for an account of so much, split equally over the live runs.",
)
@click.option("--on-change", metavar="COMMAND", help="--all: run this with the changes as JSON on its stdin, if any.")
@click.option(
    "--hook-timeout",
    type=click.FloatRange(min=0, min_open=True),
    callback=_finite,
    default=60.0,
    show_default=True,
    help="Seconds that the command of --on-change may take.",
)
@click.option("--offline", is_flag=True, help="Fetch nothing: the newest close in the store.")
@click.option("--refit", is_flag=True, help="Ask networks that are trained on all rows up to now.")
@option_of(ComputeConfig, "jobs")
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
    changed: bool,
    as_csv: bool,
    cash: float | None,
    on_change: str | None,
    hook_timeout: float,
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
    what the rules of the run's newest backtest (of a live run: those it was added with) hold from the next open on.
    Of a panel: the ranking of its symbols, with what to buy, sell and keep.
    --all asks the live set and nothing else; signals of live runs go into the journal, once per run and bar.

    Exit code 3: the newest price is older than the last session that has closed. 4: some runs could not be asked.

    \b
    Examples:
      forecast signal
      forecast signal --symbol AAPL --threshold 0.02 --json
      forecast signal --all --cash 10000
      forecast signal --all --changed --on-change "mail -s signals me@example.org"
      forecast signal BTC-USD-time-1m-0a1b2c3d4e --watch
    """
    from forecast.api.evenings import Asking
    from forecast.cli.options import jobs_or_cores

    settings: CliContext = ctx.obj
    if every and (name != "latest" or symbol or watch):
        raise click.UsageError("--all goes without a run, --symbol and --watch.")
    if not every and (misplaced := _only_with_all(changed=changed, csv=as_csv, cash=cash, on_change=on_change)):
        raise click.UsageError(f"{misplaced} goes with --all.")
    if as_csv and as_json:
        raise click.UsageError("Expected --csv or --json, got both.")
    ask = Asking(
        workspace=settings.workspace, now=now(), offline=offline, refit=refit,
        jobs=jobs_or_cores(jobs) if refit else None, rules={"policy": policy, "threshold": threshold},
        note=settings.note,
    )  # fmt: skip
    if every:
        form = "csv" if as_csv else "json" if as_json else "table"
        output = _EveningOutput(form=form, changed=changed, cash=cash, on_change=on_change, seconds=hook_timeout)
        ctx.exit(_evening(ask, settings, output))
    run = _chosen(settings, name, symbol)
    if run.is_panel and watch:
        raise click.UsageError("Expected a run of one symbol for --watch, got a panel.")
    if run.is_panel:
        ctx.exit(_ranking(run, ask, settings, as_json=as_json))
    ctx.exit(_signal(run, ask, settings, as_json=as_json, watch=watch))


def _only_with_all(**options: Any) -> str | None:
    return next((f"--{name.replace('_', '-')}" for name, value in options.items() if value), None)


def _signal(run: "Run", ask: "Asking", settings: CliContext, *, as_json: bool, watch: bool) -> int:
    """Prints the signal of one symbol, and with watch those of the bars that follow; the exit code."""
    from forecast.cli import signal_watch
    from forecast.cli.signal_output import show

    if watch:
        signal_watch.check(run)
    with _progress(run, ask, settings) as asking:
        answer = asking.one(run)
    signal = answer.forecast
    show(signal, settings, now=ask.now, as_json=as_json, line=watch)
    if watch:
        signal_watch.follow(settings, answer.loaded, rules=signal.rules, as_json=as_json)
    return STALE if signal.stale(ask.now) else 0


def _ranking(run: "Run", ask: "Asking", settings: CliContext, *, as_json: bool) -> int:
    """Prints the ranking of a panel; the exit code."""
    from forecast.cli.ranking_output import show_panel

    with _progress(run, ask, settings) as asking:
        ranking = asking.panel(run)
    show_panel(ranking, settings, now=ask.now, as_json=as_json)
    return STALE if ranking.stale(ask.now) else 0


@contextmanager
def _progress(run: "Run", ask: "Asking", settings: CliContext) -> "Iterator[Asking]":
    """What to ask with while a person sees how far a refit is, or that a run is asked."""
    from forecast.api.progress import progress_display
    from forecast.cli.progress import busy

    if not ask.refit:
        with busy(settings, f"Asking {run.symbol}"):
            yield ask
        return
    with progress_display(not settings.quiet) as training:
        yield replace(ask, progress=training)


@dataclass(frozen=True, kw_only=True)
class _EveningOutput:
    """What to do with an evening's signals.

    form: table, csv or json. changed: print only positions that are other ones than before. cash: the account that
    orders are sized for, in money. on_change: the command that reads the changes, seconds: that it may take.
    """

    form: str
    changed: bool
    cash: float | None
    on_change: str | None
    seconds: float


def _evening(ask: "Asking", settings: CliContext, output: _EveningOutput) -> int:
    """Asks the live set, prints the evening, tells a person's program what has changed; the exit code."""
    from forecast.cli import evening_output
    from forecast.cli.progress import counted
    from forecast.serving.account import give_orders
    from forecast.serving.journal import Journal
    from pipelines.store.store import Store

    with counted(settings, "Asking") as begun:
        evening = replace(ask, begun=begun).evening()
    ordered: Orders = {}
    if output.cash is not None:
        journal, actions = Journal(settings.workspace.live), Store(settings.store).read_actions
        ordered = give_orders(evening, cash=output.cash, journal=journal, actions=actions, now=ask.now)
    elif not evening.answers and not evening.failures:
        settings.note("No run is live, but shares are held of runs that were. To sell them: --cash MONEY.")
    evening_output.show(evening, settings, now=ask.now, form=output.form, changed_only=output.changed, ordered=ordered)
    problem = None
    if output.on_change is not None:
        problem = _pass_on(evening, settings, output.on_change, now=ask.now, ordered=ordered, seconds=output.seconds)
    if problem is not None:
        settings.error(f"{problem} It is told again with the next signal --all of this bar.")
    if evening.failures or problem is not None:
        return FAILED
    return STALE if any(answer.forecast.stale(ask.now) for answer in evening.answers) else 0


def _pass_on(
    evening: "Evening",
    settings: CliContext,
    command: str,
    *,
    now: "np.datetime64",
    ordered: "Orders",
    seconds: float,
) -> str | None:
    """Tells a person's program of the changes that it was not told before; what went wrong, None where nothing did.

    Of what-if rules, which the journal does not keep, it is told each time.
    """
    from forecast.cli import evening_output, hooks
    from forecast.serving.account import shares_of
    from forecast.serving.journal import Journal

    journal = Journal(settings.workspace.live)
    with journal.passing_on() as page:
        passed_on = page.passed_on if evening.journalled else {}
        fresh = [answer for answer in evening.answers if evening_output.to_pass_on(answer, ordered, passed_on)]
        fresh_sold = [
            order for order in evening_output.sold(evening, ordered) if (order.run, order.decided_at) not in passed_on
        ]
        if not fresh and not fresh_sold:
            return None
        message = {
            "changed": [evening_output.change(answer, ordered, now=now) for answer in fresh],
            **({"removed": evening_output.order_rows(fresh_sold)} if fresh_sold else {}),
        }
        problem = hooks.tell(command, message, seconds=seconds)
        if problem is None and evening.journalled:
            shares = {answer.entry.key: shares_of(ordered.values(), answer.live.run) for answer in fresh}
            shares |= {(order.run, order.decided_at): shares_of(fresh_sold, order.run) for order in fresh_sold}
            journal.mark_passed_on(shares)
        return problem


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
        symbols = ", ".join(newest_runs(settings.runs)) or "no symbol"
        raise RunError(f"Expected a run of {symbol}, got runs of {symbols}. Train one: forecast train {symbol}.")
    return newest
