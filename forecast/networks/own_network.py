"""A network of a person's own: a function from an Architecture to an uncompiled Keras model, checked for its shapes.

Importing this module imports keras.
"""

import keras

from forecast.config.architecture import MOST_PARAMETERS, Architecture
from pipelines import user_code
from pipelines.errors import ConfigError

_WHAT = "Model"
_SQUASHED = ("sigmoid", "softmax", "hard_sigmoid")


def build(architecture: Architecture, *, seed: int) -> keras.Model:
    """A fresh network, whose first weights follow from `seed` on one backend.

    Raises:
        ConfigError: the function fails, or what it returns cannot be trained here.
    """
    name = architecture.model
    keras.utils.set_random_seed(seed % 2**32)
    network = user_code.call(name, architecture, what=_WHAT)
    if not isinstance(network, keras.Model):
        raise ConfigError(
            f"{_WHAT} {name}: expected a keras.Model, got {type(network).__name__}. Return keras.Model(...)."
        )
    shapes = {
        "input": (getattr(network, "input_shape", None), (None, architecture.steps, architecture.features)),
        "output": (getattr(network, "output_shape", None), (None, 1)),
    }
    for subject, (actual, expected) in shapes.items():
        if actual != expected:
            raise ConfigError(
                f"{_WHAT} {name}: expected {subject} of shape {expected}, got {actual}. Begin with "
                "keras.Input((architecture."
                "steps, architecture.features)) and end with keras.layers.Dense(1), whose answer is a logit."
            )
    if unbuilt := [layer.name for layer in network.layers if not layer.built]:
        raise ConfigError(f"{_WHAT} {name}: expected layers that are built, got {unbuilt[0]}. Call it on an input.")
    activation = getattr(getattr(network.layers[-1], "activation", None), "__name__", "")
    if activation in _SQUASHED:
        raise ConfigError(f"{_WHAT} {name}: expected a logit as answer, got one through {activation}. Leave it out.")
    if network.non_trainable_weights:
        kinds = sorted({type(layer).__name__ for layer in network.layers if layer.non_trainable_weights})
        raise ConfigError(
            f"{_WHAT} {name}: expected trainable weights only, got others in {', '.join(kinds)}. Use "
            "LayerNormalization instead of BatchNormalization, and freeze nothing."
        )
    count = sum(int(weight.size) for weight in map(keras.ops.convert_to_numpy, network.weights))
    if not 0 < count <= MOST_PARAMETERS:
        raise ConfigError(f"{_WHAT} {name}: expected 1 to {MOST_PARAMETERS:,} parameters, got {count:,}.")
    return network
