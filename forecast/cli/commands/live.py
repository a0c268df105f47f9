"""`forecast live`: the runs whose signals are traded, and the record of those signals."""

from typing import TYPE_CHECKING, Any

import click

from forecast.cli import completion
from forecast.cli.context import CliContext, json_option, print_json
from forecast.cli.drift import drift_sentence
from forecast.cli.suggestions import SuggestingGroup
from forecast.cli.tables import Column, print_table
from forecast.cli.text import say

if TYPE_CHECKING:
    from forecast.runs.run import Run
    from forecast.serving.journal import GivenSignal, JournalEntry
    from forecast.serving.live import LiveRun
    from forecast.serving.paper_record import PaperRecord


@click.group("live", cls=SuggestingGroup)
def command() -> None:
    """The live set: what `forecast signal --all` asks, and nothing else. Trainings and backtests do not change it.

    \b
    Examples:
      forecast live add AAPL
      forecast live list
      forecast live remove AAPL
    """


@command.command("add")
@click.argument("names", nargs=-1, required=True, metavar="RUN|SYMBOL...", shell_complete=completion.runs_and_symbols)
@click.option(
    "--backtest",
    metavar="NAME",
    shell_complete=completion.backtests,
    help="Whose rules are traded  [default: the run's newest backtest]",
)
@click.option(
    "--model",
    shell_complete=completion.models,
    help="The network whose position is traded  [default: lstm, or the run's first]",
)
@click.pass_obj
def add(settings: CliContext, names: tuple[str, ...], backtest: str | None, model: str | None) -> None:
    """Put runs into the live set, each with the rules of one of its backtests; later backtests do not change them.

    \b
    Examples:
      forecast live add AAPL-1d-0a1b2c3d4e
      forecast live add AAPL MSFT IBM
      forecast live add SP120 --backtest top-bottom-10_fee-1.0_slippage-2.0
      forecast live add AAPL --backtest long-flat_band-0.02_fee-1.0_slippage-2.0
    """
    from forecast.runs.catalog import open_run

    for run in [open_run(settings.runs, name) for name in names]:
        _add(settings, run, backtest=backtest, model=model)


def _add(settings: CliContext, run: "Run", *, backtest: str | None, model: str | None) -> None:
    from forecast.runs.integrity import open_trained
    from forecast.serving import live
    from pipelines.errors import RunError, did_you_mean

    experiment = open_trained(run).experiment
    names = run.backtests()
    if not names:
        raise RunError(f"Expected a backtest of run {run.name}, got none. Make one: forecast backtest {run.name}.")
    chosen = names[-1] if backtest is None else backtest
    if chosen not in names:
        hint = did_you_mean(chosen, names)
        raise RunError(f"Expected a backtest of run {run.name} ({', '.join(names)}), got {chosen[:80]!r}.{hint}")
    if run.metrics(chosen)["verdict"].get("status") == "look_ahead":
        raise RunError(f"Expected a backtest without look-ahead bias, got {chosen} of {run.name}, which has some.")
    networks = list(experiment.models)
    traded = model or ("lstm" if "lstm" in networks else networks[0])
    if traded not in networks:
        raise RunError(
            f"Expected --model out of {', '.join(networks)}, got {traded[:80]!r}.{did_you_mean(traded, networks)}"
        )
    siblings = [live_run.run for live_run in live.read_live(settings.workspace.live) if live_run.symbol == run.symbol]
    live_run = live.add(
        settings.workspace.live, run=run.name, symbol=run.symbol, model=traded, backtest=chosen,
        rules=run.backtest_config(chosen),
    )  # fmt: skip
    say(
        f"{live_run.symbol} is live: {live_run.run}, {live_run.model}, {live_run.backtest}. "
        "Tomorrow: forecast signal --all"
    )
    if siblings := [name for name in siblings if name != run.name]:
        settings.note(
            f"{run.symbol} has {len(siblings) + 1} live runs now, which are asked one by one. To leave one: "
            + " && ".join(f"forecast live remove {name}" for name in siblings)
        )


@command.command("remove")
@click.argument("names", nargs=-1, required=True, metavar="RUN|SYMBOL...", shell_complete=completion.runs_and_symbols)
@click.pass_obj
def remove(settings: CliContext, names: tuple[str, ...]) -> None:
    """Take runs out of the live set. The runs and their journal stay.

    \b
    Example:
      forecast live remove AAPL
    """
    from forecast.serving import live
    from forecast.serving.journal import Journal

    newest = {order.key: order for order in Journal(settings.workspace.live).read().orders}
    for name in names:
        removed = live.remove(settings.workspace.live, name)
        say(f"{removed.symbol} is no longer live: {removed.run}.")
        if any(order.shares for order in newest.values() if order.run == removed.run):
            settings.note(
                "What it holds goes to a live run of the same symbol, or is sold: forecast signal --all --cash MONEY."
            )


