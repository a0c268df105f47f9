"""A network whose training gave no finite numbers is named by every command, and trades nothing."""

import json
import shutil

from forecast.runs.catalog import open_run
from tests.helpers.command_line import forecast_here

WILD = (
    "--folds", "2", "--seeds", "2", "--epochs", "3", "--units", "4", "--window", "100", "--end", "2003-12-31",
    "--baseline", "previous_sign", "--model", "irnn", "--learning-rate", "1", "--clip", "0",
)  # fmt: skip


def test_a_diverged_network_is_named_by_train_backtest_page_and_signal_and_trades_nothing(trained, tmp_path):
    shutil.copytree(trained / "data" / "store", tmp_path / "data" / "store")
    command = forecast_here(tmp_path)
    done = command("train", "AAPL", *WILD)
    assert "AAPL irnn fold 0 seed 0 diverged in epoch 1: it forecasts 0.5" in " ".join(done.stderr.split())
    assert "Diverged in training, forecasting 0.5 and trading nothing: irnn fold 0 seed 0" in done.stdout
    run = open_run(tmp_path / "data" / "runs")
    lost = [(member["model"], member["fold"], member["seed"]) for member in run.describe()["diverged"]]
    assert set(lost) >= {("irnn", 0, 0), ("irnn", 0, 1)}
    members = run.predictions().groupby(["model", "fold", "seed"])["probability"]
    assert [set(members.get_group(member)) for member in lost] == [{0.5}] * len(lost)
    backtest = json.loads(command("backtest", "--json").stdout)["backtests"][0]
    assert {"code": "diverged", "value": len(lost), "subject": "irnn"} in backtest["verdict"]["caveats"]
    assert "Members of the IRNN diverged in training" in (tmp_path / "reports" / f"{run.name}.html").read_text()
    command("signal", "--offline", code=3)
    refused = command("export", "--fold", "0", "--model", "irnn", code=2).stderr
    assert "Left out, it diverged in training: irnn 0 0." in refused
    assert "Expected a member that learned to export, got 2 that diverged" in refused
