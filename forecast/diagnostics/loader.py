"""A run on disk -> what can be looked into: its windows, and each member's weights before and after training."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from forecast.compute import backend
from forecast.config.experiment import Experiment
from forecast.datasets import dataset
from forecast.datasets.dataset import Dataset
from forecast.diagnostics.numpy_cells import GATES, Array, Weights
from forecast.networks.results import Architecture
from forecast.runs import integrity, tables
from forecast.runs.checkpoints import open_member
from forecast.runs.integrity import Integrity
from forecast.runs.run import Run
from pipelines import user_code
from pipelines.errors import ConfigError, RunError
from pipelines.preprocessing import custom_features
from pipelines.preprocessing.scaling import Scaler
from pipelines.preprocessing.windows import Rows, gather

STAGES = ("initial", "trained")


@dataclass(frozen=True, kw_only=True, eq=False)
class Member:
    """One network of a run; initial: the weights that its training began with."""

    model: str
    fold: int
    seed: int
    initial: Weights
    trained: Weights
    scaler: Scaler

    def weights(self, stage: str) -> Weights:
        return self.trained if stage == "trained" else self.initial


@dataclass(frozen=True, kw_only=True, eq=False)
class RunUnderStudy:
    """A finished run, its data as it was trained on, and those of its networks that can be looked into.

    integrity: whether the run's files are as they were written.
    """

    run: Run
    about: dict[str, Any]
    experiment: Experiment
    data: Dataset
    models: tuple[str, ...]
    integrity: Integrity = Integrity(verified=True)

    @property
    def unseen(self) -> tuple[str, ...]:
        """The run's networks that cannot be looked into."""
        return tuple(model for model in self.experiment.models if model not in self.models)

    def windows(self, member: Member, rows: Rows, *, dtype: type = np.float64) -> Array:
        """The member's scaled windows that end at these window numbers, time-major: (steps, rows, features)."""
        views = self.data.windows
        ends = views.ends[rows]
        first = int(ends.min()) - views.steps + 1
        values = member.scaler.apply(views.values[first : int(ends.max()) + 1])
        return np.ascontiguousarray(gather(values, ends - first, steps=views.steps).transpose(1, 0, 2), dtype=dtype)


def open_subject(run: Run) -> RunUnderStudy:
    """Rebuilds a run's windows from the bars that it keeps.

    Raises:
        RunError: an unfinished or damaged run, or bars other than it was trained on.
        ConfigError: features or networks that this version does not know.
    """
    about = run.describe()
    if not run.finished:
        raise RunError(f"Run {run.name} is not finished. Run its 'forecast train' again: it resumes.")
    checked = integrity.check(run)
    run.refuse_judged()
    if run.is_panel or about["config"].get("panel"):
        raise RunError(
            f"Expected a run of one symbol to look into, got the panel {run.name}. Train one of its symbols."
        )
    try:
        experiment = Experiment.from_options(about["config"])
    except ConfigError as error:
        raise ConfigError(f"Run {run.name} is not of this version: {error} Train it again.") from error
    if experiment.combinatorial:
        raise RunError(
            f"Expected a walk-forward run, got {run.name} with --split combinatorial. Train with --split expanding."
        )
    custom_features.check_sources(experiment.features, about.get("user_features", {}))
    user_code.check_sources([*experiment.models, experiment.label], about.get("user_code", {}))
    bars = tables.bars_of(run.bars(), about["data"])
    if dataset.fingerprint(bars) != about["data"].get("fingerprint"):
        raise RunError(
            f"bars.parquet of run {run.name} are not the bars it was trained on. Train it again: --overwrite."
        )
    diverged = {member["model"] for member in about.get("diverged", ())}
    supported = tuple(
        model for model in experiment.models if model not in diverged and _plain(Architecture.of(experiment, model))
    )
    if not supported:
        raise RunError(
            "Expected a run with a network out of simple_rnn, lstm (one layer, read one way, not normalised, none "
            "of whose members diverged), got "
            f"{', '.join(experiment.models)}."
        )
    data = dataset.prepare(bars, experiment)
    return RunUnderStudy(run=run, about=about, experiment=experiment, data=data, models=supported, integrity=checked)


def _plain(architecture: Architecture) -> bool:
    """Whether a network is one of the two whose sums are written out in cells.py."""
    one_way = not architecture.bidirectional and not architecture.layer_norm
    return architecture.model in GATES and architecture.layers == 1 and one_way


def members(subject: RunUnderStudy) -> Iterator[Member]:
    """Every member of the run, fold by fold. Loads the network library, 3 s (JAX) to 10 s (TensorFlow).

    Raises:
        RunError: weights that are missing, truncated, swapped, or of a shape that the run does not have.
    """
    experiment = subject.experiment
    files = [
        open_member(subject.run, experiment, (model, fold, seed))
        for fold in range(len(subject.data.folds))
        for model in subject.models
        for seed in range(experiment.seeds)
    ]  # all of them are checked before the network library is loaded
    fitting = backend.load_fitting(backend.choose(subject.about.get("backend", backend.DEFAULT)))
    for file in files:
        (model, fold, seed), architecture = file.task, file.architecture
        network = fitting.layers.build(architecture, seed=start_seed(fold=fold, seed=seed))
        initial = _read(network, architecture)
        fitting.load_into(network, file.weights)
        trained = _read(network, architecture)
        yield Member(model=model, fold=fold, seed=seed, initial=initial, trained=trained, scaler=file.scaler)


def spread(rows: Rows, *, most: int) -> Rows:
    """At most so many of these rows, evenly spaced, the first and the last among them."""
    return rows[np.unique(np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(np.int64))]


def start_seed(*, fold: int, seed: int) -> int:
    """The seed of the weights that a member's training began with, as forecast.networks.fit.fit draws it."""
    return int(np.random.SeedSequence((seed, fold)).generate_state(2)[0])


def _read(network: Any, architecture: Architecture) -> Weights:
    return Weights.from_keras(
        architecture.model, network.get_weights(), features=architecture.features, units=architecture.units
    )
