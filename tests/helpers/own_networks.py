"""Networks of a person's own: one as it should be, and ones that cannot be trained here."""

import ctypes
import os
from functools import lru_cache

import keras


def _window(architecture):
    return keras.Input((architecture.steps, architecture.features))


def attention(architecture):
    window = _window(architecture)
    seen = keras.layers.Dense(architecture.units)(window)
    seen = keras.layers.MultiHeadAttention(2, architecture.units)(seen, seen)
    seen = keras.layers.Dropout(0.1)(keras.layers.GlobalAveragePooling1D()(seen))
    return keras.Model(window, keras.layers.Dense(1)(seen))


def three_answers(architecture):
    window = _window(architecture)
    return keras.Model(window, keras.layers.Dense(3)(keras.layers.Flatten()(window)))


def another_window(architecture):
    window = keras.Input((architecture.steps + 1, architecture.features))
    return keras.Model(window, keras.layers.Dense(1)(keras.layers.Flatten()(window)))


class Fatal(keras.layers.Layer):
    """Ends the process that asks it, or fails there, where the environment says so."""

    def call(self, inputs):
        match os.environ.get("FORECAST_TEST_FATAL"):
            case "exit":
                os._exit(7)
            case "crash":
                ctypes.string_at(0)
            case "raise":
                raise ValueError("not today")
        return inputs


def fatal(architecture):
    window = _window(architecture)
    return keras.Model(window, keras.layers.Dense(1)(keras.layers.Flatten()(Fatal()(window))))


@lru_cache
def shared(architecture):
    return attention(architecture)


_EARLIER: list[keras.Model] = []


def warm(architecture):
    """Begins with what the networks made before it have by now."""
    network = attention(architecture)
    if _EARLIER:
        network.set_weights(_EARLIER[0].get_weights())
    _EARLIER.append(network)
    return network


def pretrained(architecture):
    network = attention(architecture)
    network.load_weights(os.environ["FORECAST_TEST_TABLE"])
    return network


def squashed(architecture):
    window = _window(architecture)
    return keras.Model(window, keras.layers.Dense(1, activation="sigmoid")(keras.layers.Flatten()(window)))


def normalised(architecture):
    window = _window(architecture)
    seen = keras.layers.BatchNormalization()(keras.layers.Flatten()(window))
    return keras.Model(window, keras.layers.Dense(1)(seen))


def unbuilt(architecture):
    return keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(1)])


def nothing(architecture):
    return None


def failing(architecture):
    raise ValueError("not today")


def leaving(architecture):
    raise SystemExit("bye")


def without_arguments():
    return None


def half_precise(architecture):
    window = _window(architecture)
    return keras.Model(window, keras.layers.Dense(1, dtype="float16")(keras.layers.Flatten()(window)))


class Rounded(keras.layers.Layer):
    """Can be computed, and not learned from: the answer has no gradient in its weight."""

    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1], 1))

    def call(self, inputs):
        return keras.ops.cast(keras.ops.argmax(inputs * self.scale[:, 0], axis=-1, keepdims=True), "float32")


def undifferentiable(architecture):
    window = _window(architecture)
    return keras.Model(window, Rounded()(keras.layers.Flatten()(window)))
