"""The networks in plain Keras; everything but cell and topology is shared, so the comparison is fair.

Importing this module imports keras: only code that trains or predicts does.
"""

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras import initializers, layers
from numpy.typing import NDArray

from forecast import networks
from forecast.architecture import KERNEL, Architecture

Seeds = Iterator[int]

_MOST_SEEDS = 512


def build(architecture: Architecture, *, seed: int) -> keras.Model:
    """A fresh network: input (batch, steps, features) float32, output (batch, answers).

    Answers: one logit; in step one a bar of the window; for a path the returns of the next bars. Every initializer and
    every dropout has its own seed drawn from `seed`: Keras would otherwise draw from Python's global generator.
    """
    seeds = map(int, np.random.SeedSequence(seed).generate_state(_MOST_SEEDS))
    window = layers.Input((architecture.steps, architecture.features))
    answers = TOPOLOGIES[architecture.topology](architecture, window, seeds)
    return keras.Model(window, answers, name=architecture.model)


def _many_to_one(architecture: Architecture, window: Any, seeds: Seeds) -> Any:
    """The window, bar by bar, then one answer."""
    read = FEED_FORWARD.get(architecture.cell)
    seen = read(architecture, window, seeds) if read else _read(architecture, window, seeds)[0]
    return _head(seeds)(seen)


def _in_step(architecture: Architecture, window: Any, seeds: Seeds) -> Any:
    """An answer at every bar, from the bars up to it."""
    seen, _ = _read(architecture, window, seeds, whole=True)
    return layers.Reshape((architecture.steps,))(_head(seeds)(seen))


def _encoder_decoder(architecture: Architecture, window: Any, seeds: Seeds) -> Any:
    """One stack reads the window; another goes on from its states, told at each step what the first ended with.

    Cho et al. (2014) and Sutskever, Vinyals & Le (2014). An answer is not fed back: it is linear in the state that it
    is read from, so the recurrent weights can already hold what feeding it back would add.
    """
    seen, states = _read(architecture, window, seeds, states=True)
    told = layers.RepeatVector(architecture.ahead)(seen)
    path, _ = _stack(architecture, told, seeds, units=int(seen.shape[-1]), whole=True, begin=states)
    return layers.Reshape((architecture.ahead,))(_head(seeds)(path))


def _one_to_many(architecture: Architecture, window: Any, seeds: Seeds) -> Any:
    """The latest bar alone, told at each of the next steps."""
    told = layers.RepeatVector(architecture.ahead)(layers.Flatten()(_latest(architecture, window)))
    path, _ = _stack(architecture, told, seeds, units=architecture.units, whole=True)
    return layers.Reshape((architecture.ahead,))(_head(seeds)(path))


def _one_to_one(architecture: Architecture, window: Any, seeds: Seeds) -> Any:
    """The latest bar alone, then one answer: the same cell without anything to remember."""
    seen, _ = _stack(architecture, _latest(architecture, window), seeds, units=architecture.units)
    return _head(seeds)(seen)


TOPOLOGIES: dict[str, Callable[[Architecture, Any, Seeds], Any]] = {
    "many_to_one": _many_to_one,
    "in_step": _in_step,
    "encoder_decoder": _encoder_decoder,
    "one_to_many": _one_to_many,
    "one_to_one": _one_to_one,
}


def _latest(architecture: Architecture, window: Any) -> Any:
    return layers.Cropping1D((architecture.steps - 1, 0))(window)


def _head(seeds: Seeds) -> layers.Layer:
    return layers.Dense(1, kernel_initializer=initializers.GlorotUniform(seed=next(seeds)), name="logit")


def _read(
    architecture: Architecture, window: Any, seeds: Seeds, *, whole: bool = False, states: bool = False
) -> tuple[Any, list[list[Any]]]:
    """Reads the window: the last state or `whole`, that of every bar; with `states` what each layer ends with."""
    return _stack(
        architecture, window, seeds, units=architecture.units, whole=whole, states=states, both=architecture.both_ways
    )


