"""The networks in plain Keras; everything but cell and topology is shared, so the comparison is fair.

Importing this module imports keras: only code that trains or predicts does.
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from forecast.config.architecture import KERNEL, Architecture
from forecast.networks import initializers, own_network

_SEED = 0  # of a layer's dropout, which Keras would draw from Python's global generator; training hands in its own


def build(architecture: Architecture, *, seed: int) -> keras.Model:
    """A fresh network: input (batch, steps, features) float32, output (batch, answers).

    Answers: one logit; in step one a bar of the window; for a path the returns of the next bars. Its weights follow
    from `seed`, on every backend alike.
    """
    if architecture.own:
        return own_network.build(architecture, seed=seed)
    window = layers.Input((architecture.steps, architecture.features))
    network = keras.Model(window, TOPOLOGIES[architecture.topology](architecture, window), name=architecture.model)
    names = [weight.name for weight in network.weights]
    network.set_weights(initializers.draw(architecture, network.get_weights(), names=names, seed=seed))
    return network


def _many_to_one(architecture: Architecture, window: Any) -> Any:
    """The window, bar by bar, then one answer."""
    read = FEED_FORWARD.get(architecture.cell)
    hidden = read(architecture, window) if read else _read(architecture, window)[0]
    return _head()(hidden)


def _in_step(architecture: Architecture, window: Any) -> Any:
    """An answer at every bar, from the bars up to it."""
    hidden, _ = _read(architecture, window, sequences=True)
    return layers.Reshape((architecture.steps,))(_head()(hidden))


def _encoder_decoder(architecture: Architecture, window: Any) -> Any:
    """One stack reads the window; another goes on from its states, told at each step what the first ended with.

    Cho et al. (2014) and Sutskever, Vinyals & Le (2014). An answer is not fed back: it is linear in the state that it
    is read from, so the recurrent weights can already hold what feeding it back would add.
    """
    encoded, states = _read(architecture, window, states=True)
    repeated = layers.RepeatVector(architecture.ahead)(encoded)
    path, _ = _stack(architecture, repeated, units=int(encoded.shape[-1]), sequences=True, begin=states)
    return layers.Reshape((architecture.ahead,))(_head()(path))


def _one_to_many(architecture: Architecture, window: Any) -> Any:
    """The latest bar alone, told at each of the next steps."""
    repeated = layers.RepeatVector(architecture.ahead)(layers.Flatten()(_latest(architecture, window)))
    path, _ = _stack(architecture, repeated, units=architecture.units, sequences=True)
    return layers.Reshape((architecture.ahead,))(_head()(path))


def _one_to_one(architecture: Architecture, window: Any) -> Any:
    """The latest bar alone, then one answer: the same cell without anything to remember."""
    hidden, _ = _stack(architecture, _latest(architecture, window), units=architecture.units)
    return _head()(hidden)


TOPOLOGIES: dict[str, Callable[[Architecture, Any], Any]] = {
    "many_to_one": _many_to_one,
    "in_step": _in_step,
    "encoder_decoder": _encoder_decoder,
    "one_to_many": _one_to_many,
    "one_to_one": _one_to_one,
}


def _latest(architecture: Architecture, window: Any) -> Any:
    return layers.Cropping1D((architecture.steps - 1, 0))(window)


def _head() -> layers.Layer:
    return layers.Dense(1, kernel_initializer="zeros", name="logit")


def _read(
    architecture: Architecture, window: Any, *, sequences: bool = False, states: bool = False
) -> tuple[Any, list[list[Any]]]:
    """Reads the window: the last state or `sequences`, that of every bar; with `states` what each layer ends with."""
    return _stack(
        architecture, window, units=architecture.units, sequences=sequences, states=states, both=architecture.both_ways
    )


def _stack(
    architecture: Architecture,
    hidden: Any,
    *,
    units: int,
    sequences: bool = False,
    states: bool = False,
    begin: list[list[Any]] | None = None,
    both: bool = False,
) -> tuple[Any, list[list[Any]]]:
    """Layers of the cell one above the other; the ones below hand on every step. begin: the states to go on from."""
    ended = []
    for number in range(architecture.layers):
        last = number == architecture.layers - 1
        options = {"return_sequences": sequences or not last, "return_state": states}
        outputs = _run(_cell(architecture, units, **options), hidden, begin and begin[number])
        if both:
            back = _cell(architecture, units, **options, go_backwards=True)
            backward = _run(back, hidden, None)
            if options["return_sequences"]:
                backward[0] = keras.ops.flip(backward[0], axis=1)
            outputs = [layers.Concatenate()(pair) for pair in zip(outputs, backward, strict=True)]
        hidden = _after(architecture, outputs[0])
        ended.append(outputs[1:])
    return hidden, ended


def _run(layer: layers.RNN, inputs: Any, begin: list[Any] | None) -> list[Any]:
    """What the layer answers, and its states where it hands them on."""
    outputs = layer(inputs, initial_state=begin) if begin else layer(inputs)
    return list(outputs) if isinstance(outputs, list | tuple) else [outputs]


def _cell(architecture: Architecture, units: int, **options: Any) -> layers.RNN:
    """One layer. Its kernels are zeros until `build` has drawn all weights."""
    layer, cell_options = CELL_LAYERS[architecture.cell]
    return layer(
        units,
        kernel_initializer="zeros",
        recurrent_initializer="zeros",
        recurrent_dropout=architecture.recurrent_dropout,
        seed=_SEED,
        **cell_options,
        **options,
    )


CELL_LAYERS: dict[str, tuple[type[layers.RNN], dict[str, Any]]] = {
    "simple_rnn": (layers.SimpleRNN, {}),
    "irnn": (layers.SimpleRNN, {"activation": "relu"}),
    "lstm": (layers.LSTM, {}),
    "gru": (layers.GRU, {}),
}
"""The layer of each recurrent cell and its own options: a cell without an entry fails, it is no other cell."""


def _after(architecture: Architecture, hidden: Any) -> Any:
    """What follows every hidden layer: nothing, unless the experiment asks for it."""
    if architecture.layer_norm:
        hidden = layers.LayerNormalization()(hidden)
    return layers.Dropout(architecture.dropout, seed=_SEED)(hidden) if architecture.dropout else hidden


def _dense(architecture: Architecture, window: Any) -> Any:
    """All bars at once: no order in time but the one that the weights learn."""
    hidden = layers.Flatten()(window)
    for _ in range(architecture.layers):
        hidden = _hidden(architecture, hidden)
    return hidden


def _cnn(architecture: Architecture, window: Any) -> Any:
    """Filters of three bars and the larger of each two neighbouring answers; then a layer that sees all of them."""
    hidden = window
    for _ in range(architecture.layers):
        filters = layers.Conv1D(
            architecture.units,
            min(KERNEL, int(hidden.shape[1])),
            padding="same",
            activation="relu",
            kernel_initializer="zeros",
        )
        hidden = _after(architecture, layers.MaxPooling1D(2, padding="same")(filters(hidden)))
    return _hidden(architecture, layers.Flatten()(hidden))


def _hidden(architecture: Architecture, inputs: Any) -> Any:
    hidden = layers.Dense(architecture.units, activation="relu", kernel_initializer="zeros")
    return _after(architecture, hidden(inputs))


FEED_FORWARD: dict[str, Callable[[Architecture, Any], Any]] = {"dense": _dense, "cnn": _cnn}
