"""What is sent to a worker and done there: one member to fit. Imports no network library until a worker does."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from forecast.compute import backend, shared_data
from forecast.compute.memory import return_free_memory
from forecast.compute.shared_data import SharedData
from forecast.config.experiment import Experiment
from forecast.config.hyperparameters import Hyperparameters
from forecast.datasets.dataset import MemberRows
from forecast.networks.results import Architecture, Budget, FitResult
from pipelines import user_code
from pipelines.errors import RunError
from pipelines.market.types import Floats

Task = tuple[str, int, int]  # model, fold number, seed


@dataclass(frozen=True, kw_only=True, eq=False)
class BaselineResult:
    """What a baseline predicts: for the test rows of its fold, shape (test rows,), and for the validation rows."""

    probability: Floats
    validation: Floats


MemberResult = FitResult | BaselineResult


class MemberTask(Protocol):
    """One member to fit, network or baseline; it is pickled and sent to a worker."""

    @property
    def task(self) -> Task:
        """The key under which its result is kept."""

    @property
    def name(self) -> str:
        """For a person."""

    @property
    def work(self) -> int:
        """How long it takes, in no unit. The longest are started first."""

    @property
    def kind(self) -> Hashable:
        """What a worker has to compile or import for it."""

    @property
    def backend(self) -> str:
        """The network library of its run."""

    @property
    def versions(self) -> tuple[tuple[str, str], ...]:
        """What a worker must have to give the run's digits."""

    @property
    def own_code(self) -> tuple[tuple[str, str], ...]:
        """A person's own that it needs, with the sha256 of its files: a worker elsewhere must have the same."""

    def fit(self, shared: SharedData) -> MemberResult:
        """Fits it, in a worker."""


@dataclass(frozen=True, kw_only=True)
class FitTask:
    """One network to fit, and what it must be fitted with to repeat to the last digit.

    rows: how many it learns from. room: the bars that compiled shapes are made for, if its data have fewer.
    """

    symbol: str
    architecture: Architecture
    fold: int
    seed: int
    budget: Budget
    rows: int
    room: int = 0
    backend: str
    versions: tuple[tuple[str, str], ...]
    own_code: tuple[tuple[str, str], ...] = ()

    @property
    def task(self) -> Task:
        """The key under which its result is kept."""
        return self.architecture.model, self.fold, self.seed

    @property
    def name(self) -> str:
        """For a person."""
        return f"{self.symbol} {self.architecture.model} fold {self.fold} seed {self.seed}"

    @property
    def work(self) -> int:
        """How long it takes, in no unit: multiplications an epoch. The longest are started first."""
        return self.architecture.parameters * self.architecture.steps * self.rows

    @property
    def kind(self) -> Hashable:
        """What a worker has to compile for it."""
        return self.architecture

    def fit(self, shared: SharedData) -> FitResult:
        """Fits it, in a worker, which loads the network library for it."""
        fitted: FitResult = backend.load_fitting(self.backend).fit(
            shared.windows,
            shared.folds[self.fold],
            shared.scalers[self.fold],
            architecture=self.architecture,
            seed=self.seed,
            budget=self.budget,
            room=self.room,
        )
        return fitted


def architecture_of(experiment: Experiment, model: str, *, settings: Hyperparameters) -> Architecture:
    """The network that an experiment asks of its members of a model; settings: its own, or tuned ones."""
    return Architecture.of(experiment, model, units=settings.units)


def order_for(
    experiment: Experiment,
    task: Task,
    *,
    dataset: MemberRows,
    room: int = 0,
    settings: Hyperparameters | None = None,
    backend: str,
    versions: tuple[tuple[str, str], ...],
) -> FitTask:
    """What an experiment asks of one of its members.

    room: the bars of the longest data that members of it train on. settings: the ones that tuning chose, or tries.
    """
    model, number, seed = task
    settings = settings or Hyperparameters.of(experiment)
    return FitTask(
        symbol=experiment.symbol,
        architecture=architecture_of(experiment, model, settings=settings),
        fold=number,
        seed=seed,
        budget=Budget.of(experiment, learning_rate=settings.learning_rate),
        rows=len(dataset.folds[number].train),
        room=room,
        backend=backend,
        versions=versions,
        own_code=tuple(user_code.sources([model], what="Model").items()),
    )


def fit(data: Path | Mapping[str, Any], order: MemberTask) -> MemberResult:
    """Fits one member, in a worker. data: the folder that `shared_data.write` filled, or the arrays themselves.

    Raises:
        RunError: this worker has other versions, or no such backend.
        ConfigError: it has not the person's own code that the run was begun with.
    """
    check_versions(order.backend, order.versions)
    check_own_code(order.own_code)
    try:
        return order.fit(shared_data.read(data) if isinstance(data, Path) else shared_data.from_arrays(data))
    finally:
        return_free_memory()  # what was compiled with, a hundred MiB: another worker needs it more


def check_own(data: object, order: FitTask) -> tuple[int, tuple[str, ...]]:
    """The parameters of a person's own network and what it opens, checked in a worker before anything is trained.

    data: is not needed.

    Raises:
        ConfigError: no network that can be trained.
    """
    check_versions(order.backend, order.versions)
    check_own_code(order.own_code)
    count, entries = backend.load_fitting(order.backend).check_own(order.architecture)
    return int(count), entries


@lru_cache
def check_own_code(expected: tuple[tuple[str, str], ...]) -> None:
    """Whether a person's own code is here as where the run was begun.

    Raises:
        ConfigError: it is missing, or its files are others.
    """
    user_code.check_sources([name for name, _ in expected], dict(expected))


@lru_cache
def check_versions(name: str, expected: tuple[tuple[str, str], ...]) -> None:
    """Whether results made here have the digits that the run promises.

    Raises:
        RunError: another version of something that decides them.
    """
    local_versions = backend.versions(name)
    differing = [
        f"{package} {local_versions[package]} instead of {version}"
        for package, version in expected
        if local_versions[package] != version
    ]
    if differing:
        raise RunError(
            f"Expected workers with the versions of this machine, got {', '.join(differing)}. Install the same there."
        )


def load(name: str, expected: tuple[tuple[str, str], ...]) -> None:
    """Makes a worker ready: its versions checked, its network library imported.

    Raises:
        RunError: it cannot fit members of this run.
    """
    check_versions(name, expected)
    try:
        backend.load_fitting(name)
    except ImportError as error:
        raise RunError(f"Expected workers that can import {name}, got: {error}. Install it there.") from error
