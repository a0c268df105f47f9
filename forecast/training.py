"""Experiments + store -> finished runs: every member that is missing is fitted and saved as soon as it is there."""

import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from forecast import backend, baselines, certificate, contents, engine, runs, trials
from forecast.certificate import Certificate
from forecast.dataset import Dataset, Source, fingerprint, load, make_bars, prepare, price_scale
from forecast.engine import Engine, Failure
from forecast.experiment import Experiment
from forecast.handover import Shared
from forecast.member import Fitted
from forecast.orders import Order, Task, order_for
from forecast.runs import Run
from pipelines import user_features
from pipelines.errors import ConfigError, RunError
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
    """A run that is being trained.

    shown: the certificate of its data. rivals: what the baselines predict for the test and the validation rows.
    found: what each finished member found. again: what the members that are trained twice, for the proof, predict.
    """

    run: Run
    experiment: Experiment
    source: Source
    dataset: Dataset
    shown: Certificate
    members: list[Task]
    rivals: dict[Task, tuple[Floats, Floats]]
    found: dict[Task, dict[str, Floats]]
    again: dict[str, Floats] = field(default_factory=dict)
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
            source = load(store, experiment)
            prices = make_bars(source, experiment)
            data = fingerprint(prices)
            own = user_features.sources(experiment.features)
            more = {"user_features": own} if own else {}
            identity = experiment.fingerprint(data=data, versions=versions, backend=workers.backend, **more)
            kind = (experiment.bars or experiment.interval).replace(":", "-")
            run = Run(folder / f"{experiment.symbol}-{kind}-{identity[:10]}")
            if run in found:
                continue
            found.append(run)
            locks.enter_context(run.locked())
            if fresh:
                runs.discard(run)
            if run.finished:
                continue
            dataset = prepare(prices, experiment)
            workers.start()  # they load the network library while the data are checked and the baselines fitted
            shown = certificate.certify(source, experiment, dataset)
            refuse_lookahead(shown, own)
            description = contents.describe_run(
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
            trials.record(folder, experiment, run=run.name, **more)
            runs.create_run(folder, run.name, description=description, bars=contents.bars(prices))
            ongoing.append(_resume(run, experiment, source, dataset, shown))
        if ongoing:
            _fit_members(ongoing, tuple(versions.items()), workers=workers, progress=progress)
    for run in found:
        runs.set_latest(folder, run)
    return found


def refuse_lookahead(shown: Certificate, names: Iterable[str]) -> None:
    """Stops before anything is trained on a person's own feature that looks ahead.

    Raises:
        ConfigError: the certificate says so of one of these names.
    """
    for failure in shown.failures:
        if (found := next((name for name in names if name in failure.split()), None)) is not None:
            raise ConfigError(
                f"Need features that are known at the close of their bar, but {found} looks ahead: {failure}. Nothing "
                "was trained. Let row t of it depend on bars up to t only."
            )


def _resume(run: Run, experiment: Experiment, source: Source, dataset: Dataset, shown: Certificate) -> _Ongoing:
    members = [
        (model, fold.number, seed)
        for fold in dataset.folds
        for seed in range(experiment.seeds)
        for model in experiment.models
    ]
    found = {task: content for task in members if (content := run.found(*task)) is not None}
    rivals = {
        (name, fold.number, 0): baselines.predict(dataset, fold=fold.number, name=name)
        for name in experiment.baselines
        for fold in dataset.folds
    }
    return _Ongoing(
        run=run,
        experiment=experiment,
        source=source,
        dataset=dataset,
        shown=shown,
        members=members,
        found=found,
        rivals=rivals,
    )


def _fit_members(
    ongoing: list[_Ongoing], versions: tuple[tuple[str, str], ...], *, workers: Engine, progress: Progress
) -> None:
    progress.begin(total=sum(len(each.members) for each in ongoing), done=sum(len(each.found) for each in ongoing))
    order = partial(order_for, backend=workers.backend, versions=versions)
    owners: list[_Ongoing] = []
    work: list[tuple[Any, Order]] = []
    for each in ongoing:
        dataset = each.dataset
        data = workers.share(Shared(windows=dataset.windows, folds=dataset.folds, scalers=dataset.scalers))
        for task in each.members:
            if task not in each.found:
                owners.append(each)
                work.append((data, order(each.experiment, task, dataset=dataset, room=len(dataset.bars))))
    members = len(work)
    for each in (each for each in ongoing if not each.experiment.combinatorial):
        past = certificate.truncated_in_first_test(each.source, each.experiment, each.dataset)
        data = workers.share(Shared(windows=past.windows, folds=past.folds, scalers=past.scalers))
        for model in each.experiment.models:
            owners.append(each)
            work.append((data, order(each.experiment, (model, 0, 0), dataset=past, room=len(each.dataset.bars))))
    failures: list[Failure] = []
    for number, result in engine.fit_all(workers, work, note=progress.note):
        if isinstance(result, Failure):
            failures.append(result)
            progress.note(f"{result.order.name} failed: {result.reason}. The rest goes on.")
            continue
        owner, done = owners[number], work[number][1]
        if number < members:
            _save(owner, done.task, result)
            progress.advance(done.name, epochs=len(result.loss))
        else:
            owner.again[done.architecture.model] = result.probability
        _finish_if_whole(owner)
    if failures:
        raise RunError(
            f"{len(failures)} of {len(work)} members failed three times: "
            + "; ".join(f"{each.order.name} ({each.reason})" for each in failures[:3])
            + ". The others are kept. Lower --jobs if memory is short, and run the same command again: it goes on."
        )


def _save(owner: _Ongoing, task: Task, fitted: Fitted) -> None:
    content = {name: getattr(fitted, name) for name in contents.FOUND}
    description = contents.describe_member(fitted, task, dataset=owner.dataset, experiment=owner.experiment)
    owner.run.save_member(*task, weights=fitted.weights, description=description, found=content)
    owner.found[task] = content


def _finish_if_whole(owner: _Ongoing) -> None:
    found, dataset, experiment = owner.found, owner.dataset, owner.experiment
    retrained = 0 if experiment.combinatorial else len(experiment.models)
    if len(found) < len(owner.members) or len(owner.again) < retrained:
        return
    members = {task: (found[task]["probability"], found[task]["validation"]) for task in owner.members} | owner.rivals
    shown = owner.shown
    for model, again in owner.again.items():
        shown = certificate.retrained(shown, model, expected=found[model, 0, 0]["probability"], again=again)
    owner.run.save_certificate(shown.to_json())
    tested = {task: each for task, (each, _) in members.items()}
    owner.run.finish(
        predictions=contents.path_predictions(dataset, experiment, tested)
        if experiment.combinatorial
        else pd.concat([contents.predictions(dataset, *each) for each in tested.items()], ignore_index=True),
        validation=pd.concat(
            [contents.predictions(dataset, task, each, part="validation") for task, (_, each) in members.items()],
            ignore_index=True,
        ),
        history=pd.concat([contents.history(task, found[task]) for task in owner.members], ignore_index=True),
        seconds=time.monotonic() - owner.began,
    )
