"""The numpy cells against Keras, TensorFlow's tape, and what can be worked out by hand."""

import numpy as np
import pytest

from forecast.diagnostics import gates, gradients, occlusion
from forecast.diagnostics.numpy_cells import Weights, backward, forward, logits
from forecast.networks.results import Architecture, Budget
from pipelines.errors import RunError
from pipelines.preprocessing.scaling import fit_scaler
from pipelines.preprocessing.walk_forward import walk_forward
from tests.helpers.windows import random_walk_windows

STEPS, FEATURES, UNITS, ROWS = 9, 3, 5, 4


@pytest.fixture(scope="module")
def pairs(fitting):
    """For each cell a Keras network, its weights read here, and windows; the biases are not zero."""
    rng = np.random.default_rng(1)
    networks = {}
    for model in ("simple_rnn", "lstm"):
        network = fitting.layers.build(Architecture(model=model, steps=STEPS, features=FEATURES, units=UNITS), seed=2)
        network.set_weights([weight + rng.normal(0, 0.1, weight.shape) for weight in network.get_weights()])
        weights = Weights.from_keras(model, network.get_weights(), features=FEATURES, units=UNITS)
        networks[model] = network, weights
    return networks, rng.normal(size=(STEPS, ROWS, FEATURES))


def linear(recurrent, *, head):
    units = len(recurrent)
    return Weights(
        cell="linear_rnn", kernel=np.ones((FEATURES, units)), recurrent=recurrent, bias=np.zeros(units), head=head,
        head_bias=np.float64(0.0),
    )  # fmt: skip


@pytest.mark.parametrize("model", ["simple_rnn", "lstm"])
def test_the_logits_equal_keras(pairs, model):
    networks, windows = pairs
    network, weights = networks[model]
    expected = np.array(network(windows.transpose(1, 0, 2).astype(np.float32)))[:, 0]
    np.testing.assert_allclose(logits(weights, forward(weights, windows).h[-1]), expected, atol=1e-6)


def test_every_gate_and_state_of_the_lstm_equals_keras_cell(pairs):
    from keras import ops

    networks, windows = pairs
    network, weights = networks["lstm"]
    trace = forward(weights, windows)
    cell = network.layers[1].cell
    kernel, recurrent, bias = (weight.astype(np.float32) for weight in network.get_weights()[:3])
    h = c = ops.zeros((ROWS, UNITS))
    for t, bars in enumerate(windows.astype(np.float32)):
        sums = np.array(bars @ kernel + np.array(h) @ recurrent + bias)
        for name, place in (("input", 0), ("forget", 1), ("output", 3)):
            expected = np.array(ops.sigmoid(sums[:, place * UNITS : (place + 1) * UNITS]))
            np.testing.assert_allclose(getattr(trace, name)[t], expected, atol=1e-6)
        h, (_, c) = cell(bars, [h, c])
        np.testing.assert_allclose(trace.h[t], np.array(h), atol=1e-6)
        np.testing.assert_allclose(trace.c[t], np.array(c), atol=1e-6)


@pytest.mark.parametrize("model", ["simple_rnn", "lstm"])
def test_the_gradient_at_every_lag_equals_the_tape(pairs, model):
    import tensorflow as tf

    networks, windows = pairs
    network, weights = networks[model]
    trace = forward(weights, windows)
    last = np.broadcast_to(weights.head, trace.h[-1].shape)
    layer, head = network.layers[1:]
    batch = tf.constant(windows.transpose(1, 0, 2), tf.float32)
    for flow in backward(weights, trace, last):
        at = STEPS - 1 - flow.lag
        states = [tf.constant(state[at], tf.float32) for state in ((trace.h, trace.c) if len(trace.c) else (trace.h,))]
        with tf.GradientTape() as tape:
            tape.watch(states)
            rest = batch[:, at + 1 :]
            answer = head(layer(rest, initial_state=states) if flow.lag else states[0])
        expected = tape.gradient(answer, states, unconnected_gradients="zero")
        for ours, theirs in zip((flow.h, flow.c), expected, strict=False):
            np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-6)


@pytest.mark.parametrize("model", ["simple_rnn", "lstm"])
def test_the_loss_and_feature_gradients_equal_the_tape(pairs, model):
    import tensorflow as tf

    networks, windows = pairs
    network, weights = networks[model]
    targets = np.array([0.0, 1.0, 1.0, 0.0])
    batch = tf.constant(windows.transpose(1, 0, 2), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(batch)
        answer = network(batch)[:, 0]
        loss = tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(targets.astype(np.float32), answer))
    by_bar = np.linalg.norm(tape.gradient(loss, batch).numpy(), axis=2).T[::-1]  # lag 0 first
    decay = gradients.decay(weights, windows, targets)
    np.testing.assert_allclose(decay.share["input"], by_bar / by_bar[0], rtol=1e-4)
    slope = np.abs(1 / (1 + np.exp(-answer.numpy())) - targets)
    np.testing.assert_allclose(decay.loss[0], slope * np.linalg.norm(weights.head), rtol=1e-5)


def test_a_linear_network_loses_exactly_the_powers_of_its_matrix():
    rng = np.random.default_rng(3)
    recurrent, head = 0.4 * rng.normal(size=(6, 6)), rng.normal(size=6)
    weights = linear(recurrent, head=head)
    windows = rng.normal(size=(12, 2, FEATURES))
    powers = [np.linalg.matrix_power(recurrent, lag) for lag in range(12)]
    jacobian = gradients.jacobians(weights, windows)["jacobian"]
    expected = [np.linalg.norm(power) / np.sqrt(6) for power in powers]
    np.testing.assert_allclose(jacobian, np.tile(expected, (2, 1)).T, rtol=1e-10)
    share = gradients.decay(weights, windows, np.zeros(2)).share["state"]
    expected = [np.linalg.norm(power @ head) / np.linalg.norm(head) for power in powers]
    np.testing.assert_allclose(share, np.tile(expected, (2, 1)).T, rtol=1e-10)


