"""One member (model, fold, seed): fitted on the fold's training rows, stopped on its validation rows, tested once.

Importing this module imports the network library: it runs in the worker processes.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from forecast.datasets import path_targets
from forecast.networks import layers, prediction
from forecast.networks.optimizer import Vector, flat
from forecast.networks.prediction import other_weights, probabilities
from forecast.networks.results import Architecture, Budget, FitResult
from forecast.networks.training_loop import Program
from pipelines import user_code
from pipelines.errors import ConfigError
from pipelines.files import temporary_folder
from pipelines.market.types import Floats
from pipelines.preprocessing.access_log import opened_by
from pipelines.preprocessing.scaling import Scaler
from pipelines.preprocessing.walk_forward import Fold
from pipelines.preprocessing.windows import Rows, Windows, gather

_writing = threading.Lock()  # a program's network is only used to write files; everything else is without state


def fit(
    windows: Windows,
    fold: Fold,
    scaler: Scaler,
    *,
    architecture: Architecture,
    seed: int,
    budget: Budget,
    room: int = 0,
) -> FitResult:
    """Trains one member with early stopping and predicts the fold's test rows.

    With a patience the weights of the epoch with the best validation loss are kept; with patience 0 all epochs are
    trained and the last weights kept, so that nothing is chosen on validation rows. Five epochs run in one compiled
    call: `seconds` is its wall time in equal parts. room: the bars that other members have, where these windows are
    fewer: the same shapes then, nothing compiled again.
    """
    began = time.perf_counter()
    program = _program(architecture)
    member_seed, order_seed, draw = (
        int(number) for number in np.random.SeedSequence((seed, fold.number)).generate_state(3)
    )
    values = scaler.apply(windows.values)
    start = flat(layers.build(architecture, seed=member_seed).get_weights())
    trained = program.train(
        start,
        program.fold_tensors(
            values,
            ends=windows.ends,
            targets=windows.targets,
            weights=fold.weights,
            train=fold.train,
            validation=fold.validation,
            budget=budget,
            room=room,
            **_lessons(architecture, windows, fold),
        ),
        train=fold.train,
        batch=budget.batch,
        shuffle=np.random.default_rng(order_seed),
        epochs=budget.epochs,
        patience=budget.patience,
        draw=draw >> 1,
    )
    epochs_trained, parameters = len(trained.loss), trained.parameters
    answers, checked = (
        _answers(architecture, parameters, values, windows.ends[rows]) for rows in (fold.test, fold.validation)
    )
    sound = _finite_epochs(trained.loss, trained.val_loss)
    usable_epochs = (
        sound if budget.patience else sound * (sound == epochs_trained)
    )  # the best epoch's weights, or those of the last one
    diverged = None
    if not usable_epochs or not all(np.isfinite(values).all() for values in (parameters, answers, checked)):
        diverged, parameters = min(sound + 1, epochs_trained), start
        answers, checked = np.zeros_like(answers), np.zeros_like(checked)
    deviation = _deviation(checked, windows, fold) if architecture.path else None
    nothing = np.empty((0, 0))
    return FitResult(
        architecture=architecture,
        parameters=len(parameters),
        weights=_weights_file(program, parameters),
        probability=probabilities(answers, architecture=architecture, deviation=deviation),
        validation=probabilities(checked, architecture=architecture, deviation=deviation),
        loss=trained.loss[:sound],
        val_loss=trained.val_loss[:sound],
        seconds=np.full(sound, (time.perf_counter() - began) / epochs_trained),
        path=answers.astype(np.float64) if architecture.path else nothing,
        validation_path=checked.astype(np.float64) if architecture.path else nothing,
        deviation=deviation,
        diverged=diverged,
    )


def load(weights: Path, *, architecture: Architecture) -> Vector:
    """The parameters of a stored member, whose file was checked before (forecast.runs.checkpoints).

    Raises:
        RunError: weights of another shape than the architecture's.
    """
    network = _program(architecture).network
    with _writing, _lent(network):
        load_into(network, weights)
        return flat(network.get_weights())


def load_into(network: keras.Model, weights: Path) -> None:
    """The weights of a file, by name and shape.

    Raises:
        RunError: weights of another shape than the network's.
    """
    try:
        network.load_weights(weights)
    except (OSError, ValueError, KeyError) as error:
        raise other_weights(weights, network.name) from error


def predict(
    values: NDArray[np.float32],
    *,
    ends: Rows,
    scaler: Scaler,
    architecture: Architecture,
    parameters: Vector,
    deviation: float | None = None,
) -> Floats:
    """Probabilities of a loaded member at the windows ending at `ends`; values: unscaled features (bars, features).

    deviation: as in Fitted, where the network forecasts a path.
    """
    answers = _answers(architecture, parameters, scaler.apply(values), ends)
    return probabilities(answers, architecture=architecture, deviation=deviation)


@lru_cache(maxsize=16)
def _program(architecture: Architecture) -> Program:
    network = layers.build(architecture, seed=0)
    random = bool(network.non_trainable_variables) if architecture.own else architecture.random
    return Program(network, topology=architecture.topology, random=random)


def check_own(architecture: Architecture) -> tuple[int, tuple[str, ...]]:
    """The parameters of a person's own network, once it is found to be one that can be trained, and what it opens.

    Raises:
        ConfigError: it is none.
    """
    entries = opened_by(lambda: layers.build(architecture, seed=0))
    network, another = layers.build(architecture, seed=0), layers.build(architecture, seed=1)
    if {id(weight) for weight in network.weights} & {id(weight) for weight in another.weights}:
        raise ConfigError(
            f"Model {architecture.model}: expected new layers in every call, got those of an earlier one. Make them "
            "inside the function: what one fold learns must not reach another."
        )
    windows = np.random.default_rng(0).normal(size=(8, architecture.steps, architecture.features))
    parameters = flat(network.get_weights())
    try:
        answers = _program(architecture).answers(parameters, windows.astype(np.float32))
        _try_training(architecture, parameters)
    except user_code.FAILURES as error:  # whatever its layers raise when they are compiled
        raise ConfigError(
            f"Model {architecture.model}: expected a network that can be compiled and trained on "
            f"{keras.backend.backend()}, got {user_code.one_line(error)}. Build it of keras.layers and keras.ops, in "
            "float32."
        ) from error
    if not np.all(np.isfinite(answers)):
        raise ConfigError(f"Model {architecture.model}: expected finite answers, got others. Check its layers.")
    return len(parameters), tuple(f"model {architecture.model} {entry}" for entry in entries)


def _try_training(architecture: Architecture, parameters: Vector) -> None:
    """One epoch of a few made-up windows: whether it can be differentiated."""
    program, budget = _program(architecture), Budget(epochs=1, patience=0, batch=1, learning_rate=0.0)
    rows = np.arange(2)
    tensors = program.fold_tensors(
        np.zeros((architecture.steps + 2, architecture.features), dtype=np.float32),
        ends=architecture.steps + rows,
        targets=np.array([0.0, 1.0]),
        weights=np.ones(2),
        train=rows,
        validation=rows,
        budget=budget,
    )
    program.train(parameters, tensors, train=rows, batch=1, shuffle=np.random.default_rng(0), epochs=1, patience=0)


def _lessons(architecture: Architecture, windows: Windows, fold: Fold) -> dict[str, NDArray[np.floating[Any]]]:
    """What the topology learns from besides the labels of the windows."""
    if architecture.path:
        return {"marks": path_targets.moves(windows), "unit": path_targets.volatility(windows, train=fold.train)}
    if architecture.topology == "in_step":
        labels, counts = path_targets.inner_labels(windows, fold)
        return {"marks": labels, "counts": counts}
    return {}


def _finite_epochs(loss: Floats, val_loss: Floats) -> int:
    """How many epochs there were before the first one with a loss that is not finite."""
    finite = np.isfinite(loss) & np.isfinite(val_loss)
    return len(finite) if finite.all() else int(np.argmin(finite))


def _deviation(checked: Vector, windows: Windows, fold: Fold) -> float:
    rows = fold.validation
    unit = path_targets.volatility(windows, train=fold.train)[rows]
    actual = path_targets.realised(windows, rows, ahead=checked.shape[1]) / unit[:, None]
    return path_targets.deviation(checked, actual, fold.weights[rows])


def _answers(architecture: Architecture, parameters: Vector, values: Vector, ends: Rows) -> Vector:
    """What the network says at `ends`: of a plain one in numpy, as whoever asks it later without the library does."""
    if prediction.is_plain(architecture):
        return prediction.answers(parameters, values, ends, architecture=architecture)
    return _program(architecture).answers(parameters, gather(values, ends, steps=architecture.steps))


def _weights_file(program: Program, parameters: Vector) -> bytes:
    with _writing, _lent(program.network), temporary_folder("weights") as folder:
        path = folder / "member.weights.h5"
        program.network.set_weights(program.weights(parameters))
        program.network.save_weights(path)
        return path.read_bytes()


@contextmanager
def _lent(network: keras.Model) -> Iterator[None]:
    """The network has its own weights again afterwards: a person's function may keep it, and begin another with it."""
    before = network.get_weights()
    try:
        yield
    finally:
        network.set_weights(before)


__all__ = ["check_own", "fit", "keras", "layers", "load", "load_into", "predict", "probabilities"]
