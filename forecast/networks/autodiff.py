"""The two things that Keras leaves to its backend: a gradient, and compiling a function into one call.

Importing this module imports keras; its backend was chosen by forecast.compute.backend before.
"""

from collections.abc import Callable
from typing import Any

import keras

Function = Callable[..., Any]


def _tensorflow() -> tuple[Function, Function]:
    import tensorflow as tf

    def value_and_gradient(loss: Function) -> Function:
        def both(parameters: Any, *arguments: Any) -> tuple[Any, Any]:
            with tf.GradientTape() as tape:
                tape.watch(parameters)
                value = loss(parameters, *arguments)
            return value, tape.gradient(value, parameters)

        return both

    def compiled(function: Function) -> Function:
        return tf.function(function, jit_compile=True, autograph=False)  # type: ignore[no-any-return]

    return value_and_gradient, compiled


def _jax() -> tuple[Function, Function]:
    import jax

    return jax.value_and_grad, jax.jit


value_and_gradient, compiled = {"tensorflow": _tensorflow, "jax": _jax}[keras.backend.backend()]()
