"""Handing out members: in any order, to any executor, with workers that die and tasks that fail."""

import os
import random
import shlex
import signal
import subprocess
import sys
from concurrent.futures import Executor, Future
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from forecast.compute import backend, executor, shared_data, task
from forecast.compute.executor import FitFailure, InlinePool, fit_all
from forecast.compute.processes import Processes
from forecast.compute.shared_data import SharedData
from forecast.compute.task import FitTask, check_versions
from forecast.networks.results import Architecture, Budget
from pipelines.errors import RunError
from pipelines.preprocessing.scaling import fit_scaler
from pipelines.preprocessing.walk_forward import walk_forward
from pipelines.user_code.worker import WorkerDiedError
from tests.helpers.command_line import environment
from tests.helpers.windows import random_walk_windows


def order(seed, *, model="lstm", rows=100):
    return FitTask(
        symbol="AAPL",
        architecture=Architecture(model=model, steps=7, features=8, units=5),
        fold=0,
        seed=seed,
        budget=Budget(epochs=1, patience=0, batch=32, learning_rate=0.01),
        rows=rows,
        backend="tensorflow",
        versions=tuple(backend.versions("tensorflow").items()),
    )


class Fake(InlinePool):
    """An engine whose tasks are answered by `answer(order, attempt)`, in a scrambled order."""

    ahead = 4

    def __init__(self, answer):
        super().__init__(backend="tensorflow")
        self.answer, self.attempts, self.started = answer, {}, []

    def start(self):
        return self

    def submit(self, fn, data, order):
        assert fn is task.fit
        self.started.append(order.seed)
        attempt = self.attempts[order.seed] = self.attempts.get(order.seed, 0) + 1
        future = Future()
        try:
            future.set_result(self.answer(order, attempt))
        except Exception as error:
            future.set_exception(error)
        return future


def collect(fake, work, note=lambda message: None):
    return dict(fit_all(fake, work, note=note))


def test_every_task_comes_back_under_its_own_number():
    work = [(None, order(seed)) for seed in range(20)]
    random.Random(1).shuffle(work)
    results = collect(Fake(lambda order, attempt: order.seed * 10), work)
    assert results == {number: order.seed * 10 for number, (_, order) in enumerate(work)}


def test_the_longest_tasks_are_started_first():
    fake = Fake(lambda order, attempt: None)
    collect(fake, [(None, order(0, model="simple_rnn")), (None, order(1)), (None, order(2, rows=900))])
    assert fake.started == [2, 1, 0]


def test_a_task_whose_worker_died_is_done_again():
    def answer(order, attempt):
        if order.seed == 1 and attempt < 3:
            raise WorkerDiedError("killed")
        return "done"

    notes = []
    assert collect(Fake(answer), [(None, order(seed)) for seed in range(3)], notes.append) == dict.fromkeys(
        range(3), "done"
    )
    assert notes == ["AAPL lstm fold 0 seed 1: its worker died; trying again."] * 2


def test_a_task_that_keeps_failing_is_named_and_the_rest_goes_on():
    def answer(order, attempt):
        if order.seed == 1:
            raise MemoryError
        return "done"

    results = collect(Fake(answer), [(None, order(seed)) for seed in range(3)])
    assert results[0] == results[2] == "done"
    assert isinstance(results[1], FitFailure)
    assert (results[1].order.name, results[1].reason) == ("AAPL lstm fold 0 seed 1", "MemoryError")


def test_an_error_that_no_other_attempt_can_mend_ends_it_all():
    def answer(order, attempt):
        raise RunError("Expected workers with the versions of this machine")

    with pytest.raises(RunError, match="Expected workers with the versions"):
        collect(Fake(answer), [(None, order(0))])


def test_a_worker_with_another_version_is_refused_by_name():
    here = backend.versions("tensorflow")
    check_versions("tensorflow", tuple(here.items()))
    with pytest.raises(RunError, match=rf"got numpy {here['numpy']} instead of 1.0. Install the same there"):
        check_versions("tensorflow", tuple((here | {"numpy": "1.0"}).items()))


def shared():
    _, windows = random_walk_windows(bars=420, steps=7)
    folds = tuple(walk_forward(windows, folds=2))
    return SharedData(
        windows=windows, folds=folds, scalers=tuple(fit_scaler(windows, rows=fold.train) for fold in folds)
    )


def test_what_is_handed_over_in_files_is_the_same_and_is_mapped_not_copied(tmp_path):
    data = shared()
    restored = shared_data.read(shared_data.write(tmp_path / "data", shared_data.to_arrays(data)))
    assert isinstance(restored.windows.values.base, np.memmap) or isinstance(restored.windows.values, np.memmap)
    before, after = shared_data.to_arrays(data), shared_data.to_arrays(restored)
    assert before.keys() == after.keys()
    for name in before:
        np.testing.assert_array_equal(before[name], after[name])
    assert shared_data.digest(before) == shared_data.digest(after)
    assert shared_data.digest(before | {"steps": np.array([8])}) != shared_data.digest(before)


