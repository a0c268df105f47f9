"""One member (model, fold, seed): fitted on the fold's training rows, stopped on its validation rows, tested once.

Importing this module imports the network library: it runs in the worker processes.
"""

import threading
import time
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import keras
import numpy as np
from numpy.typing import NDArray

from forecast import models
from forecast.descent import Vector, flat
from forecast.epochs import Program
from forecast.member import Architecture, Budget, Fitted
from pipelines.errors import RunError
from pipelines.market import Floats
from pipelines.scaling import Scaler
from pipelines.splits import Fold
from pipelines.windows import Rows, Windows, gather

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
) -> Fitted:
    """Trains one member with early stopping and predicts the fold's test rows.

    With a patience the weights of the epoch with the best validation loss are kept; with patience 0 all epochs are
    trained and the last weights kept, so that nothing is chosen on validation rows. The epochs run in one compiled
    call: `seconds` is its wall time in equal parts. room: the bars that other members have, where these windows are
    fewer: the same shapes then, nothing compiled again.
    """
    began = time.perf_counter()
    program = _program(architecture)
    member_seed, order_seed = (int(each) for each in np.random.SeedSequence((seed, fold.number)).generate_state(2))
    values = scaler.apply(windows.values)
    trained = program.train(
        flat(models.build(architecture, seed=member_seed).get_weights()),
        program.material(
            values,
            ends=windows.ends,
            targets=windows.targets,
            weights=fold.weights,
            train=fold.train,
            validation=fold.validation,
            batch=budget.batch,
            rate=budget.learning_rate,
            room=room,
        ),
        train=fold.train,
        batch=budget.batch,
        shuffle=np.random.default_rng(order_seed),
        epochs=budget.epochs,
        patience=budget.patience,
    )
    done = len(trained.loss)
    return Fitted(
        architecture=architecture,
        parameters=len(trained.parameters),
        weights=_weights_file(program, trained.parameters),
        probability=_probabilities(program, trained.parameters, values, windows.ends[fold.test]),
        validation=_probabilities(program, trained.parameters, values, windows.ends[fold.validation]),
        loss=trained.loss,
        val_loss=trained.val_loss,
        seconds=np.full(done, (time.perf_counter() - began) / done),
    )


def load(weights: Path, *, architecture: Architecture) -> Vector:
    """The parameters of a stored member, whose file was checked before (forecast.model_files).

    Raises:
        RunError: weights of another shape than the architecture's.
    """
    network = _program(architecture).network
    with _writing:
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
        raise RunError(
            f"{weights.name} of run folder {weights.parent} does not hold the weights of this {network.name}. Train it "
            "again: forecast train --fresh."
        ) from error


def predict(
    values: NDArray[np.float32], *, ends: Rows, scaler: Scaler, architecture: Architecture, parameters: Vector
) -> Floats:
    """Probabilities of a loaded member at the windows ending at `ends`; values: unscaled features (bars, features)."""
    return _probabilities(_program(architecture), parameters, scaler.apply(values), ends)


@lru_cache(maxsize=8)
def _program(architecture: Architecture) -> Program:
    return Program(models.build(architecture, seed=0))


def _probabilities(program: Program, parameters: Vector, values: Vector, ends: Rows) -> Floats:
    steps = program.network.input_shape[1]
    return models.sigmoid(program.logits(parameters, gather(values, ends, steps=steps)))


def _weights_file(program: Program, parameters: Vector) -> bytes:
    with _writing, TemporaryDirectory() as folder:
        path = Path(folder) / "member.weights.h5"
        program.network.set_weights(program.weights(parameters))
        program.network.save_weights(path)
        return path.read_bytes()


__all__ = ["fit", "keras", "load", "load_into", "models", "predict"]
