"""What a network is built from, known without the network library."""

import pytest

from forecast.config import model_registry
from forecast.config.architecture import Architecture
from forecast.config.experiment import Experiment
from forecast.config.model_registry import MODELS
from pipelines.errors import RunError


def architecture(model, **changes):
    return Architecture.of(Experiment(symbol="AAPL", features=("return",), **changes), model)


def test_an_lstm_of_25_units_has_the_parameters_of_a_simple_rnn_of_51():
    lstm, plain, wide = (architecture(model, units=25) for model in ("lstm", "simple_rnn", "simple_rnn_wide"))
    assert (lstm.units, plain.units, wide.units) == (25, 25, 51)
    head = {25: 26, 51: 52}
    assert [architecture.parameters - head[architecture.units] for architecture in (lstm, plain, wide)] == [
        2700,
        675,
        2703,
    ]


@pytest.mark.parametrize("units", [1, 2, 3, 8, 32, 100])
def test_no_other_width_is_nearer_to_the_lstm(units):
    lstm, wide = architecture("lstm", units=units), architecture("simple_rnn_wide", units=units)

    def apart(width):
        return abs(architecture("simple_rnn", units=width).parameters - lstm.parameters)

    assert apart(wide.units) == min(map(apart, range(1, 4 * units + 2)))


@pytest.mark.parametrize(
    "change",
    [
        {"units": 3_000_000_000},
        {"units": 0},
        {"steps": 10**9},
        {"features": 2.5},
        {"features": True},
        {"model": "gpt"},
        {"model": None},
        {"model": "dense", "steps": 100_000, "units": 200},
        {"units": 5000},
        {"layers": 17},
        {"units": 3000, "layers": 3},
        {"ahead": 0},
        {"dropout": 1.0},
        {"dropout": float("nan")},
        {"recurrent_dropout": "0"},
        {"layer_norm": 1},
        {"bidirectional": None},
        {"model": ["lstm"]},
    ],
)
def test_a_description_that_asks_for_the_absurd_is_refused_before_anything_is_built(change):
    described = {"model": "lstm", "steps": 7, "features": 8, "units": 5} | change
    with pytest.raises(RunError, match="Expected"):
        Architecture.from_json(described)


def test_a_description_that_lacks_something_is_refused():
    with pytest.raises(RunError, match="Expected model, steps, features and units"):
        Architecture.from_json({"model": "lstm"})


def test_a_description_of_the_first_version_is_read_as_a_plain_network():
    old = {"model": "lstm", "steps": 7, "features": 8, "units": 5}
    assert Architecture.from_json(old) == Architecture(**old)
    assert Architecture.from_json(Architecture(**old, layers=2, dropout=0.5).to_json()).layers == 2


def test_a_path_is_as_long_as_the_horizon_and_other_networks_have_none():
    lengths = {model: architecture(model, horizon=5).ahead for model in MODELS if model.startswith("lstm_")}
    assert {model for model, ahead in lengths.items() if ahead == 5} == {
        "lstm_encoder_decoder", "lstm_one_to_many", "lstm_chrono_encoder_decoder", "lstm_chrono_one_to_many",
    }  # fmt: skip
    assert set(lengths.values()) == {1, 5}


def test_every_network_has_a_name_of_its_own_for_people():
    names = [model_registry.label(model) for model in MODELS]
    assert len(set(names)) == len(MODELS) == 8 + 6 * 4
    assert model_registry.label("lstm_encoder_decoder") == "LSTM encoder-decoder"
