"""A network and a baseline of a person's own through the real command line: trained, traded, asked for a signal."""

import json
import shutil

import pytest

from forecast.runs.catalog import open_run
from tests.helpers.command_line import forecast_here, only_line

SMALL = ("--folds", "1", "--seeds", "2", "--epochs", "1", "--units", "2", "--window", "5", "--end", "2003-12-31")
NETWORK, BASELINE = "tests.helpers.own_networks:attention", "tests.helpers.own_models:Ridge"


@pytest.fixture
def copy(trained, tmp_path):
    """The trained folder, to be changed."""
    shutil.copytree(trained / "data" / "store", tmp_path / "data" / "store")
    return tmp_path


def test_a_network_and_a_baseline_of_ones_own_go_through_the_same_run(copy):
    forecast = forecast_here(copy)
    done = forecast("train", "AAPL", *SMALL, "--model", NETWORK, "--baseline", BASELINE)
    for what, name in (("Model", NETWORK), ("Baseline", BASELINE)):
        assert f"{what} {name} is code" in " ".join(done.stderr.split())
    described = open_run(copy / "data" / "runs").describe()
    assert set(described["user_code"]) == {NETWORK, BASELINE}
    assert described["parameters"] == {NETWORK: 4 + 3 * 12 + 10 + 3}
    made = json.loads(forecast("backtest", "--json").stdout)["backtests"][0]
    assert {NETWORK, f"baseline:{BASELINE}"} < set(made["performance"])
    families = {(each["family"], each["benchmark"]) for each in made["verdict"]["comparisons"]}
    assert ("baselines", f"baseline:{BASELINE}") in families
    page = next((copy / "reports").glob("AAPL-1d-*.html")).read_text()
    assert "attention" in page
    assert "Ridge" in page
    signals = json.loads(forecast("signal", "latest", "--json", code=3).stdout)["signals"]  # of old prices
    assert [each["model"] for each in signals] == [NETWORK]


def test_parts_that_do_not_fit_are_refused_before_anything_is_trained(copy):
    forecast = forecast_here(copy)
    for option, name, message in (
        ("--model", "tests.helpers.own_networks:three_answers", "expected output of shape (None, 1), got (None, 3)"),
        ("--baseline", "tests.helpers.own_models:Unasked", "without predict_proba"),
    ):
        done = forecast("train", "AAPL", *SMALL, option, name, code=2)
        assert message in only_line(done.stderr.splitlines()[-1])
    assert not list((copy / "data" / "runs").glob("*/run.json"))
