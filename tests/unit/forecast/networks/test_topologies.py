"""Topologies and the options of a network's shape: what each reads, learns and answers. Needs the network library."""

import dataclasses
import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from forecast.config.experiment import Experiment
from forecast.datasets.dataset import Source, make_bars, prepare
from forecast.datasets.lookahead_audit import truncated_in_first_test
from forecast.networks.results import Architecture
from pipelines.errors import RunError
from pipelines.market.types import Actions
from pipelines.sources.synthetic import random_walk
from tests.helpers.command_line import environment
from tests.helpers.network_outputs import EVERYTHING, answers, outputs
from tests.helpers.network_sizes import architecture, budget


def fit(fitting, task, chosen, *, seed=0, **changes):
    windows, fold, scaler = task
    return fitting.fit(windows, fold, scaler, architecture=chosen, seed=seed, budget=budget(fitting, **changes))


def planted(task, *, targets=None, opens=None):
    windows, fold, scaler = task
    changes = {"targets": windows.targets if targets is None else targets, "opens": opens}
    return dataclasses.replace(windows, **changes), fold, scaler


def test_outputs_are_those_of_the_other_backend(fitting, tmp_path):
    here, other = fitting.keras.backend.backend(), {"jax": "tensorflow", "tensorflow": "jax"}
    if here == "jax" or importlib.util.find_spec("jax") is None:
        pytest.skip("compared once, from TensorFlow, where JAX is installed")
    done = subprocess.run(
        [sys.executable, "-m", "tests.helpers.network_outputs", other[here], str(tmp_path / "o.npz")],
        cwd=Path(__file__).parents[4], env=environment(), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    theirs = np.load(tmp_path / "o.npz")
    for name, ours in outputs(fitting).items():
        np.testing.assert_allclose(theirs[name], ours, atol=1e-5, err_msg=name)


def test_one_to_one_and_one_to_many_know_the_latest_bar_alone(fitting):
    rng = np.random.default_rng(0)
    windows = rng.normal(size=(4, 7, 8))
    earlier, latest = windows.copy(), windows.copy()
    earlier[:, :-1], latest[:, -1] = rng.normal(size=(4, 6, 8)), rng.normal(size=(4, 8))
    for model in ("lstm_one_to_one", "gru_one_to_many"):
        network = fitting.layers.build(architecture(fitting, model, ahead=3), seed=1)
        np.testing.assert_array_equal(answers(network, windows), answers(network, earlier))
        assert (answers(network, windows) != answers(network, latest)).all()


def test_an_answer_in_step_knows_no_later_bar_and_the_last_one_is_that_of_many_to_one(fitting):
    rng = np.random.default_rng(0)
    windows = rng.normal(size=(4, 7, 8))
    later = windows.copy()
    later[:, 4:] = rng.normal(size=(4, 3, 8))
    network = fitting.layers.build(architecture(fitting, "lstm_in_step"), seed=1)
    np.testing.assert_array_equal(answers(network, windows)[:, :4], answers(network, later)[:, :4])
    assert (answers(network, windows)[:, 4:] != answers(network, later)[:, 4:]).all()
    plain = fitting.layers.build(architecture(fitting, "lstm"), seed=1)
    np.testing.assert_allclose(answers(plain, windows)[:, 0], answers(network, windows)[:, -1], atol=1e-6)


def test_weights_of_a_plain_keras_model_are_read(fitting, tmp_path):
    from keras import Sequential, layers

    plain = Sequential([layers.Input((7, 8)), layers.LSTM(5, name="cell"), layers.Dense(1, name="logit")])
    plain.save_weights(tmp_path / "plain.weights.h5")
    network = fitting.layers.build(architecture(fitting, "lstm"), seed=2)
    network.load_weights(tmp_path / "plain.weights.h5")
    windows = np.random.default_rng(0).normal(size=(4, 7, 8))
    np.testing.assert_array_equal(answers(network, windows), answers(plain, windows))


@pytest.mark.parametrize("model", ["lstm", "gru", "simple_rnn"])
def test_networks_begin_as_keras_own_layers_do(fitting, model):
    """Kernels spread as Glorot's, recurrent ones orthonormal, biases Keras' own."""
    from keras import layers

    units = 64
    weights = fitting.layers.build(architecture(fitting, model, units=units), seed=3).get_weights()
    layer = {"lstm": layers.LSTM, "gru": layers.GRU, "simple_rnn": layers.SimpleRNN}[model](units)
    layer.build((None, 7, 8))
    kernel, recurrent, bias = layer.get_weights()
    limit = np.sqrt(6 / sum(kernel.shape))
    for matrix in (kernel, weights[0]):
        assert 0.98 * limit < np.abs(matrix).max() <= limit
        assert np.std(matrix) == pytest.approx(limit / np.sqrt(3), rel=0.05)
    for matrix in (recurrent, weights[1]):
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(units), atol=1e-5)
    np.testing.assert_array_equal(bias, weights[2])
    limit = np.sqrt(6 / (units + 1))
    assert 0.9 * limit < np.abs(weights[3]).max() <= limit
    assert (
        weights[0] != fitting.layers.build(architecture(fitting, model, units=units), seed=4).get_weights()[0]
    ).all()


