"""Attacks on a member's files: each is one line, before the network library or memory is touched."""

import json
import shutil
import subprocess
import sys
import tracemalloc

import h5py
import numpy as np
import pytest

from forecast.config.experiment import Experiment
from forecast.runs.catalog import open_run
from forecast.runs.checkpoints import open_member
from pipelines.errors import RunError
from tests.helpers.checkpoint_files import TASK, beside, edit, sign
from tests.helpers.command_line import environment, only_line


@pytest.fixture
def run(trained, tmp_path):
    shutil.copytree(trained / "data", tmp_path / "data")
    run = open_run(tmp_path / "data" / "runs")
    about = json.loads((run.folder / "run.json").read_text())  # a careful attacker leaves no sha256 to compare with
    for name in ("files", "sha256", "format"):
        del about[name]
    (run.folder / "run.json").write_text(json.dumps(about))
    return run


def opened(run, task=TASK):
    return open_member(run, Experiment.from_options(run.describe()["config"]), task)


def test_untouched_files_are_opened(run):
    checkpoint = opened(run)
    assert (checkpoint.architecture.model, checkpoint.architecture.units) == ("lstm", 4)
    assert checkpoint.scaler.mean.shape == (1,)


def test_truncated_weights_are_refused_whether_their_sha256_fits_or_not(run):
    path = run.member(*TASK)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(RunError, match="the weights are not the ones that were saved"):
        opened(run)
    sign(run)
    with pytest.raises(RunError, match="no HDF5 file of weights"):
        opened(run)


@pytest.mark.parametrize("other", [("lstm", 1, 1), ("lstm", 0, 0), ("simple_rnn", 1, 0)])
def test_files_swapped_between_members_are_refused(run, other):
    for here, swapped in ((run.member(*TASK), run.member(*other)), (beside(run), beside(run, other))):
        aside = here.read_bytes()
        here.write_bytes(swapped.read_bytes())
        swapped.write_bytes(aside)
        with pytest.raises(RunError, match=r"not the ones that were saved|Expected (model|fold|seed) "):
            opened(run)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"architecture__units": 3_000_000_000},
            "Expected units from 1 to 1,000,000 in an architecture, got 3000000000",
        ),
        ({"architecture__units": 900_000}, "Expected at most 100,000,000 parameters, got 3,240,"),
        ({"architecture__steps": 10**12}, "Expected steps from 1 to 100,000 in an architecture"),
        ({"architecture__units": 5}, "Expected units 4 in the description"),
        ({"architecture": []}, "Expected model, steps, features and units"),
        ({"parameters": 3_000_000_000}, "Expected 1 to 100,000,000 parameters"),
        ({"parameters": "many"}, "Expected 1 to 100,000,000 parameters"),
        ({"parameters": 7}, "numbers instead of 7 parameters"),
        ({"features": ["return"] * 8}, "Expected features"),
        ({"scaler__mean": [0.0] * 7}, "does not fit its features"),
        ({"scaler__scale": [0.0] * 8}, "does not fit its features"),
        ({"scaler__mean": [float("nan")] * 8}, "does not fit its features"),
        ({"scaler__scale": [float("inf")] * 8}, "does not fit its features"),
        ({"scaler__scale": ["a"] * 8}, "Expected a scaler"),
        ({"scaler": None}, "Expected a scaler"),
    ],
)
def test_a_description_that_asks_for_something_else_is_refused(run, changes, message):
    edit(run, **changes)
    with pytest.raises(RunError, match=message):
        opened(run)


@pytest.mark.parametrize("content", [b"[1]", b"\xff\xfe", b"[" * 100_000, b'{"sha256": 1e'])
def test_a_description_that_is_no_json_object_is_refused(run, content):
    beside(run).write_bytes(content)
    with pytest.raises(RunError, match=r"seed-0\.json .* cannot be read"):
        opened(run)


def test_files_that_are_too_large_are_refused_unread(run):
    with run.member(*TASK).open("r+b") as file:
        file.truncate(1 << 42)  # 4 TiB that take no room on the disk: reading them would take an hour
    with pytest.raises(RunError, match="4,398,046,511,104 bytes are too many"):
        opened(run)
    with beside(run).open("r+b") as file:
        file.truncate(1 << 42)
    with pytest.raises(RunError, match="4,398,046,511,104 bytes are too many"):
        opened(run)