def where(until=None):
    """This process, once somebody has written to the pipe."""
    if until is not None:
        Path(until).read_text()
    return os.getpid()


def wait_until(begun, until):
    """Says through a pipe that it has begun, then waits for another."""
    Path(begun).write_text("begun")
    return where(until)


@pytest.fixture
def pipes(tmp_path):
    """Two named pipes: reading one waits until somebody writes to it, and the other way round."""
    paths = [tmp_path / name for name in ("begun", "until")]
    for path in paths:
        os.mkfifo(path)
    return paths


def end_this_process():
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_process_costs_one_task_and_the_next_task_gets_a_new_one(pipes):
    _, until = pipes
    with Processes(2, prepare=int) as pool:
        assert isinstance(pool, Executor)
        long = pool.submit(where, until)
        died = pool.submit(end_this_process)
        assert isinstance(died.exception(), WorkerDiedError)
        until.write_text("go on")
        assert long.result() != os.getpid()
        assert os.getpid() not in {pool.submit(where).result() for _ in range(3)}
        failed = pool.submit(int, "not a number")
        assert isinstance(failed.exception(), ValueError)


def test_a_process_goes_on_with_the_kind_it_knows_then_takes_a_new_one_then_helps_out():
    pool = Processes(0, prepare=int, kind=lambda kind, *_: kind)
    for number, kind in enumerate(["lstm", "lstm", "wide", "rnn", "lstm", "rnn"]):
        pool.submit(max, kind, number)
    first, second = pool._kinds = [set(), set()]
    order = [pool._next(worker_kind).function.args for worker_kind in (first, second, first, second, second, first)]
    assert order == [("lstm", 0), ("wide", 2), ("lstm", 1), ("rnn", 3), ("rnn", 5), ("lstm", 4)]
    pool.submit(max, "lstm", 6)
    assert pool._next(second).function.args == ("lstm", 6)
    pool.shutdown()
    assert pool._next(first) is None


def test_closing_with_cancel_kills_what_is_running(pipes):
    begun, until = pipes
    pool = Processes(1, prepare=int)
    running = pool.submit(wait_until, begun, until)
    assert begun.read_text() == "begun"
    pool.shutdown(wait=True, cancel_futures=True)
    assert isinstance(running.exception(), WorkerDiedError)


def test_engines_promise_the_same_things():
    for pool in (executor.InlinePool(backend="tensorflow"), executor.ProcessPool(backend="tensorflow", jobs=1)):
        assert pool.backend == "tensorflow"
        assert pool.ahead >= 1
        assert pool.failure() is None


def process_number(data, order):
    return os.getpid()


def test_a_pool_that_rests_ends_its_workers_and_starts_new_ones(monkeypatch):
    monkeypatch.setattr(executor, "_prepare", os.path.join)  # no network library
    with executor.ProcessPool(backend="tensorflow", jobs=1) as pool:
        pool.rest()  # nothing is there yet
        first = pool.start().submit(process_number, None, order(0)).result()
        pool.rest()
        with pytest.raises(ProcessLookupError):
            os.kill(first, 0)
        assert pool.start().submit(process_number, None, order(0)).result() != first


def kill(data, order):
    os.kill(os.getpid(), signal.SIGKILL)


def stop(data, order):
    raise RuntimeError("stopped")


@pytest.mark.parametrize(("work", "cached"), [(process_number, ["lstm"]), (stop, []), (kill, [])])
def test_what_was_compiled_is_kept_unless_a_worker_may_have_been_stopped_while_it_wrote(
    tmp_path, monkeypatch, work, cached
):
    monkeypatch.setattr(executor, "_prepare", os.path.join)  # no network library
    monkeypatch.setenv("FORECAST_CACHE", str(tmp_path / "cache"))
    with suppress(RuntimeError), executor.ProcessPool(backend="tensorflow", jobs=1) as pool:
        error = pool.start().submit(work, None, order(0)).exception()
        (pool._aside() / "compiled" / "lstm").write_bytes(b"code")
        if isinstance(error, RuntimeError):
            raise error  # the run ends; a member whose worker died is tried again
    assert [path.name.partition(".")[2] for path in tmp_path.glob("cache/*/*")] == cached


@pytest.mark.parametrize("options", ["size=4k", "size=4k,ro"])
def test_workers_need_no_shared_memory(options):
    snippet = (
        "from forecast.compute.processes import Processes; print(Processes(1, prepare=int).submit(abs, -7).result())"
    )
    line = f"mount -t tmpfs -o {options} tmpfs /dev/shm && exec {shlex.join([sys.executable, '-c', snippet])}"
    done = subprocess.run(["unshare", "-m", "bash", "-c", line], capture_output=True, text=True, env=environment())
    if "unshare" in done.stderr or "mount" in done.stderr:
        pytest.skip("needs the right to mount a file system of its own")
    assert done.stdout.strip() == "7", done.stderr
