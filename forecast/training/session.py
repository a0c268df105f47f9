"""A run that is being trained: what is there, what is missing, and how it is saved and finished."""

import itertools
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
from forecast.runs.checkpoints import tuned_hyperparameters
from forecast.runs.run import Run
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

    certificate: of its data. retrained_models: the models of which a member is trained twice, for the proof. networks,
    baselines: its members. results: those of each finished member. retrained_predictions: of the members that are
    trained twice. common_rows: which of the first fold's test rows those are, None for the first ones. settings: what
    tuning chose, by model and fold.
    """

    run: Run
    experiment: Experiment
    dataset: MemberRows
    certificate: Certificate
    retrained_models: tuple[str, ...]
    networks: list[Task]
    baselines: list[Task]
    results: dict[Task, dict[str, Floats]]
    retrained_predictions: dict[str, Floats] = field(default_factory=dict)
    common_rows: Rows | None = None
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


def refuse_lookahead(certificate: Certificate, names: Iterable[str], *, progress: Progress) -> None:
    """Stops before anything is trained on a feature or label of a person's own that looks ahead.

    What cannot be checked is said.

    Raises:
        ConfigError: the certificate says so of one of these names.
    """
    for failure in certificate.failures:
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
    for entry in certificate.unverifiable:
        progress.note(f"Cannot be checked for look-ahead bias: {entry}.")


def covariate_notes(prices: Bars, covariates: Mapping[str, Bars]) -> Iterator[str]:
    """Where a covariate begins later or ends earlier than the prices that it stands beside."""
    first, last = prices.closed_at[[0, -1]]
    for symbol, covariate in covariates.items():
        begins, ends = covariate.closed_at[[0, -1]]
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
    digests = {
        name: digest
        for subject, field_name in _OWN
        for name, digest in user_code.sources(_named(experiment, field_name), what=subject).items()
    }
    return {**({"user_features": features} if features else {}), **({"user_code": digests} if digests else {})}


def _named(experiment: Experiment, field_name: str) -> Sequence[str]:
    """What a field of an experiment names: one or several."""
    value = getattr(experiment, field_name)
    return (value,) if isinstance(value, str) else value


def announce_code(experiment: Experiment, *, progress: Progress) -> None:
    """Says what of an experiment is a person's own code, before any of it runs."""
    for subject, field_name in (("Feature", "features"), *_OWN):
        for name, file in user_code.files(_named(experiment, field_name), what=subject).items():
            progress.note(f"{subject} {name} is code: {file} runs with your rights. Use files that you trust.")


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
    run: Run,
    experiment: Experiment,
    dataset: MemberRows,
    certificate: Certificate,
    *,
    retrained_models: Sequence[str] = (),
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
        certificate=certificate,
        retrained_models=tuple(retrained_models),
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
        symbol=experiment.symbol, baseline=name, fold=fold, work=work, backend=backend, versions=versions, most=most,
        own_code=tuple(user_code.sources([name.partition(":")[2]], what="Baseline").items()),
    )  # fmt: skip


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
            owner.run.save_tuning(tuning.describe(tries))
        settings_of_owners = [tuning.chosen(tries)] * len(owners)
    for owner, settings in zip(owners, settings_of_owners, strict=True):
        owner.settings = settings


def save(owner: TrainingSession, task: Task, result: MemberResult) -> None:
    """Keeps a member that is fitted, so that it need not be fitted again."""
    if isinstance(result, FitResult):
        arrays = {name: getattr(result, name) for name in tables.MEMBER_ARRAYS}
        arrays["diverged"] = np.array([] if result.diverged is None else [result.diverged], dtype=np.float64)
        description = tables.describe_member(result, task, dataset=owner.dataset, experiment=owner.experiment)
        owner.run.save_network(*task, weights=result.weights, description=description)
    else:
        arrays = {"probability": result.probability, "validation": result.validation}
    if not (np.isfinite(arrays["probability"]).all() and np.isfinite(arrays["validation"]).all()):
        raise RunError(f"Expected finite probabilities, got others from {' '.join(map(str, task))}. Nothing was kept.")
    owner.run.save_results(*task, results=arrays)
    owner.results[task] = arrays


def finish_if_complete(*owners: TrainingSession) -> None:
    """Writes the results of all members of one run together, once none is missing.

    owners: the run's one session, or those of its symbols where each has members of its own.
    """
    first = owners[0]
    if first.run.finished or any(
        owner.missing(owner.members) or len(owner.retrained_predictions) < len(owner.retrained_models)
        for owner in owners
    ):
        return
    certificate = first.certificate
    for owner in owners:
        for model, retrained in owner.retrained_predictions.items():
            expected = owner.results[model, 0, 0]["probability"]
            expected = expected if owner.common_rows is None else expected[owner.common_rows]
            certificate = lookahead_audit.retrained(
                certificate, model, expected=expected, retrained_probability=retrained
            )
    first.run.finish(
        certificate=certificate.to_json(),
        diverged=[
            {"model": model, "fold": fold, "seed": seed, "epoch": int(epoch)}
            | ({"symbol": owner.run.part} if owner.run.part else {})
            for owner in owners
            for model, fold, seed in owner.networks
            for epoch in owner.results[model, fold, seed].get("diverged", ())
        ],
        predictions=itertools.chain.from_iterable(map(_predictions, owners)),
        validation=(
            tables.predictions(owner.dataset, task, owner.results[task]["validation"], part="validation")
            for owner in owners
            for task in owner.members
        ),
        history=_mean_curves(
            [tables.history(task, owner.results[task]) for owner in owners for task in owner.networks]
        ),
        paths=pd.concat(
            [tables.path(owner.dataset, task, owner.results[task]) for owner in owners for task in owner.networks],
            ignore_index=True,
        ),
        seconds=time.monotonic() - first.began,
    )


def _mean_curves(curves: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Learning curves; where several symbols have one of the same member, their mean."""
    keys = ["model", "fold", "seed", "epoch"]
    history = pd.concat(curves, ignore_index=True)
    if not history.duplicated(keys).any():
        return history
    mean: pd.DataFrame = history.groupby(keys, sort=False).mean().reset_index()
    return mean


def _predictions(owner: TrainingSession) -> Iterator[pd.DataFrame]:
    """Of each member its rows; one member of a large panel is a sixteenth of a gigabyte."""
    tested = {task: owner.results[task]["probability"] for task in owner.members}
    if owner.experiment.combinatorial and isinstance(owner.dataset, Dataset):
        yield tables.path_predictions(owner.dataset, owner.experiment, tested)
        return
    for member, probability in tested.items():
        yield tables.predictions(owner.dataset, member, probability)
