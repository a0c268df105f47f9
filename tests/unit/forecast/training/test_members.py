"""Baselines and networks are members alike: fitted by the same loop, kept in the same place, not fitted twice."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from forecast.compute import shared_data
from forecast.compute.executor import FitJob, InlinePool, fit_members
from forecast.compute.progress import NotesOnly
from forecast.compute.shared_data import SharedData
from forecast.compute.task import BaselineResult
from forecast.config.experiment import Experiment
from forecast.datasets.dataset import prepare
from forecast.datasets.lookahead_audit import Certificate
from forecast.runs.run import Run
from forecast.training import member_jobs
from forecast.training.baselines import predict
from forecast.training.session import resume
from pipelines.errors import RunError
from pipelines.sources.synthetic import random_walk
from tests.helpers.command_line import environment

EXPERIMENT = Experiment(symbol="WALK", window=5, folds=2, models=("lstm",), seeds=1)
VERSIONS = ()  # nothing is compared with the worker's


@pytest.fixture(scope="module")
def dataset():
    return prepare(random_walk(bars=400, seed=0), EXPERIMENT)


def opened(tmp_path, dataset):
    certificate = Certificate(cuts=(), compared=0, failures=())
    return resume(Run(tmp_path / "WALK-1d-0"), EXPERIMENT, dataset, certificate)


class Counted:
    def __init__(self):
        self.names, self.notes = [], []

    def begin(self, *, total, done):
        raise AssertionError("whoever has the jobs begins")

    def advance(self, name, *, epochs):
        assert epochs == 0
        self.names.append(name)

    def note(self, message):
        self.notes.append(message)


def jobs_of(session, pool):
    shared = pool.share(SharedData.of(session.dataset))
    return member_jobs.baseline_jobs(
        session, data=lambda _: shared, backend="tensorflow", versions=VERSIONS, done=lambda: None
    )


def test_a_fitted_baseline_is_kept_in_the_run_folder_and_not_fitted_again_when_training_resumes(tmp_path, dataset):
    pool, progress = InlinePool(backend="tensorflow"), Counted()
    session = opened(tmp_path, dataset)
    jobs = jobs_of(session, pool)
    assert len(jobs) == 2 * len(EXPERIMENT.baselines)
    fit_members(jobs[:2], workers=pool, progress=progress)
    assert progress.names == [job.task.name for job in (jobs[1], jobs[0])]  # the longest training set first
    again = opened(tmp_path, dataset)
    assert again.missing(again.baselines) == [job.task.task for job in jobs[2:]]
    for job in jobs[:2]:
        name, fold, _ = job.task.task
        expected = predict(SharedData.of(dataset), fold=fold, name=name)
        np.testing.assert_array_equal(again.results[job.task.task]["probability"], expected.probability)
        np.testing.assert_array_equal(again.results[job.task.task]["validation"], expected.validation)
    assert len(list((session.run.folder / "members").iterdir())) == 2


def test_a_baseline_fitted_from_files_that_are_mapped_into_memory_has_the_same_digits(tmp_path, dataset):
    data = SharedData.of(dataset)
    mapped = shared_data.read(shared_data.write(tmp_path / "data", shared_data.to_arrays(data)))
    for name in EXPERIMENT.baselines:
        expected, again = (predict(arrays, fold=1, name=name) for arrays in (data, mapped))
        np.testing.assert_array_equal(again.probability, expected.probability)


def test_a_worker_fits_a_baseline_without_the_network_library(tmp_path, dataset):
    shared_data.write(tmp_path / "data", shared_data.to_arrays(SharedData.of(dataset)))
    program = (
        "import sys\nfrom pathlib import Path\nfrom forecast.compute import task\n"
        "from forecast.training.baselines import BaselineTask\n"
        "order = BaselineTask(symbol='WALK', baseline='boosting', fold=0, work=1, backend='tensorflow', versions=())\n"
        f"result = task.fit(Path({str(tmp_path / 'data')!r}), order)\n"
        "print(len(result.probability), {'keras', 'tensorflow', 'jax'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment())
    assert done.stdout.strip() == f"{len(dataset.folds[0].test)} set()", done.stderr


def test_members_that_fail_are_named_together_when_the_others_are_kept(dataset):
    class Broken(InlinePool):
        def share(self, shared):
            return shared_data.to_arrays(replace(shared, closes=None)) | {"targets": np.zeros(0)}

    results: list[BaselineResult] = []
    pool = Broken(backend="tensorflow")
    good = shared_data.to_arrays(SharedData.of(dataset))
    order = member_jobs.baseline_task(
        EXPERIMENT, "logistic", 0, dataset=dataset, backend="tensorflow", versions=VERSIONS
    )
    jobs = [FitJob(data=data, task=order, done=results.append) for data in (pool.share(SharedData.of(dataset)), good)]
    notes: list[str] = []
    with pytest.raises(RunError, match=r"1 of 2 members failed three times: WALK logistic fold 0 \(IndexError"):
        fit_members(jobs, workers=pool, progress=NotesOnly(write=notes.append))
    assert len(results) == 1
    assert sum("trying again" in note for note in notes) == 2
