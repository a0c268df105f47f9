"""A panel of symbols -> one finished run: one set of networks and baselines, trained and tested on the rows of all."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from forecast.compute import backend
from forecast.compute.executor import WorkerPool, fit_members
from forecast.compute.memory import return_free_memory
from forecast.compute.progress import Progress
from forecast.compute.shared_data import SharedData
from forecast.compute.task import FitTask, Task, order_for
from forecast.config.experiment import Experiment
from forecast.config.hyperparameters import Hyperparameters
from forecast.datasets.dataset import (
    bars_alone,
    fingerprint,
    price_scale,
)
from forecast.datasets.panel import PanelDataset, scaled_fold
from forecast.datasets.panel_audit import certify_panel
from forecast.runs import catalog, tables
from forecast.runs.run import Run
from forecast.training.local_models import fit_local
from forecast.training.member_jobs import baseline_jobs, network_jobs, retraining_jobs, tune_members
from forecast.training.panel_prices import panel_notes, read_panel, truncated_in_first_test
from forecast.training.preparation import announce_code, begin, covariate_notes, is_finished, own_code, run_name
from forecast.training.session import TrainingSession, finish_if_complete, resume
from pipelines.files import temporary_folder
from pipelines.market.types import Floats
from pipelines.preprocessing.windows import Rows
from pipelines.store.store import Store

MOST_OF_BASELINES = 24_000_000
"""Numbers that a baseline of a panel learns from: 800,000 windows of 30 bars; of more it takes an even part."""


def train_panel(
    experiment: Experiment,
    *,
    store: Store,
    folder: Path,
    command: str,
    fresh: bool,
    progress: Progress,
    workers: WorkerPool,
    skip_unsuitable: bool = False,
) -> Run:
    """Trains the members of a panel and returns its one finished run, which becomes the latest.

    experiment: with a panel. Interrupted, the same call resumes. skip_unsuitable: leaves out the symbols that cannot
    take part instead of raising.

    Raises:
        ConfigError: symbols that cannot take part, each with its reason.
        ForecastError: too little history for the folds, members that keep failing.
    """
    versions = backend.versions(workers.backend)
    with ExitStack() as open_until_done:
        scratch = open_until_done.enter_context(temporary_folder("panel"))
        workers.start()  # they load the network library while the data are prepared
        prices, dataset = read_panel(experiment, store=store, folder=scratch, skip_unsuitable=skip_unsuitable)
        experiment = prices.experiment
        joined = next(iter(prices.sources.values())).covariates
        covariates = {name: bars_alone(covariate, experiment) for name, covariate in joined.items()}
        title = f"panel {experiment.symbol}"
        for note in (*panel_notes(prices, dataset), *covariate_notes(prices.bars.values(), covariates, title=title)):
            progress.note(note)
        code = own_code(experiment)
        panel_data = {symbol: fingerprint(bars) for symbol, bars in prices.bars.items()}
        name = run_name(experiment, versions=versions, backend=workers.backend, panel_data=panel_data, **code)
        run = Run(folder / name)
        open_until_done.enter_context(run.locked())
        if not is_finished(run, fresh=fresh):
            announce_code(experiment, progress=progress)
            certificate = begin(
                run,
                experiment,
                dataset,
                certify=partial(certify_panel, dataset, experiment, sources=prices.sources, bars=prices.bars),
                describe=partial(
                    tables.describe_panel_run,
                    prices=prices.bars,
                    price_scales={name: price_scale(prices.sources[name], bars) for name, bars in prices.bars.items()},
                    unsuitable=prices.unsuitable,
                    covariates=covariates,
                ),
                bars=tables.panel_bars(prices.bars),
                code=code,
                command=command,
                versions=versions,
                workers=workers,
                progress=progress,
            )
            pins = tuple(versions.items())
            return_free_memory()  # the workers need it
            if experiment.local_models:
                fit_local(
                    run, experiment, dataset, prices, certificate, pins, scratch, workers=workers, progress=progress
                )
            else:
                session = resume(run, experiment, dataset, certificate, retrained_models=tuple(experiment.models))
                closes = np.concatenate([prices.bars[symbol].close for symbol in dataset.panel.symbols])
                aside = open_until_done.enter_context(ThreadPoolExecutor(1))
                past = aside.submit(truncated_in_first_test, dataset, prices, folder=scratch / "past")
                del prices  # the truncated panel is the last that needs them, half of what this process holds
                aside.submit(return_free_memory)
                _fit(session, dataset, closes, past, pins, scratch, workers=workers, progress=progress)
    catalog.set_latest(folder, run)
    return run


def same_rows(dataset: PanelDataset, past: PanelDataset) -> Rows:
    """The places among the first fold's test rows of those that the truncated panel tests there, in its order."""
    keys, past_keys = (_keys(panel, symbols=dataset.panel.symbols) for panel in (dataset, past))
    order = np.argsort(keys)
    place = order[np.minimum(np.searchsorted(keys, past_keys, sorter=order), len(keys) - 1)]
    return np.where(keys[place] == past_keys, place, -1)


