"""Experiments + store -> finished runs: every member that is missing is fitted and saved as soon as it is there."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from forecast import backend, contents, engine, runs, trials
from forecast.dataset import Dataset, fingerprint, load_bars, prepare
from forecast.engine import Engine, Failure
from forecast.experiment import Experiment
from forecast.handover import Shared
from forecast.member import Architecture, Budget, Fitted
from forecast.orders import Order, Task
from forecast.runs import Run
from pipelines.errors import RunError
from pipelines.market import Floats
from pipelines.store import Store


class Progress(Protocol):
    """What training tells while it runs."""

    def begin(self, *, total: int, done: int) -> None:
        """So many members, of which so many were finished before."""

    def advance(self, name: str, *, epochs: int) -> None:
        """One more member is saved."""

    def note(self, message: str) -> None:
        """Something a person should know."""


@dataclass(kw_only=True, eq=False)
class _Ongoing:
    """A run that is being trained. found: what each finished member found."""

    run: Run
    experiment: Experiment
    dataset: Dataset
    members: list[Task]
    found: dict[Task, dict[str, Floats]] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)


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
    workers: Engine,
) -> list[Run]:
    """Trains every member that is not finished yet and returns the finished runs; the last becomes the latest.

    A run's name follows from its experiment, bars, versions and backend, so the same command finds the same run:
    finished, it is returned as it is; interrupted, it goes on from the last finished member. fresh: train it anew.
    The members of all runs share the workers, so that none of them waits for the end of a run.

    Raises:
        ForecastError: no such prices, too little history, an impossible experiment, members that keep failing.
    """
    versions = backend.versions(workers.backend)
    ongoing: list[_Ongoing] = []
    found: list[Run] = []
    with ExitStack() as locks:
        for experiment in experiments:
            prices, price_scale = load_bars(store, experiment)
            data = fingerprint(prices)
            identity = experiment.fingerprint(data=data, versions=versions, backend=workers.backend)
            kind = (experiment.bars or experiment.interval).replace(":", "-")
            run = Run(folder / f"{experiment.symbol}-{kind}-{identity[:10]}")
            found.append(run)
            if fresh:
                runs.discard(run)
            if run.finished:
                continue
            workers.start()  # they load the network library while the windows are made
            dataset = prepare(prices, experiment)
            description = contents.describe_run(
                experiment,
                dataset,
                name=run.name,
                command=command,
                fingerprint=data,
                price_scale=price_scale,
                versions=versions,
                backend=workers.backend,
            )
            trials.record(folder, experiment, run=run.name)
            runs.create_run(folder, run.name, description=description, bars=contents.bars(prices))
            locks.enter_context(run.locked())
            ongoing.append(_resume(run, experiment, dataset))
        if ongoing:
            _fit_members(ongoing, tuple(versions.items()), workers=workers, progress=progress)
    for run in found:
        runs.set_latest(folder, run)
    return found


def _resume(run: Run, experiment: Experiment, dataset: Dataset) -> _Ongoing:
    members = [
        (model, fold.number, seed)
        for fold in dataset.folds
        for seed in range(experiment.seeds)
        for model in experiment.models
    ]
    found = {task: content for task in members if (content := run.found(*task)) is not None}
    return _Ongoing(run=run, experiment=experiment, dataset=dataset, members=members, found=found)


def _fit_members(
    ongoing: list[_Ongoing], versions: tuple[tuple[str, str], ...], *, workers: Engine, progress: Progress
) -> None:
    progress.begin(total=sum(len(each.members) for each in ongoing), done=sum(len(each.found) for each in ongoing))
    owners: list[_Ongoing] = []
    work: list[tuple[Any, Order]] = []
    for each in ongoing:
        dataset = each.dataset
        data = workers.share(Shared(windows=dataset.windows, folds=dataset.folds, scalers=dataset.scalers))
        for task in each.members:
            if task not in each.found:
                owners.append(each)
                work.append((data, _order(each, task, backend=workers.backend, versions=versions)))
    failures: list[Failure] = []
    for owner in ongoing:
        _finish_if_whole(owner)
    for number, result in engine.fit_all(workers, work, note=progress.note):
        if isinstance(result, Failure):
            failures.append(result)
            progress.note(f"{result.order.name} failed: {result.reason}. The rest goes on.")
            continue
        owner, order = owners[number], work[number][1]
        _save(owner, order.task, result)
        progress.advance(order.name, epochs=len(result.loss))
        _finish_if_whole(owner)
    if failures:
        raise RunError(
            f"{len(failures)} of {len(work)} members failed three times: "
            + "; ".join(f"{each.order.name} ({each.reason})" for each in failures[:3])
            + ". The others are kept. Lower --jobs if memory is short, and run the same command again: it goes on."
        )


def _order(each: _Ongoing, task: Task, *, backend: str, versions: tuple[tuple[str, str], ...]) -> Order:
    (model, number, seed), experiment = task, each.experiment
    return Order(
        symbol=experiment.symbol,
        architecture=Architecture(
            model=model, steps=experiment.window, features=len(experiment.features), units=experiment.units
        ),
        fold=number,
        seed=seed,
        budget=Budget(
            epochs=experiment.epochs,
            patience=experiment.patience,
            batch=experiment.batch,
            learning_rate=experiment.learning_rate,
        ),
        rows=len(each.dataset.folds[number].train),
        backend=backend,
        versions=versions,
    )


def _save(owner: _Ongoing, task: Task, fitted: Fitted) -> None:
    content = {name: getattr(fitted, name) for name in contents.FOUND}
    description = contents.describe_member(fitted, task, dataset=owner.dataset, experiment=owner.experiment)
    owner.run.save_member(*task, weights=fitted.weights, description=description, found=content)
    owner.found[task] = content


def _finish_if_whole(owner: _Ongoing) -> None:
    if len(owner.found) < len(owner.members):
        return
    found = owner.found
    predictions = [contents.predictions(owner.dataset, task, found[task]) for task in owner.members]
    owner.run.finish(
        predictions=pd.concat(predictions, ignore_index=True),
        history=pd.concat([contents.history(task, found[task]) for task in owner.members], ignore_index=True),
        seconds=time.monotonic() - owner.began,
    )
