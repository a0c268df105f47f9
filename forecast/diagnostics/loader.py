"""A run on disk -> what can be looked into: its windows, and each member's weights before and after training."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from forecast.compute import backend, network_process
from forecast.config.architecture import Architecture
from forecast.config.experiment import Experiment
from forecast.datasets import dataset
from forecast.datasets.dataset import Dataset, make_windows
from forecast.datasets.panel import PanelDataset, pool, write_panel
from forecast.diagnostics.keras_networks import KerasNetwork
from forecast.diagnostics.numpy_cells import GATES, Array, Weights
from forecast.runs import tables
from forecast.runs.checkpoints import open_member, panel_scalers
from forecast.runs.integrity import Integrity, open_trained
from forecast.runs.run import Run
from pipelines import user_code
from pipelines.errors import RunError
from pipelines.files import temporary_folder
from pipelines.market.types import Bars, Floats
from pipelines.preprocessing.scaling import Scaler
from pipelines.preprocessing.windows import Rows, gather

STAGES = ("initial", "trained")
Network = Weights | KerasNetwork
"""A plain SimpleRNN or LSTM, whose sums are written out in numpy, or any other, differentiated through Keras."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Member:
    """One network of a run; initial: with the weights that its training began with. scalers: by symbol."""

    model: str
    fold: int
    seed: int
    initial: Network
    trained: Network
    scalers: Mapping[str, Scaler]

    def weights(self, stage: str) -> Network:
        return self.trained if stage == "trained" else self.initial


@dataclass(frozen=True, kw_only=True, eq=False)
class RunUnderStudy:
    """A finished run, its data as it was trained on, and those of its networks that can be looked into.

    closes: each bar's, in the order of the windows' bars. integrity: whether the run's files are as they were written.
    """

    run: Run
    about: dict[str, Any]
    experiment: Experiment
    data: Dataset | PanelDataset
    closes: Floats
    models: tuple[str, ...]
    integrity: Integrity = Integrity(verified=True)

    @property
    def unseen(self) -> tuple[str, ...]:
        """The run's networks that cannot be looked into: those with members that diverged."""
        return tuple(model for model in self.experiment.models if model not in self.models)

    @property
    def tested(self) -> Rows:
        """The window numbers of all folds' test rows, in the order of their decisions."""
        return np.concatenate([fold.test for fold in self.data.folds])

    def bars_before(self, rows: Rows) -> Rows:
        """How many bars of its symbol lie before the last one of each of these windows."""
        ends = self.data.windows.ends[rows]
        if isinstance(self.data, PanelDataset):
            return np.asarray(ends - self.data.panel.begins[self.data.panel.of[rows]])
        return ends

    def windows(self, member: Member, rows: Rows, *, dtype: type = np.float64) -> Array:
        """The member's scaled windows that end at these window numbers, time-major: (steps, rows, features)."""
        views = self.data.windows
        values = gather(views.values, views.ends[rows], steps=views.steps)
        symbols = self.data.symbols_of(rows)
        scaled = np.empty(values.shape, dtype=np.float32)
        for symbol in np.unique(symbols.astype(str)):
            rows_of = symbols == symbol
            scaled[rows_of] = member.scalers[symbol].apply(values[rows_of])
        return np.ascontiguousarray(scaled.transpose(1, 0, 2), dtype=dtype)


def open_subject(run: Run) -> RunUnderStudy:
    """Rebuilds a run's windows from the bars that it keeps.

    Raises:
        RunError: an unfinished or damaged run, or bars other than it was trained on.
        ConfigError: features or networks that this version does not know.
    """
    opened = open_trained(run)
    about, experiment = opened.described, opened.experiment
    if experiment.local_models:
        raise RunError(
            f"Expected networks that the symbols of a panel share, got {run.name} with local_models. Train a panel "
            "without, or one of its symbols."
        )
    user_code.check_sources([experiment.label], about.get("user_code", {}))
    diverged = {member["model"] for member in about.get("diverged", ())}
    models = tuple(model for model in experiment.models if model not in diverged)
    if not models:
        raise RunError(
            f"Expected a run with a network none of whose members diverged, got {', '.join(experiment.models)}. Train "
            "again with a lower --learning-rate."
        )
    prices = _prices(run, about, experiment)
    data = _panel(prices, experiment) if run.is_panel else dataset.prepare(next(iter(prices.values())), experiment)
    return RunUnderStudy(
        run=run,
        about=about,
        experiment=experiment,
        data=data,
        closes=np.concatenate([bars.close for bars in prices.values()]),
        models=models,
        integrity=opened.integrity,
    )


