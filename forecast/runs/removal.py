"""Removing runs, whole: folder, locks, pages. `latest` moves on; the trial log keeps that they were tried."""

from collections.abc import Collection, Sequence
from pathlib import Path

from forecast.runs import catalog
from forecast.runs.labels import lock_of
from forecast.runs.overview import RunSummary
from forecast.runs.run import Run, discard
from pipelines.errors import RunError


def remove_run(run: Run, *, pages: Sequence[Path]) -> None:
    """Removes a run that nobody trains, and those of its pages that are there.

    Raises:
        RunError: another process trains it.
    """
    runs = run.folder.parent
    with run.locked():
        was_latest = catalog.names_latest(runs, run)
        discard(run, labels=False)
        if was_latest:
            move_latest_on(runs)
    for path in (runs / f".{run.name}.lock", lock_of(run), *pages):
        path.unlink(missing_ok=True)


def move_latest_on(runs: Path) -> None:
    """`latest` names the newest finished run that is left, nothing where there is none."""
    newest = next((run for run in catalog.list_runs(runs) if run.finished), None)
    if newest is None:
        (runs / catalog.LATEST).unlink(missing_ok=True)
    else:
        catalog.set_latest(runs, newest)


def superfluous(listed: Sequence[RunSummary], *, keep: int, live: Collection[str]) -> list[str]:
    """The finished runs beyond the `keep` newest of their symbol: never a live one, nor one with a note or a tag.

    listed: newest first.
    """
    count: dict[str, int] = {}
    names = []
    for summary in listed:
        if summary.status != "finished":
            continue
        count[summary.symbol] = count.get(summary.symbol, 0) + 1
        if count[summary.symbol] > keep and not (summary.run in live or summary.note or summary.tags):
            names.append(summary.run)
    return names


def refuse_live(run: Run, live: Collection[str]) -> None:
    """Whether a run may go.

    Raises:
        RunError: tomorrow's signals come from it.
    """
    if run.name in live:
        raise RunError(f"Expected a run that is not live, got {run.name}. First: forecast live remove {run.name}.")
