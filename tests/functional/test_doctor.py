"""What is broken is what the doctor says; it never dies of it."""

import json
import subprocess
import sys
import tempfile
from datetime import UTC, datetime

import pytest

from forecast.cli.commands.doctor import clock
from tests.helpers.command_line import environment, forecast_here, only_line


def checks_of(folder, *options):
    done = forecast_here(folder)(*options, "doctor", "--json")
    return json.loads(done.stdout)


def test_a_healthy_place_has_no_capitals(tmp_path):
    checks = checks_of(tmp_path)
    assert "can be written" in checks["data_dir"]
    assert checks["trial_log"] == "0 configurations tried (can be written)"
    assert checks["calendars"] == "XNYS: as the exchanges published them"
    assert checks["temporary_folder"].endswith("free)")


def test_a_clock_behind_the_newest_price_is_said_in_capitals(tmp_path):
    forecast_here(tmp_path)("fetch", "AAPL", "--source", "sample")
    store = tmp_path / "data" / "store"
    assert clock(store, now=datetime(2013, 3, 2, tzinfo=UTC)) == "2013-03-02 00:00 UTC"
    behind = clock(store, now=datetime(2013, 2, 1, 9, 30, tzinfo=UTC))
    assert behind.startswith("2013-02-01 09:30 UTC, BEHIND: the newest price of AAPL is of 2013-03-01")


def test_a_current_folder_that_was_removed_is_one_line(tmp_path):
    removed = tmp_path / "removed"
    removed.mkdir()
    line = f"cd {removed} && rmdir {removed} && {sys.executable} -m forecast runs"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, env=environment())
    assert done.returncode == 2, done.stderr
    assert only_line(done.stderr) == (
        "Error: Expected a current folder, got one that was removed. Change to another (cd ~) and run the same command "
        "again."
    )


def log_is_a_folder(data):
    (data / "runs" / "trials.jsonl").mkdir(parents=True)


def log_was_edited(data):
    (data / "runs").mkdir(parents=True)
    (data / "runs" / "trials.jsonl").write_text("[1]\n")


def runs_are_a_file(data):
    data.mkdir()
    (data / "runs").write_text("")


def store_is_a_file(data):
    data.mkdir()
    (data / "store").write_text("")


def run_json_is_a_folder(data):
    (data / "runs" / "AAPL-1d-0" / "run.json").mkdir(parents=True)


@pytest.mark.parametrize(
    ("harm", "check", "answer"),
    [
        (log_is_a_folder, "trial_log", "NOT CHECKED, IsADirectoryError"),
        (log_was_edited, "trial_log", "line 1 cannot be read"),
        (runs_are_a_file, "runs", "0 (0 unfinished, 0 unreadable)"),
        (store_is_a_file, "store", "CANNOT BE USED"),
        (run_json_is_a_folder, "runs", "1 unreadable"),
    ],
)
def test_each_kind_of_harm_is_named_and_the_other_checks_go_on(tmp_path, harm, check, answer):
    harm(tmp_path / "data")
    checks = checks_of(tmp_path)
    assert answer in checks[check]
    assert checks["cores"] >= 1
    assert "XNYS" in checks["calendars"]


def test_a_temporary_folder_that_cannot_be_written_and_a_store_out_of_reach_are_named(tmp_path, monkeypatch):
    def nowhere():
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", nowhere)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    checks = checks_of(tmp_path, "--store", "s3://nobody/prices")
    assert checks["temporary_folder"] == "NONE CAN BE WRITTEN: set TMPDIR to a folder of your own"
    assert "Expected a price store at s3://nobody/prices" in checks["store"]


def test_a_disk_that_is_nearly_full_is_said_in_capitals(tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(small)], capture_output=True)
    if mounted.returncode:
        pytest.skip("needs the right to mount a small file system")
    try:
        assert "DISK NEARLY FULL: 4.2 MB free" in checks_of(tmp_path, "--data-dir", str(small))["data_dir"]
        subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
        assert "CANNOT BE WRITTEN" in checks_of(tmp_path, "--data-dir", str(small))["data_dir"]
    finally:
        subprocess.run(["umount", str(small)], check=True)