def test_both_directions_begin_with_weights_of_their_own(fitting):
    network = fitting.layers.build(architecture(fitting, "lstm", bidirectional=True), seed=1)
    forth, back = network.get_weights()[:2], network.get_weights()[3:5]
    assert all((one != other).any() for one, other in zip(forth, back, strict=True))


def test_a_label_that_only_its_own_bar_shows_is_learnt_in_step(fitting, task):
    """Held against the bar before or behind, the labels inside the window would be noise."""
    windows, fold, _ = task
    planted_rows = planted(task, targets=(windows.values[windows.ends, 0] > 0).astype(np.float64))
    member = fit(fitting, planted_rows, architecture(fitting, "gru_in_step"), epochs=12, learning_rate=0.03)
    assert member.loss[-1] < 0.15
    target = planted_rows[0].targets[fold.validation]
    loss = -np.mean(np.where(target > 0, np.log(member.validation), np.log(1 - member.validation)))
    assert loss == pytest.approx(member.val_loss[-1], abs=1e-5)  # of the last bar, which is traded
    silent = fold.weights.copy()
    silent[fold.train[::2]] = 0.0
    turned = np.where(silent == 0, 1 - planted_rows[0].targets, planted_rows[0].targets)
    quiet = (planted_rows[0], dataclasses.replace(fold, weights=silent), planted_rows[2])
    loud = (dataclasses.replace(planted_rows[0], targets=turned), quiet[1], planted_rows[2])
    one, other = (fit(fitting, prices, architecture(fitting, "gru_in_step"), epochs=12) for prices in (quiet, loud))
    np.testing.assert_array_equal(one.probability, other.probability)  # a row of weight 0 teaches nothing


@pytest.fixture(scope="module")
def path_task(task):
    """Returns that repeat what the first feature was three bars before: at a decision the next three are known."""
    windows = task[0]
    moved = np.nan_to_num(windows.values[:, 0].astype(np.float64))
    moved /= moved.std()
    steps = 0.01 * np.concatenate([np.zeros(3), moved[:-3]])
    return planted(task, opens=100 * np.exp(np.concatenate([[0.0], np.cumsum(steps)[:-1]])))


@pytest.fixture(scope="module")
def path_member(fitting, path_task):
    return fit(fitting, path_task, architecture(fitting, "gru_encoder_decoder", units=24, ahead=3), epochs=60)


