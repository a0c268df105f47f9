"""A run that is being trained: what is there, what is missing, and how it is saved and finished."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from forecast.compute.executor import FitJob, WorkerPool, fit_members
from forecast.compute.progress import Progress
from forecast.compute.task import FitTask, MemberResult, Task, count_own, order_for
from forecast.config.experiment import Experiment, Hyperparameters, Study
from forecast.config.model_registry import is_own_network, own_baseline
from forecast.datasets import lookahead_audit
from forecast.datasets.dataset import Dataset, MemberRows
from forecast.datasets.lookahead_audit import Certificate
from forecast.networks.results import FitResult
from forecast.runs import tables, trial_log
from forecast.runs.run import Run, tuned_hyperparameters
from forecast.training import tuning
from forecast.training.baselines import BaselineTask, check_own
from pipelines import user_code
from pipelines.errors import ConfigError, RunError
from pipelines.market.types import Bars, Floats
from pipelines.preprocessing import custom_features
from pipelines.preprocessing.windows import Rows

_WEEK = np.timedelta64(7, "D")

_OWN = (("Model", "models"), ("Baseline", "baselines"), ("Label", "label"))
"""What it is called, and the field of an experiment that may name a person's own code, beside features."""


@dataclass(kw_only=True, eq=False)
class TrainingSession:
    """A run that is being trained.

    shown: the certificate of its data. twice: the models of which a member is trained twice, for the proof. networks,
    baselines: its members. results: those of each finished member. again: what the members that are trained twice
    predict. same: which of the first fold's test rows those are, None for the first ones. settings: what tuning chose,
    by model and fold.
    """

    run: Run
    experiment: Experiment
    dataset: MemberRows
    shown: Certificate
    twice: tuple[str, ...]
    networks: list[Task]
    baselines: list[Task]
    results: dict[Task, dict[str, Floats]]
    again: dict[str, Floats] = field(default_factory=dict)
    same: Rows | None = None
    settings: dict[Study, Hyperparameters] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    @property
    def members(self) -> list[Task]:
        """The networks, and then the baselines."""
        return [*self.networks, *self.baselines]

    def missing(self, tasks: Iterable[Task]) -> list[Task]:
        """Those of these members that are not finished."""
        return [task for task in tasks if task not in self.results]


def run_name(experiment: Experiment, **more: Any) -> str:
    """Follows from the experiment and whatever else decides its result: data, versions, backend."""
    kind = (experiment.bars or experiment.interval).replace(":", "-")
    return f"{experiment.symbol}-{kind}-{experiment.fingerprint(**more)[:10]}"


def refuse_lookahead(shown: Certificate, names: Iterable[str], *, progress: Progress) -> None:
    """Stops before anything is trained on a feature or label of a person's own that looks ahead.

    What cannot be checked is said.

    Raises:
        ConfigError: the certificate says so of one of these names.
    """
    for failure in shown.failures:
        name = next((name for name in names if name in failure.split()), None)
        if name is not None and failure.startswith("label"):
            raise ConfigError(
                f"Expected a label that is known at the exit that it names, but {name} is not: {failure}. Nothing was "
                "trained. Return as bars held how far row t looks behind the open of bar t + 1."
            )
        if name is not None:
            raise ConfigError(
                f"Expected features that are known at the close of their bar, but {name} looks ahead: {failure}. "
                "Nothing was trained. Let row t of it depend on bars up to t only."
            )
    for entry in shown.unverifiable:
        progress.note(f"Cannot be checked for look-ahead bias: {entry}.")


def covariate_notes(prices: Bars, covariates: Mapping[str, Bars]) -> Iterator[str]:
    """Where a covariate begins later or ends earlier than the prices that it stands beside."""
    first, last = prices.closed_at[[0, -1]]
    for symbol, each in covariates.items():
        begins, ends = each.closed_at[[0, -1]]
        if begins > first + _WEEK:
            yield f"{prices.symbol} is learned from {_day(begins)} on, where {symbol} begins."
        if ends < last - _WEEK:
            yield f"{symbol} ends on {_day(ends)}: from then on its last values are taken."


def _day(time: np.datetime64) -> str:
    return str(np.datetime_as_string(time, unit="D"))


def own_code(experiment: Experiment) -> dict[str, dict[str, str]]:
    """The sha256 of the files of a person's own features, and of what else an experiment has of a person's own.

    As run.json and a run's name have them; what there is none of is left out.

    Raises:
        ConfigError: one that cannot be found.
    """
    features = custom_features.sources(experiment.features)
    others = {
        name: digest
        for what, field_name in _OWN
        for name, digest in user_code.sources(_named(experiment, field_name), what=what).items()
    }
    return {**({"user_features": features} if features else {}), **({"user_code": others} if others else {})}


def _named(experiment: Experiment, field_name: str) -> Sequence[str]:
    """What a field of an experiment names: one or several."""
    value = getattr(experiment, field_name)
    return (value,) if isinstance(value, str) else value


def announce_code(experiment: Experiment, *, progress: Progress) -> None:
    """Says what of an experiment is a person's own code, before any of it runs."""
    for what, field_name in (("Feature", "features"), *_OWN):
        for name, file in user_code.files(_named(experiment, field_name), what=what).items():
            progress.note(f"{what} {name} is code: {file} runs with your rights. Use files that you trust.")


