"""What fitting gives: the cell written out in numpy, early stopping, repeatability. Needs the network library."""

import dataclasses
import logging

import numpy as np
import pytest

from forecast.config import model_registry
from forecast.config.model_registry import MODELS
from tests.helpers.network_sizes import architecture, budget


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def forward(model, weights, window):
    """Cells written out by hand (Hochreiter & Schmidhuber 1997 with forget gate; Keras' gate order i, f, g, o)."""
    kernel, recurrent, bias, head, head_bias = weights
    units = recurrent.shape[0]
    h, c = np.zeros(units), np.zeros(units)
    for x in window:
        z = x @ kernel + h @ recurrent + bias
        if model == "simple_rnn":
            h = np.tanh(z)
        elif model == "irnn":
            h = np.maximum(z, 0)
        else:
            i, f, g, o = np.split(z, 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
    return float((h @ head + head_bias)[0])


@pytest.mark.parametrize("model", ["simple_rnn", "lstm", "irnn"])
def test_the_network_equals_the_cell_written_out_in_numpy(fitting, model):
    network = fitting.layers.build(architecture(fitting, model), seed=1)
    windows = np.random.default_rng(0).normal(size=(4, 7, 8)).astype(np.float32)
    network.set_weights([weight + np.float32(0.1) for weight in network.get_weights()])
    weights = [weight.astype(np.float64) for weight in network.get_weights()]
    expected = [forward(model, weights, window.astype(np.float64)) for window in windows]
    np.testing.assert_allclose(np.array(network(windows))[:, 0], expected, atol=1e-6)


@pytest.mark.parametrize("model", MODELS)
def test_every_network_of_the_table_builds_with_the_parameters_that_are_counted_beforehand(fitting, model):
    more = {"layers": 2, "layer_norm": True, "dropout": 0.1, "bidirectional": "in_step" not in model}
    for sizes in ({}, {"steps": 1, "ahead": 3, **more}):
        chosen = architecture(fitting, model, **sizes)
        network = fitting.layers.build(chosen, seed=1)
        assert network.count_params() == chosen.parameters
        answers = {"in_step": chosen.steps, "encoder_decoder": chosen.ahead, "one_to_many": chosen.ahead}
        assert network.output_shape == (None, answers.get(chosen.topology, 1))


def test_an_identity_rnn_begins_by_adding_up_what_it_reads(fitting):
    kernel, recurrent, bias, *_ = fitting.layers.build(architecture(fitting, "irnn"), seed=1).get_weights()
    np.testing.assert_array_equal(recurrent, np.eye(5))
    assert np.abs(kernel).max() < 0.006  # a deviation of 0.001
    assert not bias.any()


def test_chrono_biases_lie_where_tallec_and_ollivier_put_them(fitting):
    network = fitting.layers.build(architecture(fitting, "lstm_chrono", steps=30, units=400), seed=1)
    i, f, g, o = np.split(network.get_weights()[2], 4)
    np.testing.assert_array_equal(i, -f)
    assert not g.any()
    assert not o.any()
    memory = np.exp(f)  # drawn evenly from 1 to 29
    assert 1 <= memory.min() < 2
    assert 28 < memory.max() <= 29
    assert abs(memory.mean() - 15) < 3 * 28 / np.sqrt(12 * 400)


@pytest.mark.parametrize("model", ["simple_rnn", "lstm"])
def test_epochs_of_two_compiled_calls_equal_a_plain_keras_loop(fitting, task, model):
    import keras

    from pipelines.preprocessing import windows as views

    windows, fold, scaler = task
    chosen, limits = architecture(fitting, model), budget(fitting, epochs=6)
    fitted = fitting.fit(windows, fold, scaler, architecture=chosen, seed=3, budget=limits)
    weight_seed, order_seed = (int(state) for state in np.random.SeedSequence((3, fold.number)).generate_state(2))
    network = fitting.layers.build(chosen, seed=weight_seed)
    network.compile(keras.optimizers.Adam(0.01, global_clipnorm=1.0), keras.losses.BinaryCrossentropy(from_logits=True))
    shuffle = np.random.default_rng(order_seed)
    scaled = scaler.apply(windows.values)
    for epoch in range(limits.epochs):
        order = shuffle.permutation(fold.train)
        losses = []
        for start in range(0, len(order), 32):
            rows = order[start : start + 32]
            batch = views.gather(scaled, windows.ends[rows], steps=7)
            losses.append(float(network.train_on_batch(batch, windows.targets[rows])))
            network.reset_metrics()
        sizes = [min(32, len(order) - start) for start in range(0, len(order), 32)]
        assert fitted.loss[epoch] == pytest.approx(np.average(losses, weights=sizes), abs=1e-5)
    test_windows = views.gather(scaled, windows.ends[fold.test], steps=7)
    np.testing.assert_allclose(
        fitted.probability, sigmoid(np.array(network(test_windows), dtype=float)[:, 0]), atol=1e-5
    )


def test_the_same_seed_gives_the_same_digits_whatever_was_trained_before(fitting, task):
    windows, fold, scaler = task

    def once(model, seed):
        return fitting.fit(
            windows, fold, scaler, architecture=architecture(fitting, model), seed=seed, budget=budget(fitting)
        )

    first = once("lstm", 0)
    once("simple_rnn", 5)
    other = once("lstm", 1)
    again = once("lstm", 0)
    np.testing.assert_array_equal(first.probability, again.probability)
    np.testing.assert_array_equal(first.loss, again.loss)
    assert (first.probability != other.probability).all()


def test_the_room_that_shapes_are_compiled_for_decides_no_digit(fitting, task):
    windows, fold, scaler = task
    chosen, limits = architecture(fitting, "simple_rnn"), budget(fitting)
    fitted, roomier = (
        fitting.fit(windows, fold, scaler, architecture=chosen, seed=0, budget=limits, room=room) for room in (0, 2000)
    )
    np.testing.assert_array_equal(fitted.val_loss, roomier.val_loss)
    np.testing.assert_array_equal(fitted.probability, roomier.probability)


def test_another_number_of_epochs_compiles_nothing_anew(fitting, task, monkeypatch):
    if fitting.keras.backend.backend() != "tensorflow":
        pytest.skip("TensorFlow says what it compiles a call to")
    windows, fold, scaler = task
    chosen = architecture(fitting, "simple_rnn")
    program = fitting._program(chosen)
    train, calls = program._train, []
    monkeypatch.setattr(program, "_train", lambda *arguments: calls.append(arguments) or train(*arguments))
    for epochs in (3, 11):
        fitting.fit(windows, fold, scaler, architecture=chosen, seed=0, budget=budget(fitting, epochs=epochs))
    assert len(calls) == 1 + 3
    fitting.keras.utils.set_random_seed(0)  # TensorFlow wants one before it says what it compiles
    assert len({train.experimental_get_compiler_ir(*arguments)(stage="hlo") for arguments in calls}) == 1


def test_scrambling_the_test_rows_changes_neither_training_nor_stopping(fitting, task):
    windows, fold, scaler = task
    changed = windows.values.copy()
    changed[windows.ends[fold.test[0]] + 1 :] = np.random.default_rng(9).normal(size=changed.shape[1])
    targets = windows.targets.copy()
    targets[fold.test] = 1 - targets[fold.test]
    scrambled = type(windows)(**{**windows.__dict__, "values": changed, "targets": targets})
    chosen, limits = architecture(fitting, "lstm"), budget(fitting, epochs=40, patience=2)  # compiled anyway
    before = fitting.fit(windows, fold, scaler, architecture=chosen, seed=0, budget=limits)
    after = fitting.fit(scrambled, fold, scaler, architecture=chosen, seed=0, budget=limits)
    np.testing.assert_array_equal(before.val_loss, after.val_loss)
    assert before.probability[0] == after.probability[0]  # its window ends before the scrambled rows
    assert (before.probability[7:] != after.probability[7:]).all()


def test_early_stopping_keeps_the_weights_of_the_best_epoch(fitting, task):
    windows, fold, scaler = task
    chosen = architecture(fitting, "lstm")
    stopped = fitting.fit(
        windows,
        fold,
        scaler,
        architecture=chosen,
        seed=0,
        budget=budget(fitting, epochs=40, patience=3, learning_rate=0.05),
    )
    best = int(np.argmin(stopped.val_loss)) + 1
    assert len(stopped.val_loss) == best + 3
    shorter = fitting.fit(
        windows, fold, scaler, architecture=chosen, seed=0, budget=budget(fitting, epochs=best, learning_rate=0.05)
    )
    np.testing.assert_array_equal(shorter.probability, stopped.probability)


def test_a_stored_member_predicts_the_same_digits_one_window_at_a_time(fitting, task, tmp_path):
    windows, fold, scaler = task
    chosen = architecture(fitting, "simple_rnn")
    fitted = fitting.fit(windows, fold, scaler, architecture=chosen, seed=0, budget=budget(fitting))
    path = tmp_path / "seed-0.weights.h5"
    path.write_bytes(fitted.weights)
    parameters = fitting.load(path, architecture=chosen)
    for number in (0, 1, 50, len(fold.test) - 1):
        end = windows.ends[fold.test[number]]
        alone = fitting.predict(
            windows.values[: end + 1], ends=np.array([end]), scaler=scaler, architecture=chosen, parameters=parameters
        )
        assert alone[0] == fitted.probability[number]


def test_a_row_without_weight_teaches_nothing_and_a_row_of_weight_two_counts_twice(fitting, task):
    windows, fold, scaler = task
    weights = fold.weights.copy()
    weights[fold.train[::2]] = 0.0
    weights[fold.validation[::2]] = 0.0

    def fit(targets, weights):
        return fitting.fit(
            dataclasses.replace(windows, targets=targets), dataclasses.replace(fold, weights=weights), scaler,
            architecture=architecture(fitting, "lstm"), seed=0, budget=budget(fitting),
        )  # fmt: skip

    silent = weights == 0
    turned = np.where(silent, 1 - windows.targets, windows.targets)
    plain, other = fit(windows.targets, weights), fit(turned, weights)
    np.testing.assert_array_equal(plain.probability, other.probability)
    np.testing.assert_array_equal(plain.val_loss, other.val_loss)
    doubled = fit(windows.targets, weights * 2)
    np.testing.assert_allclose(doubled.val_loss, plain.val_loss, rtol=1e-5)


def test_probabilities_of_validation_rows_are_those_that_the_validation_loss_was_taken_from(fitting, task):
    windows, fold, scaler = task
    member = fitting.fit(
        windows, fold, scaler, architecture=architecture(fitting, "lstm"), seed=0, budget=budget(fitting)
    )
    target, probability = windows.targets[fold.validation], member.validation
    loss = -np.mean(np.where(target > 0, np.log(probability), np.log(1 - probability)))
    assert loss == pytest.approx(member.val_loss[-1], abs=1e-5)


def test_every_recurrent_cell_of_the_registry_has_a_layer_of_its_own(fitting):
    recurrent = {cell.like for cell in model_registry.CELLS.values() if cell.recurrent}
    assert recurrent == set(fitting.layers.CELL_LAYERS)


@pytest.mark.parametrize("patience", [0, 2])
def test_a_member_whose_numbers_are_not_finite_forecasts_one_half_and_keeps_the_weights_it_began_with(
    fitting, task, patience
):
    windows, fold, scaler = task
    wild = dataclasses.replace(budget(fitting, epochs=3, patience=patience), learning_rate=1e30, clip=0.0)
    chosen = architecture(fitting, "irnn")
    member = fitting.fit(windows, fold, scaler, architecture=chosen, seed=0, budget=wild)
    assert member.diverged == 1
    np.testing.assert_array_equal(member.probability, np.full(len(fold.test), 0.5))
    np.testing.assert_array_equal(member.validation, np.full(len(fold.validation), 0.5))
    assert [len(curve) for curve in (member.loss, member.val_loss, member.seconds)] == [0, 0, 0]
    calm = fitting.fit(windows, fold, scaler, architecture=chosen, seed=0, budget=budget(fitting))
    assert calm.diverged is None
    assert np.isfinite(calm.loss).all()
    assert member.parameters == calm.parameters


def test_the_library_gives_no_advice_about_its_own_calls(fitting):
    assert not logging.getLogger("tensorflow").isEnabledFor(logging.WARNING)
