"""The controls of docs/verdict.md on fewer markets, and the page that `forecast power` leaves."""

import json

import pytest

import forecast as fc
from forecast.compute.processes import cores
from tests.helpers.command_line import forecast_here, forecast_in

CONTROL = (
    "--model",
    "simple_rnn",
    "--model",
    "lstm",
    "--window",
    "10",
    "--units",
    "16",
    "--folds",
    "3",
    "--seeds",
    "3",
    "--epochs",
    "20",
)


def test_a_small_calibration_leaves_a_page_and_is_listed(tmp_path):
    run = forecast_here(tmp_path)
    done = run(
        "--quiet", "power", "--market", "none", "--markets", "1", "--n-bars", "300", "--window", "3",
        "--units", "2", "--folds", "1", "--seeds", "1", "--epochs", "1", "--feature", "return",
        "--model", "simple_rnn", "--model", "lstm",
        "--baseline", "previous_sign", "--json",
    )  # fmt: skip
    answer = json.loads(done.stdout)
    assert {row["benchmark"] for row in answer["rates"]} == {
        "simple_rnn", "base_rate", "previous_sign", "buy_and_hold", "cash", "same_exposure",
    }  # fmt: skip
    assert {row["question"] for row in answer["rates"]} == {"skill", "money"}
    assert all(row["markets"] == 1 for row in answer["rates"])
    contract = {"question", "model", "benchmark", "better", "worse", "inconclusive", "minimum_detectable_effect"}
    assert all(contract <= set(row) for row in answer["comparisons"])
    experiment = fc.Experiment("AAPL", models=["simple_rnn", "lstm"], baselines=["previous_sign"], window=3, units=2,
                               folds=1, seeds=1, epochs=1, features=["return"])  # fmt: skip
    workspace = fc.Workspace(data_dir=tmp_path / "data", reports_dir=tmp_path / "reports")
    study = fc.PowerStudyConfig(kinds=["none"], markets=1, n_bars=300)
    again = fc.power(experiment, study, progress=False, workspace=workspace)  # whatever its symbol, it is known
    assert again.page.samefile(answer["page"])
    assert len(again.rates) == len(answer["rates"])
    assert again.study.about["command"].startswith("forecast power --window 3 ")
    printed = run("--quiet", *again.study.about["command"].split()[1:], "--market", "none", "--markets", "1",
                  "--n-bars", "300").stdout  # fmt: skip
    assert printed.startswith("Without an edge a claim was made in at most ")
    assert len(printed.splitlines()) < 20
    page = tmp_path / "reports" / answer["page"].rsplit("/", 1)[-1]
    assert "Size and power of this experiment" in page.read_text()
    assert page.name in (tmp_path / "reports" / "index.html").read_text()


@pytest.mark.slow
@pytest.mark.timeout(3_000)
def test_no_edge_is_seen_where_there_is_none_and_a_strong_one_always(tmp_path):
    run = forecast_in(tmp_path)
    common = ("power", "--markets", "20", "--jobs", str(cores()), *CONTROL, "--json")
    idle = json.loads(run(*common, "--market", "none", "--n-bars", "2000").stdout)["rates"]
    for row in idle:
        if row["model"] in ("simple_rnn", "lstm"):
            assert row["better"] + row["worse"] <= 4  # of 20: at a rate of 5 % there are more once in 400
    planted = json.loads(run(*common, "--market", "lag-1", "--edge", "0.3", "--n-bars", "5000").stdout)["rates"]
    for row in planted:
        if row["benchmark"] == "base_rate" or (row["model"] == "lstm" and row["benchmark"] == "cash"):
            assert row["better"] >= 18