def test_a_file_of_padding_is_refused(run):
    with run.member(*TASK).open("r+b") as file:
        file.truncate(1 << 23)
    sign(run)
    with pytest.raises(RunError, match=r"8,388,608 bytes are too many for 101 parameters"):
        opened(run)


def attacked(attack):
    """Puts something else in the place of the network's last array."""

    def change(run):
        secret = run.folder / "secret.h5"
        with h5py.File(secret, "w") as file:
            file["x"] = np.zeros(1, np.float32)
        with h5py.File(run.member(*TASK), "r+") as file:
            place = "layers/dense/vars/1" if "layers/dense" in file else "layers/logit/vars/1"
            del file[place]
            attack(file, place, secret)
        sign(run)

    return change


def external_data(file, place, secret):
    file.create_dataset(place, (1,), "f4", external=[("/etc/passwd", 0, 4)])


def virtual(file, place, secret):
    layout = h5py.VirtualLayout((1,), "f4")
    layout[:] = h5py.VirtualSource(secret, "x", (1,))
    file.create_virtual_dataset(place, layout)


def bomb(file, place, secret):
    file.create_dataset(place, (3_000_000_000,), "f4", chunks=(1_000_000,), compression="gzip")


def text(file, place, secret):
    file[place] = np.array([b"weights"])


def infinite(file, place, secret):
    file[place] = np.array([np.inf], np.float32)


def whole_numbers(file, place, secret):
    file[place] = np.ones(1, np.float32)
    file.create_dataset("whole", (3 * 10**9,), "i8")


def endless(file, place, secret):
    file[place.rpartition("/")[0]]["again"] = file["layers"]


@pytest.mark.parametrize(
    ("attack", "message"),
    [
        (lambda file, place, secret: file.__setitem__(place, h5py.ExternalLink(secret, "x")), "is a link to somewhere"),
        (lambda file, place, secret: file.__setitem__(place, h5py.SoftLink("/layers")), "is a link to somewhere else"),
        (external_data, "is not an array of numbers inside the file"),
        (virtual, "is not an array of numbers inside the file"),
        (text, "is not an array of numbers inside the file"),
        (bomb, "it holds 3,000,000,100 numbers instead of 101 parameters"),
        (infinite, "'1' holds numbers that are not finite"),
        (endless, "its groups lie too deep"),
        (whole_numbers, "it holds 101 numbers instead of 101 parameters"),
        (lambda file, place, secret: None, "it holds 100 numbers instead of 101 parameters"),
    ],
)
def test_weights_that_point_elsewhere_or_are_others_are_refused_although_their_sha256_fits(run, attack, message):
    attacked(attack)(run)
    with pytest.raises(RunError, match=message):
        opened(run)


def test_weights_that_claim_gigabytes_are_not_read(run):
    attacked(bomb)(run)
    tracemalloc.start()
    try:
        with pytest.raises(RunError, match="numbers instead of 101 parameters"):
            opened(run)
        assert tracemalloc.get_traced_memory()[1] < 100_000_000
    finally:
        tracemalloc.stop()


def test_the_command_line_refuses_before_it_loads_the_network_library(run):
    attacked(bomb)(run)
    place = ["--data-dir", str(run.folder.parents[1])]
    program = (
        "import sys\nfrom forecast.__main__ import run\n"
        f"print(run([*{place!r}, 'signal', '--offline']), {{'keras', 'tensorflow', 'jax'}} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment())
    assert done.stdout.strip() == "2 set()"
    assert "numbers instead of 101 parameters" in only_line(done.stderr)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": ["return", "moon_phase"]}, "is not of this version: Expected features out of"),
        ({"models": ["gpt"]}, "is not of this version"),
        ({"spin": 1}, "is not of this version: Expected settings out of"),
    ],
)
def test_a_run_of_another_version_is_one_line(run, changes, message):
    from forecast.serving.loader import load_members
    from pipelines.errors import ConfigError

    path = run.folder / "run.json"
    described = json.loads(path.read_text())
    described["config"] |= changes
    path.write_text(json.dumps(described))
    with pytest.raises(ConfigError, match=message):
        load_members(run)
