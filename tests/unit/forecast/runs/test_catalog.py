"""Which run a name, a symbol or `latest` means, whatever the file times are and whatever lies beside it."""

import json
import os
import shutil

import pandas as pd
import pytest

from forecast.runs import catalog
from forecast.runs.run import Run
from pipelines.errors import RunError


def add(runs, name, *, symbol="AAPL", created_at="2026-03-01T12:00:00+00:00", finished=True):
    folder = runs / name
    folder.mkdir(parents=True)
    about = {"created_at": created_at, "config": {"symbol": symbol}, "data": {}, "versions": {}}
    (folder / "run.json").write_text(json.dumps(about))
    pd.DataFrame({"symbol": [symbol]}).to_parquet(folder / "bars.parquet")
    if finished:
        pd.DataFrame({"symbol": [symbol]}).to_parquet(folder / "predictions.parquet")
    return Run(folder)


@pytest.fixture
def runs(tmp_path):
    folder = tmp_path / "runs"
    add(folder, "AAPL-1d-bbbbbbbbbb", created_at="2026-03-02T09:00:00.5+00:00")
    add(folder, "AAPL-1d-aaaaaaaaaa", created_at="2026-03-01T12:00:00+00:00")
    add(folder, "MSFT-1d-cccccccccc", symbol="MSFT", created_at="2026-03-01T15:00:00+01:00")
    add(folder, "AAPL-1d-dddddddddd", created_at="2026-03-03T12:00:00+00:00", finished=False)
    return folder


def names(runs):
    return [run.name for run in catalog.list_runs(runs)]


def test_runs_are_listed_by_the_times_recorded_in_them_whatever_their_files_say(runs, tmp_path):
    expected = ["AAPL-1d-dddddddddd", "AAPL-1d-bbbbbbbbbb", "MSFT-1d-cccccccccc", "AAPL-1d-aaaaaaaaaa"]
    assert names(runs) == expected
    for number, name in enumerate(expected):
        os.utime(runs / name / "run.json", (number, number))
    assert names(runs) == expected
    shutil.copytree(runs, tmp_path / "copy")
    assert names(tmp_path / "copy") == expected


def test_runs_of_one_moment_are_in_the_order_of_their_names(tmp_path):
    for name in ("A-1d-1", "A-1d-3", "A-1d-2"):
        add(tmp_path, name)
    assert names(tmp_path) == ["A-1d-3", "A-1d-2", "A-1d-1"]


def test_a_symbol_with_two_finished_runs_means_the_newer_one(runs):
    assert {symbol: run.name for symbol, run in catalog.newest_runs(runs).items()} == {
        "AAPL": "AAPL-1d-bbbbbbbbbb",
        "MSFT": "MSFT-1d-cccccccccc",
    }
    assert catalog.open_run(runs, "aapl").name == "AAPL-1d-bbbbbbbbbb"
    assert catalog.open_run(runs, "AAPL-1d-aaaaaaaaaa").name == "AAPL-1d-aaaaaaaaaa"


def test_latest_is_the_run_that_was_set_and_the_newest_finished_one_where_that_is_gone(runs):
    assert catalog.open_run(runs).name == "AAPL-1d-bbbbbbbbbb"
    catalog.set_latest(runs, Run(runs / "MSFT-1d-cccccccccc"))
    assert catalog.open_run(runs).name == "MSFT-1d-cccccccccc"
    shutil.rmtree(runs / "MSFT-1d-cccccccccc")
    assert catalog.open_run(runs).name == "AAPL-1d-bbbbbbbbbb"
    with pytest.raises(RunError, match=r"Expected a run in .* got none\. Train one: forecast train SYMBOL"):
        catalog.open_run(runs / "nothing")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("AAPL-1d-bbbbbbbbbx", "Did you mean AAPL-1d-bbbbbbbbbb?"),
        ("AAPL-1d-bb", "Did you mean AAPL-1d-bbbbbbbbbb?"),
        ("MSFT-1", "Did you mean MSFT-1d-"),
        ("APPL", "Did you mean AAPL?"),
        ("mfst", "Did you mean MSFT?"),
        ("../x", "Newest runs: AAPL-1d-dddddddddd"),
        ("a/b", "Newest runs"),
        ("", "Newest runs"),
        ("x" * 100_000, "Newest runs"),
    ],
)
def test_a_name_that_is_not_there_is_answered_with_the_nearest_one(runs, name, hint):
    with pytest.raises(RunError, match="Expected the name of a run, a symbol with a finished run, or latest") as caught:
        catalog.open_run(runs, name)
    assert hint in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("name", "answer"), [("AAPL-1d-bb", True), ("aapl-1d-zz", True), ("AAPL", False), ("AAP", False), ("IBM", False)]
)
def test_a_symbol_does_not_begin_as_a_run_whatever_a_folder_was_renamed_to(runs, name, answer):
    for renamed in ("mine", "i-mine", "AAP-mine"):
        add(runs, renamed)
    assert catalog.begins_as_a_run(runs, name) is answer


def fifo(path):
    os.mkfifo(path)


def loop(path):
    path.symlink_to(path)


@pytest.mark.parametrize("damage", [fifo, loop, os.mkdir, lambda path: path.write_bytes(b"\xff\xfe")])
def test_a_neighbour_whose_run_json_cannot_be_read_is_named_and_passed_over(runs, damage):
    bad = runs / "IBM-1d-eeeeeeeeee"
    bad.mkdir()
    damage(bad / "run.json")
    notes: list[str] = []
    assert set(catalog.newest_runs(runs, note=notes.append)) == {"AAPL", "MSFT"}
    assert len(notes) == 1
    assert "run.json" in notes[0]
    assert "IBM-1d-eeeeeeeeee" in notes[0]
    assert names(runs)[-1] == bad.name
    with pytest.raises(RunError, match="cannot be read"):
        catalog.open_run(runs, bad.name).describe()


def test_a_mistyped_run_is_compared_by_its_digits_not_by_its_symbol(tmp_path):
    name = "BTC-USD-time-1m-0a1b2c3d4e"
    (tmp_path / name).mkdir()
    (tmp_path / name / "run.json").write_text("{}")
    for typed, suggested in (("BTC-USD-time-1m-0a1b2c3d4f", True), ("BTC-USD-time-1m-9f8e7d6c5b", False)):
        with pytest.raises(RunError) as caught:
            catalog.open_run(tmp_path, typed)
        assert (f"Did you mean {name}?" in str(caught.value)) is suggested
