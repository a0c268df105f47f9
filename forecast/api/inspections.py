"""Runs -> what their networks remember, and what longer windows are worth."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forecast.api.arguments import RunName, check_switch, jobs_of, run_of, workspace_of
from forecast.api.progress import ShowProgress, progress_display
from forecast.api.reports import write_page_of
from forecast.config.run_outputs import InspectionConfig, MemoryBenchmarkConfig
from forecast.runs.run import Run
from forecast.workspace import Workspace
from pipelines.errors import ConfigError, in_one_line

if TYPE_CHECKING:
    import pandas as pd

    from forecast.studies.memory_benchmark import Benchmark
    from forecast.studies.window_ablation import Ablation


@dataclass(frozen=True, kw_only=True, eq=False)
class InspectionResult:
    """What the networks of a run remember.

    Attributes
    ----------
    run
        The run.
    sentences
        How far back its gradients reach, in words.
    tables
        The tables of docs/memory.md by their names: "curves", "memory", "occlusion", and of LSTMs and GRUs
        "averages", "units", "regimes", "trades" and "window".
    facts
        What was looked at: rows, windows, the time of the window that is shown.
    page
        The HTML page.

    Examples
    --------
    >>> import forecast as fc
    >>> seen = fc.inspect("AAPL", progress=False)
    >>> sorted(seen.tables["occlusion"]["model"].unique()), seen.page.suffix
    (['lstm'], '.html')
    """

    run: Run
    sentences: tuple[str, ...]
    tables: "Mapping[str, pd.DataFrame]"
    facts: Mapping[str, Any]
    page: Path

    def __repr__(self) -> str:
        return "\n".join((*self.sentences, f"Page: {self.page}"))

    def _repr_html_(self) -> str:
        sentences = "".join(f"<p>{escape(sentence)}</p>" for sentence in self.sentences)
        return f"<div>{sentences}<p>Page: {escape(str(self.page))}</p></div>"


def inspect(
    run: RunName = "latest",
    *,
    moment: datetime | date | str | None = None,
    progress: ShowProgress = True,
    workspace: Workspace | None = None,
) -> InspectionResult:
    """Look into a run's networks: gradients through time, gates, and what the signal depends on.

    Parameters
    ----------
    run
        What `train` returned, a run's name, a symbol (its newest finished run), or "latest".
    moment
        The gates are shown in the last window decided by then (UTC; a day means its end); None: in the newest one.
    progress
        True: notes on stderr. False: nothing. Or an object of your own, see `Progress`.
    workspace
        Where runs and reports lie; None: `Workspace.default`.

    Returns
    -------
    InspectionResult
        Sentences, tables, and the page that was written.

    Raises
    ------
    ForecastError
        No such run, a combinatorial one, or one all of whose networks diverged.

    Examples
    --------
    >>> import forecast as fc
    >>> memory = fc.inspect("AAPL", moment="2002-06-28", progress=False).tables["memory"]
    >>> set(memory["model"])
    {'lstm'}
    """
    with progress_display(progress) as display:
        return look_into(
            run_of(run, workspace_of(workspace)),
            moment=moment,
            note=display.note,
            step=lambda name, number, total: display.note(f"Looking into {name}: {number + 1} of {total}."),
            workspace=workspace_of(workspace),
        )


def look_into(
    run: Run,
    *,
    moment: datetime | date | str | None,
    note: Callable[[str], None],
    step: Callable[[str, int, int], None],
    workspace: Workspace,
    standalone: bool = False,
) -> InspectionResult:
    """What `inspect` does. step: is told of each network and fold, its number from 0, and how many there are."""
    import dataclasses

    import numpy as np

    from forecast.diagnostics import analysis, effective_memory, loader
    from forecast.report.pages import diagnostics
    from forecast.report.sections import effective_memory as memory_section
    from forecast.studies import memory_benchmark, window_ablation

    shown_at = InspectionConfig(moment=_utc(moment)).moment
    at = None if shown_at is None else np.datetime64(shown_at, "ns")
    subject = loader.open_subject(run)
    if not subject.integrity.verified:
        note(f"Not verified: {subject.integrity.reason}.")
    if subject.unseen:
        note(f"Not looked into, because members diverged: {', '.join(subject.unseen)}.")
    inspection = analysis.inspect(subject, at=at, step=step)
    memories = effective_memory.memories(inspection.memory, rng=np.random.default_rng(0))
    window = subject.experiment.window
    sentence = memory_section.sentence(memories, window=window)
    inspection.facts.update(sentence=sentence, memory=[dataclasses.asdict(memory) for memory in memories])
    analysis.save(inspection, subject, pictures=diagnostics.pictures(inspection, memories))
    if workspace.page(run.name).exists() and (backtests := run.backtests()):  # it has new pictures
        write_page_of(run, backtests[-1], workspace)
    page = diagnostics.write_memory(
        inspection,
        memories,
        memory_benchmark.cached(workspace.benchmark),
        ablated=window_ablation.cached(run),
        lengths=window_ablation.lengths_to_compare(subject),
        folder=workspace.reports_dir,
        standalone=standalone,
    )
    sentences = (sentence, memory_section.details(memories, window=window))
    return InspectionResult(
        run=run,
        sentences=tuple(filter(None, sentences)),
        tables=inspection.tables(),
        facts=inspection.facts,
        page=page,
    )


def window_ablation(
    run: RunName = "latest",
    windows: Sequence[int] = (),
    *,
    jobs: int | None = None,
    progress: ShowProgress = True,
    workspace: Workspace | None = None,
) -> "pd.DataFrame":
    """Train a run's networks at other windows too, on the same rows, and trade them on the same days.

    Parameters
    ----------
    run
        What `train` returned, a run's name, a symbol (its newest finished run), or "latest".
    windows
        Bars that the other networks look back.
    jobs
        Worker processes; None: as many as cores.
    progress
        True: a bar on stderr. False: nothing. Or an object of your own, see `Progress`.
    workspace
        Where runs lie; None: `Workspace.default`.

    Returns
    -------
    pandas.DataFrame
        One row a network and window: its log loss, and its net return less that at the run's own window, with an
        interval corrected for all of them and the answer.

    Raises
    ------
    ForecastError
        No such run, or windows for which it has too few rows.

    Examples
    --------
    >>> import forecast as fc
    >>> fc.window_ablation("AAPL", [2], jobs=1, progress=False)[["model", "window"]].to_dict("records")
    [{'model': 'lstm', 'window': 2}, {'model': 'lstm', 'window': 5}]
    """
    return ablate(run_of(run, workspace_of(workspace)), windows, jobs=jobs_of(jobs), progress=progress).table.copy()


def ablate(run: Run, windows: Sequence[int], *, jobs: int, progress: ShowProgress) -> "Ablation":
    """The comparison of a run's windows, with what sentences about it are made of; see `window_ablation`."""
    from forecast.api.training import make_workers
    from forecast.diagnostics import loader
    from forecast.serving.signal import rules_of
    from forecast.studies import window_ablation as study

    subject = loader.open_subject(run)
    backend = subject.about.get("backend", "tensorflow")
    lengths = _lengths(windows, name="windows")
    with progress_display(progress) as display, make_workers(jobs=jobs, backend=backend, cluster=None) as workers:
        return study.run(subject, lengths, rules=rules_of(subject.run), workers=workers, progress=display)


