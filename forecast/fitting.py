"""One member (model, fold, seed): fitted on the fold's training rows, stopped on its validation rows, tested once.

Importing this module imports the network library: it runs in the worker processes.
"""

import time
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import keras
import numpy as np
from numpy.typing import NDArray

from forecast import models
from forecast.epochs import Program
from forecast.member import Architecture, Budget, Fitted
from pipelines.market import Floats
from pipelines.scaling import Scaler
from pipelines.splits import Fold
from pipelines.windows import Rows, Windows


def fit(
    windows: Windows, fold: Fold, scaler: Scaler, *, architecture: Architecture, seed: int, budget: Budget
) -> Fitted:
    """Trains one member with early stopping and predicts the fold's test rows.

    With a patience the weights of the epoch with the best validation loss are kept; with patience 0 all epochs are
    trained and the last weights kept, so that nothing is chosen on validation rows.
    """
    program = _program(architecture, budget.learning_rate, budget.batch)
    member_seed, order_seed = (int(each) for each in np.random.SeedSequence((seed, fold.number)).generate_state(2))
    program.reset(models.build(architecture, seed=member_seed).get_weights())
    shuffle = np.random.default_rng(order_seed)
    values = keras.ops.convert_to_tensor(scaler.apply(windows.values))
    targets = windows.targets.astype(np.float32)
    history: list[tuple[float, float, float]] = []
    best_loss, best_weights, waited = np.inf, None, 0
    for _ in range(budget.epochs):
        began = time.perf_counter()
        loss = program.train(values, ends=windows.ends, targets=targets, order=shuffle.permutation(fold.train))
        val_loss = _log_loss(program, values, windows, fold.validation)
        history.append((loss, val_loss, time.perf_counter() - began))
        if budget.patience:
            if val_loss < best_loss:
                best_loss, best_weights, waited = val_loss, program.network.get_weights(), 0
            else:
                waited += 1
            if waited >= budget.patience:
                break
    if best_weights is not None:
        program.network.set_weights(best_weights)
    table = np.array(history, dtype=np.float64)
    return Fitted(
        architecture=architecture,
        parameters=program.network.count_params(),
        weights=_weights_file(program.network),
        probability=models.sigmoid(program.logits(values, ends=windows.ends[fold.test])),
        loss=table[:, 0],
        val_loss=table[:, 1],
        seconds=table[:, 2],
    )


def predict(
    values: NDArray[np.float32], *, ends: Rows, scaler: Scaler, architecture: Architecture, weights: Path
) -> Floats:
    """Probabilities of a stored member at the windows ending at `ends`; values: unscaled features (bars, features)."""
    program = _program(architecture, 0.001, 1)
    program.network.load_weights(weights)
    return models.sigmoid(program.logits(keras.ops.convert_to_tensor(scaler.apply(values)), ends=ends))


@lru_cache(maxsize=8)
def _program(architecture: Architecture, learning_rate: float, batch: int) -> Program:
    return Program(models.build(architecture, seed=0), learning_rate=learning_rate, batch=batch)


def _log_loss(program: Program, values: object, windows: Windows, rows: Rows) -> float:
    """Mean log loss over `rows`, from logits: log(1 + exp(z)) - target x z."""
    logits = program.logits(values, ends=windows.ends[rows]).astype(np.float64)
    return float(np.mean(np.logaddexp(0.0, logits) - windows.targets[rows] * logits))


def _weights_file(network: keras.Model) -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "member.weights.h5"
        network.save_weights(path)
        return path.read_bytes()
