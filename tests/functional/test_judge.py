"""`forecast judge` through the real command line."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from forecast.runs.catalog import open_run
from tests.helpers.command_line import forecast_here, only_line


@pytest.fixture
def copy(trained, tmp_path):
    """The trained folder, to be changed."""
    shutil.copytree(trained / "data", tmp_path / "data")
    return tmp_path


def test_a_judged_copy_of_a_runs_own_predictions_gives_its_ledger_and_verdict(copy):
    forecast = forecast_here(copy)
    own = open_run(copy / "data" / "runs", "AAPL")
    first = json.loads(forecast("backtest", own.name, "--json").stdout)["backtests"][0]
    judged = forecast(
        "judge", "AAPL", "--predictions", str(own.folder / "predictions.parquet"), "--end", "2003-12-31",
        "--validation", str(own.folder / "validation.parquet"), "--json",
    )  # fmt: skip
    again = json.loads(judged.stdout)["backtests"][0]
    assert again["run"] != own.name
    assert again["verdict"] == first["verdict"]
    ledgers = [
        open_run(copy / "data" / "runs", judgement["run"]).backtest(judgement["backtest"]).ledger
        for judgement in (first, again)
    ]
    pd.testing.assert_frame_equal(*ledgers, rtol=0, atol=1e-12)


def test_signals_of_another_program_are_judged_from_a_csv_to_a_page(copy):
    forecast = forecast_here(copy)
    bars = open_run(copy / "data" / "runs", "AAPL").bars()
    average = bars["close"].rolling(20).mean()
    rule = pd.DataFrame({"date": bars["closed_at"].dt.date, "position": (bars["close"] > average).astype(int)})
    rule.iloc[400:900].to_csv(copy / "rule.csv", index=False)
    done = forecast("judge", "AAPL", "--predictions", str(copy / "rule.csv"), "--end", "2003-12-31")
    assert "Skill: inconclusive" in done.stdout
    assert "Cannot be checked for look-ahead bias: what the model “forecast” learned from" in done.stdout
    page = next((copy / "reports").glob("AAPL-1d-judged-*.html")).read_text()
    assert "what the model “forecast” learned from" in page
    again = forecast("judge", "AAPL", "--predictions", str(copy / "rule.csv"), "--end", "2003-12-31")
    assert again.stdout == done.stdout
    forecast("backtest", "latest", "--policy", "long-short")
    forecast("report", "latest")


def test_a_judged_run_has_no_network_to_ask_and_says_so(copy):
    forecast = forecast_here(copy)
    bars = open_run(copy / "data" / "runs", "AAPL").bars().iloc[400:500]
    frame = pd.DataFrame({"date": bars["closed_at"].dt.date, "probability": np.linspace(0.4, 0.6, 100)})
    frame.to_csv(copy / "mine.csv", index=False)
    forecast("judge", "AAPL", "--predictions", str(copy / "mine.csv"), "--end", "2003-12-31")
    assert "judged" in forecast("runs").stdout
    for command in ("signal", "inspect", "export"):
        line = only_line(forecast(command, "latest", code=2).stderr)
        assert "with forecasts made elsewhere: there is no network to ask" in line


def test_a_file_that_does_not_belong_to_the_bars_is_one_line_and_exit_code_2(copy):
    forecast = forecast_here(copy)
    days = pd.date_range("1990-01-01", periods=30, freq="D")
    frame = pd.DataFrame({"date": days, "probability": np.linspace(0.1, 0.9, 30)})
    frame.to_csv(copy / "old.csv", index=False)
    before = sorted((copy / "data" / "runs").rglob("*"))
    done = forecast("judge", "AAPL", "--predictions", str(copy / "old.csv"), code=2)
    line = only_line(done.stderr)
    assert "Expected every row at one of the" in line
    assert "got 30 of 30 elsewhere, first 1990-01-01 in row 0" in line
    assert sorted((copy / "data" / "runs").rglob("*")) == before
