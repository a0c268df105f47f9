"""A run that is being trained: what is there, what is missing, and how it is saved and finished."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import pandas as pd

from forecast.compute import executor
from forecast.compute.executor import FitFailure, WorkerPool
from forecast.compute.task import FitTask, Task
from forecast.config.experiment import Experiment, Hyperparameters, Study
from forecast.datasets import lookahead_audit
from forecast.datasets.dataset import Dataset
from forecast.datasets.lookahead_audit import Certificate
from forecast.networks.results import FitResult
from forecast.runs import tables, trial_log
from forecast.runs.run import Run, tuned_hyperparameters
from forecast.training import baselines, tuning
from pipelines.errors import ConfigError, RunError
from pipelines.market.types import Floats


class Progress(Protocol):
    """What training tells while it runs."""

    def begin(self, *, total: int, done: int) -> None:
        """So many members, of which so many were finished before."""

    def advance(self, name: str, *, epochs: int) -> None:
        """One more member is saved."""

    def note(self, message: str) -> None:
        """Something a person should know."""


@dataclass(kw_only=True, eq=False)
class TrainingSession:
    """A run that is being trained.

    shown: the certificate of its data. twice: the models of which a member is trained twice, for the proof. rivals:
    what the baselines predict for the test and the validation rows. found: what each finished member found. again: what
    the members that are trained twice predict. settings: what tuning chose, by model and fold.
    """

    run: Run
    experiment: Experiment
    dataset: Dataset
    shown: Certificate
    twice: tuple[str, ...]
    members: list[Task]
    rivals: dict[Task, tuple[Floats, Floats]]
    found: dict[Task, dict[str, Floats]]
    again: dict[str, Floats] = field(default_factory=dict)
    settings: dict[Study, Hyperparameters] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)


def run_name(experiment: Experiment, **more: Any) -> str:
    """Follows from the experiment and whatever else decides its result: data, versions, backend."""
    kind = (experiment.bars or experiment.interval).replace(":", "-")
    return f"{experiment.symbol}-{kind}-{experiment.fingerprint(**more)[:10]}"


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


def resume(
    run: Run, experiment: Experiment, dataset: Dataset, shown: Certificate, *, twice: Sequence[str] = ()
) -> TrainingSession:
    """The run with its members that are finished already, and its baselines."""
    tested = [fold.number for fold in dataset.folds if len(fold.test)]
    members = [
        (model, number, seed) for number in tested for seed in range(experiment.seeds) for model in experiment.models
    ]
    return TrainingSession(
        run=run,
        experiment=experiment,
        dataset=dataset,
        shown=shown,
        twice=tuple(twice),
        members=members,
        found={task: content for task in members if (content := run.found(*task)) is not None},
        rivals={
            (name, number, 0): baselines.predict(dataset, fold=number, name=name)
            for name in experiment.baselines
            for number in tested
        },
    )


def tune_members(
    owners: Sequence[TrainingSession],
    *,
    order: Callable[[Task, Hyperparameters], tuple[Any, FitTask]],
    workers: WorkerPool,
    progress: Progress,
) -> None:
    """Chooses the settings of the members of one run (or of the runs of one panel), unless its run.json has them.

    order: data and order of a member with settings to be tried. Every try goes into the ledger of trials.

    Raises:
        RunError: a try that failed three times.
    """
    experiment = owners[0].experiment
    if not experiment.tune:
        return
    known = [tuned_hyperparameters(each.run.describe().get("tuning")) for each in owners]
    if not all(known):
        folds = sorted({number for each in owners for _, number, _ in each.members})
        progress.note(f"Tuning: {experiment.tune} tries for each of {len(folds) * len(experiment.models)} studies.")

        def score(wanted: Sequence[tuple[Study, Hyperparameters]]) -> list[float]:
            for owner in owners:
                for fold in folds:
                    tried = {model: asdict(settings) for (model, number), settings in wanted if number == fold}
                    trial_log.record(
                        owner.run.folder.parent, owner.experiment, run=owner.run.name, fold=fold, tried=tried
                    )
            found: dict[int, float] = {}
            fit_each(
                [order((model, fold, 0), settings) for (model, fold), settings in wanted],
                workers=workers,
                progress=progress,
                done=lambda number, fitted: found.update(
                    {number: tuning.score_of(fitted, patience=experiment.patience)}
                ),
            )
            return [found[number] for number in range(len(wanted))]

        tries = tuning.tune(experiment, folds, score=score)
        for each in owners:
            each.run.save_tuning(tuning.describe(tries))
        known = [tuning.chosen(tries)] * len(owners)
    for each, settings in zip(owners, known, strict=True):
        each.settings = settings


def fit_each(
    work: Sequence[tuple[Any, FitTask]],
    *,
    workers: WorkerPool,
    progress: Progress,
    done: Callable[[int, FitResult], None],
) -> None:
    """Fits every piece of work and hands each result with its number to `done`, as they finish.

    Raises:
        RunError: some failed three times; the others were handed on.
    """
    failures: list[FitFailure] = []
    for number, result in executor.fit_all(workers, work, note=progress.note):
        if isinstance(result, FitFailure):
            failures.append(result)
            progress.note(f"{result.order.name} failed: {result.reason}. The rest goes on.")
        else:
            done(number, result)
    if failures:
        raise RunError(
            f"{len(failures)} of {len(work)} members failed three times: "
            + "; ".join(f"{each.order.name} ({each.reason})" for each in failures[:3])
            + ". The others are kept. Lower --jobs if memory is short, and run the same command again: it goes on."
        )


def save(owner: TrainingSession, task: Task, fitted: FitResult) -> None:
    """Keeps a member that is fitted, so that it need not be fitted again."""
    content = {name: getattr(fitted, name) for name in tables.FOUND}
    description = tables.describe_member(fitted, task, dataset=owner.dataset, experiment=owner.experiment)
    owner.run.save_member(*task, weights=fitted.weights, description=description, found=content)
    owner.found[task] = content


def finish_if_whole(owner: TrainingSession) -> None:
    """Writes what all members found together, once none is missing."""
    found, dataset = owner.found, owner.dataset
    if len(found) < len(owner.members) or len(owner.again) < len(owner.twice) or owner.run.finished:
        return
    members = {task: (found[task]["probability"], found[task]["validation"]) for task in owner.members} | owner.rivals
    shown = owner.shown
    for model, again in owner.again.items():
        shown = lookahead_audit.retrained(shown, model, expected=found[model, 0, 0]["probability"], again=again)
    owner.run.save_certificate(shown.to_json())
    owner.run.finish(
        predictions=_predictions(owner, {task: each for task, (each, _) in members.items()}),
        validation=pd.concat(
            [tables.predictions(dataset, task, each, part="validation") for task, (_, each) in members.items()],
            ignore_index=True,
        ),
        history=pd.concat([tables.history(task, found[task]) for task in owner.members], ignore_index=True),
        paths=pd.concat([tables.path(dataset, task, found[task]) for task in owner.members], ignore_index=True),
        seconds=time.monotonic() - owner.began,
    )


def _predictions(owner: TrainingSession, tested: Mapping[Task, Floats]) -> pd.DataFrame:
    if owner.experiment.combinatorial:
        return tables.path_predictions(owner.dataset, owner.experiment, tested)
    return pd.concat([tables.predictions(owner.dataset, *each) for each in tested.items()], ignore_index=True)
