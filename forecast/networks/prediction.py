"""What a trained network answers, in numpy: no network library is loaded to predict with a plain recurrent one.

Training predicts with the same lines, so a stored probability is the one that is computed again from the weights. The
sums are made in float64 and handed on in float32: the digits of an answer depend on its own window alone, whatever
other windows are asked beside it. Keras, in float32 throughout, agrees to 1e-6.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecast.config.architecture import Architecture
from forecast.datasets import path_targets
from pipelines.errors import RunError
from pipelines.market.types import Floats
from pipelines.preprocessing.scaling import Scaler
from pipelines.preprocessing.windows import Rows, gather

Vector = NDArray[np.float32]
Array = NDArray[np.float64]
Layer = tuple[Array, Array, Array]
"""Kernel (inputs, gates x units), recurrent kernel (units, gates x units) and biases of one recurrent layer."""

_BLOCK = 128  # windows asked at once, always as many, so that the sums have the same shapes
_MOST_NUMBERS = 2**24  # of a block's states where one layer reads another: 128 MiB


def is_plain(architecture: Architecture) -> bool:
    """Whether `answers` can do without the network library: layers of one cell, read one way, and one logit."""
    one_way = not architecture.both_ways and not architecture.layer_norm
    return not architecture.own and architecture.cell in _READ and architecture.topology == "many_to_one" and one_way


def load(weights: Path, *, architecture: Architecture) -> Vector:
    """The parameters of a stored plain member, whose file was checked before (forecast.runs.checkpoints).

    Raises
    ------
    RunError
        Weights of another shape than the architecture's.
    """
    import h5py

    arrays = []
    try:
        with h5py.File(weights, "r") as file:
            for name, shape in _variables(architecture):
                if (stored := file[f"layers/{name}"]).shape != shape:
                    raise ValueError(f"{name} has shape {stored.shape}")
                arrays.append(np.asarray(stored[()], dtype=np.float32).ravel())
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise other_weights(weights, architecture.model) from error
    return np.concatenate(arrays)


def other_weights(weights: Path, model: str) -> RunError:
    """The error of a file that holds the weights of another network."""
    return RunError(
        f"{weights.name} of run folder {weights.parent} does not hold the weights of this {model}. Train it "
        "again: forecast train --overwrite."
    )


def predict(
    values: NDArray[np.float32],
    *,
    ends: Rows,
    scaler: Scaler,
    architecture: Architecture,
    parameters: Vector,
    deviation: float | None = None,
) -> Floats:
    """Probabilities of a plain member at the windows that end at `ends`.

    Parameters
    ----------
    values
        Unscaled features, shape (bars, features).
    ends
        Bars at which windows end, shape (windows,).
    scaler
        The member's.
    architecture
        A plain one (`is_plain`).
    parameters
        As `load` returns them.
    deviation
        Of a network that forecasts a path; none is plain.

    Returns
    -------
    numpy.ndarray
        Shape (windows,), each equal to what training stored for this window.
    """
    logits = answers(parameters, scaler.apply(values), ends, architecture=architecture)
    return probabilities(logits, architecture=architecture, deviation=deviation)


def answers(parameters: Vector, values: NDArray[np.float32], ends: Rows, *, architecture: Architecture) -> Vector:
    """A plain network's logits, shape (windows, 1), for the windows of scaled `values` that end at `ends`."""
    layers, head, head_bias = _unpacked(parameters, architecture)
    read, steps = _READ[architecture.cell], architecture.steps
    size = _BLOCK if len(layers) == 1 else max(1, min(_BLOCK, _MOST_NUMBERS // (steps * architecture.units)))
    logits = np.empty((len(ends), 1), dtype=np.float32)
    block = np.zeros((size, steps, values.shape[1]), dtype=np.float32)
    with np.errstate(over="ignore", invalid="ignore"):  # weights that diverged: whoever asks looks at the answers
        for first in range(0, len(ends), size):
            requested = gather(values, ends[first : first + size], steps=steps)
            block[: len(requested)] = requested
            sequence: Any = np.ascontiguousarray(block.transpose(1, 0, 2), dtype=np.float64)
            for layer in layers[:-1]:
                sequence = np.stack(list(_states(read, layer, sequence)))
            *_, last = _states(read, layers[-1], sequence)
            logits[first : first + len(requested)] = (last @ head + head_bias)[: len(requested)]
    return logits


def probabilities(answers: Vector, *, architecture: Architecture, deviation: float | None = None) -> Floats:
    """The chance of a rise from a network's answers, shape (windows, answers): the last one's logit, or the path's sum.

    deviation: as in FitResult, where the network forecasts a path.

    Raises:
        RunError: a path without a deviation above 0.
    """
    if not architecture.path:
        return sigmoid(answers[:, -1])
    if not isinstance(deviation, int | float) or isinstance(deviation, bool) or not 0 < deviation < np.inf:
        raise RunError(f"Expected a deviation above 0 for {architecture.model}, got {deviation!r:.40}. Train it again.")
    return path_targets.chance(answers, deviation=float(deviation))


def sigmoid(logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Probabilities of a rise, float64, strictly inside (0, 1) for any finite logit."""
    bounded = np.clip(np.asarray(logits, dtype=np.float64), -30.0, 30.0)
    return np.asarray(1.0 / (1.0 + np.exp(-bounded)))


def _simple_rnn(sums: Array, state: Array, _: Array, layer: Layer) -> tuple[Array, Array]:
    return np.tanh(sums + state @ layer[1]), _


def _irnn(sums: Array, state: Array, _: Array, layer: Layer) -> tuple[Array, Array]:
    return np.maximum(sums + state @ layer[1], 0.0), _


def _lstm(sums: Array, state: Array, memory: Array, layer: Layer) -> tuple[Array, Array]:
    """Keras' order of gates: input, forget, candidate, output."""
    input_gate, forget_gate, candidate, output_gate = np.split(sums + state @ layer[1], 4, axis=1)
    memory = _logistic(forget_gate) * memory + _logistic(input_gate) * np.tanh(candidate)
    return _logistic(output_gate) * np.tanh(memory), memory


def _gru(sums: Array, state: Array, _: Array, layer: Layer) -> tuple[Array, Array]:
    """Keras' order of gates: update, reset, candidate; the reset gate is applied after the recurrent kernel."""
    update, reset, candidate = np.split(sums, 3, axis=1)
    recurrent_update, recurrent_reset, recurrent_candidate = np.split(state @ layer[1] + layer[2][1], 3, axis=1)
    update_gate = _logistic(update + recurrent_update)
    return update_gate * state + (1 - update_gate) * np.tanh(
        candidate + _logistic(reset + recurrent_reset) * recurrent_candidate
    ), _


_READ: dict[str, Callable[[Array, Array, Array, Layer], tuple[Array, Array]]] = {
    "simple_rnn": _simple_rnn,
    "irnn": _irnn,
    "lstm": _lstm,
    "gru": _gru,
}
"""One bar through a cell: its input sums, its state, its memory -> the next state and memory."""
_SIZES = {"simple_rnn": (1, 1), "irnn": (1, 1), "lstm": (4, 1), "gru": (3, 2)}  # gates of a cell, rows of biases
_FILED = {"irnn": "simple_rnn"}  # what Keras calls a layer in a file, where it is not the cell's name


def _states(read: Callable[..., tuple[Array, Array]], layer: Layer, sequence: Array) -> Any:
    """The state after every bar, from states of zeros; sequence: shape (steps, windows, inputs)."""
    bias = layer[2] if layer[2].ndim == 1 else layer[2][0]
    state = memory = np.zeros((sequence.shape[1], layer[1].shape[0]))
    for bar in sequence:
        state, memory = read(bar @ layer[0] + bias, state, memory, layer)
        yield state


def _logistic(sums: Array) -> Array:
    return 0.5 * np.tanh(0.5 * sums) + 0.5


def _variables(architecture: Architecture) -> list[tuple[str, tuple[int, ...]]]:
    """Name and shape of each array of a plain network's file, in the order in which Keras lists its weights."""
    gates, rows = _SIZES[architecture.cell]
    filed, units = _FILED.get(architecture.cell, architecture.cell), architecture.units
    variables: list[tuple[str, tuple[int, ...]]] = []
    for number in range(architecture.layers):
        name = f"{filed}_{number}" if number else filed
        width = units if number else architecture.features
        biases = (gates * units,) if rows == 1 else (rows, gates * units)
        shapes = ((width, gates * units), (units, gates * units), biases)
        variables += [(f"{name}/cell/vars/{place}", shape) for place, shape in enumerate(shapes)]
    return [*variables, ("dense/vars/0", (units, 1)), ("dense/vars/1", (1,))]


def _unpacked(parameters: Vector, architecture: Architecture) -> tuple[list[Layer], Array, Array]:
    """The layers, the head and its bias, in float64."""
    arrays: list[Array] = []
    position = 0
    for _, shape in _variables(architecture):
        size = int(np.prod(shape))
        arrays.append(parameters[position : position + size].reshape(shape).astype(np.float64))
        position += size
    *cells, head, head_bias = arrays
    return [(cells[at], cells[at + 1], cells[at + 2]) for at in range(0, len(cells), 3)], head, head_bias
