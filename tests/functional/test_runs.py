"""`forecast runs`: what is listed, compared, labelled and removed, as a person meets it. Nothing is trained."""

import json
import shutil

import pytest

from forecast.report import write_report
from forecast.runs.catalog import open_run
from tests.helpers.command_line import forecast, only_line
from tests.helpers.report_fixtures import build_run, save_backtest

A, B, C = "AAPL-1d-aaaaaaaaaa", "AAPL-1d-bbbbbbbbbb", "MSFT-1d-cccccccccc"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    build_run(folder / "data" / "runs", name=A, bars=200, folds=1, seeds=2)
    build_run(folder / "data" / "runs", name=B, bars=200, folds=1, seeds=2, edge=1.0)
    build_run(folder / "data" / "runs", name=C, symbol="MSFT", bars=200, folds=1, seeds=2, backtest=None)
    return folder


@pytest.fixture
def folder(built, tmp_path):
    shutil.copytree(built, tmp_path, dirs_exist_ok=True)
    return tmp_path


def listed(folder, capsys, *arguments):
    assert forecast(folder, "runs", "--json", *arguments) == 0
    return [run["run"] for run in json.loads(capsys.readouterr().out)]


def test_the_list_is_sorted_and_filtered(folder, capsys):
    assert set(listed(folder, capsys)) == {A, B, C}
    assert listed(folder, capsys, "--sort", "sharpe") == [B, A, C]
    assert listed(folder, capsys, "--symbol", "msft") == [C]
    assert listed(folder, capsys, "--status", "unfinished") == []
    assert listed(folder, capsys, "--model", "gru") == []
    assert forecast(folder, "runs", "tag", A, "candidate") == 0
    assert forecast(folder, "runs", "note", A, "A note of mine") == 0
    capsys.readouterr()
    assert listed(folder, capsys, "--tag", "candidate") == [A]
    assert listed(folder, capsys, "--text", "note OF") == [A]
    assert listed(folder, capsys, "--text", "window=30", "--symbol", "AAPL", "--sort", "run") == [A, B]
    assert forecast(folder, "runs") == 0
    output = capsys.readouterr().out
    assert "#candidate; A note of mine" in output
    assert "finished, no backtest" in output


def test_an_empty_folder_says_how_to_begin(tmp_path, capsys):
    assert forecast(tmp_path, "runs") == 0
    assert "forecast train SYMBOL" in capsys.readouterr().err
    assert listed(tmp_path, capsys) == []


def test_comparing_prints_settings_numbers_and_intervals_and_writes_a_page(folder, capsys):
    assert forecast(folder, "runs", "compare", A, B) == 0
    output = capsys.readouterr().out
    assert f"LSTM of {B} against {A}: earned more" in output
    assert "common days, 2005-" in output
    assert forecast(folder, "runs", "compare", A, B, "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert [difference["answer"] for difference in result["differences"] if difference["model"] == "lstm"] == ["better"]
    assert result["page"].endswith(".html")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["compare", A], "Expected two runs or more"),
        (["compare", A, A], "Expected different runs or backtests"),
        (["compare", A, C], f"Expected a backtest of run {C}, got none. Make one: forecast backtest {C}."),
        (["compare", A, B, "--backtest", "other"], "got 'other'"),
        (["compre", A, B], "Did you mean compare?"),
        (["tag", A, "a b"], "Expected a tag of at most 40 letters"),
        (["tag", A, "x", "--remove"], "it has none"),
        (["note", A, "x", "--clear"], "got both"),
        (["remove", "AAPL", "--yes"], f"Expected the name of a run to remove, got 'AAPL'. Its newest run is {B}."),
        (["remove", A], "Nobody is there to be asked: add --yes."),
        (["prune"], "Missing option '--keep'"),
        (["--sort", "size"], "'size' is not one of"),
    ],
)
def test_what_cannot_be_done_is_one_line(built, capsys, arguments, message):
    assert forecast(built, "runs", *arguments) == 2
    assert message in only_line(capsys.readouterr().err)
    assert open_run(built / "data" / "runs", A).finished


def test_removing_the_latest_run_takes_its_pages_and_moves_latest_on(folder, capsys):
    runs, reports = folder / "data" / "runs", folder / "reports"
    run = open_run(runs, C)
    save_backtest(run, "one", bars_per_year=252.0)
    write_report(run, backtest="one", folder=reports)
    save_backtest(run, "two", bars_per_year=252.0)
    write_report(run, backtest="two", folder=reports)
    assert {path.name for path in reports.glob("MSFT*")} == {f"{C}.html", f"{C}.one.html"}
    assert forecast(folder, "runs", "remove", "latest", "--yes") == 0
    assert "Removed MSFT-1d-cccccccccc." in capsys.readouterr().out
    assert not list(reports.glob("MSFT*"))
    assert not list(runs.glob("*MSFT*"))
    assert not list(runs.glob(".MSFT*"))
    assert open_run(runs).name == B


def test_pruning_keeps_what_is_tagged(folder, capsys):
    assert forecast(folder, "runs", "prune", "--keep", "1", "--yes") == 0
    assert "Removed AAPL-1d-aaaaaaaaaa" in capsys.readouterr().out
    assert forecast(folder, "runs", "tag", C, "kept") == 0
    assert forecast(folder, "runs", "prune", "--keep", "0", "--yes") == 0
    capsys.readouterr()
    assert listed(folder, capsys) == [C]
    assert forecast(folder, "runs", "prune", "--keep", "0", "--yes") == 0
    assert "Nothing to remove" in capsys.readouterr().out


def test_each_backtest_of_a_run_has_its_page_and_the_newest_one_has_the_runs(folder):
    run, reports = open_run(folder / "data" / "runs", A), folder / "reports"
    assert write_report(run, backtest="default", folder=reports).name == f"{A}.html"
    save_backtest(run, "other", bars_per_year=252.0)
    assert write_report(run, backtest="other", folder=reports).name == f"{A}.html"
    names = {path.name for path in reports.glob(f"{A}*")}
    assert names == {f"{A}.html", f"{A}.default.html"}
    assert write_report(run, backtest="default", folder=reports).name == f"{A}.default.html"
    save_backtest(run, "default", bars_per_year=252.0)
    assert write_report(run, backtest="default", folder=reports).name == f"{A}.html"
    assert {path.name for path in reports.glob(f"{A}*")} == {f"{A}.html", f"{A}.other.html"}
