"""Members fitted on every row that is known now, for a signal that has learned from the latest prices too."""

from collections.abc import Callable
from functools import partial

import numpy as np

from forecast.compute import backend, executor
from forecast.compute.executor import FitFailure, WorkerPool
from forecast.compute.shared_data import SharedData
from forecast.compute.task import order_for
from forecast.datasets.dataset import Source, make_bars, prepare_newest
from forecast.runs.run import Run, tuned_hyperparameters
from forecast.serving.loader import last_fold, open_experiment
from pipelines.errors import ConfigError, RunError
from pipelines.market.types import Floats


def refit(run: Run, source: Source, *, workers: WorkerPool, note: Callable[[str], None]) -> dict[str, Floats]:
    """Each network's probabilities at the newest bar, shape (seeds,), from members that know every label before it.

    They are the members of a fold that begins at the newest bar: validation rows, scaler and budget as in the run.

    Raises:
        RunError: an unfinished or damaged run, or members that keep failing.
        TooFewBarsError: too little history.
    """
    described, experiment = open_experiment(run)
    if experiment.panel:
        raise ConfigError(f"Run {run.name} learned from {len(experiment.panel)} symbols at once: leave out --refit.")
    tuned = tuned_hyperparameters(described.get("tuning"))
    number = last_fold(described)
    made = prepare_newest(make_bars(source, experiment), experiment)
    workers.start()
    data = workers.share(SharedData(windows=made.windows, folds=made.folds, scalers=made.scalers))
    versions = tuple(backend.versions(workers.backend).items())
    tasks = [(model, 0, seed) for model in experiment.models for seed in range(experiment.seeds)]
    order = partial(order_for, experiment, dataset=made, backend=workers.backend, versions=versions)
    work = [(data, order(task, settings=tuned.get((task[0], number)))) for task in tasks]
    note(f"Training {len(work)} members on {len(made.folds[0].train):,} rows and stopping them on the latest ones.")
    found = {model: np.empty(experiment.seeds) for model in experiment.models}
    for number, result in executor.fit_all(workers, work, note=note):
        if isinstance(result, FitFailure):
            raise RunError(f"{result.order.name} failed three times: {result.reason}. Lower --jobs if memory is short.")
        model, _, seed = tasks[number]
        found[model][seed] = result.probability[-1]
    return found
