"""Members fitted on every row that is known now, for a signal that has learned from the latest prices too."""

from collections.abc import Callable
from functools import partial

import numpy as np

from forecast.compute import backend
from forecast.compute.executor import FitJob, WorkerPool, fit_members
from forecast.compute.progress import NotesOnly, Progress
from forecast.compute.shared_data import SharedData
from forecast.compute.task import MemberResult, Task, order_for
from forecast.datasets.dataset import Source, make_bars, prepare_newest
from forecast.networks.results import FitResult
from forecast.runs.run import Run, tuned_hyperparameters
from forecast.serving.loader import last_fold, open_experiment
from pipelines import user_code
from pipelines.errors import ConfigError
from pipelines.market.types import Floats


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
    if experiment.panel:
        raise ConfigError(f"Run {run.name} learned from {len(experiment.panel)} symbols at once: leave out --refit.")
    user_code.check_sources([experiment.label], described.get("user_code", {}))
    user_code.forget([experiment.label])  # what was checked is what runs
    tuned = tuned_hyperparameters(described.get("tuning"))
    number = last_fold(described)
    dataset = prepare_newest(make_bars(source, experiment), experiment)
    workers.start()
    data = workers.share(SharedData.of(dataset))
    versions = tuple(backend.versions(workers.backend).items())
    order = partial(order_for, experiment, dataset=dataset, backend=workers.backend, versions=versions)
    newest = {model: np.empty(experiment.seeds) for model in experiment.models}

    def job(task: Task) -> FitJob:
        model, _, seed = task

        def keep(result: MemberResult) -> None:
            newest[model][seed] = result.probability[-1]
            if isinstance(result, FitResult) and result.diverged is not None:
                note(f"{model} seed {seed} diverged in epoch {result.diverged}: it forecasts 0.5.")

        fit_task = order(task, settings=tuned.get((model, number)))
        return FitJob(data=data, task=fit_task, done=keep, label=fit_task.name)

    jobs = [job((model, 0, seed)) for model in experiment.models for seed in range(experiment.seeds)]
    note(f"Training {len(jobs)} members on {len(dataset.folds[0].train):,} rows and stopping them on the latest ones.")
    shown = progress or NotesOnly(write=note)
    shown.begin(total=len(jobs), done=0)
    fit_members(jobs, workers=workers, progress=shown)
    return newest
