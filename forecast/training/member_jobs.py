"""The jobs of a run: members that are missing, and those that are trained twice for the proof."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from forecast.compute.executor import FitJob, WorkerPool, fit_members
from forecast.compute.progress import Progress
from forecast.compute.task import FitTask, MemberResult, Task
from forecast.config.experiment import Experiment
from forecast.config.hyperparameters import Hyperparameters, Study
from forecast.datasets.dataset import MemberRows
from forecast.networks.results import FitResult
from forecast.runs import trial_log
from forecast.runs.checkpoints import tuned_hyperparameters
from forecast.training import tuning
from forecast.training.baselines import BaselineTask
from forecast.training.session import TrainingSession, save
from pipelines import user_code

Order = Callable[[Task, "Hyperparameters | None"], tuple[Any, FitTask]]
"""Data and order of a member with these settings."""


def network_jobs(session: TrainingSession, *, order: Order, done: Callable[[], None] = lambda: None) -> list[FitJob]:
    """The networks of a session that are missing. done: called after each."""

    def job(task: Task) -> FitJob:
        data, fit_task = order(task, session.settings.get(task[:2]))

        def keep(result: MemberResult) -> None:
            save(session, task, result)
            done()

        return FitJob(data=data, task=fit_task, done=keep, label=fit_task.name)

    return [job(task) for task in session.missing(session.networks)]


def retraining_jobs(session: TrainingSession, *, order: Order, done: Callable[[], None] = lambda: None) -> list[FitJob]:
    """A member of each model that is trained twice. order: on the history as it stood in the first test block."""

    def job(model: str) -> FitJob:
        data, fit_task = order((model, 0, 0), session.settings.get((model, 0)))

        def keep(result: MemberResult) -> None:
            session.retrained_predictions[model] = result.probability
            done()

        return FitJob(data=data, task=fit_task, done=keep)

    return [job(model) for model in session.retrained_models]


def baseline_jobs(
    session: TrainingSession,
    *,
    data: Callable[[int], Any],
    backend: str,
    versions: tuple[tuple[str, str], ...],
    done: Callable[[], None] = lambda: None,
    most: int | None = None,
) -> list[FitJob]:
    """The baselines of a session that are missing. data: those of a fold as the workers share them."""

    def job(name: str, fold: int) -> FitJob:
        task = baseline_task(
            session.experiment, name, fold, dataset=session.dataset, backend=backend, versions=versions, most=most
        )

        def keep(result: MemberResult) -> None:
            save(session, task.task, result)
            done()

        return FitJob(data=data(fold), task=task, done=keep, label=task.name)

    return [job(name, fold) for name, fold, _ in session.missing(session.baselines)]


def baseline_task(
    experiment: Experiment,
    name: str,
    fold: int,
    *,
    dataset: MemberRows,
    backend: str,
    versions: tuple[tuple[str, str], ...],
    most: int | None = None,
) -> BaselineTask:
    """What an experiment asks of one of its baselines. most: as BaselineTask has it."""
    rows, features = len(dataset.folds[fold].train), dataset.windows.values.shape[1]
    work = rows * experiment.window * features
    return BaselineTask(
        symbol=experiment.symbol, baseline=name, fold=fold, work=work, backend=backend, versions=versions, most=most,
        own_code=tuple(user_code.sources([name.partition(":")[2]], what="Baseline").items()),
    )  # fmt: skip


def tune_members(
    owners: Sequence[TrainingSession],
    *,
    order: Order,
    workers: WorkerPool,
    progress: Progress,
) -> None:
    """Chooses the settings of the members of one run (or of the runs of one panel), unless its run.json has them.

    order: data and order of a member with settings to be tried. Every try goes into the ledger of trials.

    Raises:
        RunError: a try that failed three times.
    """
    experiment = owners[0].experiment
    if not experiment.tuning_trials:
        return
    settings_of_owners = [tuned_hyperparameters(owner.run.describe().get("tuning")) for owner in owners]
    if not all(settings_of_owners):
        folds = sorted({number for owner in owners for _, number, _ in owner.networks})
        progress.note(
            f"Tuning: {experiment.tuning_trials} tries for each of {len(folds) * len(experiment.models)} studies."
        )

        def score(proposals: Sequence[tuple[Study, Hyperparameters]]) -> list[float]:
            for owner in owners:
                for fold in folds:
                    proposed = {model: asdict(settings) for (model, number), settings in proposals if number == fold}
                    trial_log.record_tuning(
                        owner.run.folder.parent, owner.experiment, run=owner.run.name, fold=fold, settings=proposed
                    )
            scores: dict[Study, float] = {}

            def job(study: Study, settings: Hyperparameters) -> FitJob:
                data, task = order((*study, 0), settings)

                def keep(result: MemberResult) -> None:
                    if isinstance(result, FitResult):
                        scores[study] = tuning.score_of(result, patience=experiment.patience)

                return FitJob(data=data, task=task, done=keep)

            fit_members([job(*proposal) for proposal in proposals], workers=workers, progress=progress)
            return [scores[study] for study, _ in proposals]

        tries = tuning.tune(experiment, folds, score=score)
        for owner in owners:
            owner.run.save_tuning(tuning.describe(tries, experiment=experiment))
        settings_of_owners = [tuning.chosen(tries)] * len(owners)
    for owner, settings in zip(owners, settings_of_owners, strict=True):
        owner.settings = settings
