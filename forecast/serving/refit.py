"""Members fitted on every row that is known now, for a signal that has learned from the latest prices too."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from forecast.compute import backend
from forecast.compute.executor import FitJob, WorkerPool, fit_members
from forecast.compute.progress import NotesOnly, Progress
from forecast.compute.shared_data import SharedData
from forecast.compute.task import MemberResult, Task, order_for
from forecast.config.experiment import Experiment
from forecast.datasets.dataset import MemberRows, Source, make_bars, make_windows, prepare_newest, with_room
from forecast.datasets.panel import pool, write_panel
from forecast.networks.results import FitResult
from forecast.runs.checkpoints import tuned_hyperparameters
from forecast.runs.integrity import open_trained
from forecast.runs.run import Run
from forecast.serving.loader import last_fold, open_experiment
from forecast.serving.panel_signal import newest_closes
from forecast.training.panel import shared_fold
from pipelines import user_code
from pipelines.errors import ConfigError, TooFewBarsError
from pipelines.files import temporary_folder
from pipelines.market.types import Bars, Floats
from pipelines.preprocessing.windows import Windows


def refit(
    run: Run,
    source: Source,
    *,
    workers: WorkerPool,
    note: Callable[[str], None],
    progress: Progress | None = None,
) -> dict[str, Floats]:
    """Each network's probabilities at the newest bar, shape (seeds,), from members that know every label before it.

    They are the members of a fold that begins at the newest bar: validation rows, scaler and budget as in the run.

    Raises:
        RunError: an unfinished or damaged run, or members that keep failing.
        TooFewBarsError: too little history.
    """
    described, experiment = open_experiment(run)
    user_code.check_sources([experiment.label], described.get("user_code", {}))
    user_code.end_process()  # what was checked is what runs
    dataset = prepare_newest(make_bars(source, experiment), experiment)
    workers.start()
    data = workers.share(SharedData.of(dataset))
    fitted = _fit(experiment, dataset, data, described, workers=workers, note=note, progress=progress)
    return {model: probability[:, -1] for model, probability in fitted.items()}


def refit_panel(
    run: Run,
    prices: Mapping[str, Bars],
    *,
    workers: WorkerPool,
    note: Callable[[str], None],
    progress: Progress | None = None,
) -> dict[str, dict[str, Floats]]:
    """The same of a panel: of each network and symbol that decides at the newest close, shape (seeds,).

    prices: the bars of its symbols with what is joined, up to now.

    Raises:
        RunError: an unfinished or damaged run, or members that keep failing.
        TooFewBarsError: too little history.
    """
    opened = open_trained(run)
    described, experiment = opened.described, opened.ongoing
    if experiment.local_models:
        raise ConfigError(f"Expected a run with one set of networks for --refit, got {run.name} with one per symbol.")
    newest = newest_closes(prices)

    def parts() -> Iterator[tuple[str, Windows]]:
        for symbol, bars in prices.items():
            ongoing = bars.closed_at[-1] == newest[symbol]  # one that has ended has no label that is still to come
            with suppress(TooFewBarsError):
                room = with_room(bars, bars=1 + experiment.horizon) if ongoing else bars
                yield symbol, make_windows(room, experiment.of_symbol(symbol))

    workers.start()
    with temporary_folder("panel") as scratch:
        panel = write_panel(Path(scratch), parts())
        last = np.array([newest[symbol] for symbol in panel.symbols])[panel.of]
        dataset = pool(panel, experiment, newest=np.flatnonzero(panel.windows.decided_at == last))
        data = workers.share(shared_fold(dataset, 0, Path(scratch)))
        fitted = _fit(experiment, dataset, data, described, workers=workers, note=note, progress=progress)
    symbols = dataset.symbols_of(dataset.folds[0].test).tolist()
    return {model: dict(zip(symbols, probability.T, strict=True)) for model, probability in fitted.items()}


def _fit(
    experiment: Experiment,
    dataset: MemberRows,
    data: Any,
    described: Mapping[str, Any],
    *,
    workers: WorkerPool,
    note: Callable[[str], None],
    progress: Progress | None,
) -> dict[str, Floats]:
    """Each network's probabilities at the tested rows of the one fold, shape (seeds, rows), fitted as in the last."""
    tuned = tuned_hyperparameters(described.get("tuning"))
    number = last_fold(described)
    versions = tuple(backend.versions(workers.backend).items())
    order = partial(order_for, experiment, dataset=dataset, backend=workers.backend, versions=versions)
    tested = len(dataset.folds[0].test)
    newest = {model: np.empty((experiment.seeds, tested)) for model in experiment.models}

    def job(task: Task) -> FitJob:
        model, _, seed = task

        def keep(result: MemberResult) -> None:
            newest[model][seed] = result.probability
            if isinstance(result, FitResult) and result.diverged is not None:
                note(f"{model} seed {seed} diverged in epoch {result.diverged}: it forecasts 0.5.")

        fit_task = order(task, settings=tuned.get((model, number)))
        return FitJob(data=data, task=fit_task, done=keep, label=fit_task.name)

    jobs = [job((model, 0, seed)) for model in experiment.models for seed in range(experiment.seeds)]
    note(f"Training {len(jobs)} members on {len(dataset.folds[0].train):,} rows and stopping them on the latest ones.")
    reporter = progress or NotesOnly(write=note)
    reporter.begin(total=len(jobs), done=0)
    fit_members(jobs, workers=workers, progress=reporter)
    return newest