def _panel(prices: Mapping[str, Bars], experiment: Experiment) -> PanelDataset:
    """The panel in memory: what is looked into is a small part of it, in no order."""
    parts = ((symbol, make_windows(bars, experiment.of_symbol(symbol))) for symbol, bars in prices.items())
    with temporary_folder("panel") as scratch:
        panel = write_panel(Path(scratch), parts)
        values = np.array(panel.windows.values)
    return pool(replace(panel, windows=replace(panel.windows, values=values)), experiment)


def _plain(architecture: Architecture) -> bool:
    """Whether a network is one of those whose sums are written out in numpy_cells."""
    one_way = not architecture.bidirectional and not architecture.layer_norm
    many_to_one = architecture.topology == "many_to_one"
    return architecture.cell in GATES and many_to_one and architecture.layers == 1 and one_way


def members(subject: RunUnderStudy) -> Iterator[Member]:
    """Every member of the run, fold by fold. Loads the network library, 3 s (JAX) to 10 s (TensorFlow).

    Raises:
        RunError: weights that are missing, truncated, swapped, or of a shape that the run does not have.
    """
    experiment, panel = subject.experiment, isinstance(subject.data, PanelDataset)
    files = [
        open_member(subject.run, experiment, (model, fold, seed), panel=panel)
        for fold in range(len(subject.data.folds))
        for model in subject.models
        for seed in range(experiment.seeds)
    ]  # all of them are checked before the network library is loaded
    name = backend.choose(subject.about.get("backend", backend.DEFAULT))
    for file in files:
        (model, fold, seed), architecture = file.task, file.architecture
        arguments = (architecture, start_seed(fold=fold, seed=seed), file.weights)
        stages = network_process.ask(_stages, *arguments, architecture=architecture, name=name)
        initial, trained = (
            _network(weights, architecture, library=name, deviation=file.deviation) for weights in stages
        )
        scalers = (
            panel_scalers(subject.run, file.task, features=architecture.features)
            if panel
            else {experiment.symbol: file.scaler}
        )
        yield Member(model=model, fold=fold, seed=seed, initial=initial, trained=trained, scalers=scalers)


def _stages(
    library: ModuleType, architecture: Architecture, seed: int, weights: Path
) -> tuple[list[Array], list[Array]]:
    """The weights that training begins with at this seed, and those of the file."""
    network = library.layers.build(architecture, seed=seed)
    initial = network.get_weights()
    library.load_into(network, weights)
    return initial, network.get_weights()


def spread(rows: Rows, *, most: int) -> Rows:
    """At most so many of these rows, evenly spaced, the first and the last among them."""
    return rows[np.unique(np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(np.int64))]


def start_seed(*, fold: int, seed: int) -> int:
    """The seed of the weights that a member's training began with, as forecast.networks.fit.fit draws it."""
    return int(np.random.SeedSequence((seed, fold)).generate_state(2)[0])


def _network(weights: list[Array], architecture: Architecture, *, library: str, deviation: float | None) -> Network:
    if _plain(architecture):
        return Weights.from_keras(architecture.cell, weights, features=architecture.features, units=architecture.units)
    return KerasNetwork(architecture=architecture, library=library, weights=weights, deviation=deviation)


def _prices(run: Run, about: Mapping[str, Any], experiment: Experiment) -> dict[str, Bars]:
    """The bars of the run's symbols with what is joined, in the order of the symbols.

    Raises:
        RunError: bars other than the run was trained on.
    """
    described = about["panel"]["symbols"] if run.is_panel else {experiment.symbol: about["data"]}
    prices = {}
    for symbol, rows in run.bars().groupby("symbol", sort=True):
        facts = described.get(symbol, {})
        prices[str(symbol)] = bars = tables.bars_of(rows, facts)
        if dataset.fingerprint(bars) != facts.get("fingerprint"):
            raise RunError(
                f"bars.parquet of run {run.name} are not the bars it was trained on. Train it again: --overwrite."
            )
    if set(prices) != set(described):
        raise RunError(f"bars.parquet of run {run.name} lacks bars of a symbol. Train it again: --overwrite.")
    return prices
