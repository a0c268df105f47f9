"""The same run on processes, on one process and on a Dask cluster; a killed worker; what a cluster can get wrong."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

from forecast.runs.catalog import open_run
from tests.helpers.command_line import SMALL, command_line, environment, forecast_in, only_line
from tests.helpers.signals import interruptible

dask = pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason="needs tick-forecast[cluster]")


@dask
def test_a_scheduler_that_does_not_answer_is_said_so(forecast):
    forecast("fetch", "AAPL", "--source", "sample")
    failed = forecast("train", "AAPL", *SMALL, "--cluster", "tcp://127.0.0.1:9", code=2)
    line = only_line(failed.stderr)
    assert (
        "Expected an answer from the Dask scheduler at tcp://127.0.0.1:9, got none. Start one: dask scheduler." in line
    )


class Cluster:
    """A scheduler and two workers, each a process of its own."""

    def __init__(self, folder, **variables):
        self._file, self._log = folder / "scheduler.json", (folder / "log").open("w")
        self._environment = environment() | variables
        self.scheduler = self._start(folder, "scheduler", "--host", "127.0.0.1", "--port", "0")
        more = ("--nthreads", "1", "--no-nanny", "--host", "127.0.0.1", "--death-timeout", "60")
        self.workers = [self._start(folder, "worker", *more) for _ in range(2)]
        while not self._file.exists():
            assert self.scheduler.poll() is None, "the scheduler ended before it listened"
            time.sleep(0.1)
        self.address = json.loads(self._file.read_text())["address"]

    def _start(self, folder, kind, *more):
        program = f"from distributed.cli.dask_{kind} import main; main()"
        return subprocess.Popen(
            [sys.executable, "-c", program, "--no-dashboard", "--scheduler-file", str(self._file), *more],
            env=self._environment, cwd=folder, stdout=self._log, stderr=self._log,
        )  # fmt: skip

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()
        self._log.close()


def predictions(folder):
    return open_run(folder / "data" / "runs").predictions()


@dask
@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_two_processes_one_process_and_a_cluster_with_a_worker_killed_give_the_same_digits(tmp_path):
    options = [*SMALL, "--epochs", "20", "--patience", "0", "--backend", "auto"]
    places = {}
    for name, how in {"two": ("--jobs", "2"), "one": ("--jobs", "1")}.items():
        places[name] = tmp_path / name
        places[name].mkdir()
        run = forecast_in(places[name])
        run("fetch", "AAPL", "--source", "sample")
        run("train", "AAPL", *options, *how)
    places["cluster"] = tmp_path / "cluster"
    places["cluster"].mkdir()
    forecast_in(places["cluster"])("fetch", "AAPL", "--source", "sample")
    with Cluster(tmp_path) as cluster:
        training = begin(places["cluster"], *options, "--cluster", cluster.address)
        wait_for_a_member(places["cluster"], training)
        os.kill(cluster.workers[0].pid, signal.SIGKILL)
        output, _ = training.communicate()
    assert training.returncode == 0, output
    for name in ("one", "cluster"):
        pd.testing.assert_frame_equal(predictions(places[name]), predictions(places["two"]), check_exact=True)


def begin(folder, *options):
    with interruptible():
        return subprocess.Popen(
            command_line(folder, "train", "AAPL", *options),
            env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip


def wait_for_a_member(folder, training):
    while not list(folder.glob("data/runs/*/members/*.npz")) and training.poll() is None:
        time.sleep(0.05)


def finished_members(folder):
    return sorted(path.name for path in folder.glob("data/runs/*/members/*.npz"))


@dask
@pytest.mark.slow
def test_a_lost_scheduler_costs_no_finished_member_and_the_same_command_goes_on(tmp_path):
    run = forecast_in(tmp_path)
    run("fetch", "AAPL", "--source", "sample")
    options = [*SMALL, "--seeds", "12"]
    with Cluster(tmp_path) as cluster:
        training = begin(tmp_path, *options, "--cluster", cluster.address)
        wait_for_a_member(tmp_path, training)
        os.kill(cluster.scheduler.pid, signal.SIGKILL)
        output, _ = training.communicate()
    assert training.returncode == 2, output
    assert "is gone. Finished members are kept: start it again and run the same command" in output.splitlines()[-1]
    assert "Traceback" not in output
    before = finished_members(tmp_path)
    assert before
    again = run("train", "AAPL", *options)
    assert f"Resuming: {len(before)} of 48 members were finished before." in again.stderr


@dask
@pytest.mark.slow
def test_ctrl_c_leaves_a_cluster_as_it_was_and_keeps_what_is_finished(tmp_path):
    run = forecast_in(tmp_path)
    run("fetch", "AAPL", "--source", "sample")
    with Cluster(tmp_path) as cluster:
        training = begin(tmp_path, *SMALL, "--seeds", "12", "--cluster", cluster.address)
        wait_for_a_member(tmp_path, training)
        training.send_signal(signal.SIGINT)
        output, _ = training.communicate()
        assert training.returncode == 130, output
        assert "Traceback" not in output
        assert all(process.poll() is None for process in (cluster.scheduler, *cluster.workers))
    assert finished_members(tmp_path)


@dask
@pytest.mark.slow
def test_a_worker_without_the_backend_is_named(tmp_path):
    (tmp_path / "tensorflow.py").write_text("raise ImportError('no tensorflow here')\n")
    (tmp_path / "keras.py").write_text("raise ImportError('no keras here')\n")
    run = forecast_in(tmp_path)
    run("fetch", "AAPL", "--source", "sample")
    with Cluster(tmp_path, PYTHONPATH=f"{tmp_path}:{environment()['PYTHONPATH']}") as cluster:
        failed = run("train", "AAPL", *SMALL, "--cluster", cluster.address, code=2)
    assert "tensorflow" in only_line(failed.stderr) or "keras" in only_line(failed.stderr)


@dask
@pytest.mark.slow
def test_a_cluster_of_this_machine_is_started_and_leaves_nothing_behind(tmp_path):
    run = forecast_in(tmp_path)
    run("fetch", "AAPL", "--source", "sample")
    done = run("train", "AAPL", *SMALL, "--cluster", "local", "--jobs", "2")
    assert "is trained" in done.stdout
    assert "Traceback" not in done.stderr
    assert "Error" not in done.stderr
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(tmp_path) not in running
    assert predictions(tmp_path)["seed"].nunique() == 2


@dask
def test_a_script_without_a_guard_trains_on_a_cluster_of_this_machine(tmp_path):
    script = """
import forecast as fc
print("once")
fc.fetch("AAPL", source="sample", end="2003-12-31", progress=False)
experiment = fc.Experiment("AAPL", models=["lstm"], baselines=[], folds=2, seeds=1, epochs=1, units=2, window=5)
print(fc.train(experiment, cluster="local", jobs=1, progress=False).finished)
"""
    (tmp_path / "script.py").write_text(script)
    done = subprocess.run(
        [sys.executable, "script.py"], capture_output=True, text=True, cwd=tmp_path, env=environment()
    )
    assert (done.returncode, done.stdout.split()) == (0, ["once", "True"]), done.stderr
    assert "Traceback" not in done.stderr
