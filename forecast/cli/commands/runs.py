"""`forecast runs`: the runs as things: listed, compared, labelled, removed."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from forecast.cli import completion
from forecast.cli.confirmation import confirm, yes_option
from forecast.cli.context import CliContext, json_option, print_json
from forecast.cli.suggestions import SuggestingGroup
from forecast.cli.tables import Column, print_table
from forecast.cli.text import say

if TYPE_CHECKING:
    from forecast.runs.overview import RunSummary
    from forecast.runs.run import Run

_STATUS = ("finished", "unfinished", "unreadable")
_ORDERS: dict[str, tuple[Callable[["RunSummary"], Any], bool]] = {  # name -> (key, whether the largest is first)
    "newest": (lambda summary: summary.created_at, True),
    "run": (lambda summary: summary.run, False),
    "symbol": (lambda summary: summary.symbol, False),
    "experiment": (lambda summary: summary.experiment, False),
    "sharpe": (lambda summary: summary.number("sharpe"), True),
    "return": (lambda summary: summary.number("annual_return"), True),
    "drawdown": (lambda summary: summary.number("max_drawdown"), True),
    "trades": (lambda summary: summary.number("trades"), True),
}


@click.group("runs", cls=SuggestingGroup, invoke_without_command=True)
@click.option("--symbol", shell_complete=completion.symbols, help="Only runs of this symbol.")
@click.option("--model", shell_complete=completion.models, help="Only runs with this network.")
@click.option("--status", type=click.Choice(_STATUS), help="Only runs in this state.")
@click.option("--tag", help="Only runs with this tag.")
@click.option("--experiment", help="Only runs of this experiment (train --experiment NAME).")
@click.option("--text", help="Only runs with this text in their name, note, tags or settings.")
@click.option(
    "--sort", type=click.Choice(list(_ORDERS)), default="newest", show_default=True, help="Which run is first."
)
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    symbol: str | None,
    model: str | None,
    status: str | None,
    tag: str | None,
    experiment: str | None,
    text: str | None,
    sort: str,
    as_json: bool,
) -> None:
    """List, compare, label and remove runs. Without a command: the list.

    The numbers are those of a run's newest backtest and its LSTM (or its first network). The settings are those that
    are not the same in all runs of the list.

    \b
    Examples:
      forecast runs
      forecast runs --symbol AAPL --sort sharpe
      forecast runs compare AAPL-1d-0a1b2c3d4e AAPL-1d-5f6a7b8c9d
      forecast runs tag latest candidate
      forecast runs prune --keep 5
    """
    if ctx.invoked_subcommand is not None:
        return
    from forecast.runs.overview import differing_settings, summaries
    from forecast.serving.live import live_names

    settings: CliContext = ctx.obj
    listed = [
        summary
        for summary in summaries(settings.runs)
        if (symbol is None or summary.symbol == symbol.strip().upper())
        and (model is None or model in summary.models)
        and (status is None or summary.status == status)
        and (tag is None or tag in summary.tags)
        and (experiment is None or summary.experiment == experiment)
        and (text is None or text.lower() in _searched(summary))
    ]
    listed = _sorted(listed, sort)
    live, differing = live_names(settings.workspace.live), differing_settings(listed)
    if as_json:
        print_json([_as_json(summary, live=live, differing=differing) for summary in listed])
        return
    if not listed:
        narrowed = any((symbol, model, status, tag, experiment, text))
        what = "No run that fits these options" if narrowed else "No run yet"
        settings.note(f"{what} in {settings.runs}. Train one: forecast train SYMBOL.")
    _print(listed, live=live, differing=differing)
    for summary in listed:
        if summary.problem:
            settings.note(summary.problem)


@command.command("compare")
@click.argument("names", nargs=-1, required=True, metavar="RUN RUN...", shell_complete=completion.runs)
@click.option(
    "--backtest",
    "backtests",
    multiple=True,
    metavar="NAME",
    shell_complete=completion.backtests,
    help="The backtest to compare by, one for each run in order, or one for all  [default: the newest]",
)
@json_option
@click.pass_obj
def compare(settings: CliContext, names: tuple[str, ...], backtests: tuple[str, ...], as_json: bool) -> None:
    """Settings that differ, numbers, and what each run earned more than the first on the days they share.

    Naming a run twice with two --backtest compares two rules of one run.

    \b
    Examples:
      forecast runs compare AAPL-1d-0a1b2c3d4e AAPL-1d-5f6a7b8c9d
      forecast runs compare AAPL MSFT IBM --json
    """
    from dataclasses import asdict

    from forecast.api.comparisons import compare as compare_runs
    from forecast.cli.progress import busy
    from forecast.evaluation.run_comparison import differing
    from forecast.report import formatting
    from forecast.report.sections import run_comparison as section

    if len(names) < 2:
        raise click.UsageError(f"Expected two runs or more, got {', '.join(names)}.")
    with busy(settings, f"Comparing {len(names)} runs"):
        result = compare_runs(names, backtests=backtests, workspace=settings.workspace)
    compared, settings_by_name = result.compared, differing(result.compared)
    if as_json:
        print_json(
            {
                "runs": [
                    {"run": entry.run.name, "backtest": entry.backtest, "performance": entry.metrics["performance"]}
                    for entry in compared
                ],
                "settings": settings_by_name,
                "differences": [asdict(pair) for pair in result.pairs],
                "page": str(result.page),
            }
        )
        return
    print_table(
        [Column("setting"), *(Column(entry.run.name, wrap=True) for entry in compared)],
        [[name.replace("_", " "), *map(formatting.value, values)] for name, values in settings_by_name.items()],
    )
    click.echo("")
    drop = {"costs": 1, "exposure": 2, "trades": 3}
    print_table(
        [
            Column(name, number=place > 1, drop=drop.get(name, 0))
            for place, name in enumerate(section.HEADINGS)
        ],
        section.numbers(compared),
    )  # fmt: skip
    click.echo("")
    for sentence in result.sentences:
        say(sentence)
    say(f"Page: {result.page}")


@command.command("note")
@click.argument("name", metavar="RUN", shell_complete=completion.runs)
@click.argument("text", required=False)
@click.option("--clear", is_flag=True, help="Remove the note.")
@click.pass_obj
def note(settings: CliContext, name: str, text: str | None, clear: bool) -> None:
    """Put a note on a run, replacing the one it has; without TEXT, show it.

    \b
    Examples:
      forecast runs note latest "wider window, same seeds"
      forecast runs note AAPL --clear
    """
    from forecast.runs import labels
    from forecast.runs.catalog import open_run

    run = open_run(settings.runs, name)
    if clear and text:
        raise click.UsageError("Expected a text or --clear, got both.")
    described = labels.write_note(run, text or "") if clear or text is not None else labels.read_labels(run)
    say(f"{run.name}: {described.note or 'no note'}")


@command.command("tag")
@click.argument("name", metavar="RUN", shell_complete=completion.runs)
@click.argument("tags", nargs=-1, metavar="TAG...")
@click.option("--remove", is_flag=True, help="Take these tags away.")
@click.pass_obj
def tag(settings: CliContext, name: str, tags: tuple[str, ...], remove: bool) -> None:
    """Put tags on a run, or take them away; without a TAG, show them. A tagged run is never pruned.

    \b
    Examples:
      forecast runs tag latest candidate wide-window
      forecast runs tag AAPL candidate --remove
    """
    from forecast.runs import labels
    from forecast.runs.catalog import open_run

    run = open_run(settings.runs, name)
    if not tags:
        described = labels.read_labels(run)
    else:
        described = labels.remove_tags(run, tags) if remove else labels.add_tags(run, tags)
    say(f"{run.name}: {', '.join(described.tags) or 'no tags'}")


@command.command("remove")
@click.argument("names", nargs=-1, required=True, metavar="RUN...", shell_complete=completion.runs)
@yes_option
@click.pass_obj
def remove(settings: CliContext, names: tuple[str, ...], yes: bool) -> None:
    """Remove runs with their backtests, pages and locks. `latest` moves on; the trial log keeps that they were tried.

    \b
    Examples:
      forecast runs remove AAPL-1d-0a1b2c3d4e
      forecast runs remove latest --yes
    """
    from forecast.runs.catalog import open_run
    from forecast.runs.removal import refuse_live
    from forecast.serving.live import live_names

    runs = [_exactly(settings.runs, name) if name != "latest" else open_run(settings.runs) for name in names]
    live = live_names(settings.workspace.live)
    for run in runs:
        refuse_live(run, live)
    _remove(settings, list({run.name: run for run in runs}.values()), yes=yes)


@command.command("prune")
@click.option("--keep", type=click.IntRange(0), required=True, help="How many of the newest runs of a symbol stay.")
@click.option("--symbol", shell_complete=completion.symbols, help="Only runs of this symbol.")
@yes_option
@click.pass_obj
def prune(settings: CliContext, keep: int, symbol: str | None, yes: bool) -> None:
    """Remove all but the newest finished runs of each symbol. Live, tagged and noted runs stay.

    \b
    Example:
      forecast runs prune --keep 5
    """
    from forecast.report import formatting
    from forecast.runs.overview import summaries
    from forecast.runs.removal import superfluous
    from forecast.runs.run import Run
    from forecast.serving.live import live_names

    listed = [
        summary for summary in summaries(settings.runs) if symbol is None or summary.symbol == symbol.strip().upper()
    ]
    names = superfluous(listed, keep=keep, live=live_names(settings.workspace.live))
    if not names:
        most = formatting.plural(keep, "run")
        say(f"Nothing to remove: no symbol has more than {most} that are not live, tagged or noted.")
        return
    _remove(settings, [Run(settings.runs / name) for name in names], yes=yes)


def _remove(settings: CliContext, runs: "Sequence[Run]", *, yes: bool) -> None:
    from forecast.report import write_index
    from forecast.runs.catalog import list_runs
    from forecast.runs.removal import remove_run
    from forecast.studies.power_results import listed

    names = ", ".join(run.name for run in runs)
    confirm(f"Remove {len(runs)} {'run' if len(runs) == 1 else 'runs'} for good: {names}?", yes=yes)
    for run in runs:
        remove_run(run, pages=settings.workspace.pages(run.name))
        say(f"Removed {run.name}.")
    write_index(list_runs(settings.runs), folder=settings.reports_dir, calibrations=listed(settings.calibrations))


def _exactly(runs: Path, name: str) -> "Run":
    """The run of that very name: a symbol stands for its newest run elsewhere, but not where something is removed."""
    from forecast.runs.catalog import named_run, open_run
    from pipelines.errors import RunError

    if (run := named_run(runs, name)) is not None:
        return run
    newest = open_run(runs, name)
    raise RunError(f"Expected the name of a run to remove, got {name!r}. Its newest run is {newest.name}.")


def _searched(summary: "RunSummary") -> str:
    settings = " ".join(f"{name}={value}" for name, value in summary.settings.items())
    return " ".join(
        [summary.run, summary.note, *summary.tags, summary.experiment, settings, *summary.backtests]
    ).lower()


def _sorted(listed: "list[RunSummary]", order: str) -> "list[RunSummary]":
    """Runs without the number that is asked for come last."""
    key, largest_first = _ORDERS[order]
    with_key = [summary for summary in listed if key(summary) not in (None, "")]
    without_key = [summary for summary in listed if key(summary) in (None, "")]
    return [*sorted(with_key, key=key, reverse=largest_first), *without_key]


def _print(listed: "Sequence[RunSummary]", *, live: Collection[str], differing: Sequence[str]) -> None:
    from forecast.report import formatting

    print_table(
        [
            Column("run"),
            Column("begun", drop=3),
            Column("state", drop=5),
            Column("skill"),
            Column("money"),
            Column("Sharpe", number=True),
            Column("per year", number=True),
            Column("drawdown", number=True, drop=6),
            Column("trades", number=True, drop=2),
            Column("settings", wrap=True, drop=4),
            Column("labels", wrap=True, drop=1),
        ],
        [
            [
                summary.run,
                formatting.day(summary.created_at),
                "live"
                if summary.run in live
                else summary.status
                if summary.backtests
                else f"{summary.status}, no backtest",
                summary.skill or formatting.DASH,
                summary.money or formatting.DASH,
                formatting.show(summary.number("sharpe"), formatting.number),
                formatting.show(summary.number("annual_return"), formatting.percent),
                formatting.show(summary.number("max_drawdown"), formatting.percent),
                formatting.show(summary.number("trades"), formatting.count),
                ", ".join(
                    f"{name.replace('_', ' ')} {_short(summary.settings[name])}"
                    for name in differing
                    if name in summary.settings
                ),
                "; ".join(
                    part
                    for part in (summary.experiment, *(f"#{tag}" for tag in summary.tags), summary.note[:200])
                    if part
                ),
            ]
            for summary in listed
        ],
    )


def _short(value: Any) -> str:
    """A setting in a few words; of a long list how many there are."""
    from forecast.report import formatting

    return f"{len(value)} names" if isinstance(value, list) and len(value) > 4 else formatting.value(value)


def _as_json(summary: "RunSummary", *, live: Collection[str], differing: Sequence[str]) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        **asdict(summary),
        "live": summary.run in live,
        "model": summary.model,
        "differing": {name: summary.settings.get(name) for name in differing},
    }
