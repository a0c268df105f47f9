"""Experiments + store -> finished runs: every member that is missing is fitted and saved as soon as it is there."""

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from forecast.compute import backend
from forecast.compute.executor import WorkerPool
from forecast.compute.shared_data import SharedData
from forecast.compute.task import FitTask, Task, order_for
from forecast.config.experiment import Experiment, Hyperparameters
from forecast.datasets import lookahead_audit
from forecast.datasets.dataset import Dataset, Source, fingerprint, load, make_bars, prepare, price_scale, with_features
from forecast.networks.results import FitResult
from forecast.runs import catalog, tables, trial_log
from forecast.runs import run as runs
from forecast.runs.run import Run
from forecast.training.session import (
    Progress,
    TrainingSession,
    finish_if_whole,
    fit_each,
    refuse_lookahead,
    resume,
    run_name,
    save,
    tune_members,
)
from pipelines.preprocessing import custom_features
from pipelines.store.store import Store


def train(experiment: Experiment, **options: Any) -> Run:
    """One experiment alone; the options are those of `train_all`."""
    return train_all([experiment], **options)[0]


def train_all(
    experiments: Sequence[Experiment],
    *,
    store: Store,
    folder: Path,
    command: str,
    fresh: bool,
    progress: Progress,
    workers: WorkerPool,
) -> list[Run]:
    """Trains every member that is not finished yet and returns the finished runs; the last becomes the latest.

    A run's name follows from its experiment, bars, versions and backend, so the same command finds the same run:
    finished, it is returned as it is; interrupted, it goes on from the last finished member. fresh: train it anew.
    The members of all runs share the workers, so that none of them waits for the end of a run.

    Raises:
        ForecastError: no such prices, too little history, an impossible experiment, members that keep failing.
    """
    versions = backend.versions(workers.backend)
    ongoing: list[tuple[TrainingSession, Source]] = []
    found: list[Run] = []
    for experiment in experiments[1:]:
        load(store, experiment)  # a symbol that is missing is said before anything is begun
    with ExitStack() as locks:
        for experiment in experiments:
            source = load(store, experiment)
            prices = make_bars(source, experiment)
            experiment = with_features(experiment, prices)
            data = fingerprint(prices)
            own = custom_features.sources(experiment.features)
            more = {"user_features": own} if own else {}
            run = Run(folder / run_name(experiment, data=data, versions=versions, backend=workers.backend, **more))
            if run in found:
                continue
            found.append(run)
            locks.enter_context(run.locked())
            if fresh:
                runs.discard(run)
            if run.finished:
                continue
            workers.start()  # they load the network library while the data are prepared and the baselines fitted
            dataset = prepare(prices, experiment)
            shown = lookahead_audit.certify(source, experiment, dataset)
            refuse_lookahead(shown, own)
            description = tables.describe_run(
                experiment,
                dataset,
                name=run.name,
                command=command,
                fingerprint=data,
                price_scale=price_scale(source, prices),
                versions=versions,
                backend=workers.backend,
                user_features=own,
            )
            trial_log.record(folder, experiment, run=run.name, **more)
            runs.create_run(folder, run.name, description=description, bars=tables.bars(prices))
            twice = () if experiment.combinatorial else experiment.models
            ongoing.append((resume(run, experiment, dataset, shown, twice=twice), source))
        if ongoing:
            _fit_members(ongoing, tuple(versions.items()), workers=workers, progress=progress)
    for run in found:
        catalog.set_latest(folder, run)
    return found


def _fit_members(
    ongoing: list[tuple[TrainingSession, Source]],
    versions: tuple[tuple[str, str], ...],
    *,
    workers: WorkerPool,
    progress: Progress,
) -> None:
    order = partial(order_for, backend=workers.backend, versions=versions)
    owners: list[TrainingSession] = []
    work: list[tuple[Any, FitTask]] = []
    for each, _ in ongoing:
        data, whole = _share(workers, each.dataset), partial(order, dataset=each.dataset, room=len(each.dataset.bars))

        def tried(
            task: Task, settings: Hyperparameters, *, data: Any = data, whole: Any = whole, of: Any = each
        ) -> Any:
            return data, whole(of.experiment, task, settings=settings)

        tune_members([each], order=tried, workers=workers, progress=progress)
        for task in each.members:
            if task not in each.found:
                owners.append(each)
                work.append((data, whole(each.experiment, task, settings=each.settings.get(task[:2]))))
    members = len(work)
    for each, source in ongoing:
        if each.twice:
            past = lookahead_audit.truncated_in_first_test(source, each.experiment, each.dataset)
            data, again = _share(workers, past), partial(order, dataset=past, room=len(each.dataset.bars))
        for model in each.twice:
            owners.append(each)
            work.append((data, again(each.experiment, (model, 0, 0), settings=each.settings.get((model, 0)))))
    total, finished = (sum(len(getattr(each, name)) for each, _ in ongoing) for name in ("members", "found"))
    progress.begin(total=total, done=finished)

    def done(number: int, fitted: FitResult) -> None:
        owner, wanted = owners[number], work[number][1]
        if number < members:
            save(owner, wanted.task, fitted)
            progress.advance(wanted.name, epochs=len(fitted.loss))
        else:
            owner.again[wanted.architecture.model] = fitted.probability
        finish_if_whole(owner)

    fit_each(work, workers=workers, progress=progress, done=done)
    for each, _ in ongoing:
        finish_if_whole(each)


def _share(workers: WorkerPool, dataset: Dataset) -> Any:
    return workers.share(SharedData(windows=dataset.windows, folds=dataset.folds, scalers=dataset.scalers))


__all__ = ["Progress", "train", "train_all"]
