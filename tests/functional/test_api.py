"""`import forecast as fc` from a DataFrame to the report: as the command line does it, wherever Python runs."""

import ast
import doctest
import importlib
import inspect
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import forecast as fc
from tests.helpers.command_line import forecast_here, trained_here

ROOT = Path(__file__).parents[2]
TINY = (
    "--folds", "2", "--seeds", "2", "--epochs", "1", "--units", "2", "--window", "5", "--model", "simple_rnn",
    "--model", "lstm", "--baseline", "previous_sign",
)  # fmt: skip
EIGHT_LINES = """
import pandas as pd, forecast as fc
fc.add_bars("ACME", pd.read_csv("acme.csv"), currency="USD")
run = fc.train(fc.Experiment("ACME", models=["simple_rnn", "lstm"], baselines=["previous_sign"], folds=2, seeds=2,
                             epochs=1, units=2, window=5), jobs=1)
result = fc.backtest(run, fc.TradingConfig(policy="long-short", costs=fc.Costs(fee_bps=1, slippage_bps=2)))
print(result.verdict.skill.answer, result.verdict.money.interval)
page = fc.report(run, result)
"""


def write_prices(folder):
    """Of two decimals, which pandas reads exactly."""
    days = pd.date_range("2022-01-03", periods=420, freq="B")
    close = 100 * np.exp(np.cumsum(np.random.default_rng(7).normal(0, 0.01, len(days))))
    prices = pd.DataFrame({"open": close, "high": close * 1.01, "low": close * 0.99}, index=days)
    prices.assign(close=close, volume=1000.0).round(2).to_csv(folder / "acme.csv", index_label="date")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder in which a script without a `__main__` guard went from a DataFrame to the report."""
    folder = tmp_path_factory.mktemp("api")
    write_prices(folder)
    (folder / "script.py").write_text(
        f"open('traces', 'a').write('once ')\n{EIGHT_LINES}\nprint(page, len(fc.runs()))\n"
    )
    done = subprocess.run(
        [sys.executable, "script.py"], capture_output=True, text=True, cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (folder / "printed").write_text(done.stdout)
    shutil.copytree(folder / "data", folder / "untouched")  # every other backtest counts as a try
    return folder


@pytest.fixture
def workspace(folder):
    return fc.Workspace(data_dir=folder / "data", reports_dir=folder / "reports")


def test_a_script_without_a_guard_runs_once_from_a_frame_to_a_report_in_eight_lines(folder):
    assert len(ast.parse(EIGHT_LINES).body) <= 8
    assert (folder / "traces").read_text() == "once "
    verdict, last = (folder / "printed").read_text().splitlines()
    assert verdict.split()[0] in ("better", "worse", "inconclusive")
    page, count = last.split()
    assert (folder / page).is_file()
    assert count == "1"


def test_the_command_line_gives_the_same_to_the_last_digit(folder, tmp_path):
    write_prices(tmp_path)
    forecast = forecast_here(tmp_path)
    forecast("fetch", "ACME", "--source", "csv", "--file", str(tmp_path / "acme.csv"), "--currency", "USD")
    forecast("train", "ACME", *TINY)
    costs = ("--policy", "long-short", "--fee-bps", "1", "--slippage-bps", "2")
    printed = json.loads(forecast("backtest", "ACME", *costs, "--json").stdout)["backtests"][0]
    workspace, other = (fc.Workspace(data_dir=place) for place in (folder / "untouched", tmp_path / "data"))
    trained, run = (fc.open_run(workspace=place) for place in (workspace, other))
    assert trained.name == printed["run"] == run.name
    pd.testing.assert_frame_equal(trained.predictions(), run.predictions(), check_exact=True)
    (name,) = trained.backtests()
    metrics = trained.metrics(name)
    assert {key: printed[key] for key in metrics} == metrics
    command = trained.describe()["command"]
    assert command == "forecast train ACME --window 5 --model simple_rnn --model lstm --baseline previous_sign " + (
        "--units 2 --folds 2 --seeds 2 --epochs 1"
    )
    signals = json.loads(forecast("signal", "ACME", "--offline", "--json", code=3).stdout)["signals"]
    today = fc.signal("ACME", offline=True, workspace=workspace, progress=False)
    assert [(signal["model"], signal["probability"], signal["position"]) for signal in signals] == [
        tuple(row) for row in today.signals[["model", "probability", "position"]].to_numpy()
    ]
    assert today.stale
    assert "Stale: a session has closed since" in repr(today)


def test_training_again_finds_the_run_also_in_a_thread(workspace):
    runs = []
    experiment = fc.Experiment(
        "acme",
        models=["simple_rnn", "lstm"],
        baselines=["previous_sign"],
        folds=2,
        seeds=2,
        epochs=1,
        units=2,
        window=5,
    )
    thread = threading.Thread(target=lambda: runs.append(fc.train(experiment, workspace=workspace, progress=False)))
    thread.start()
    thread.join()
    assert runs == [fc.open_run(workspace=workspace)]


def test_training_in_a_thread_gives_the_same_digits(folder, workspace, tmp_path):
    own = fc.Workspace(data_dir=tmp_path, store=workspace.store)
    notes = []

    class Own:
        def begin(self, *, total, done):
            notes.append((total, done))

        def advance(self, name, *, epochs):
            notes.append(name)

        def note(self, message):
            notes.append(message)

    def train():
        experiment = fc.open_run(workspace=workspace).describe()["config"]
        fc.train(fc.Experiment(**experiment), jobs=1, workspace=own, progress=Own())

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    first, second = (fc.open_run("ACME", workspace=place) for place in (workspace, own))
    pd.testing.assert_frame_equal(first.predictions(), second.predictions(), check_exact=True)
    assert notes[0] == (10, 0)
    assert len(notes) == 11


def test_tables_have_one_row_a_thing(workspace):
    result = fc.backtest("ACME", workspace=workspace)
    ledger = result.ledger.groupby(["model", "member"])
    assert set(result.performance.index) == set(result.ledger["model"])
    for (model, member), trades in result.trades.groupby(["model", "member"]):
        account = ledger.get_group((model, member))
        if member == "ensemble":
            assert len(trades) == result.performance.loc[model, "trades"]
            assert (trades["net_return"] > 0).mean() == pytest.approx(result.performance.loc[model, "hit_rate"])
        assert trades["bars"].sum() == (account["position"] != 0).sum()
    skill = result.verdict.skill
    first = skill.comparisons.iloc[0]
    assert (skill.answer, skill.difference, skill.model) == (first["answer"], first["difference"], first["model"])
    assert skill.interval[0] < skill.difference < skill.interval[1]
    assert set(result.verdict.comparisons["question"]) == {"skill", "money"}
    assert fc.runs(workspace).loc[0, ["run", "state", "skill"]].tolist() == [result.run.name, "finished", skill.answer]


def test_figures_are_plotly_objects_with_colours_of_their_own(workspace):
    import plotly.graph_objects as go

    result = fc.backtest("ACME", workspace=workspace)
    plots = [getattr(result, name)() for name in dir(result) if name.startswith("plot_")]
    figures = [figure for plot in plots for figure in (plot if isinstance(plot, list) else [plot])]
    assert len(figures) >= 8
    for figure in figures:
        assert isinstance(figure, go.Figure)
        assert "var(--" not in figure.to_json()
    with pytest.raises(fc.ForecastError, match="Expected question out of skill, money"):
        result.plot_comparisons("luck")


def test_what_a_notebook_shows_is_escaped(workspace, monkeypatch):
    result = fc.backtest("ACME", workspace=workspace)
    assert result.run.name in repr(result.run)
    assert repr(result.verdict).startswith("Skill: ")
    assert repr(result).count(result.run.name) == 1
    assert repr(result.verdict.skill).startswith("skill: lstm against simple_rnn is ")
    monkeypatch.setattr(fc.Run, "symbol", "<script>")
    again = fc.backtest(result.run, workspace=workspace)
    for markup in (again._repr_html_(), again.verdict._repr_html_(), result.run._repr_html_()):
        assert "<script>" not in markup
    assert repr(fc.Run(workspace.runs / "nowhere")) == "Run nowhere: missing"


FIRST = ("fetch", "train")
LAST = ("portfolio", "PortfolioResult", "compare", "ComparisonResult", "judge", "BacktestFamily")
"""What needs a second symbol's run, and what leaves a newer run of the first symbol."""


