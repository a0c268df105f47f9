"""Every file of a finished run that was changed is refused by name before a number of it is used."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from forecast.runs.catalog import open_run
from tests.helpers.checkpoint_files import reseal
from tests.helpers.command_line import SMALL, forecast_here, only_line


def flip_four_bits(run):
    path = run.folder / "bars.parquet"
    content = bytearray(path.read_bytes())
    for place in np.random.default_rng(0).integers(100, len(content) - 100, 4):
        content[place] ^= 1
    path.write_bytes(content)


def rewrite(name, change):
    def damage(run):
        path = run.folder / name
        change(pd.read_parquet(path)).to_parquet(path, index=False)

    return damage


def first(column, value):
    def change(frame):
        frame.loc[0, column] = value
        return frame

    return change


DAMAGE = {
    "four bits": ("bars.parquet", flip_four_bits),
    "open 999": ("bars.parquet", rewrite("bars.parquet", first("open", 999.0))),
    "open -5": ("bars.parquet", rewrite("bars.parquet", first("open", -5.0))),
    "closed later": (
        "bars.parquet", rewrite("bars.parquet", lambda f: f.assign(closed_at=f["closed_at"] + pd.Timedelta("3D"))),
    ),
    "probability 2": ("predictions.parquet", rewrite("predictions.parquet", first("probability", 2.0))),
    "turned round": (
        "predictions.parquet", rewrite("predictions.parquet", lambda f: f.assign(probability=1 - f["probability"])),
    ),
    "targets 7": ("predictions.parquet", rewrite("predictions.parquet", lambda f: f.assign(target=7))),
    "two rows": ("predictions.parquet", rewrite("predictions.parquet", lambda f: f.head(2))),
    "no certificate": ("certificate.json", lambda run: (run.folder / "certificate.json").unlink()),
    "run.json": (
        "run.json", lambda run: (run.folder / "run.json").write_text(
            (run.folder / "run.json").read_text().replace('"calendar": "XNYS"', '"calendar": "XLON"')
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", DAMAGE)
def test_a_backtest_of_a_damaged_run_is_refused_with_the_file_and_its_sha256(trained, tmp_path, case):
    shutil.copytree(trained / "data", tmp_path / "data")
    name, damage = DAMAGE[case]
    run = open_run(tmp_path / "data" / "runs")
    damage(run)
    line = only_line(forecast_here(tmp_path)("backtest", run.name, code=2).stderr)
    assert name in line
    assert "Expected sha256" in line or "is missing" in line
    assert not (run.folder / "backtests").exists()


def test_a_backtest_folder_that_is_a_link_is_refused_and_what_it_points_to_is_untouched(trained, tmp_path):
    shutil.copytree(trained / "data", tmp_path / "data")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "metrics.json").write_text("mine")
    run = open_run(tmp_path / "data" / "runs")
    (run.folder / "backtests").symlink_to(outside)
    assert "is a link" in only_line(forecast_here(tmp_path)("backtest", run.name, code=2).stderr)
    assert [(path.name, path.read_text()) for path in outside.iterdir()] == [("metrics.json", "mine")]


def without_certificate(run):
    (run.folder / "certificate.json").unlink()


def with_labels_for_predictions(run):
    path = run.folder / "predictions.parquet"
    pd.read_parquet(path).assign(probability=lambda f: f["target"].astype(float)).to_parquet(path, index=False)


def with_an_older_history(run):
    path = run.folder / "history.parquet"
    pd.read_parquet(path).head(1).to_parquet(path, index=False)


USES = {
    "backtest": lambda run: ("backtest", run.name),
    "portfolio": lambda run: ("backtest", run.name, "OTHER-1d-0000000000", "--portfolio", "equal"),
    "report": lambda run: ("report", run.name),
    "signal": lambda run: ("signal", run.name, "--offline"),
    "refit": lambda run: ("signal", run.name, "--offline", "--refit"),
    "inspect": lambda run: ("inspect", run.name),
    "export": lambda run: ("export", run.name),
    "train": lambda run: ("train", "AAPL", *SMALL),
}


@pytest.mark.parametrize("damage", [without_certificate, with_labels_for_predictions, with_an_older_history])
@pytest.mark.parametrize("use", USES)
def test_no_command_uses_a_run_with_a_file_that_was_changed_or_removed(trained, tmp_path, use, damage):
    shutil.copytree(trained / "data", tmp_path / "data")
    run = open_run(tmp_path / "data" / "runs")
    shutil.copytree(run.folder, run.folder.with_name("OTHER-1d-0000000000"))
    command = forecast_here(tmp_path)
    if use == "report":
        command("backtest", run.name)
    damage(run)
    line = only_line(command(*USES[use](run), code=2).stderr)
    assert "Expected sha256" in line or "certificate.json of run folder" in line
    assert "forecast train" in line


FORGED = {
    "labels": (with_labels_for_predictions, "its weights give"),
    "turned round": (
        rewrite("predictions.parquet", lambda f: f.assign(probability=1 - f["probability"])), "its weights give",
    ),
    "validation": (
        rewrite("validation.parquet", lambda f: f.assign(probability=1 - f["probability"])), "its weights give",
    ),
    "returns": (
        rewrite("predictions.parquet", lambda f: f.assign(forward_return=f["forward_return"].abs())), "the bars give",
    ),
}  # fmt: skip


@pytest.mark.parametrize("forged", FORGED)
def test_forecasts_that_the_weights_do_not_give_are_refused_though_every_sha256_fits(trained, tmp_path, forged):
    shutil.copytree(trained / "data", tmp_path / "data")
    run = open_run(tmp_path / "data" / "runs")
    forge, reason = FORGED[forged]
    forge(run)
    reseal(run)
    command = forecast_here(tmp_path)
    line = only_line(command("backtest", code=2).stderr)
    assert f"The predictions of run {run.name} are not what its networks forecast: " in line
    assert reason in line
    if forged == "labels":
        line = only_line(command("signal", run.name, "--offline", code=2).stderr)
        assert "no longer give the probabilities that it stored" in line


def test_forecasts_of_networks_without_weights_are_said_to_be_unverified_and_others_were_made_again(trained, tmp_path):
    shutil.copytree(trained / "data", tmp_path / "data")
    run = open_run(tmp_path / "data" / "runs")
    command = forecast_here(tmp_path)
    recomputed = json.loads(command("backtest", "--json").stdout)["backtests"][0]["integrity"]["recomputed"]
    assert recomputed["rows"] > 0
    assert recomputed["unverified"] == {}
    path = run.folder / "run.json"
    about = json.loads(path.read_text())
    about["files"] = {name: value for name, value in about["files"].items() if not name.startswith("weights/lstm/")}
    path.write_text(json.dumps(about))
    shutil.rmtree(run.folder / "weights" / "lstm")
    reseal(run)
    assert "Caveat: Unverified: whether the forecasts of the LSTM are those of its stored" in command("backtest").stdout
    assert "Unverified for LSTM: weights of it are missing." in (tmp_path / "reports" / f"{run.name}.html").read_text()


def test_a_run_of_an_earlier_version_is_said_to_be_unverified_in_terminal_page_and_json(trained, tmp_path):
    shutil.copytree(trained / "data", tmp_path / "data")
    run = open_run(tmp_path / "data" / "runs")
    about = json.loads((run.folder / "run.json").read_text())
    for name in ("files", "sha256", "format"):
        del about[name]
    (run.folder / "run.json").write_text(json.dumps(about))
    command = forecast_here(tmp_path)
    assert "Caveat: The run is of an earlier version, which recorded no sha256" in command("backtest").stdout
    backtest = json.loads(command("backtest", "--json").stdout)["backtests"][0]
    assert backtest["integrity"]["verified"] is False
    assert "unverified" in [caveat["code"] for caveat in backtest["verdict"]["caveats"]]
    assert "Not verified: run AAPL-1d-" in (tmp_path / "reports" / f"{run.name}.html").read_text()
    assert "Not verified: run AAPL-1d-" in command("signal", "--offline", code=3).stderr