def test_a_linear_network_that_halves_its_state_reaches_as_far_as_halves_take_to_one_percent():
    weights = linear(0.5 * np.eye(4), head=np.ones(4))
    share = gradients.decay(weights, np.ones((20, 1, FEATURES)), np.zeros(1)).share["state"]
    assert gradients.reach(share)[0] == pytest.approx(np.log(0.01) / np.log(0.5))  # 6.64 bars


@pytest.mark.parametrize(
    ("curve", "bars"),
    [
        ([1.0, 0.5, 0.2, 0.1], 3.0),  # never fades: as far as could be seen
        ([1.0, 0.0, 0.0, 0.0], 0.0),
        ([1.0, 0.001, 0.1, 0.001], 2.5),  # back again at lag 2: what counts is where it is gone for good
        ([0.0, 0.0, 0.0, 0.0], 0.0),
    ],
)
def test_the_effective_memory_ends_where_the_gradient_is_gone_for_good(curve, bars):
    assert float(gradients.reach(np.array(curve))) == pytest.approx(bars, abs=0.01)


def test_going_on_from_a_state_equals_reading_it_all(pairs):
    networks, windows = pairs
    for _, weights in networks.values():
        trace = forward(weights, windows)
        before = (trace.h[3], trace.c[3] if len(trace.c) else trace.h[3])
        np.testing.assert_allclose(forward(weights, windows[4:], before=before).h, trace.h[4:], atol=1e-12)


@pytest.mark.parametrize("model", ["simple_rnn", "lstm"])
def test_covering_a_feature_of_a_bar_equals_setting_it_to_its_mean_by_hand(pairs, model):
    networks, windows = pairs
    _, weights = networks[model]
    plain, covered = occlusion.cover(weights, windows)
    assert covered.shape == (STEPS, FEATURES, ROWS)
    for bar, feature in ((0, 0), (4, 2), (STEPS - 1, 1)):
        changed = windows.copy()
        changed[bar, :, feature] = 0
        expected = 1 / (1 + np.exp(-logits(weights, forward(weights, changed).h[-1])))
        np.testing.assert_allclose(covered[bar, feature], expected, atol=1e-12)
    np.testing.assert_allclose(plain, 1 / (1 + np.exp(-logits(weights, forward(weights, windows).h[-1]))))


def test_long_windows_are_covered_in_at_most_sixty_blocks_without_a_gap():
    for steps in (1, 60, 61, 500):
        blocks = occlusion.starts(steps)
        assert len(blocks) <= 60
        assert [0, *(last for _, last in blocks)] == [*(first for first, _ in blocks), steps]


def test_gates_over_batches_equal_those_over_all_windows(pairs):
    networks, windows = pairs
    _, weights = networks["lstm"]
    together = gates.observe(weights, [windows])
    parts = gates.observe(weights, [windows[:, :3], windows[:, 3:]])
    np.testing.assert_allclose(together.average["forget"], forward(weights, windows).forget.mean(axis=1))
    for name in gates.ARRAYS["lstm"]:
        np.testing.assert_allclose(parts.average[name], together.average[name])
        np.testing.assert_allclose(parts.decision[name], together.decision[name])
    np.testing.assert_allclose(parts.log_retention, together.log_retention)


def test_a_forget_gate_at_one_half_keeps_a_third_for_one_and_a_half_bars():
    np.testing.assert_allclose(gates.time_constant(np.log([0.5, np.exp(-0.1)])), [1.4427, 10.0], rtol=1e-4)


def test_events_at_the_edge_are_dropped():
    events = gates.around(np.arange(10.0), np.array([1, 4, 9]), reach=2)
    np.testing.assert_array_equal(events, [[2, 3, 4, 5, 6]])


def test_weights_of_another_shape_are_refused(pairs):
    network, _ = pairs[0]["lstm"]
    with pytest.raises(RunError, match="Expected weights of shapes"):
        Weights.from_keras("lstm", network.get_weights(), features=FEATURES, units=UNITS + 1)
    with pytest.raises(
        RunError, match="Expected a network out of simple_rnn, linear_rnn, lstm to look inside, got 'gru'"
    ):
        Weights.from_keras("gru", [], features=1, units=1)


def test_the_weights_before_training_are_those_that_the_engine_begins_with(fitting):
    from forecast.diagnostics.loader import start_seed

    _, windows = random_walk_windows(bars=420, steps=7)
    fold = walk_forward(windows, folds=2)[1]
    architecture = Architecture(model="lstm", steps=7, features=windows.values.shape[1], units=5)
    budget = Budget(epochs=1, patience=0, batch=32, learning_rate=1e-12)  # learns nothing that float32 could hold
    fitted = fitting.fit(
        windows, fold, fit_scaler(windows, rows=fold.train), architecture=architecture, seed=3, budget=budget
    )
    network = fitting.layers.build(architecture, seed=start_seed(fold=fold.number, seed=3))
    values = fit_scaler(windows, rows=fold.train).apply(windows.values)
    weights = Weights.from_keras("lstm", network.get_weights(), features=architecture.features, units=5)
    ends = windows.ends[fold.test[:3]]
    read = np.stack([values[end - 6 : end + 1] for end in ends], axis=1).astype(np.float64)
    expected = 1 / (1 + np.exp(-logits(weights, forward(weights, read).h[-1])))
    np.testing.assert_allclose(fitted.probability[:3], expected, atol=1e-6)