def _stack(
    architecture: Architecture,
    seen: Any,
    seeds: Seeds,
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
        found = _run(_cell(architecture, units, seeds, **options), architecture, seen, seeds, begin and begin[number])
        if both:
            back = _cell(architecture, units, seeds, **options, go_backwards=True)
            other = _run(back, architecture, seen, seeds, None)
            if options["return_sequences"]:
                other[0] = keras.ops.flip(other[0], axis=1)
            found = [layers.Concatenate()(pair) for pair in zip(found, other, strict=True)]
        seen = _after(architecture, found[0], seeds)
        ended.append(found[1:])
    return seen, ended


def _run(layer: layers.RNN, architecture: Architecture, seen: Any, seeds: Seeds, begin: list[Any] | None) -> list[Any]:
    """What the layer answers, and its states where it hands them on."""
    found = layer(seen, initial_state=begin) if begin else layer(seen)
    if networks.cell(architecture.model) == "lstm_chrono":
        layer.cell.bias.assign(_chrono(layer.units, int(seen.shape[1]), seed=next(seeds)))
    return list(found) if isinstance(found, list | tuple) else [found]


def _cell(architecture: Architecture, units: int, seeds: Seeds, **options: Any) -> layers.RNN:
    """One layer; Glorot (2010) weights from the features, orthogonal ones (Saxe et al. 2014) from the state.

    irnn: begins as a sum of what it read, cut off below zero (Le, Jaitly & Hinton 2015, section 2).
    """
    kind = {"gru": layers.GRU, "lstm": layers.LSTM}.get(architecture.cell, layers.SimpleRNN)
    kernel, recurrent = next(seeds), next(seeds)
    first: dict[str, Any] = {
        "kernel_initializer": initializers.GlorotUniform(seed=kernel),
        "recurrent_initializer": initializers.Orthogonal(seed=recurrent),
    }
    if architecture.cell == "irnn":
        first = {
            "activation": "relu",
            "kernel_initializer": initializers.RandomNormal(stddev=0.001, seed=kernel),
            "recurrent_initializer": initializers.Identity(),
        }
    return kind(units, **first, **options, recurrent_dropout=architecture.recurrent_dropout, seed=0)


def _chrono(units: int, steps: int, *, seed: int) -> NDArray[np.float32]:
    """Biases with which an LSTM's units begin with memories of all lengths (Tallec & Ollivier 2018, section 2.2).

    Of the forget gate: log of a number drawn evenly from 1 to steps - 1; of the input gate: its negative.
    """
    forget = np.log(np.random.default_rng(seed).uniform(1, max(steps - 1, 1), units))
    return np.concatenate([-forget, forget, np.zeros(2 * units)]).astype(np.float32)


def _after(architecture: Architecture, seen: Any, seeds: Seeds) -> Any:
    """What follows every hidden layer: nothing, unless the experiment asks for it."""
    if architecture.layer_norm:
        seen = layers.LayerNormalization()(seen)
    return layers.Dropout(architecture.dropout, seed=next(seeds))(seen) if architecture.dropout else seen


def _dense(architecture: Architecture, window: Any, seeds: Seeds) -> Any:
    """All bars at once: no order in time but the one that the weights learn."""
    seen = layers.Flatten()(window)
    for _ in range(architecture.layers):
        seen = _hidden(architecture, seen, seeds)
    return seen


def _cnn(architecture: Architecture, window: Any, seeds: Seeds) -> Any:
    """Filters of three bars and the larger of each two neighbouring answers; then a layer that sees all of them."""
    seen = window
    for _ in range(architecture.layers):
        filters = layers.Conv1D(
            architecture.units,
            min(KERNEL, int(seen.shape[1])),
            padding="same",
            activation="relu",
            kernel_initializer=initializers.GlorotUniform(seed=next(seeds)),
        )
        seen = _after(architecture, layers.MaxPooling1D(2, padding="same")(filters(seen)), seeds)
    return _hidden(architecture, layers.Flatten()(seen), seeds)


def _hidden(architecture: Architecture, seen: Any, seeds: Seeds) -> Any:
    kernel = initializers.GlorotUniform(seed=next(seeds))
    return _after(
        architecture, layers.Dense(architecture.units, activation="relu", kernel_initializer=kernel)(seen), seeds
    )


FEED_FORWARD: dict[str, Callable[[Architecture, Any, Seeds], Any]] = {"dense": _dense, "cnn": _cnn}


def sigmoid(logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Probabilities of a rise, float64, strictly inside (0, 1) for any finite logit."""
    bounded = np.clip(np.asarray(logits, dtype=np.float64), -30.0, 30.0)
    return np.asarray(1.0 / (1.0 + np.exp(-bounded)))