def test_every_example_of_a_public_name_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("FORECAST_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("FORECAST_REPORTS", str(tmp_path / "reports"))
    runner, finder = doctest.DocTestRunner(), doctest.DocTestFinder(recurse=False)
    with trained_here():
        for name in [*FIRST, *(name for name in fc.__all__ if name not in (*FIRST, *LAST)), *LAST]:
            if name == LAST[0]:
                fc.fetch("MSFT", source="sample", progress=False)
                aapl = fc.open_run("AAPL").describe()["config"]
                fc.train(fc.Experiment(**{**aapl, "symbol": "MSFT"}), progress=False)
            public = getattr(importlib.import_module(fc._MODULES[name]), name)
            public = public if name[0].isupper() else getattr(fc, name)
            (test,) = finder.find(inspect.unwrap(public), name)
            assert test.examples, f"{name} has no example"
            assert runner.run(test).failed == 0, name
    assert runner.run(finder.find(fc, "forecast")[0]).failed == 0


CALLS = [
    (lambda w: fc.train("AAPL", workspace=w), "Expected experiment as an Experiment, got str 'AAPL'"),
    (lambda w: fc.train(fc.Experiment("ACME"), jobs=0, workspace=w), "Expected jobs as a whole number from 1, got 0"),
    (lambda w: fc.train(fc.Experiment("ACME"), jobs=2.0, workspace=w), "got 2.0"),
    (lambda w: fc.train(fc.Experiment("ACME"), backend="torch", workspace=w), "torch"),
    (lambda w: fc.train(fc.Experiment("ACME"), progress=1, workspace=w), "Expected progress as True, False"),
    (lambda w: fc.train(fc.Experiment("NOPE"), workspace=w, progress=False), "NOPE"),
    (lambda w: fc.train(fc.Experiment("ACME"), workspace="data"), "Expected workspace as a Workspace"),
    (lambda w: fc.Experiment("ACME", seeds=3.0), "Expected seeds as a whole number"),
    (lambda w: fc.Experiment("ACME", models="lstm"), "Expected models"),
    (lambda w: fc.Experiment("ACME", start="yesterday"), "Expected start as a date"),
    (lambda w: fc.Experiment(3), "Expected a symbol as text"),
    (lambda w: fc.Costs(fee_bps="1"), "Expected fee_bps as a number"),
    (lambda w: fc.backtest("NOPE", workspace=w), "Expected the name of a run"),
    (lambda w: fc.backtest(3, workspace=w), "Expected run as a Run, got int 3"),
    (lambda w: fc.backtest("ACME", fc.Costs(), workspace=w), "Expected trading as a TradingConfig, got Costs"),
    (lambda w: fc.report("ACME", "long-flat", workspace=w), "Expected result as a BacktestResult"),
    (lambda w: fc.report("ACME", backtest="nope", workspace=w), "a backtest of run"),
    (lambda w: fc.signal("ACME", policy="gamble", offline=True, workspace=w, progress=False), "policy"),
    (lambda w: fc.fetch("AAPL", source="bloomberg", workspace=w), "Expected source out of yahoo, csv, sample"),
    (lambda w: fc.fetch("AAPL", source="csv", workspace=w), "Expected file with source csv"),
    (lambda w: fc.fetch(3, source="sample", workspace=w), "Expected symbols as texts, got 3"),
    (lambda w: fc.fetch([], source="sample", workspace=w), "Expected symbols as texts"),
    (lambda w: fc.fetch("AAPL", source="sample", start="yesterday", workspace=w), "Expected start as a date"),
    (lambda w: fc.fetch("NOPE", source="sample", workspace=w), "NOPE"),
]


@pytest.mark.parametrize(("call", "message"), CALLS, ids=[message[:40] for _, message in CALLS])
def test_wrong_input_is_one_line_and_leaves_nothing(call, message, workspace):
    before = sorted(path for path in workspace.data_dir.rglob("*") if "backtests" not in path.parts)
    with pytest.raises(fc.ForecastError, match=message) as caught:
        call(workspace)
    assert "\n" not in str(caught.value)
    after = sorted(path for path in workspace.data_dir.rglob("*") if "backtests" not in path.parts)
    assert [path for path in after if path not in before and not path.name.endswith(".lock")] == []


NOTEBOOK = (
    "import forecast as fc",
    "experiment = fc.Experiment('ACME', models=['lstm'], baselines=[], folds=2, seeds=1, epochs=1, units=2, window=5)\n"
    "run = fc.train(experiment, jobs=1)",
    "fc.backtest(run)",
)


@pytest.fixture
def prices_only(folder, tmp_path):
    """A folder of its own with the same prices and no run."""
    shutil.copytree(folder / "data" / "store", tmp_path / "data" / "store")
    return tmp_path


def test_a_notebook_trains_with_a_bar_and_shows_the_verdict(prices_only):
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in NOTEBOOK])
    client = nbclient.NotebookClient(book, kernel_name="python3", resources={"metadata": {"path": prices_only}})
    client.execute(env={**os.environ, "PYTHONPATH": str(ROOT)})
    bar = "".join(output.get("text", "") for output in book.cells[1].outputs)
    assert "3/3" in bar or "2/2" in bar
    assert "<b>Skill: " in book.cells[2].outputs[-1]["data"]["text/html"]


def test_ipython_trains(prices_only):
    pytest.importorskip("IPython")
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--quick", "-c", "\n".join(NOTEBOOK[:2]) + "\nprint(run.finished)"],
        capture_output=True, text=True, cwd=prices_only,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(prices_only)},
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "True", done.stderr