def memory_benchmark(
    lengths: Sequence[int] = (10, 20, 50, 100, 150, 200),
    *,
    seeds: int = 5,
    jobs: int | None = None,
    overwrite: bool = False,
    progress: ShowProgress = True,
    workspace: Workspace | None = None,
) -> "pd.DataFrame":
    """Train both cells on the adding problem and on delayed recall: how far can each remember? Minutes, and kept.

    Parameters
    ----------
    lengths
        Of the sequences.
    seeds
        Networks per cell and length.
    jobs
        Worker processes; None: as many as cores.
    overwrite
        Whether to train again what was trained before.
    progress
        True: notes on stderr. False: nothing. Or an object of your own, see `Progress`.
    workspace
        Where results and pages are kept; None: `Workspace.default`.

    Returns
    -------
    pandas.DataFrame
        One row a task, cell, length and seed: the mean squared error on new sequences, that of guessing, and the steps.

    Raises
    ------
    ForecastError
        Lengths or seeds that make no benchmark.

    Examples
    --------
    >>> import forecast as fc
    >>> fc.memory_benchmark([1])
    Traceback (most recent call last):
    pipelines.errors.ConfigError: Expected lengths as a whole number from 2 to 1000, got 1.
    """
    return run_benchmark(
        MemoryBenchmarkConfig(lengths=lengths, seeds=seeds),
        jobs=jobs_of(jobs),
        overwrite=check_switch(overwrite, name="overwrite"),
        progress=progress,
        workspace=workspace_of(workspace),
    ).table.copy()


def run_benchmark(
    config: MemoryBenchmarkConfig, *, jobs: int, overwrite: bool, progress: ShowProgress, workspace: Workspace
) -> "Benchmark":
    """The textbook case, with what sentences about it are made of; see `memory_benchmark`."""
    from forecast.studies import memory_benchmark as study
    from forecast.studies.memory_tasks import StepBudget

    with progress_display(progress) as display:
        return study.run(
            workspace.benchmark, config=config, jobs=jobs, budget=StepBudget(), fresh=overwrite,
            tell=display.note,
        )  # fmt: skip


def _utc(moment: Any) -> Any:
    """A time with a zone in UTC, without it; anything else as it is."""
    zoned = isinstance(moment, datetime) and moment.tzinfo is not None
    return moment.astimezone(UTC).replace(tzinfo=None) if zoned else moment


def _lengths(windows: Sequence[int], *, name: str) -> list[int]:
    listed = list(windows) if isinstance(windows, list | tuple | range) else []
    if not listed or not all(isinstance(length, int) and not isinstance(length, bool) for length in listed):
        raise ConfigError(f"Expected {name} as whole numbers like [10, 50, 100], got {in_one_line(windows)}.")
    return listed
