"""Networks differentiated through Keras: against the numpy cells, the tape, and what can be worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest

from forecast.config.architecture import Architecture
from forecast.diagnostics import gates, gradients, occlusion
from forecast.diagnostics.keras_networks import KerasNetwork
from forecast.diagnostics.numpy_cells import Weights, forward

STEPS, FEATURES, UNITS, ROWS = 7, 3, 4, 5


@pytest.fixture(scope="module")
def network(fitting):
    """A member of any architecture, its weights moved away from where training begins."""

    def build(model, **more):
        architecture = Architecture(model=model, steps=STEPS, features=FEATURES, units=UNITS, **more)
        rng = np.random.default_rng(1)
        start = fitting.layers.build(architecture, seed=2).get_weights()
        weights = [weight + rng.normal(0, 0.2, weight.shape) for weight in start]
        return KerasNetwork(architecture=architecture, library="tensorflow", weights=weights, deviation=1.0)

    return build


@pytest.fixture(scope="module")
def in_keras(fitting):
    """The same member as a Keras model of this process."""

    def build(member):
        model = fitting.layers.build(member.architecture, seed=0)
        model.set_weights(member.weights)
        return model

    return build


@pytest.fixture(scope="module")
def windows():
    return np.random.default_rng(0).normal(size=(STEPS, ROWS, FEATURES))


@pytest.mark.parametrize("model", ["simple_rnn", "lstm"])
def test_what_keras_differentiates_equals_what_is_written_out_in_numpy(network, windows, model):
    targets = np.array([0.0, 1.0, 1.0, 0.0, 1.0])
    theirs = network(model)
    ours = Weights.from_keras(model, theirs.weights, features=FEATURES, units=UNITS)
    gradients_of_keras, expected = (gradients.decay(weights, windows, targets) for weights in (theirs, ours))
    assert gradients_of_keras.share.keys() == expected.share.keys()
    for path, share in expected.share.items():
        np.testing.assert_allclose(gradients_of_keras.share[path], share, rtol=2e-4, atol=1e-7)
    np.testing.assert_allclose(gradients_of_keras.loss, expected.loss, rtol=2e-4, atol=1e-7)
    jacobians = gradients.jacobians(ours, windows)
    for path, norm in gradients.jacobians(theirs, windows).items():
        np.testing.assert_allclose(norm, jacobians[path], rtol=2e-4, atol=1e-7)
    for found_part, part in zip(occlusion.cover(theirs, windows), occlusion.cover(ours, windows), strict=True):
        np.testing.assert_allclose(found_part, part, atol=1e-6)


def test_the_gates_of_an_lstm_equal_those_of_the_numpy_cell(network, windows):
    theirs = network("lstm")
    trace = forward(Weights.from_keras("lstm", theirs.weights, features=FEATURES, units=UNITS), windows)
    gate_values, layer, _ = gates.look(theirs, windows)
    for name in gates.ARRAYS["lstm"]:
        np.testing.assert_allclose(gate_values[name], getattr(trace, name), atol=1e-6)
    assert layer.tolist() == [0] * UNITS


ANY = {
    "a stack of GRUs, normalised and read both ways": ("gru", {"layers": 2, "layer_norm": True, "bidirectional": True}),
    "an IRNN": ("irnn", {}),
    "an encoder and a decoder": ("lstm_encoder_decoder", {"ahead": 3}),
    "an answer in step": ("gru_in_step", {"layers": 2}),
    "the latest bar alone": ("gru_one_to_many", {"ahead": 2}),
    "filters": ("cnn", {}),
    "attention of a person's own": ("tests.helpers.own_networks:attention", {}),
}


@pytest.mark.parametrize(("model", "more"), ANY.values(), ids=ANY)
def test_bar_by_bar_a_network_gives_its_own_answer_and_the_tapes_gradient(network, in_keras, windows, model, more):
    import tensorflow as tf

    theirs = network(model, **more)
    gradients_of_keras = theirs.gradients(windows)
    batch = tf.constant(windows.transpose(1, 0, 2), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(batch)
        outputs = in_keras(theirs)(batch, training=False)
        answer = tf.reduce_sum(outputs if not theirs.learns_labels else outputs[:, -1])
    expected = np.linalg.norm(tape.gradient(answer, batch).numpy(), axis=2).T[::-1]
    np.testing.assert_allclose(gradients_of_keras.size["input"], expected, rtol=1e-4, atol=1e-7)
    recurrent = model not in ("cnn", "gru_one_to_many") and ":" not in model
    assert set(gradients_of_keras.size) >= ({"state", "h"} if recurrent else {"input"})
    assert ("state" in gradients_of_keras.size) is recurrent
    assert theirs.cell == (model[: model.find("_")] if "_" in model and recurrent else {"gru": "gru"}.get(model))


def test_the_gradient_of_a_gru_is_that_of_the_state_which_it_reads_on_from(network, in_keras, windows):
    import tensorflow as tf

    theirs = network("gru")
    gradients_of_keras = theirs.gradients(windows)
    layer, head = in_keras(theirs).layers[1:]
    batch = tf.constant(windows.transpose(1, 0, 2), tf.float32)
    for lag in range(1, STEPS - 1):
        at = STEPS - lag
        state = layer(batch[:, :at])
        with tf.GradientTape() as tape:
            tape.watch(state)
            answer = head(layer(batch[:, at:], initial_state=state))
        expected = np.linalg.norm(tape.gradient(answer, state).numpy(), axis=1)
        np.testing.assert_allclose(gradients_of_keras.size["state"][lag], expected, rtol=1e-4, atol=1e-7)


def test_a_gru_that_hears_nothing_keeps_the_share_that_its_bias_says(network, windows):
    theirs = network("gru")
    kernel, recurrent, bias, *head = (np.zeros_like(weight) for weight in theirs.weights)
    bias[0, :UNITS], bias[1, :UNITS] = 1.0, 0.5  # both biases of the update gate
    bias[0, UNITS : 2 * UNITS] = -2.0
    quiet = replace(theirs, weights=[kernel, recurrent, bias, *head])
    seen = gates.observe(quiet, [windows])
    np.testing.assert_allclose(seen.average["update"], 1 / (1 + np.exp(-1.5)), rtol=1e-6)
    np.testing.assert_allclose(seen.average["reset"], 1 / (1 + np.exp(2.0)), rtol=1e-6)
    np.testing.assert_allclose(gates.time_constant(seen.log_retention), 1 / np.log(1 + np.exp(-1.5)), rtol=1e-6)
    assert seen.probability.tolist() == [0.5] * ROWS
