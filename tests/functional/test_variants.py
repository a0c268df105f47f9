"""What a run can be asked for besides the usual, through the command line within this process."""

import json
import shutil

import pytest

from forecast.runs import trial_log
from forecast.runs.catalog import open_run
from tests.helpers.command_line import SMALL, forecast_here, only_line


@pytest.fixture
def copy(trained, tmp_path):
    """The trained folder, to be changed."""
    shutil.copytree(trained / "data", tmp_path / "data")
    return tmp_path


def newest(folder):
    return open_run(folder / "data" / "runs")


def test_one_symbol_named_twice_is_trained_once_and_a_damaged_run_is_passed_over(copy):
    broken = copy / "data" / "runs" / "MSFT-1d-0000000000"
    broken.mkdir()
    (broken / "run.json").write_text("{}")
    done = forecast_here(copy)("train", "AAPL", "aapl", *SMALL)
    assert done.stdout.count("is trained") == 1
    assert "AAPL" in forecast_here(copy)("backtest", "AAPL").stdout


def test_a_symbol_that_is_missing_is_said_before_anything_is_begun(copy):
    before = sorted((copy / "data" / "runs").iterdir())
    line = only_line(forecast_here(copy)("train", "MSFT", "NOPE", *SMALL, code=2).stderr)
    assert "Need a symbol in the store (AAPL, MSFT), got NOPE" in line
    assert sorted((copy / "data" / "runs").iterdir()) == before


def test_backtest_of_a_symbol_without_a_run_trains_one_first(copy):
    done = forecast_here(copy)("backtest", "msft", *SMALL, "--epochs", "1", "--seeds", "1")
    assert newest(copy).describe()["config"]["symbol"] == "MSFT"
    assert "MSFT" in done.stdout


def test_a_config_file_says_what_the_command_line_can_say_and_the_command_line_wins(copy):
    (copy / "experiment.toml").write_text(
        'window = 10\nfolds = 2\nseeds = 1\nepochs = 1\nunits = 3\nmodel = "lstm"\nend = 2003-12-31\npatience = 0\n'
    )
    forecast_here(copy)("train", "AAPL", "--config", str(copy / "experiment.toml"), "--units", "2")
    config = newest(copy).describe()["config"]
    assert (config["units"], config["models"], config["end"], config["folds"]) == (2, ["lstm"], "2003-12-31", 2)


def test_a_combinatorial_run_shows_its_paths_and_gives_no_verdict(copy):
    forecast = forecast_here(copy)
    options = ("--split", "combinatorial", "--groups", "4", "--test-groups", "2", "--epochs", "1", "--seeds", "1")
    forecast("train", "AAPL", *SMALL, *options)
    run = newest(copy)
    rows = run.predictions()
    assert set(rows["seed"]) == {0, 1, 2}  # C(4, 2) x 2 / 4 paths
    assert rows.groupby(["model", "seed"])["decided_at"].nunique().nunique() == 1
    assert run.certificate()["passed"]
    said = forecast("backtest").stdout.strip().splitlines()
    assert said[0].startswith(
        "No verdict: on AAPL, 2000–2003 each network was trained on later bars than it was tested on"
    )
    assert "Sharpe ratios over the paths: of " in said[1]
    assert len(run.metrics(run.backtests()[-1])["paths"]["difference"]["sharpe"]["paths"]) == 3
    page = (copy / "reports" / f"{run.name}.html").read_text()
    assert "Over the paths" in page
    assert "nobody could have earned this" in page
    assert "Need a walk-forward run" in only_line(forecast("signal", code=2).stderr)


def test_a_pooled_panel_gives_every_symbol_a_run_with_the_same_networks(copy):
    forecast = forecast_here(copy)
    options = (*SMALL, "--epochs", "1", "--seeds", "1", "--global-model")
    done = json.loads(forecast("train", "AAPL", "MSFT", *options, "--json").stdout)
    first, second = (open_run(copy / "data" / "runs", each["run"]) for each in done["runs"])
    assert (first.describe()["config"]["symbol"], second.describe()["config"]["symbol"]) == ("AAPL", "MSFT")
    assert first.describe()["panel"] == second.describe()["panel"]
    assert first.describe()["panel"]["symbols"] == ["AAPL", "MSFT"]
    members = [run.describe_member("lstm", 1, 0) for run in (first, second)]
    assert members[0]["sha256"] == members[1]["sha256"]
    assert members[0]["scaler"] != members[1]["scaler"]
    for run in (first, second):
        assert run.certificate()["passed"]
        assert run.certificate()["retrained"] == 2  # both networks, on the panel as it stood in the first test block
        assert set(run.predictions()["symbol"]) == {run.describe()["config"]["symbol"]}
    assert "On AAPL" in forecast("backtest", first.name).stdout
    assert "MSFT at the close of" in forecast("signal", second.name, code=3).stdout  # prices of 2013 are stale
    again = json.loads(forecast("train", "MSFT", "AAPL", *options, "--json").stdout)
    assert {each["run"] for each in again["runs"]} == {first.name, second.name}
    assert "for --global-model" in only_line(forecast("train", "AAPL", "--global-model", code=2).stderr)


def test_tuned_networks_are_chosen_once_and_every_try_is_counted(copy):
    forecast = forecast_here(copy)
    options = (*SMALL, "--epochs", "1", "--seeds", "1", "--tuning-trials", "2")
    before = trial_log.read(copy / "data" / "runs").of("AAPL")
    forecast("train", "AAPL", *options)
    run = newest(copy)
    tuned = run.describe()["tuning"]
    assert len(tuned["tried"]) == 2 * 2 * 2  # tries x networks x folds
    assert trial_log.read(copy / "data" / "runs").of("AAPL") == before + 1 + 2 * 2  # the run, and tries x folds
    for each in tuned["chosen"]:
        assert run.describe_member(each["model"], each["fold"], 0)["architecture"]["units"] == each["units"]
    assert run.certificate()["passed"]
    forecast("train", "AAPL", *options, "--overwrite", "--jobs", "1")
    assert run.describe()["tuning"] == tuned
    forecast("backtest")
    assert "tries a network and fold" in (copy / "reports" / f"{run.name}.html").read_text()
