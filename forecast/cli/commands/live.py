"""`forecast live`: the runs whose signals are traded, and the record of those signals."""

from typing import TYPE_CHECKING, Any

import click

from forecast.cli.context import CliContext, json_option, print_json
from forecast.cli.drift import drift_sentence
from forecast.cli.suggestions import SuggestingGroup
from forecast.cli.tables import Column, print_table
from forecast.cli.text import say

if TYPE_CHECKING:
    from forecast.serving.journal import JournalEntry
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
@click.argument("name", metavar="RUN|SYMBOL")
@click.option("--backtest", metavar="NAME", help="Whose rules are traded  [default: the run's newest backtest]")
@click.option("--model", help="The network whose position is traded  [default: lstm, or the run's first]")
@click.pass_obj
def add(settings: CliContext, name: str, backtest: str | None, model: str | None) -> None:
    """Put a run into the live set, with the rules of one of its backtests; later backtests do not change them.

    \b
    Examples:
      forecast live add AAPL-1d-0a1b2c3d4e
      forecast live add AAPL --backtest long-flat_band-0.02_fee-1.0_slippage-2.0
    """
    from forecast.runs.catalog import open_run
    from forecast.serving import live
    from forecast.serving.loader import open_experiment
    from pipelines.errors import RunError, did_you_mean

    run = open_run(settings.runs, name)
    _, experiment = open_experiment(run)
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
    others = [each.run for each in live.read_live(settings.workspace.live) if each.symbol == run.symbol]
    added = live.add(
        settings.workspace.live, run=run.name, symbol=run.symbol, model=traded, backtest=chosen,
        rules=run.backtest_config(chosen),
    )  # fmt: skip
    say(f"{added.symbol} is live: {added.run}, {added.model}, {added.backtest}. Tomorrow: forecast signal --all")
    if others := [each for each in others if each != run.name]:
        settings.note(
            f"{run.symbol} has {len(others) + 1} live runs now, which are asked one by one. To leave one: "
            + " && ".join(f"forecast live remove {each}" for each in others)
        )


@command.command("remove")
@click.argument("names", nargs=-1, required=True, metavar="RUN|SYMBOL...")
@click.pass_obj
def remove(settings: CliContext, names: tuple[str, ...]) -> None:
    """Take runs out of the live set. The runs and their journal stay.

    \b
    Example:
      forecast live remove AAPL
    """
    from forecast.serving import live

    for name in names:
        gone = live.remove(settings.workspace.live, name)
        say(f"{gone.symbol} is no longer live: {gone.run}.")


@command.command("list")
@json_option
@click.pass_obj
def list_(settings: CliContext, as_json: bool) -> None:
    """The live runs, and the paper record of the signals that they gave.

    The record follows the signals in the journal from the first one on: filled at the next open, at the rules' costs;
    the last position is held where an evening was missed. Drift is tested anew every evening (an e-process): evidence
    of 20 and more arises by chance in one of 20 records at most, however often it is looked at.

    \b
    Example:
      forecast live list
    """
    from dataclasses import asdict

    from forecast.serving.journal import Journal
    from forecast.serving.live import read_live
    from pipelines.errors import ForecastError

    known = read_live(settings.workspace.live)
    page = Journal(settings.workspace.live).read()
    rows: list[tuple[LiveRun, PaperRecord | None, str]] = []
    for each in known:
        try:
            rows.append((each, _record(settings, each, page.of(each.run)), ""))
        except ForecastError as error:
            rows.append((each, None, str(error)))
    if as_json:
        print_json(
            [
                {**asdict(each), "record": None if found is None else asdict(found), "problem": problem}
                for each, found, problem in rows
            ]
        )
        return
    if not known:
        settings.note("No run is live. Add one: forecast live add RUN.")
    _print(rows)
    for each, found, problem in rows:
        if problem:
            settings.note(f"{each.symbol}: {problem}")
        if found is not None and found.drifted_on is not None:
            settings.note(drift_sentence(found))


@command.command("journal")
@click.argument("symbol", required=False)
@json_option
@click.pass_obj
def journal(settings: CliContext, symbol: str | None, as_json: bool) -> None:
    """Every signal that was given, oldest first; of one SYMBOL where it is named.

    \b
    Examples:
      forecast live journal AAPL
      forecast live journal --json
    """
    from dataclasses import asdict

    from forecast.report import formatting
    from forecast.serving.journal import Journal

    kept: Journal = Journal(settings.workspace.live)
    page = kept.read()
    entries: list[JournalEntry] = [
        each for each in page.entries if symbol is None or each.symbol == symbol.strip().upper()
    ]
    if page.damaged:
        settings.note(f"Lines of {kept.path} that cannot be read: {', '.join(map(str, page.damaged))}.")
    if as_json:
        print_json([asdict(each) for each in entries])
        return
    if not entries:
        settings.note("No signal has been given yet: forecast signal --all")
    print_table(
        [
            Column("close of"), Column("symbol"), Column("signal"), Column("position", number=True),
            Column("probability", number=True, drop=2), Column("price", number=True), Column("given", drop=1),
            Column("run", drop=3),
        ],
        [
            [
                each.decided_at, each.symbol, each.traded.signal.upper(), formatting.number(each.traded.position),
                f"{each.traded.probability:.3f}", formatting.price(each.price), each.recorded_at, each.run,
            ]
            for each in entries
        ],
    )  # fmt: skip


def _record(settings: CliContext, each: "LiveRun", entries: "list[JournalEntry]") -> Any:
    from forecast.datasets.dataset import make_bars
    from forecast.serving.live import open_live_run
    from forecast.serving.loader import open_experiment, source_now
    from forecast.serving.paper_record import paper_record
    from pipelines.store.store import Store

    if not entries:
        return None
    run = open_live_run(settings.runs, each)
    _, experiment = open_experiment(run)
    prices = make_bars(source_now(run, experiment, Store(settings.store)), experiment)
    return paper_record(run, experiment, entries, prices, rules=each.trading)


def _print(rows: "list[tuple[LiveRun, PaperRecord | None, str]]") -> None:
    from forecast.report import formatting

    def cells(found: "PaperRecord | None") -> list[str]:
        if found is None:
            return [formatting.DASH] * 8
        drift = f"since {found.drifted_on[:10]}" if found.drifted_on else f"{found.drift.evidence:.2g} of 20"
        return [
            found.since[:10], str(found.given), str(found.missed), str(found.late),
            formatting.show(found.drift.hit_rate, formatting.percent), formatting.percent(found.expected.hit_rate),
            formatting.show(found.net_return, formatting.percent), drift,
        ]  # fmt: skip

    print_table(
        [
            Column("symbol"), Column("run"), Column("network", drop=3), Column("rules", wrap=True, drop=1),
            Column("paper since"), Column("signals", number=True), Column("missed", number=True, drop=4),
            Column("late", number=True, drop=5), Column("right", number=True), Column("backtest", number=True, drop=6),
            Column("return", number=True), Column("drift"),
        ],
        [
            [each.symbol, each.run, each.model, each.backtest.replace("_", " "), *cells(found)]
            for each, found, _ in rows
        ],
    )  # fmt: skip