def test_a_path_that_the_window_holds_is_learnt_step_by_step(path_task, path_member):
    from forecast.datasets import path_targets

    windows, fold, _ = path_task
    member = path_member
    unit = path_targets.volatility(windows, train=fold.train)[fold.validation]
    came = path_targets.realised(windows, fold.validation, ahead=3) / unit[:, None]
    by_step = np.mean((member.validation_path - came) ** 2, axis=0)
    assert (by_step < 0.6 * np.mean(came**2, axis=0)).all(), by_step  # a bar off, and one step has 1 or more
    assert by_step.mean() == pytest.approx(member.val_loss[-1], rel=1e-4)
    rose = came.sum(axis=1) > 0
    assert np.mean((member.validation > 0.5) == rose) > 0.8
    assert member.deviation == pytest.approx(np.sqrt(np.mean((member.validation_path - came).sum(axis=1) ** 2)))
    assert member.path.shape == (len(fold.test), 3)


def test_a_stored_path_network_predicts_the_same_digits_and_needs_its_deviation(
    fitting, path_task, path_member, tmp_path
):
    windows, fold, scaler = path_task
    member = path_member
    chosen = member.architecture
    path = tmp_path / "seed-0.weights.h5"
    path.write_bytes(member.weights)
    parameters = fitting.load(path, architecture=chosen)
    stored = {"ends": windows.ends[fold.test[:2]], "scaler": scaler, "architecture": chosen, "parameters": parameters}
    again = fitting.predict(windows.values, **stored, deviation=member.deviation)
    np.testing.assert_array_equal(again, member.probability[:2])
    for deviation in (None, 0.0, float("nan"), "1"):
        with pytest.raises(RunError, match="Expected a deviation above 0 for gru_encoder_decoder"):
            fitting.predict(windows.values, **stored, deviation=deviation)


@pytest.mark.parametrize("model", ["simple_rnn", pytest.param("lstm", marks=pytest.mark.slow)])
def test_with_every_option_a_member_repeats_and_passes_the_certificate(fitting, model):
    experiment = Experiment(symbol="WALK", window=6, folds=2, models=(model,), units=4, horizon=2, **EVERYTHING)
    raw = dataclasses.replace(random_walk(bars=450, seed=0), adjusted="raw")
    source = Source(raw=raw, actions=Actions.none("WALK"))
    full = prepare(make_bars(source, experiment), experiment)
    past = truncated_in_first_test(source, experiment, full)
    chosen = Architecture.of(experiment, model)

    def once(data, seed=0):
        return fitting.fit(
            data.windows, data.folds[0], data.scalers[0], architecture=chosen, seed=seed, budget=budget(fitting),
            room=len(full.bars),
        )  # fmt: skip

    first, again, other = once(full), once(past), once(full, seed=1)
    assert len(again.probability) < len(first.probability)
    np.testing.assert_array_equal(first.probability[: len(again.probability)], again.probability)
    np.testing.assert_array_equal(first.loss, again.loss)
    assert (first.loss != other.loss).all()


def test_dropout_changes_what_is_learnt_and_nothing_of_a_prediction(fitting, task):
    plain, dropped = (fit(fitting, task, architecture(fitting, "simple_rnn", dropout=rate)) for rate in (0.0, 0.3))
    assert (plain.loss != dropped.loss).all()
    windows, fold, _ = task
    target = windows.targets[fold.validation]
    loss = -np.mean(np.where(target > 0, np.log(dropped.validation), np.log(1 - dropped.validation)))
    assert loss == pytest.approx(dropped.val_loss[-1], abs=1e-5)


def test_a_gradient_is_clipped_at_the_norm_that_is_asked_for_and_0_means_at_none(fitting, task):
    chosen = architecture(fitting, "simple_rnn")
    free, wide, narrow = (fit(fitting, task, chosen, clip=clip) for clip in (0.0, 1e5, 1e-7))
    np.testing.assert_array_equal(free.loss, wide.loss)
    assert (narrow.loss != free.loss)[1:].all()
