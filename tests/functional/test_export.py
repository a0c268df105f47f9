"""Members as files of Keras and ONNX. Loads the network library."""

import importlib.util
import json
import warnings

import pytest

import forecast as fc
from forecast.compute import backend
from forecast.runs.catalog import open_run
from forecast.runs.io import write_json
from forecast.serving.export import TOLERANCE
from tests.helpers.checkpoint_files import reseal, sign
from tests.helpers.command_line import forecast, only_line


@pytest.fixture(scope="module", autouse=True)
def library():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        backend.load_fitting()


@pytest.mark.parametrize("to", ["keras", "onnx"])
def test_exported_members_give_the_stored_probabilities(trained, tmp_path, capsys, to):
    if to == "onnx" and not all(map(importlib.util.find_spec, ("onnx", "tf2onnx", "onnxruntime"))):
        pytest.skip("needs the extra onnx")
    assert forecast(trained, "export", "--to", to, "--fold", "0", "--model", "lstm", "--out", str(tmp_path)) == 0
    export = json.loads((tmp_path / "export.json").read_text())
    assert export["input"]["shape"] == ["windows", 10, 1]
    assert [file["path"] for file in export["files"]] == [f"lstm-fold-0-seed-{seed}.{to}" for seed in range(2)]
    assert all(file["apart"] <= TOLERANCE and file["rows"] > 250 for file in export["files"])
    assert "equal to" in capsys.readouterr().err


def test_a_second_export_keeps_the_files_of_its_run_and_removes_those_of_another(trained, tmp_path):
    import shutil

    shutil.copytree(trained / "data", tmp_path / "data")
    workspace = fc.Workspace(data_dir=tmp_path / "data")
    run, folder = fc.open_run("AAPL", workspace=workspace), tmp_path / "out"
    names = {"simple_rnn": "simple_rnn-fold-1-seed-{}.keras", "lstm": "lstm-fold-1-seed-{}.keras"}
    for model in names:
        files = fc.export(run, models=[model], folder=folder, progress=False, workspace=workspace)
        assert [path.name for path in files["path"]] == [names[model].format(seed) for seed in range(2)]
    described = json.loads((folder / "export.json").read_text())
    assert {file["path"] for file in described["files"]} == {path.name for path in folder.glob("*.keras")}
    assert len(described["files"]) == 4
    (folder / "mine.keras").write_bytes(b"of a person's own")
    changed = folder / "simple_rnn-fold-1-seed-0.keras"
    changed.write_bytes(b"written by somebody since")
    write_json(folder / "export.json", {**described, "run": "MSFT-1d-0a1b2c3d4e"})
    fc.export(run, models=["lstm"], fold=0, folder=folder, progress=False, workspace=workspace)
    assert {path.name for path in folder.glob("*.keras")} == {
        "mine.keras", changed.name, "lstm-fold-0-seed-0.keras", "lstm-fold-0-seed-1.keras",
    }  # fmt: skip


def test_an_export_that_gives_other_probabilities_is_not_written(trained, tmp_path, capsys, monkeypatch):
    import shutil

    shutil.copytree(trained / "data", tmp_path / "data")
    run = open_run(tmp_path / "data" / "runs")
    import h5py

    with h5py.File(run.member("lstm", 1, 0), "r+") as file:
        weight_arrays = []
        file.visititems(lambda name, item: weight_arrays.append(item) if isinstance(item, h5py.Dataset) else None)
        weight_arrays[0][...] = weight_arrays[0][...] * 1.5
    sign(run)
    reseal(run)
    assert forecast(tmp_path, "export", "--model", "lstm", "--out", str(tmp_path / "out")) == 2
    assert "lstm-fold-1-seed-0.keras gives probabilities that differ" in only_line(capsys.readouterr().err)
    assert not list((tmp_path / "out").glob("*"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--fold", "9"], "Expected fold from 0 to 1"), (["--model", "gpt"], "models out of simple_rnn, lstm")],
)
def test_what_cannot_be_exported_is_one_line(trained, tmp_path, capsys, arguments, message):
    assert forecast(trained, "export", "--out", str(tmp_path), *arguments) == 2
    assert message in only_line(capsys.readouterr().err)
