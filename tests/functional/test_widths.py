"""What commands print that need trained networks, on terminals of 40, 80 and 120 columns. Loads the network library."""

import shutil
import warnings

import pandas as pd
import pytest

from forecast.compute import backend
from forecast.runs.catalog import open_run
from tests.helpers.command_line import SMALL, forecast
from tests.helpers.terminal import WIDTHS, both_on_terminal, too_wide


@pytest.fixture(scope="module")
def desk(trained, tmp_path_factory):
    """The trained run with a backtest, live; and signals of another program."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        backend.load_fitting()
    desk = tmp_path_factory.mktemp("desk")
    shutil.copytree(trained / "data", desk / "data")
    run = open_run(desk / "data" / "runs", "AAPL")
    assert forecast(desk, "backtest", run.name, "--policy", "long-short") == 0
    assert forecast(desk, "live", "add", run.name) == 0
    (desk / "name").write_text(run.name)
    bars = run.bars().iloc[400:500]
    rule = pd.DataFrame({"date": bars["closed_at"].dt.date, "position": [0, 1] * 50})
    rule.to_csv(desk / "rule.csv", index=False)
    return desk


COMMANDS = {
    ("train", "AAPL", *SMALL): 0,
    ("backtest", "RUN", "--policy", "long-short"): 0,
    ("judge", "AAPL", "--predictions", "rule.csv", "--end", "2003-12-31"): 0,
    ("signal", "RUN", "--offline"): 3,
    ("signal", "--all", "--offline", "--cash", "10000"): 3,
    ("live", "add", "RUN"): 0,
    ("live", "list"): 0,
    ("inspect", "RUN"): 0,
    ("export", "RUN", "--fold", "0", "--model", "lstm", "--to", "keras"): 0,
    ("report", "RUN"): 0,
    ("runs", "prune", "--keep", "9"): 0,
    ("data", "compact"): 0,
    ("data", "export", "AAPL", "bars.csv"): 0,
}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: " ".join(arguments[:2]))
def test_what_commands_on_trained_networks_print_fits(desk, monkeypatch, arguments, width):
    monkeypatch.chdir(desk)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    named = [desk.joinpath("name").read_text() if argument == "RUN" else argument for argument in arguments]
    output, notes = both_on_terminal(desk, *named, width=width, code=COMMANDS[arguments])
    assert not too_wide(output, width)
    assert not too_wide(notes.replace("\r", "\n"), width)
    assert "…" not in output
