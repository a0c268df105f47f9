"""The same run on processes, on one process and on a Dask cluster; a killed worker; what a cluster can get wrong."""

import importlib.util
import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

from forecast.runs import open_run
from tests.conftest import SMALL, command_line, environment, forecast_in, only_line

dask = pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason="needs tick-forecast[cluster]")


@dask
def test_a_scheduler_that_does_not_answer_is_said_so(forecast):
    forecast("fetch", "AAPL", "--source", "sample")
    failed = forecast("train", "AAPL", *SMALL, "--cluster", "tcp://127.0.0.1:9", code=2)
    line = only_line(failed.stderr)
    assert "Need an answer from the Dask scheduler at tcp://127.0.0.1:9, got none. Start one: dask scheduler." in line


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A scheduler and two workers, each a process of its own; (address, the workers)."""
    folder = tmp_path_factory.mktemp("cluster")
    address, said = folder / "scheduler.json", (folder / "log").open("w")

    def start(kind, *more):
        program = f"from distributed.cli.dask_{kind} import main; main()"
        return subprocess.Popen(
            [sys.executable, "-c", program, "--no-dashboard", "--scheduler-file", str(address), *more],
            env=environment(), cwd=folder, stdout=said, stderr=said,
        )  # fmt: skip

    scheduler = start("scheduler", "--host", "127.0.0.1", "--port", "0")
    workers = [start("worker", "--nthreads", "1", "--no-nanny", "--host", "127.0.0.1") for _ in range(2)]
    while not address.exists():
        time.sleep(0.1)
    try:
        yield pd.read_json(address, typ="series")["address"], workers
    finally:
        for each in (*workers, scheduler):
            each.kill()
            each.wait()
        said.close()


def predictions(folder):
    return open_run(folder / "data" / "runs").predictions()


@dask
@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_two_processes_one_process_and_a_cluster_with_a_worker_killed_give_the_same_digits(cluster, tmp_path):
    address, workers = cluster
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
    training = subprocess.Popen(
        command_line(places["cluster"], "train", "AAPL", *options, "--cluster", address),
        env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    while not list(places["cluster"].glob("data/runs/*/members/*.npz")) and training.poll() is None:
        time.sleep(0.05)
    os.kill(workers[0].pid, signal.SIGKILL)
    said, _ = training.communicate()
    assert training.returncode == 0, said
    for name in ("one", "cluster"):
        pd.testing.assert_frame_equal(predictions(places[name]), predictions(places["two"]), check_exact=True)
