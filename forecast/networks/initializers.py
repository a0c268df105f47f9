"""The weights that networks begin with, drawn by numpy: the same ones on every backend, and nothing to compile."""

from collections.abc import Sequence
from math import prod, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecast.config import model_registry
from forecast.config.architecture import Architecture

Weight = NDArray[np.float32]


def draw(architecture: Architecture, weights: Sequence[Weight], *, names: Sequence[str], seed: int) -> list[Weight]:
    """Weights in Keras' order, of the same shapes.

    names: Keras' name of each. Kernels after Glorot & Bengio (2010), recurrent ones orthogonal (Saxe et al. 2014),
    everything else as it is given. irnn: begins as a sum of what it read, cut off below zero (Le, Jaitly & Hinton 2015,
    section 2). lstm_chrono: biases of `_chrono`.
    """
    rng = np.random.default_rng(seed)
    cell = model_registry.cell(architecture.model)
    initial_weights: list[Weight] = []
    before = ""
    for name, weight in zip(names, weights, strict=True):
        values: NDArray[np.floating[Any]] = weight
        recurrent = name == "recurrent_kernel"
        if recurrent and cell == "irnn":
            values = np.eye(len(weight))
            initial_weights[-1] = rng.normal(0.0, 0.001, initial_weights[-1].shape).astype(np.float32)
        elif recurrent:
            values = orthogonal(weight.shape, rng)
        elif name == "kernel":
            values = glorot_uniform(weight.shape, rng)
        elif before == "recurrent_kernel" and cell == "lstm_chrono":
            values = _chrono(len(weight) // 4, architecture.steps, rng)
        initial_weights.append(values.astype(np.float32))
        before = name
    return initial_weights


def glorot_uniform(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
    """Evenly within sqrt(6 / (fan in + fan out)), Glorot & Bengio (2010), (16); a filter's fans count all its bars."""
    bars = prod(shape[:-2])
    limit = sqrt(6.0 / (bars * (shape[-2] + shape[-1])))
    return rng.uniform(-limit, limit, shape)


def orthogonal(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
    """Orthonormal rows (or columns, where there are fewer), every such matrix as likely as another.

    Q of the QR decomposition of normal numbers, its columns' signs those of R's diagonal: Mezzadri (2007), section 5.
    """
    rows, columns = shape
    q, r = np.linalg.qr(rng.normal(size=(max(shape), min(shape))))
    q *= np.sign(np.diag(r))
    return q if rows > columns else q.T


def _chrono(units: int, steps: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Biases with which an LSTM's units begin with memories of all lengths (Tallec & Ollivier 2018, section 2.2).

    Of the forget gate: log of a number drawn evenly from 1 to steps - 1; of the input gate: its negative.
    """
    forget = np.log(rng.uniform(1, max(steps - 1, 1), units))
    return np.concatenate([-forget, forget, np.zeros(2 * units)])