def check_code(
    experiment: Experiment, *, dataset: Any, versions: Mapping[str, str], workers: WorkerPool
) -> dict[str, int]:
    """The parameters of a person's own networks; they and own baselines are tried out before anything is trained.

    Raises:
        ConfigError: one that cannot be trained or asked.
    """
    for name in filter(user_code.is_user_code, experiment.baselines):
        check_own(name)
    placed: dict[str, Any] = {"backend": workers.backend, "versions": tuple(versions.items())}
    number = next(fold.number for fold in dataset.folds if len(fold.test))
    counted = {
        model: workers.start().submit(
            count_own, None, order_for(experiment, (model, number, 0), dataset=dataset, **placed)
        )
        for model in filter(is_own_network, experiment.models)
    }
    return {model: int(count.result()) for model, count in counted.items()}


def resume(
    run: Run, experiment: Experiment, dataset: MemberRows, shown: Certificate, *, twice: Sequence[str] = ()
) -> TrainingSession:
    """The run with its members that are finished already."""
    tested = [fold.number for fold in dataset.folds if len(fold.test)]
    networks = [
        (model, number, seed) for number in tested for seed in range(experiment.seeds) for model in experiment.models
    ]
    baselines = [(own_baseline(name), number, 0) for name in experiment.baselines for number in tested]
    return TrainingSession(
        run=run,
        experiment=experiment,
        dataset=dataset,
        shown=shown,
        twice=tuple(twice),
        networks=networks,
        baselines=baselines,
        results={task: arrays for task in [*networks, *baselines] if (arrays := run.results(*task)) is not None},
    )


def baseline_jobs(
    session: TrainingSession,
    *,
    data: Callable[[int], Any],
    backend: str,
    versions: tuple[tuple[str, str], ...],
    done: Callable[[], None],
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
        symbol=experiment.symbol, baseline=name, fold=fold, work=work, backend=backend, versions=versions, most=most
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
    if not experiment.tuning_trials:
        return
    known = [tuned_hyperparameters(each.run.describe().get("tuning")) for each in owners]
    if not all(known):
        folds = sorted({number for each in owners for _, number, _ in each.networks})
        progress.note(
            f"Tuning: {experiment.tuning_trials} tries for each of {len(folds) * len(experiment.models)} studies."
        )

        def score(wanted: Sequence[tuple[Study, Hyperparameters]]) -> list[float]:
            for owner in owners:
                for fold in folds:
                    tried = {model: asdict(settings) for (model, number), settings in wanted if number == fold}
                    trial_log.record_tuning(
                        owner.run.folder.parent, owner.experiment, run=owner.run.name, fold=fold, settings=tried
                    )
            scores: dict[Study, float] = {}

            def job(study: Study, settings: Hyperparameters) -> FitJob:
                data, task = order((*study, 0), settings)

                def keep(result: MemberResult) -> None:
                    if isinstance(result, FitResult):
                        scores[study] = tuning.score_of(result, patience=experiment.patience)

                return FitJob(data=data, task=task, done=keep)

            fit_members([job(*each) for each in wanted], workers=workers, progress=progress)
            return [scores[study] for study, _ in wanted]

        tries = tuning.tune(experiment, folds, score=score)
        for each in owners:
            each.run.save_tuning(tuning.describe(tries))
        known = [tuning.chosen(tries)] * len(owners)
    for each, settings in zip(owners, known, strict=True):
        each.settings = settings


def save(owner: TrainingSession, task: Task, result: MemberResult) -> None:
    """Keeps a member that is fitted, so that it need not be fitted again."""
    if isinstance(result, FitResult):
        arrays = {name: getattr(result, name) for name in tables.FOUND}
        arrays["diverged"] = np.array([] if result.diverged is None else [result.diverged], dtype=np.float64)
        description = tables.describe_member(result, task, dataset=owner.dataset, experiment=owner.experiment)
        owner.run.save_network(*task, weights=result.weights, description=description)
    else:
        arrays = {"probability": result.probability, "validation": result.validation}
    if not (np.isfinite(arrays["probability"]).all() and np.isfinite(arrays["validation"]).all()):
        raise RunError(f"Expected finite probabilities, got others from {' '.join(map(str, task))}. Nothing was kept.")
    owner.run.save_results(*task, results=arrays)
    owner.results[task] = arrays


def finish_if_whole(owner: TrainingSession) -> None:
    """Writes the results of all members together, once none is missing."""
    found, dataset = owner.results, owner.dataset
    if owner.missing(owner.members) or len(owner.again) < len(owner.twice) or owner.run.finished:
        return
    members = {task: (found[task]["probability"], found[task]["validation"]) for task in owner.members}
    shown = owner.shown
    for model, again in owner.again.items():
        expected = found[model, 0, 0]["probability"]
        expected = expected if owner.same is None else expected[owner.same]
        shown = lookahead_audit.retrained(shown, model, expected=expected, again=again)
    owner.run.finish(
        certificate=shown.to_json(),
        diverged=[
            {"model": model, "fold": fold, "seed": seed, "epoch": int(epoch)}
            for model, fold, seed in owner.networks
            for epoch in found[model, fold, seed].get("diverged", ())
        ],
        predictions=_predictions(owner, {task: each for task, (each, _) in members.items()}),
        validation=pd.concat(
            [tables.predictions(dataset, task, each, part="validation") for task, (_, each) in members.items()],
            ignore_index=True,
        ),
        history=pd.concat([tables.history(task, found[task]) for task in owner.networks], ignore_index=True),
        paths=pd.concat([tables.path(dataset, task, found[task]) for task in owner.networks], ignore_index=True),
        seconds=time.monotonic() - owner.began,
    )


def _predictions(owner: TrainingSession, tested: Mapping[Task, Floats]) -> pd.DataFrame:
    if owner.experiment.combinatorial and isinstance(owner.dataset, Dataset):
        return tables.path_predictions(owner.dataset, owner.experiment, tested)
    return pd.concat([tables.predictions(owner.dataset, *each) for each in tested.items()], ignore_index=True)
