"""Experiments + store -> finished runs: every member that is missing is fitted and saved as soon as it is there."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from forecast.compute import backend
from forecast.compute.executor import FitJob, WorkerPool, fit_members
from forecast.compute.progress import Progress
from forecast.compute.shared_data import SharedData
from forecast.compute.task import FitTask, MemberResult, Task, order_for
from forecast.config.experiment import Experiment, Hyperparameters
from forecast.datasets import lookahead_audit
from forecast.datasets.dataset import (
    Dataset,
    Source,
    bars_alone,
    fingerprint,
    load,
    make_bars,
    prepare,
    price_scale,
    with_features,
)
from forecast.runs import catalog, integrity, tables, trial_log
from forecast.runs import run as runs
from forecast.runs.run import Run
from forecast.training.session import (
    TrainingSession,
    announce_code,
    baseline_jobs,
    check_code,
    covariate_notes,
    finish_if_complete,
    own_code,
    refuse_lookahead,
    resume,
    run_name,
    save,
    tune_members,
)
from pipelines import user_code
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
    finished, it is returned as it is; interrupted, it resumes after the last finished member. fresh: train it anew.
    The members of all runs share the workers, so that none of them waits for the end of a run.

    Raises:
        ForecastError: no such prices, too little history, an impossible experiment, members that keep failing.
    """
    versions = backend.versions(workers.backend)
    ongoing: list[tuple[TrainingSession, Source, Dataset]] = []
    trained_runs: list[Run] = []
    for experiment in experiments[1:]:
        load(store, experiment)  # a symbol that is missing is said before anything is begun
    with ExitStack() as locks:
        for experiment in experiments:
            source = load(store, experiment)
            prices = make_bars(source, experiment)
            experiment = with_features(experiment, prices)
            data = fingerprint(prices)
            more = own_code(experiment)
            user_modules = [*more.get("user_features", {}), experiment.label]
            run = Run(folder / run_name(experiment, data=data, versions=versions, backend=workers.backend, **more))
            if run in trained_runs:
                continue
            trained_runs.append(run)
            locks.enter_context(run.locked())
            if fresh:
                runs.discard(run)
            if run.finished:
                integrity.check(run)
                continue
            workers.start()  # they load the network library while the data are prepared
            others = {symbol: bars_alone(covariate, experiment) for symbol, covariate in source.covariates.items()}
            for note in covariate_notes(prices, others):
                progress.note(note)
            announce_code(experiment, progress=progress)
            user_code.forget(user_modules)  # a file edited in a notebook's lifetime runs as its sha256 says
            dataset = prepare(prices, experiment)
            counts = check_code(experiment, dataset=dataset, versions=versions, workers=workers)
            certificate = lookahead_audit.certify(source, experiment, dataset)
            refuse_lookahead(certificate, user_modules, progress=progress)
            description = tables.describe_run(
                experiment,
                dataset,
                name=run.name,
                command=command,
                fingerprint=data,
                price_scale=price_scale(source, prices),
                versions=versions,
                backend=workers.backend,
                covariates=others,
                **{"user_features": {}, **more},
            )
            description["parameters"] |= counts
            trial_log.record_training(folder, experiment, run=run.name, **more)
            runs.create_run(folder, run.name, description=description, bars=tables.bars(prices))
            retrained_models = () if experiment.combinatorial else experiment.models
            ongoing.append(
                (resume(run, experiment, dataset, certificate, retrained_models=retrained_models), source, dataset)
            )
        if ongoing:
            _fit_members(ongoing, tuple(versions.items()), workers=workers, progress=progress)
    for run in trained_runs:
        catalog.set_latest(folder, run)
    return trained_runs


def _fit_members(
    ongoing: list[tuple[TrainingSession, Source, Dataset]],
    versions: tuple[tuple[str, str], ...],
    *,
    workers: WorkerPool,
    progress: Progress,
) -> None:
    jobs: list[FitJob] = []
    for session, source, dataset in ongoing:
        jobs += _session_jobs(session, source, dataset, versions, workers=workers, progress=progress)
    sessions = [session for session, *_ in ongoing]
    progress.begin(
        total=sum(len(session.members) for session in sessions), done=sum(len(session.results) for session in sessions)
    )
    fit_members(jobs, workers=workers, progress=progress)
    for session in sessions:
        finish_if_complete(session)


def _session_jobs(
    session: TrainingSession,
    source: Source,
    dataset: Dataset,
    versions: tuple[tuple[str, str], ...],
    *,
    workers: WorkerPool,
    progress: Progress,
) -> list[FitJob]:
    """The members of one run that are missing, once their settings are chosen, and those that are trained twice."""
    experiment = session.experiment
    room = len(dataset.bars)

    def order(task: Task, settings: Hyperparameters | None, *, of: Dataset = dataset) -> FitTask:
        return order_for(
            experiment, task, dataset=of, room=room, settings=settings, backend=workers.backend, versions=versions
        )

    data = workers.share(SharedData.of(dataset))
    tune_members(
        [session], order=lambda task, settings: (data, order(task, settings)), workers=workers, progress=progress
    )

    def network(task: Task) -> FitJob:
        fit_task = order(task, session.settings.get(task[:2]))

        def keep(result: MemberResult) -> None:
            save(session, task, result)
            finish_if_complete(session)

        return FitJob(data=data, task=fit_task, done=keep, label=fit_task.name)

    def retraining(model: str, past: Dataset, shared: Any) -> FitJob:
        def keep(result: MemberResult) -> None:
            session.retrained_predictions[model] = result.probability
            finish_if_complete(session)

        task = order((model, 0, 0), session.settings.get((model, 0)), of=past)
        return FitJob(data=shared, task=task, done=keep)

    jobs = [network(task) for task in session.missing(session.networks)]
    jobs += baseline_jobs(
        session,
        data=lambda _: data,
        backend=workers.backend,
        versions=versions,
        done=lambda: finish_if_complete(session),
    )
    if session.retrained_models:
        past = lookahead_audit.truncated_in_first_test(source, experiment, dataset)
        shared = workers.share(SharedData.of(past))
        jobs += [retraining(model, past, shared) for model in session.retrained_models]
    return jobs


__all__ = ["Progress", "train", "train_all"]
