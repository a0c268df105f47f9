"""A network read bar by bar, so that its answer can be differentiated by the states of its recurrent layers.

A term of zeros is added to each state of each bar; the gradient with respect to that term is the state's. The graph is
the network's own: stacks, two-way layers, normalisation and a person's layers are called as they are. Importing this
module imports keras.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import keras
import numpy as np
from keras import layers, ops, tree

from forecast.networks.autodiff import value_and_gradient
from forecast.networks.results import Array, Gradients, LayerTrace

CELLS: dict[type[layers.Layer], str] = {layers.SimpleRNN: "simple_rnn", layers.LSTM: "lstm", layers.GRU: "gru"}
"""The layers that are unrolled; every other one is called as it is and shows no states."""

GATES = {"lstm": {"input": 0, "forget": 1, "output": 3}, "gru": {"update": 0, "reset": 1}}
"""Where in a layer's kernel a gate's block of units stands (Keras)."""

_ROWS = 1024  # that a Jacobian is computed for at once


@dataclass(frozen=True, kw_only=True, eq=False)
class _Layer:
    """A recurrent layer while the graph is run. begin: its first states, states_by_bar: those after each bar."""

    layer: layers.RNN
    sequence: Any
    begin: list[Any]
    states_by_bar: list[list[Any]]

    @property
    def last(self) -> Any:
        """h after the bar that it reads last."""
        return self.states_by_bar[0 if self.layer.go_backwards else -1][0]


class UnrolledNetwork:
    """A network and what is differentiated of it: the sum of a path, else the last logit. It uses the weights that the
    network has when it is asked."""

    def __init__(self, network: keras.Model, *, path: bool) -> None:
        self.network = network
        self._path = path

    def answers(self, windows: Array) -> Array:
        """Its answers, shape (rows, answers); windows: (rows, steps, features)."""
        return _numpy(self.network(_tensor(windows), training=False))

    def traces(self, windows: Array) -> list[LayerTrace]:
        """What the recurrent layers that read the window itself did, in the order in which they read."""
        return [_trace(layer) for layer in self._run(_tensor(windows))[1]]

    @cached_property
    def _layers(self) -> list[_Layer]:
        """The recurrent layers that read the window itself, as they read one."""
        return self._run(_tensor(np.zeros((1, *self.network.input_shape[1:]))))[1]

    @property
    def _sizes(self) -> list[list[int]]:
        """The units of each state of each of them."""
        return [[int(state.shape[-1]) for state in layer.begin] for layer in self._layers]

    @property
    def _two_way(self) -> bool:
        return len(self._layers) > 1 and self._layers[-1].layer.go_backwards

    def gradients(self, windows: Array) -> Gradients:
        """Of the last logit, or of the sum of a path."""
        return self._differentiate(windows, lambda answer, _: ops.sum(answer))

    def jacobian_norms(self, windows: Array) -> tuple[Array, Array] | None:
        """Frobenius norms of d h(last) / d state(bar) and of d h(last) / d h(bar), over the root of the units of h.

        h(last) is that of the highest recurrent layer, of both its directions, when it has read the window. Shape
        (steps, rows); None without a recurrent layer.
        """
        if not self._sizes:
            return None
        top = 2 if self._two_way else 1
        units = sum(layer[0] for layer in self._sizes[-top:])
        rows, steps = windows.shape[:2]
        squares = np.zeros((2, steps, rows))
        at_once = max(1, _ROWS // rows)
        for first in range(0, units, at_once):
            chosen = np.eye(units)[first : first + at_once]
            direction = _tensor(np.repeat(chosen, rows, axis=0))

            def along(_: Any, read: list[_Layer], direction: Any = direction) -> Any:
                return ops.sum(ops.concatenate([layer.last for layer in read[-top:]], axis=-1) * direction)

            gradient = self._differentiate(np.tile(windows, (len(chosen), 1, 1)), along)
            for states in gradient.states:
                for place, by_unit in enumerate(states):
                    square = np.square(by_unit).sum(axis=-1).reshape(steps, len(chosen), rows).sum(axis=1)
                    squares[0] += square
                    squares[1] += square * (place == 0)
        of_state, of_h = np.sqrt(squares / units)
        return of_state, of_h

    def _differentiate(self, windows: Array, value: Callable[[Any, list[_Layer]], Any]) -> Gradients:
        """value: from the answers and the layers to the number that is differentiated."""
        sizes = self._sizes
        rows, steps = windows.shape[:2]
        terms = [_tensor(np.zeros((steps, rows, units))) for layer in sizes for units in layer]

        def number(parameters: list[Any]) -> Any:
            window, *flat = parameters
            return value(*self._run(window, terms=_by_layer(flat, sizes)))

        parameters = [_tensor(windows), *terms]
        _, gradients = value_and_gradient(number)(parameters)
        arrays = [
            np.zeros(parameter.shape) if gradient is None else _numpy(gradient)
            for parameter, gradient in zip(parameters, gradients, strict=True)
        ]
        return Gradients(features=arrays[0], states=_by_layer(arrays[1:], sizes))

    def _run(self, window: Any, *, terms: list[list[Any]] | None = None) -> tuple[Any, list[_Layer]]:
        """The last logit or whole path of each row, and the recurrent layers that read the bars of the window."""
        graph = getattr(self.network, "_functional", self.network)  # of a keras.Sequential
        read: list[_Layer] = []
        if not hasattr(graph, "_run_through_graph"):  # a subclass with a call of its own: its layers cannot be seen
            return self._outcome(self.network(window, training=False)), read
        steps = int(window.shape[1])
        by_bar = {id(window): window}  # tensors whose second axis is the window's bars; held, so that no id comes twice

        def operation(layer: Any) -> Callable[..., Any]:
            def call(*arguments: Any, **options: Any) -> Any:
                follows = any(id(tensor) in by_bar for tensor in tree.flatten((arguments, options)))
                if follows and type(layer) in CELLS and id(arguments[0]) in by_bar and not _masked(arguments[0]):
                    outputs, recurrent = _unroll(layer, *arguments, terms=terms and terms[len(read)], **options)
                    read.append(recurrent)
                else:
                    outputs = layer(*arguments, **options)
                if follows:
                    by_bar.update({id(tensor): tensor for tensor in tree.flatten(outputs) if _has_bars(tensor, steps)})
                return outputs

            return call

        return self._outcome(graph._run_through_graph([window], operation_fn=operation)), read

    def _outcome(self, outputs: Any) -> Any:
        answer = tree.flatten(outputs)[0]
        return answer if self._path else answer[:, -1:]


def _by_layer(flat: list[Any], sizes: list[list[int]]) -> list[list[Any]]:
    """The same in a list a layer."""
    rest = iter(flat)
    return [[next(rest) for _ in layer] for layer in sizes]


def _masked(tensor: Any) -> bool:
    return getattr(tensor, "_keras_mask", None) is not None


def _has_bars(tensor: Any, steps: int) -> bool:
    return len(tensor.shape) == 3 and int(tensor.shape[1]) == steps


def _unroll(
    layer: layers.RNN, sequence: Any, initial_state: Any = None, *, terms: list[Any] | None, **_: Any
) -> tuple[Any, _Layer]:
    """What the layer answers, computed bar by bar with its own cell."""
    begin = list(layer.get_initial_state(batch_size=int(sequence.shape[0])) if initial_state is None else initial_state)
    steps = int(sequence.shape[1])
    order = range(steps)[::-1] if layer.go_backwards else range(steps)
    states, states_by_bar = begin, [begin] * steps
    for bar in order:
        states = list(layer.cell.call(sequence[:, bar], states)[1])  # without what a layer costs beside its sums
        if terms:
            states = [state + term[bar] for state, term in zip(states, terms, strict=True)]
        states_by_bar[bar] = states
    answer = ops.stack([states_by_bar[bar][0] for bar in order], axis=1) if layer.return_sequences else states[0]
    seen = _Layer(layer=layer, sequence=sequence, begin=begin, states_by_bar=states_by_bar)
    return ([answer, *states] if layer.return_state else answer), seen


def _trace(seen: _Layer) -> LayerTrace:
    layer, cell = seen.layer, CELLS[type(seen.layer)]
    states = tuple(np.stack([_numpy(bar[place]) for bar in seen.states_by_bar]) for place in range(len(seen.begin)))
    before = np.roll(states[0], -1 if layer.go_backwards else 1, axis=0)
    before[-1 if layer.go_backwards else 0] = _numpy(seen.begin[0])
    bars = _numpy(seen.sequence).transpose(1, 0, 2)
    gates = {}
    for name, block in GATES.get(cell, {}).items():
        units = slice(block * layer.units, (block + 1) * layer.units)
        kernel, recurrent = (_numpy(weights)[:, units] for weights in (layer.cell.kernel, layer.cell.recurrent_kernel))
        sums = bars @ kernel + before @ recurrent
        if layer.cell.use_bias:  # a GRU has two, and adds both in its gates
            sums += np.atleast_2d(_numpy(layer.cell.bias)).sum(axis=0)[units]
        gates[name] = _numpy(layer.cell.recurrent_activation(_tensor(sums)))
    return LayerTrace(cell=cell, backwards=layer.go_backwards, states=states, gates=gates)


def _tensor(values: Array) -> Any:
    return ops.convert_to_tensor(np.asarray(values, dtype=np.float32))


def _numpy(tensor: Any) -> Array:
    return np.asarray(ops.convert_to_numpy(tensor))
