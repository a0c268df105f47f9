"""A panel with a model for each symbol: members learn from their own symbol's rows, in the folds of the panel."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from forecast.compute.executor import FitJob, WorkerPool, fit_members
from forecast.compute.progress import Progress
from forecast.compute.shared_data import SharedData
from forecast.compute.task import FitTask, Task, order_for
from forecast.config.experiment import Experiment
from forecast.config.hyperparameters import Hyperparameters
from forecast.datasets.dataset import Dataset
from forecast.datasets.lookahead_audit import Certificate
from forecast.datasets.panel import PanelDataset
from forecast.runs.run import Run
from forecast.training.member_jobs import baseline_jobs, network_jobs, retraining_jobs
from forecast.training.panel_prices import PanelPrices, truncated_in_first_test
from forecast.training.session import TrainingSession, finish_if_complete, resume
from pipelines.market.types import Bars
from pipelines.preprocessing import sample_weights
from pipelines.preprocessing.scaling import Scaler


def fit_local(
    run: Run,
    experiment: Experiment,
    dataset: PanelDataset,
    prices: PanelPrices,
    certificate: Certificate,
    versions: tuple[tuple[str, str], ...],
    scratch: Path,
    *,
    workers: WorkerPool,
    progress: Progress,
) -> None:
    """Fits the members of every symbol that are missing, and writes what all of them predict as one run.

    Of the symbols that the audit made again, a member of each network is trained again on the panel as it stood in
    the first test block.
    """
    past = truncated_in_first_test(dataset, prices, folder=scratch / "past")
    sessions = []
    for symbol in dataset.tested():
        part = local_part(dataset, symbol, prices.bars[symbol], experiment)
        again = past is not None and symbol in certificate.audited and symbol in _tested_first(past)
        sessions.append(
            resume(
                run.of_symbol(symbol),
                experiment.of_symbol(symbol),
                part,
                certificate,
                retrained_models=tuple(experiment.models) if again and len(part.folds[0].test) else (),
            )
        )
    progress.begin(
        total=sum(len(session.members) for session in sessions),
        done=sum(len(session.results) for session in sessions),
    )
    room = max(len(bars) for bars in prices.bars.values())
    jobs: list[FitJob] = []
    for session in sessions:
        jobs += _jobs(session, past, prices.bars, versions, room=room, workers=workers)
    fit_members(jobs, workers=workers, progress=progress)
    finish_if_complete(*sessions)


def local_part(dataset: PanelDataset, symbol: str, bars: Bars, experiment: Experiment) -> Dataset:
    """A symbol's own rows of a panel with what is learned from them; a fold that it sits out is empty."""
    part = dataset.of_symbol(symbol, bars)
    windows = part.windows
    if dataset.targets is not None:
        windows = replace(windows, targets=dataset.targets[dataset.panel.rows(symbol)])
    features = windows.values.shape[1]
    unscaled = Scaler(mean=np.zeros(features), scale=np.ones(features))
    return replace(
        part,
        windows=windows,
        folds=tuple(
            # what teaches nothing in the panel, as a return that is alone on its day, teaches nothing here
            sample_weights.weigh(
                replace(windows, label_weights=fold.weights.astype(np.float64)), fold, kind=experiment.weights
            )
            if len(fold.train)
            else fold
            for fold in part.folds
        ),
        scalers=tuple(scalers.get(symbol, unscaled) for scalers in dataset.scalers),
    )


def _tested_first(dataset: PanelDataset) -> set[str]:
    """The symbols that the first fold tests."""
    return set(dataset.symbols_of(dataset.folds[0].test).tolist())


def _jobs(
    session: TrainingSession,
    past: PanelDataset | None,
    prices: Mapping[str, Bars],
    versions: tuple[tuple[str, str], ...],
    *,
    room: int,
    workers: WorkerPool,
) -> list[FitJob]:
    """The members of one symbol that are missing, and those that are trained twice."""
    experiment, dataset = session.experiment, session.dataset
    assert isinstance(dataset, Dataset)

    def order(task: Task, settings: Hyperparameters | None, *, of: Dataset = dataset) -> FitTask:
        return order_for(
            experiment, task, dataset=of, room=room, settings=settings, backend=workers.backend, versions=versions
        )

    missing, baselines = session.missing(session.networks), session.missing(session.baselines)
    if not (missing or baselines or session.retrained_models):
        return []
    data = workers.share(SharedData.of(dataset))
    jobs = network_jobs(session, order=lambda *member: (data, order(*member)))
    jobs += baseline_jobs(session, data=lambda _: data, backend=workers.backend, versions=versions)
    if session.retrained_models and past is not None:
        part = local_part(past, experiment.symbol, prices[experiment.symbol], experiment)
        earlier = workers.share(SharedData.of(part))
        jobs += retraining_jobs(session, order=lambda *member: (earlier, order(*member, of=part)))
    return jobs
