"""Answers in numpy against Keras', for every cell that is written out."""

import numpy as np
import pytest

from forecast.networks import prediction
from forecast.networks.results import Architecture
from pipelines.errors import RunError
from pipelines.preprocessing.scaling import Scaler

STEPS, FEATURES, UNITS, BARS = 12, 3, 6, 300
SCALER = Scaler(mean=np.array([0.5, -1.0, 0.0]), scale=np.array([2.0, 1.0, 0.3]))
CELLS = ("simple_rnn", "irnn", "lstm", "lstm_chrono", "gru")


def of(model, **options):
    return Architecture(model=model, steps=STEPS, features=FEATURES, units=UNITS, **options)


@pytest.fixture(scope="module")
def values():
    return np.random.default_rng(0).normal(size=(BARS, FEATURES)).astype(np.float32)


def member(fitting, architecture, folder):
    """A Keras network whose weights, biases too, are not zero, and the file of them."""
    network = fitting.layers.build(architecture, seed=1)
    rng = np.random.default_rng(2)
    network.set_weights([weight + rng.normal(0, 0.06, weight.shape) for weight in network.get_weights()])
    network.save_weights(folder / "member.weights.h5")
    return network, folder / "member.weights.h5"


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("model", CELLS)
def test_probabilities_equal_keras_to_a_millionth(fitting, values, tmp_path, model, layers):
    architecture = of(model, layers=layers, dropout=0.2, recurrent_dropout=0.1)
    network, path = member(fitting, architecture, tmp_path)
    parameters = prediction.load(path, architecture=architecture)
    np.testing.assert_array_equal(parameters, fitting.load(path, architecture=architecture))
    ends = np.arange(STEPS - 1, BARS)
    scaled = SCALER.apply(values)
    windows = np.stack([scaled[end - STEPS + 1 : end + 1] for end in ends])
    expected = 1 / (1 + np.exp(-np.array(network(windows), dtype=np.float64)[:, 0]))
    chance = prediction.predict(values, ends=ends, scaler=SCALER, architecture=architecture, parameters=parameters)
    np.testing.assert_allclose(chance, expected, atol=1e-6)
    assert chance.std() > 0.003  # the network says something


def test_a_window_has_the_same_digits_alone_and_among_others(values):
    architecture = of("lstm")
    parameters = np.random.default_rng(3).normal(0, 0.5, architecture.parameters).astype(np.float32)
    ends = np.arange(STEPS - 1, BARS)
    together = prediction.answers(parameters, values, ends, architecture=architecture)
    for place in (0, 1, 127, 128, 200, len(ends) - 1):
        alone = prediction.answers(parameters, values, ends[place : place + 1], architecture=architecture)
        assert alone[0, 0] == together[place, 0]


@pytest.mark.parametrize(
    "architecture",
    [
        of("lstm", bidirectional=True), of("lstm", layer_norm=True), of("lstm_in_step"), of("cnn"), of("dense"),
        of("lstm_one_to_one"), of("lstm_encoder_decoder", ahead=3), of("my_networks:build"),
    ],
    ids=lambda architecture: f"{architecture.model}-{architecture.layer_norm}-{architecture.bidirectional}",
)  # fmt: skip
def test_what_is_not_written_out_is_left_to_keras(architecture):
    assert not prediction.is_plain(architecture)


def test_weights_of_another_shape_are_refused(fitting, tmp_path):
    _, path = member(fitting, of("lstm"), tmp_path)
    for other in (of("gru"), of("lstm", layers=2), Architecture(model="lstm", steps=STEPS, features=2, units=UNITS)):
        with pytest.raises(RunError, match="does not hold the weights of this"):
            prediction.load(path, architecture=other)
