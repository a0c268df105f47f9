"""Two finished runs of one symbol: which of them is asked."""

import json
import shutil

from forecast.runs.catalog import open_run
from forecast.runs.manifest import sealed
from tests.helpers.command_line import forecast_here


def test_signal_asks_the_newest_of_two_runs_of_a_symbol_by_the_recorded_time(trained, tmp_path):
    shutil.copytree(trained / "data", tmp_path / "data")
    first = open_run(tmp_path / "data" / "runs")
    older = first.folder.with_name("AAPL-1d-0000000000")
    shutil.copytree(first.folder, older)
    about = json.loads((older / "run.json").read_text())
    about |= {"run": older.name, "created_at": "2020-01-01T00:00:00+00:00"}
    (older / "run.json").write_text(json.dumps(sealed(about)))
    run = forecast_here(tmp_path)
    for arguments in (["--symbol", "AAPL"], ["aapl"], ["latest"]):
        assert json.loads(run("signal", *arguments, "--offline", "--json", code=3).stdout)["run"] == first.name
    assert json.loads(run("backtest", "AAPL", "--json").stdout)["backtests"][0]["run"] == first.name
