"""The textbook case: two tasks that nothing but memory solves, and both cells trained on them with one budget.

Adding problem (Hochreiter & Schmidhuber 1997, in the form of Le, Jaitly & Hinton 2015): of a sequence of numbers two
are marked; say their sum at the end. Delayed recall: only the first number is marked; say it at the end. Everybody's
sequences are new at every step, so that nothing can be learned by heart.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecast.diagnostics.numpy_cells import GATES, Array, Trace, Weights, backward, forward, logits
from forecast.networks import initializers

Generator = np.random.Generator
Sequences = tuple[Array, Array]


@dataclass(frozen=True, kw_only=True)
class StepBudget:
    """What every training may cost. clip: largest norm of the gradient (plain cells meet exploding ones)."""

    steps: int = 3_000
    batch: int = 64
    learning_rate: float = 0.01
    clip: float = 1.0
    parameters: int = 1_233  # an LSTM of 16 units; a SimpleRNN has about twice as many units for as many parameters
    check: int = 100  # steps between two looks at new sequences
    good: float = 0.02  # a network whose error, as a share of guessing's, is below this has learned: it may stop


def adding(rng: Generator, shape: tuple[int, ...], *, length: int) -> Sequences:
    """Numbers from 0 to 1 beside markers -> the sum of the two marked, one in each half. Guessing 1 errs by 1/6.

    Returns windows (length, *shape, 2) and targets (*shape).
    """
    values = rng.random((length, *shape))
    first = rng.integers(0, length // 2, shape)
    second = rng.integers(length // 2, length, shape)
    at = np.arange(length).reshape(-1, *(1 for _ in shape))
    marked = (at == first) | (at == second)
    return _joined(values, marked), (values * marked).sum(axis=0).astype(np.float32)


def recall(rng: Generator, shape: tuple[int, ...], *, length: int) -> Sequences:
    """Numbers from 0 to 1, the first one marked -> the first number. Guessing 1/2 errs by 1/12."""
    values = rng.random((length, *shape))
    marked = np.zeros_like(values, dtype=bool)
    marked[0] = True
    return _joined(values, marked), values[0].astype(np.float32)


TASKS: dict[str, tuple[Callable[..., Sequences], float]] = {"adding": (adding, 1 / 6), "recall": (recall, 1 / 12)}
"""Task -> how its sequences are made, and the mean squared error of the best guess without any memory."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TaskResult:
    """How seeds fared. error: mean squared error on new sequences at the end, curve: (checks, seeds), in steps."""

    parameters: int
    units: int
    error: NDArray[np.float64]
    steps: NDArray[np.int64]
    curve: NDArray[np.float64]


def train(task: str, cell: str, *, length: int, seeds: int, budget: StepBudget) -> TaskResult:
    """Trains `seeds` networks side by side with Adam (Kingma & Ba 2015), each on sequences of its own."""
    make, guess = TASKS[task]
    units = units_for(cell, budget.parameters)
    parts = [_start(cell, units, np.random.default_rng((seed, 1))) for seed in range(seeds)]
    names = list(parts[0])
    values = {name: np.stack([part[name] for part in parts]) for name in names}
    first, second = ({name: np.zeros_like(array) for name, array in values.items()} for _ in range(2))
    rng = np.random.default_rng((seeds, length))
    tests = [make(np.random.default_rng((10, number)), (seeds, 250), length=length) for number in range(4)]
    curve: list[NDArray[np.float64]] = []
    steps = np.full(seeds, budget.steps)
    solved = np.zeros(seeds, dtype=bool)
    final_error = np.full(seeds, np.nan)
    for step in range(1, budget.steps + 1):
        windows, targets = make(rng, (seeds, budget.batch), length=length)
        gradient = _gradient(Weights(cell=cell, **values), windows, targets)
        size = np.sqrt(sum((slope**2).reshape(seeds, -1).sum(axis=1) for slope in gradient.values()))
        shrink = (budget.clip / np.maximum(size, budget.clip)).astype(np.float32)
        rate = budget.learning_rate * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
        for name, slope in gradient.items():
            slope = slope * shrink.reshape(-1, *(1 for _ in slope.shape[1:]))
            first[name] += 0.1 * (slope - first[name])
            second[name] += 0.001 * (slope**2 - second[name])
            values[name] -= (rate * first[name] / (np.sqrt(second[name]) + 1e-7)).astype(np.float32)
        if step % budget.check == 0 or step == budget.steps:
            error = np.mean([_error(Weights(cell=cell, **values), *test) for test in tests], axis=0)
            curve.append(error)
            newly = (error < budget.good * guess) & ~solved
            steps[newly], final_error[newly] = step, error[newly]
            solved |= newly
            if solved.all():
                break
    return TaskResult(
        parameters=sum(array[0].size for array in values.values()),
        units=units,
        error=np.where(solved, final_error, curve[-1]),
        steps=steps,
        curve=np.stack(curve),
    )


