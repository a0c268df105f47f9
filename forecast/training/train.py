"""Experiments + store -> finished runs: every member that is missing is fitted and saved as soon as it is there."""

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from forecast.compute import backend
from forecast.compute.executor import FitJob, WorkerPool, fit_members
from forecast.compute.progress import Progress
from forecast.compute.shared_data import SharedData
from forecast.compute.task import FitTask, Task, order_for
from forecast.config.experiment import Experiment
from forecast.config.hyperparameters import Hyperparameters
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
from forecast.runs import catalog, tables
from forecast.runs.run import Run
from forecast.training.member_jobs import baseline_jobs, network_jobs, retraining_jobs, tune_members
from forecast.training.preparation import announce_code, begin, covariate_notes, is_finished, own_code, run_name
from forecast.training.session import TrainingSession, finish_if_complete, resume
from pipelines import user_code
from pipelines.store.store import Store


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
            code = own_code(experiment)
            run = Run(folder / run_name(experiment, data=data, versions=versions, backend=workers.backend, **code))
            if run in trained_runs:
                continue
            trained_runs.append(run)
            locks.enter_context(run.locked())
            if is_finished(run, fresh=fresh):
                continue
            workers.start()  # they load the network library while the data are prepared
            others = {symbol: bars_alone(covariate, experiment) for symbol, covariate in source.covariates.items()}
            for note in covariate_notes([prices], others, title=prices.symbol):
                progress.note(note)
            announce_code(experiment, progress=progress)
            user_code.end_process()  # a file edited in a notebook's lifetime runs as its sha256 says
            dataset = prepare(prices, experiment)
            certificate = begin(
                run,
                experiment,
                dataset,
                certify=partial(lookahead_audit.certify, source, experiment, dataset),
                describe=partial(
                    tables.describe_run, fingerprint=data, price_scale=price_scale(source, prices), covariates=others
                ),
                bars=tables.bars(prices),
                code=code,
                command=command,
                versions=versions,
                workers=workers,
                progress=progress,
            )
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
    tune_members([session], order=lambda *member: (data, order(*member)), workers=workers, progress=progress)

    done = partial(finish_if_complete, session)
    jobs = network_jobs(session, order=lambda *member: (data, order(*member)), done=done)
    jobs += baseline_jobs(
        session,
        data=lambda _: data,
        backend=workers.backend,
        versions=versions,
        done=done,
    )
    if session.retrained_models:
        past = lookahead_audit.truncated_in_first_test(source, experiment, dataset)
        shared = workers.share(SharedData.of(past))
        jobs += retraining_jobs(session, order=lambda *member: (shared, order(*member, of=past)), done=done)
    return jobs
