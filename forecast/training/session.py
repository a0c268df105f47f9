"""A run that is being trained: what is there, what is missing, and how it is saved and finished."""

import itertools
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from forecast.compute.task import MemberResult, Task
from forecast.config.experiment import Experiment
from forecast.config.hyperparameters import Hyperparameters, Study
from forecast.config.model_registry import own_baseline
from forecast.datasets import lookahead_audit
from forecast.datasets.dataset import Dataset, MemberRows
from forecast.datasets.lookahead_audit import Certificate
from forecast.networks.results import FitResult
from forecast.runs import tables
from forecast.runs.run import Run
from pipelines.errors import RunError
from pipelines.market.types import Floats
from pipelines.preprocessing.windows import Rows


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
