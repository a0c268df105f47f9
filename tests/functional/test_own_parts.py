"""A person's own network, baseline and label through the real command line: trained, traded, asked for a signal."""

import json
import shutil

import pytest

from forecast.runs.catalog import open_run
from tests.helpers.command_line import forecast_here, only_line

SMALL = ("--folds", "1", "--seeds", "2", "--epochs", "1", "--units", "2", "--window", "5", "--end", "2003-12-31")
NETWORK, BASELINE = "tests.helpers.own_networks:attention", "tests.helpers.own_models:Ridge"
LABEL = "tests.helpers.own_labels:first_move"


@pytest.fixture
def copy(trained, tmp_path):
    """The trained folder, to be changed."""
    shutil.copytree(trained / "data" / "store", tmp_path / "data" / "store")
    return tmp_path


def test_a_network_a_baseline_and_a_label_of_ones_own_go_through_the_same_run(copy):
    forecast = forecast_here(copy)
    (copy / "own.toml").write_text(f'label = "{LABEL}"\nhorizon = 5\n')
    settings = ("--config", str(copy / "own.toml"), "--model", NETWORK, "--baseline", BASELINE)
    done = forecast("train", "AAPL", *SMALL, *settings)
    for what, name in (("Model", NETWORK), ("Baseline", BASELINE), ("Label", LABEL)):
        assert f"{what} {name} is code" in " ".join(done.stderr.split())
    run = open_run(copy / "data" / "runs")
    described = run.describe()
    assert set(described["user_code"]) == {NETWORK, BASELINE, LABEL}
    assert run.certificate()["failures"] == []
    rows = run.predictions()
    assert (rows["exit_at"] - rows["entry_at"]).dt.days.nunique() > 3
    assert described["parameters"] == {NETWORK: 4 + 3 * 12 + 10 + 3}
    backtest = json.loads(forecast("backtest", "--json").stdout)["backtests"][0]
    assert {NETWORK, f"baseline:{BASELINE}"} < set(backtest["performance"])
    families = {(comparison["family"], comparison["benchmark"]) for comparison in backtest["verdict"]["comparisons"]}
    assert ("baselines", f"baseline:{BASELINE}") in families
    page = next((copy / "reports").glob("AAPL-1d-*.html")).read_text()
    assert "attention" in page
    assert "Ridge" in page
    signals = json.loads(forecast("signal", "latest", "--json", code=3).stdout)["signals"]  # of old prices
    assert [signal["model"] for signal in signals] == [NETWORK]


def test_a_label_whose_source_changes_is_another_run_and_is_not_run_for_the_old_one(copy, monkeypatch):
    monkeypatch.chdir(copy)
    forecast, source = forecast_here(copy), copy / "label_of_a_run.py"
    settings = ("AAPL", *SMALL, "--label", "label_of_a_run:up", "--model", "simple_rnn", "--baseline", "previous_sign")
    texts = [f"def up(bars):\n    return bars.open - {price}, 1\n" for price in (0.0, 1e6)]
    names, shares = [], []
    for text in texts:
        source.write_text(text)
        forecast("train", *settings)
        run = open_run(copy / "data" / "runs")
        names.append(run.name)
        shares.append(run.predictions()["target"].mean())
    assert names[0] != names[1]
    assert shares == [1.0, 0.0]  # of the very source that the name was made from
    done = forecast("signal", names[0], "--refit", code=2)
    assert "Expected label_of_a_run:up as the run was trained with it" in only_line(done.stderr.splitlines()[-1])
    forecast("signal", names[0], code=3)  # of old prices; it needs no label
    source.write_text(texts[0])
    forecast("signal", names[0], "--refit", code=3)


def test_parts_that_do_not_fit_are_refused_before_anything_is_trained(copy):
    forecast = forecast_here(copy)
    for option, name, message in (
        ("--model", "tests.helpers.own_networks:three_answers", "expected output of shape (None, 1), got (None, 3)"),
        ("--baseline", "tests.helpers.own_models:Unasked", "without predict_proba"),
        ("--label", "tests.helpers.own_labels:one_further", "known at the exit that it names"),
        ("--label", "tests.helpers.own_labels:before_the_entry", "an exit after the entry, got 0"),
    ):
        done = forecast("train", "AAPL", *SMALL, "--horizon", "5", option, name, code=2)
        assert message in only_line(done.stderr.splitlines()[-1])
    assert not list((copy / "data" / "runs").glob("*/run.json"))