def units_for(cell: str, parameters: int, *, features: int = 2) -> int:
    """The units that bring a cell and its head closest to so many parameters."""

    def count(units: int) -> int:
        return GATES[cell] * units * (units + features + 1) + units + 1

    return min(range(1, parameters), key=lambda units: abs(count(units) - parameters))


def _start(cell: str, units: int, rng: Generator, *, features: int = 2) -> dict[str, Array]:
    """Keras' defaults: Glorot-uniform kernels, an orthogonal recurrent kernel, a forget bias of 1."""
    wide = GATES[cell] * units
    recurrent = initializers.orthogonal((units, wide), rng)
    bias = np.zeros(wide)
    if cell == "lstm":
        bias[units : 2 * units] = 1
    weights = {
        "kernel": initializers.glorot_uniform((features, wide), rng),
        "recurrent": recurrent,
        "bias": bias,
        "head": initializers.glorot_uniform((units, 1), rng)[:, 0],
        "head_bias": np.zeros(()),
    }
    return {name: np.asarray(array, dtype=np.float32) for name, array in weights.items()}


def _gradient(weights: Weights, windows: Array, targets: Array) -> dict[str, Array]:
    """Of each network's mean squared error with respect to its parameters."""
    trace = forward(weights, windows)
    h = trace.h[-1]
    slope = 2 * (logits(weights, h) - targets) / targets.shape[-1]
    last = slope[..., None] * weights.head[..., None, :]
    sums = np.empty((*trace.h.shape[:-1], weights.bias.shape[-1]), dtype=h.dtype)
    for flow in backward(weights, trace, last):
        sums[len(sums) - 1 - flow.lag] = flow.z
    return {
        "kernel": _over_time(windows, sums),
        "recurrent": _over_time(trace.h[:-1], sums[1:]),
        "bias": sums.sum(axis=(0, -2)),
        "head": (slope[..., None, :] @ h)[..., 0, :],
        "head_bias": slope.sum(axis=-1),
    }


def _over_time(first: Array, second: Array) -> Array:
    """Sum over bars and rows of left x right: (steps, seeds, rows, a), (steps, seeds, rows, b) -> (seeds, a, b)."""
    flat = [np.moveaxis(array, 0, 1).reshape(array.shape[1], -1, array.shape[-1]) for array in (first, second)]
    return np.asarray(np.swapaxes(flat[0], -1, -2) @ flat[1])


def _error(weights: Weights, windows: Array, targets: Array) -> NDArray[np.float64]:
    trace: Trace = forward(weights, windows)
    return np.asarray(np.mean((logits(weights, trace.h[-1]) - targets).astype(np.float64) ** 2, axis=-1))


def _joined(values: Array, marked: NDArray[np.bool_]) -> Array:
    return np.stack([values, marked.astype(np.float64)], axis=-1).astype(np.float32)
