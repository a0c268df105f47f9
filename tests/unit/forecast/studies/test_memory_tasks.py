"""The textbook case: its tasks, its training, its cache; and, slowly, that the LSTM learns what a plain cell cannot."""

import numpy as np
import pytest

from forecast.config.run_outputs import MemoryBenchmarkConfig
from forecast.diagnostics.numpy_cells import Weights, forward, logits
from forecast.report.pages import diagnostics
from forecast.studies import memory_benchmark, memory_tasks
from forecast.studies.memory_tasks import TASKS, StepBudget
from pipelines.errors import RunError
from tests.helpers.study_results import memory_benchmark_with

TINY = StepBudget(steps=3, batch=4, check=2)


def test_the_target_of_the_adding_problem_is_the_sum_of_its_two_marked_numbers():
    windows, targets = memory_tasks.adding(np.random.default_rng(0), (3, 50), length=11)
    values, marks = windows[..., 0], windows[..., 1]
    np.testing.assert_array_equal(marks.sum(axis=0), 2)
    np.testing.assert_array_equal(marks[:5].sum(axis=0), 1)  # one in each half
    np.testing.assert_allclose((values * marks).sum(axis=0), targets, rtol=1e-6)


def test_the_target_of_delayed_recall_is_the_first_number():
    windows, targets = memory_tasks.recall(np.random.default_rng(0), (2, 5), length=7)
    np.testing.assert_array_equal(windows[0, ..., 0], targets)
    assert windows[0, ..., 1].all()
    assert not windows[1:, ..., 1].any()


@pytest.mark.parametrize("task", list(TASKS))
def test_the_best_guess_without_memory_errs_by_the_variance_of_the_target(task):
    make, guess = TASKS[task]
    _, targets = make(np.random.default_rng(0), (100_000,), length=4)
    assert targets.var() == pytest.approx(guess, rel=0.02)


def test_both_cells_have_the_same_number_of_parameters_to_two_percent():
    budget = StepBudget()
    counts = {}
    for cell, gates in (("simple_rnn", 1), ("lstm", 4)):
        units = memory_tasks.units_for(cell, budget.parameters)
        counts[cell] = gates * units * (units + 2 + 1) + units + 1
    assert counts == {"simple_rnn": 1222, "lstm": 1233}


@pytest.mark.parametrize("cell", ["simple_rnn", "lstm"])
def test_the_gradient_of_every_parameter_equals_finite_differences(cell):
    rng = np.random.default_rng(0)
    values = {
        name: np.stack([tensor.astype(np.float64)] * 2) + rng.normal(0, 0.1, (2, *tensor.shape))
        for name, tensor in memory_tasks._start(cell, 3, rng).items()
    }
    windows, targets = (tensor.astype(np.float64) for tensor in memory_tasks.adding(rng, (2, 5), length=6))

    def loss(values):
        weights = Weights(cell=cell, **values)
        return float(((logits(weights, forward(weights, windows).h[-1]) - targets) ** 2).mean(axis=-1).sum())

    gradient = memory_tasks._gradient(Weights(cell=cell, **values), windows, targets)
    for name, array in values.items():
        for place in np.ndindex(array.shape):
            ends = []
            for step in (1e-6, -1e-6):
                moved = array.copy()
                moved[place] += step
                ends.append(loss({**values, name: moved}))
            assert gradient[name][place] == pytest.approx((ends[0] - ends[1]) / 2e-6, abs=1e-7), (name, place)


def test_the_starting_weights_are_those_of_keras_defaults():
    start = memory_tasks._start("lstm", 8, np.random.default_rng(0))
    np.testing.assert_allclose(start["recurrent"] @ start["recurrent"].T, np.eye(8), atol=1e-5)
    np.testing.assert_array_equal(start["bias"], np.repeat([0, 1, 0, 0], 8))
    assert np.abs(start["kernel"]).max() <= np.sqrt(6 / (2 + 32))


@pytest.mark.parametrize("cell", ["simple_rnn", "lstm"])
def test_a_short_sequence_is_learnt_by_both(cell):
    trained = memory_tasks.train("recall", cell, length=3, seeds=2, budget=StepBudget(steps=600, parameters=200))
    assert (trained.error < memory_benchmark.SOLVED / 12).all()


def test_a_training_gives_the_same_digits_again():
    first, again = (memory_tasks.train("adding", "lstm", length=5, seeds=2, budget=TINY) for _ in range(2))
    np.testing.assert_array_equal(first.curve, again.curve)
    assert (first.error[0] != first.error[1]).all()


def test_what_was_trained_is_kept_and_only_the_rest_is_trained(tmp_path):
    messages: list[str] = []

    def run(**changes):
        config = MemoryBenchmarkConfig(**({"lengths": [4], "seeds": 2} | changes))
        settings = {"jobs": 1, "budget": TINY, "fresh": False, "tasks": ["adding"]}
        del messages[:]
        return memory_benchmark.run(tmp_path, config=config, tell=messages.append, **settings).table

    first = run()
    assert len(messages) == 3  # what is to come, and a line a cell
    assert len(first) == 4  # a row a cell and seed
    assert run().equals(first)
    assert messages == []
    longer = run(lengths=[4, 5, 6])
    assert len(messages) == 3  # 4 and 5 are not learnt in 3 steps, so 6 is not tried
    assert set(longer["length"]) == {4, 5}
    run(seeds=1)
    assert set(memory_benchmark.cached(tmp_path).table["seed"]) == {
        0
    }  # another question: nothing of the old is mixed in


def test_a_damaged_cache_is_named(tmp_path):
    assert memory_benchmark.cached(tmp_path) is None
    (tmp_path / "benchmark.parquet").write_bytes(b"PAR1")
    with pytest.raises(RunError, match=r"benchmark\.parquet cannot be read"):
        memory_benchmark.cached(tmp_path)


def test_a_cell_reaches_the_length_up_to_which_most_seeds_learn():
    benchmark = memory_benchmark_with(
        {
            "simple_rnn": {10: [0.01, 0.01, 1.0], 20: [0.01, 1.0, 1.0], 50: [0.01, 0.01, 0.01]},
            "lstm": {10: [0.01] * 3, 20: [0.1] * 3, 50: [0.01, 0.01, 0.9]},
        }
    )
    assert (benchmark.reach("adding", "simple_rnn"), benchmark.reach("adding", "lstm")) == (10, 50)
    assert diagnostics.benchmark_sentence(benchmark) == (
        "Adding problem: the SimpleRNN learns it up to length 10, "
        "the LSTM learns it up to length 50, the longest tried."
    )


def test_a_cell_that_learns_nothing_reaches_nothing():
    benchmark = memory_benchmark_with({"simple_rnn": {10: [1.0] * 3}, "lstm": {10: [1.0] * 3}})
    assert benchmark.reach("adding", "lstm") == 0
    assert "at no length tried" in diagnostics.benchmark_sentence(benchmark)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_at_length_100_the_lstm_learns_the_adding_problem_and_the_plain_cell_does_not():
    errors = {
        cell: memory_tasks.train("adding", cell, length=100, seeds=5, budget=StepBudget()).error
        for cell in ("simple_rnn", "lstm")
    }
    assert np.sum(errors["lstm"] < 0.02) >= 4
    assert np.sum(errors["simple_rnn"] > 0.10) >= 4
