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
    names = [each.name for each in network.weights]
    network.set_weights(initializers.draw(architecture, network.get_weights(), names=names, seed=seed))
    return network


def _many_to_one(architecture: Architecture, window: Any) -> Any:
    """The window, bar by bar, then one answer."""
    read = FEED_FORWARD.get(architecture.cell)
    seen = read(architecture, window) if read else _read(architecture, window)[0]
    return _head()(seen)


def _in_step(architecture: Architecture, window: Any) -> Any:
    """An answer at every bar, from the bars up to it."""
    seen, _ = _read(architecture, window, whole=True)
    return layers.Reshape((architecture.steps,))(_head()(seen))


def _encoder_decoder(architecture: Architecture, window: Any) -> Any:
    """One stack reads the window; another goes on from its states, told at each step what the first ended with.

    Cho et al. (2014) and Sutskever, Vinyals & Le (2014). An answer is not fed back: it is linear in the state that it
    is read from, so the recurrent weights can already hold what feeding it back would add.
    """
    seen, states = _read(architecture, window, states=True)
    told = layers.RepeatVector(architecture.ahead)(seen)
    path, _ = _stack(architecture, told, units=int(seen.shape[-1]), whole=True, begin=states)
    return layers.Reshape((architecture.ahead,))(_head()(path))


def _one_to_many(architecture: Architecture, window: Any) -> Any:
    """The latest bar alone, told at each of the next steps."""
    told = layers.RepeatVector(architecture.ahead)(layers.Flatten()(_latest(architecture, window)))
    path, _ = _stack(architecture, told, units=architecture.units, whole=True)
    return layers.Reshape((architecture.ahead,))(_head()(path))


def _one_to_one(architecture: Architecture, window: Any) -> Any:
    """The latest bar alone, then one answer: the same cell without anything to remember."""
    seen, _ = _stack(architecture, _latest(architecture, window), units=architecture.units)
    return _head()(seen)


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
    architecture: Architecture, window: Any, *, whole: bool = False, states: bool = False
) -> tuple[Any, list[list[Any]]]:
    """Reads the window: the last state or `whole`, that of every bar; with `states` what each layer ends with."""
    return _stack(
        architecture, window, units=architecture.units, whole=whole, states=states, both=architecture.both_ways
    )


def _stack(
    architecture: Architecture,
    seen: Any,
    *,
    units: int,
    whole: bool = False,
    states: bool = False,
    begin: list[list[Any]] | None = None,
    both: bool = False,
) -> tuple[Any, list[list[Any]]]:
    """Layers of the cell one above the other; the ones below hand on every step. begin: the states to go on from."""
    ended = []
    for number in range(architecture.layers):
        last = number == architecture.layers - 1
        options = {"return_sequences": whole or not last, "return_state": states}
        found = _run(_cell(architecture, units, **options), seen, begin and begin[number])
        if both:
            back = _cell(architecture, units, **options, go_backwards=True)
            other = _run(back, seen, None)
            if options["return_sequences"]:
                other[0] = keras.ops.flip(other[0], axis=1)
            found = [layers.Concatenate()(pair) for pair in zip(found, other, strict=True)]
        seen = _after(architecture, found[0])
        ended.append(found[1:])
    return seen, ended


def _run(layer: layers.RNN, seen: Any, begin: list[Any] | None) -> list[Any]:
    """What the layer answers, and its states where it hands them on."""
    found = layer(seen, initial_state=begin) if begin else layer(seen)
    return list(found) if isinstance(found, list | tuple) else [found]


def _cell(architecture: Architecture, units: int, **options: Any) -> layers.RNN:
    """One layer. Its kernels are zeros until `build` has drawn all weights."""
    layer, own = CELL_LAYERS[architecture.cell]
    return layer(
        units,
        kernel_initializer="zeros",
        recurrent_initializer="zeros",
        recurrent_dropout=architecture.recurrent_dropout,
        seed=_SEED,
        **own,
        **options,
    )


CELL_LAYERS: dict[str, tuple[type[layers.RNN], dict[str, Any]]] = {
    "simple_rnn": (layers.SimpleRNN, {}),
    "irnn": (layers.SimpleRNN, {"activation": "relu"}),
    "lstm": (layers.LSTM, {}),
    "gru": (layers.GRU, {}),
}
"""The layer of each recurrent cell and its own options: a cell without an entry fails, it is no other cell."""


def _after(architecture: Architecture, seen: Any) -> Any:
    """What follows every hidden layer: nothing, unless the experiment asks for it."""
    if architecture.layer_norm:
        seen = layers.LayerNormalization()(seen)
    return layers.Dropout(architecture.dropout, seed=_SEED)(seen) if architecture.dropout else seen


def _dense(architecture: Architecture, window: Any) -> Any:
    """All bars at once: no order in time but the one that the weights learn."""
    seen = layers.Flatten()(window)
    for _ in range(architecture.layers):
        seen = _hidden(architecture, seen)
    return seen


def _cnn(architecture: Architecture, window: Any) -> Any:
    """Filters of three bars and the larger of each two neighbouring answers; then a layer that sees all of them."""
    seen = window
    for _ in range(architecture.layers):
        filters = layers.Conv1D(
            architecture.units,
            min(KERNEL, int(seen.shape[1])),
            padding="same",
            activation="relu",
            kernel_initializer="zeros",
        )
        seen = _after(architecture, layers.MaxPooling1D(2, padding="same")(filters(seen)))
    return _hidden(architecture, layers.Flatten()(seen))


def _hidden(architecture: Architecture, seen: Any) -> Any:
    hidden = layers.Dense(architecture.units, activation="relu", kernel_initializer="zeros")
    return _after(architecture, hidden(seen))


FEED_FORWARD: dict[str, Callable[[Architecture, Any], Any]] = {"dense": _dense, "cnn": _cnn}