def _keys(dataset: PanelDataset, *, symbols: Sequence[str]) -> Rows:
    """The symbol, as its number in symbols, and the bar of each test row of the first fold, as one number."""
    rows, panel = dataset.folds[0].test, dataset.panel
    number = {symbol: place for place, symbol in enumerate(symbols)}
    of_symbol = np.array([number[symbol] for symbol in panel.symbols], dtype=np.int64)
    bars = dataset.windows.ends[rows] - panel.begins[panel.of[rows]]
    return (of_symbol[panel.of[rows]] << 32) + bars


def _fit(
    session: TrainingSession,
    dataset: PanelDataset,
    closes: Floats,
    truncated: "Future[PanelDataset | None]",
    versions: tuple[tuple[str, str], ...],
    scratch: Path,
    *,
    workers: WorkerPool,
    progress: Progress,
) -> None:
    """Fits what is missing; the truncated panel is made while the workers are busy, and members on it come last."""
    experiment, size = session.experiment, len(dataset.panel.symbols)
    shared: dict[int, Any] = {}

    def data(fold: int) -> Any:
        if fold not in shared:
            shared[fold] = workers.share(shared_fold(dataset, fold, scratch, closes=closes))
        return shared[fold]

    def order_on(of: PanelDataset, task: Task, settings: Hyperparameters | None) -> FitTask:
        fit_task = order_for(
            experiment,
            task,
            dataset=of,
            room=len(dataset.windows.values),
            settings=settings,
            backend=workers.backend,
            versions=versions,
        )
        return replace(fit_task, symbol=f"{size} symbols")

    def order(task: Task, settings: Hyperparameters | None) -> tuple[Any, FitTask]:
        return data(task[1]), order_on(dataset, task, settings)

    tune_members([session], order=order, workers=workers, progress=progress)
    progress.begin(total=len(session.members), done=len(session.results))

    jobs = network_jobs(session, order=order)
    jobs += baseline_jobs(session, data=data, backend=workers.backend, versions=versions, most=MOST_OF_BASELINES)
    fit_members(jobs, workers=workers, progress=progress)
    if (past := truncated.result()) is None or not session.retrained_models:
        session.retrained_models = ()
    else:
        session.common_rows = same_rows(dataset, past)
        before_data = workers.share(shared_fold(past, 0, scratch / "past"))
        jobs = retraining_jobs(session, order=lambda *member: (before_data, order_on(past, *member)))
        fit_members(jobs, workers=workers, progress=progress)
    workers.rest()  # to write the run takes what memory they hold
    finish_if_complete(session)


def shared_fold(dataset: PanelDataset, number: int, scratch: Path, *, closes: Floats | None = None) -> SharedData:
    """One fold of the panel, scaled symbol by symbol; its values need no scaler any more. closes: of its bars."""
    windows, folds, scalers = scaled_fold(scratch / f"fold-{number}.raw", dataset, number)
    return SharedData(windows=windows, folds=folds, scalers=scalers, closes=closes)
