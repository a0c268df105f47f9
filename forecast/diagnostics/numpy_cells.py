"""Both cells written out in numpy: every gate and state going forward, the exact gradient going back through time.

Arrays are time-major, (steps, ..., rows, units): the dots are networks side by side, or nothing. What dtype goes in
comes out. Keras' order of gates: input, forget, candidate, output. LSTM: Hochreiter & Schmidhuber (1997) with the
forget gate of Gers, Schmidhuber & Cummins (2000).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import RunError

Array = NDArray[np.floating[Any]]

GATES = {"simple_rnn": 1, "linear_rnn": 1, "lstm": 4}
"""Cells known here, and how many times its units a cell's kernel is wide. linear_rnn has h for tanh(h): a yardstick."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Weights:
    """A network window -> cell -> one logit. kernel: (..., features, gates x units), recurrent: (..., units, gates x
    units), bias: (..., gates x units), head: (..., units), head_bias: (...)."""

    cell: str
    kernel: Array
    recurrent: Array
    bias: Array
    head: Array
    head_bias: Array

    @property
    def units(self) -> int:
        return int(self.recurrent.shape[-2])

    @classmethod
    def from_keras(cls, cell: str, arrays: list[Array], *, features: int, units: int) -> "Weights":
        """From a Keras network's weights, in float64.

        Raises:
            RunError: a cell that is not known here, or arrays of other shapes.
        """
        if cell not in GATES:
            raise RunError(f"Expected a network out of {', '.join(GATES)} to look inside, got {cell!r}.")
        wide = GATES[cell] * units
        shapes = [(features, wide), (units, wide), (wide,), (units, 1), (1,)]
        if (actual := [array.shape for array in arrays]) != shapes:
            raise RunError(f"Expected weights of shapes {shapes} for {cell}, got {actual}. Train again: --overwrite.")
        kernel, recurrent, bias, head, head_bias = (np.asarray(array, dtype=np.float64) for array in arrays)
        return cls(cell=cell, kernel=kernel, recurrent=recurrent, bias=bias, head=head[:, 0], head_bias=head_bias[0])


@dataclass(frozen=True, kw_only=True, eq=False)
class Trace:
    """What happened inside while windows were read, each array of shape (steps, ..., rows, units).

    h: the state that the head reads. c: the LSTM's cell state; tanh_c: what the output gate lets through. input,
    forget, candidate, output: its activations. A SimpleRNN has h alone; its other fields are empty.
    """

    h: Array
    c: Array
    tanh_c: Array
    input: Array
    forget: Array
    candidate: Array
    output: Array


class Flow(NamedTuple):
    """The gradient at one lag. h, c: with respect to the states handed on to the next bar, each held independent of the
    other; z: with respect to the cell's input sums at this bar, from which parameters and features get theirs."""

    lag: int
    h: Array
    c: Array
    z: Array


def forward(weights: Weights, windows: Array, *, before: tuple[Array, Array] | None = None) -> Trace:
    """Reads windows of shape (steps, ..., rows, features), from a state of zeros or from the state h, c `before`."""
    sums = windows @ weights.kernel + weights.bias[..., None, :]
    if before is not None:
        sums[0] += before[0] @ weights.recurrent
    return _lstm(weights, sums, before) if weights.cell == "lstm" else _plain(weights, sums)


def logits(weights: Weights, h: Array) -> Array:
    """The head's reading of a state; h: (..., rows, units) -> (..., rows)."""
    return np.asarray((h @ weights.head[..., None])[..., 0] + weights.head_bias[..., None])


def backward(weights: Weights, trace: Trace, last: Array) -> Iterator[Flow]:
    """Carries a gradient back through time, from lag 0 (the last bar) to the first bar.

    last: the gradient with respect to the last h, shape (any, rows, units); one backward pass serves many of them.
    """
    transposed = np.swapaxes(weights.recurrent, -1, -2)
    steps = len(trace.h)
    dh, dc = last, np.zeros_like(last)
    for lag in range(steps):
        t = steps - 1 - lag
        if weights.cell == "lstm":
            dz, through = _lstm_step(trace, t, dh, dc)
        else:
            dz, through = dh * (1 - trace.h[t] ** 2) if weights.cell == "simple_rnn" else dh, dc
        yield Flow(lag, dh, dc, dz)
        dh, dc = dz @ transposed, through


def _plain(weights: Weights, sums: Array) -> Trace:
    h = sums
    for t in range(len(sums)):
        if t:
            h[t] += h[t - 1] @ weights.recurrent
        if weights.cell == "simple_rnn":
            np.tanh(h[t], out=h[t])
    none = h[:0]
    return Trace(h=h, c=none, tanh_c=none, input=none, forget=none, candidate=none, output=none)


def _lstm(weights: Weights, sums: Array, before: tuple[Array, Array] | None) -> Trace:
    """All four gates in one tanh: the logistic function is (1 + tanh(z / 2)) / 2."""
    units, gates = weights.units, sums
    scale = np.repeat(np.array([0.5, 0.5, 1.0, 0.5], dtype=sums.dtype), units)
    i, f, g, o = (gates[..., n * units : (n + 1) * units] for n in range(4))
    c, tanh_c, h = (np.empty((*sums.shape[:-1], units), dtype=sums.dtype) for _ in range(3))
    for t in range(len(sums)):
        activations = gates[t]
        if t:
            activations += h[t - 1] @ weights.recurrent
        activations *= scale
        np.tanh(activations, out=activations)
        activations *= scale
        activations += 1 - scale
        np.multiply(i[t], g[t], out=c[t])
        if t or before is not None:
            c[t] += f[t] * (c[t - 1] if t else before[1])  # type: ignore[index]  # one of the two is there
        np.tanh(c[t], out=tanh_c[t])
        np.multiply(o[t], tanh_c[t], out=h[t])
    return Trace(h=h, c=c, tanh_c=tanh_c, input=i, forget=f, candidate=g, output=o)


def _lstm_step(trace: Trace, t: int, dh: Array, dc: Array) -> tuple[Array, Array]:
    """One bar back: the gradient at the input sums, and at the cell state that this bar was handed."""
    units = dh.shape[-1]
    i, f, g, o, tanh_c = (gate[t] for gate in (trace.input, trace.forget, trace.candidate, trace.output, trace.tanh_c))
    inside = dh * (o * (1 - tanh_c**2)) + dc
    dz = np.empty((*inside.shape[:-1], 4 * units), dtype=inside.dtype)
    np.multiply(inside, g * i * (1 - i), out=dz[..., :units])
    before: Any = trace.c[t - 1] if t else 0.0
    np.multiply(inside, before * f * (1 - f), out=dz[..., units : 2 * units])
    np.multiply(inside, i * (1 - g**2), out=dz[..., 2 * units : 3 * units])
    np.multiply(dh, tanh_c * o * (1 - o), out=dz[..., 3 * units :])
    return dz, inside * f