@command.command("list")
@json_option
@click.pass_obj
def list_(settings: CliContext, as_json: bool) -> None:
    """The live runs, and the paper record of the signals that they gave.

    The record follows the signals in the journal from the first one on: filled at the next open, at the rules' costs;
    the last position is held where an evening was missed. The hit rate is the share of signals on the right side of
    one half, beside that of the backtest; a signal is late that was given after the open at which it is filled. Drift
    is tested anew every evening (an e-process): evidence of 20 and more arises by chance in one of 20 records at most,
    however often it is looked at.

    \b
    Example:
      forecast live list
    """
    from dataclasses import asdict

    from forecast.cli.progress import counted
    from forecast.serving.journal import Journal
    from forecast.serving.live import read_live
    from pipelines.errors import ForecastError

    live_runs = read_live(settings.workspace.live)
    page = Journal(settings.workspace.live).read()
    rows: list[tuple[LiveRun, PaperRecord | None, str]] = []
    with counted(settings, "Following") as step:
        for number, live_run in enumerate(live_runs):
            step(live_run.symbol, number, len(live_runs))
            try:
                rows.append((live_run, _record(settings, live_run, page.of(live_run.run)), ""))
            except ForecastError as error:
                rows.append((live_run, None, str(error)))
    if as_json:
        print_json(
            [
                {**asdict(live_run), "record": None if record is None else asdict(record), "problem": problem}
                for live_run, record, problem in rows
            ]
        )
        return
    if not live_runs:
        settings.note("No run is live. Add one: forecast live add RUN.")
    _print(rows)
    for live_run, record, problem in rows:
        if problem:
            settings.error(f"{live_run.symbol}: {problem}")
        if record is not None and record.drifted_on is not None:
            settings.note(drift_sentence(record))


@command.command("journal")
@click.argument("symbol", required=False, shell_complete=completion.symbols)
@json_option
@click.pass_obj
def journal(settings: CliContext, symbol: str | None, as_json: bool) -> None:
    """Every signal that was given, oldest first; of one SYMBOL or panel where it is named. Of a ranking: a row a name.

    \b
    Examples:
      forecast live journal AAPL
      forecast live journal --json
    """
    from dataclasses import asdict

    from forecast.report import formatting
    from forecast.serving.journal import Journal
    from pipelines.errors import in_one_line

    chosen = None if symbol is None else symbol.strip().upper()
    log: Journal = Journal(settings.workspace.live)
    page = log.read()
    entries: list[JournalEntry] = [
        entry for entry in page.entries if chosen is None or chosen in (entry.symbol, *(n.symbol for n in entry.names))
    ]
    if page.damaged:
        settings.note(f"Lines of {log.path} that cannot be read: {', '.join(map(str, page.damaged))}.")
    if as_json:
        print_json([asdict(entry) for entry in entries])
        return
    if not entries:
        settings.note(
            f"No signal of {in_one_line(chosen)} is in the journal."
            if page.entries
            else "No signal has been given yet: forecast signal --all"
        )
    print_table(
        [
            Column("close of"), Column("symbol"), Column("signal"), Column("position", number=True),
            Column("probability", number=True, drop=2), Column("price", number=True), Column("given", drop=1),
            Column("run", drop=3),
        ],
        [
            [
                decided_at, name, signal.signal.upper(), formatting.number(signal.position),
                f"{signal.probability:.3f}", formatting.price(price), entry.recorded_at, entry.run,
            ]
            for entry in entries
            for decided_at, name, signal, price in _journal_rows(entry)
            if chosen in (None, entry.symbol, name)
        ],
    )  # fmt: skip


def _journal_rows(entry: "JournalEntry") -> "list[tuple[str, str, GivenSignal, float]]":
    """What an entry says of each symbol: close, symbol, signal and price."""
    if not entry.names:
        return [(entry.decided_at, entry.symbol, entry.traded, entry.price)]
    return [(name.decided_at, name.symbol, name.traded(entry.model), name.price) for name in entry.names]


def _record(settings: CliContext, live_run: "LiveRun", entries: "list[JournalEntry]") -> Any:
    from forecast.serving.live import open_live_run
    from forecast.serving.panel_record import panel_record_so_far
    from forecast.serving.paper_record import record_so_far
    from pipelines.store.store import Store

    if not entries:
        return None
    run = open_live_run(settings.runs, live_run)
    if run.is_panel:
        return panel_record_so_far(run, entries, Store(settings.store), rules=live_run.trading)
    return record_so_far(run, entries, Store(settings.store), rules=live_run.trading)


def _print(rows: "list[tuple[LiveRun, PaperRecord | None, str]]") -> None:
    from forecast.report import formatting

    def cells(record: "PaperRecord | None") -> list[str]:
        if record is None:
            return [formatting.DASH] * 8
        drift = f"since {record.drifted_on[:10]}" if record.drifted_on else f"{record.drift.evidence:.2g} of 20"
        return [
            record.since[:10], str(record.given), str(record.missed), str(record.late),
            formatting.show(record.drift.hit_rate, formatting.percent), formatting.percent(record.expected.hit_rate),
            formatting.show(record.net_return, formatting.percent), drift,
        ]  # fmt: skip

    print_table(
        [
            Column("symbol"), Column("run"), Column("network", drop=3), Column("rules", wrap=True, drop=1),
            Column("signals since"), Column("signals", number=True), Column("bars missed", number=True, drop=4),
            Column("given late", number=True, drop=5), Column("hit rate", number=True),
            Column("in backtest", number=True, drop=6), Column("return", number=True), Column("drift evidence"),
        ],
        [
            [live_run.symbol, live_run.run, live_run.model, live_run.backtest.replace("_", " "), *cells(record)]
            for live_run, record, _ in rows
        ],
    )  # fmt: skip
