"""A list of runs says what is in them, notices every change, and does not read again what has not changed."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from forecast.runs import labels, overview, removal
from forecast.runs.catalog import open_run, set_latest
from forecast.runs.overview import RunSummary, differing_settings, summaries
from forecast.runs.run import Run
from pipelines.errors import RunError
from tests.helpers.command_line import environment
from tests.helpers.report_fixtures import build_run, save_backtest


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("built") / "runs"
    build_run(folder, name="AAPL-1d-aaaaaaaaaa", bars=200, folds=1, seeds=2)
    build_run(folder, name="MSFT-1d-bbbbbbbbbb", symbol="MSFT", bars=200, folds=1, seeds=2, backtest=None)
    return folder


@pytest.fixture
def runs(built, tmp_path):
    shutil.copytree(built, tmp_path / "runs")
    return tmp_path / "runs"


def one(runs, name):
    return next(summary for summary in summaries(runs) if summary.run == name)


def test_the_numbers_are_those_of_the_newest_backtest(runs):
    first = one(runs, "AAPL-1d-aaaaaaaaaa")
    metrics = Run(runs / first.run).metrics("default")
    assert (first.status, first.symbol, first.backtests, first.model) == ("finished", "AAPL", ("default",), "lstm")
    assert first.number("sharpe") == metrics["performance"]["lstm"]["ensemble"]["sharpe"]
    assert (first.skill, first.money) == (metrics["verdict"]["skill"], metrics["verdict"]["money"])
    assert first.settings["window"] == 30
    other = one(runs, "MSFT-1d-bbbbbbbbbb")
    assert (other.backtests, other.model, other.number("sharpe")) == ((), None, None)


def test_a_second_listing_reads_no_run_and_is_the_same(runs, monkeypatch):
    first = summaries(runs)
    monkeypatch.setattr(overview, "_summarise", lambda folder: pytest.fail(f"{folder} was read again"))
    assert summaries(runs) == first


def test_every_change_of_a_run_is_noticed(runs):
    run = open_run(runs, "AAPL-1d-aaaaaaaaaa")
    assert one(runs, run.name).tags == ()
    labels.add_tags(run, ["candidate"])
    assert one(runs, run.name).tags == ("candidate",)
    save_backtest(run, "another", bars_per_year=252.0)
    assert one(runs, run.name).backtests == ("default", "another")
    (run.folder / "predictions.parquet").unlink()
    assert one(runs, run.name).status == "unfinished"
    (run.folder / "run.json").write_bytes(b"{")
    assert one(runs, run.name).status == "unreadable"
    assert "run.json" in one(runs, run.name).problem
    shutil.rmtree(run.folder)
    assert [summary.run for summary in summaries(runs)] == ["MSFT-1d-bbbbbbbbbb"]


def test_a_run_whose_description_is_gone_is_listed_as_unreadable(runs):
    (runs / "AAPL-1d-aaaaaaaaaa" / "run.json").unlink()
    damaged = one(runs, "AAPL-1d-aaaaaaaaaa")
    assert damaged.status == "unreadable"
    assert "run.json" in damaged.problem


def test_a_list_that_is_up_to_date_is_shown_without_pandas(runs):
    summaries(runs)
    program = (
        "import sys\nfrom forecast.__main__ import run\n"
        f"code = run(['--data-dir', {str(runs.parent)!r}, 'runs'])\nprint(code, 'pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment())
    assert "AAPL-1d-aaaaaaaaaa" in done.stdout
    assert done.stdout.splitlines()[-1] == "0 False"


@pytest.mark.parametrize("content", [b"", b"[]", b'{"version": 3, "runs": {"x": 1}}', b'{"version": 1}', b"[" * 10**6])
def test_a_damaged_list_is_made_anew(runs, content):
    expected = summaries(runs)
    (runs / ".overview.json").write_bytes(content)
    assert summaries(runs) == expected
    assert json.loads((runs / ".overview.json").read_bytes())["version"] == 3


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs")
def test_a_list_that_is_no_file_is_not_waited_for(runs):
    expected = summaries(runs)
    (runs / ".overview.json").unlink()
    os.mkfifo(runs / ".overview.json")
    assert summaries(runs) == expected


def test_a_damaged_backtest_or_label_leaves_the_rest_of_the_line(runs):
    run = open_run(runs, "AAPL-1d-aaaaaaaaaa")
    (run.folder / "labels.json").write_bytes(b"{")
    assert "labels.json" in one(runs, run.name).problem
    (run.folder / "backtests" / "default" / "metrics.json").write_bytes(b"{}")
    (run.folder / "backtests" / "default").touch()
    row = one(runs, run.name)
    assert (row.status, row.skill) == ("finished", None)
    assert "was changed" in row.problem


def test_a_backtest_without_its_metrics_is_told(runs):
    (runs / "AAPL-1d-aaaaaaaaaa" / "backtests" / "default" / "metrics.json").unlink()
    listed = one(runs, "AAPL-1d-aaaaaaaaaa")
    assert listed.backtests == ()
    assert listed.problem == (
        "metrics.json of backtest default is missing. Make it again: forecast backtest AAPL-1d-aaaaaaaaaa."
    )


def test_settings_that_differ_are_those_that_are_not_the_same_in_all():
    def summary(name, **settings):
        return RunSummary(run=name, status="finished", settings={"symbol": name, "window": 30, "units": 32, **settings})

    assert differing_settings([summary("A"), summary("B", window=60)]) == ["window"]
    assert differing_settings([summary("A"), summary("B")]) == []
    assert differing_settings([summary("A"), RunSummary(run="C", status="unreadable")]) == []
    judged = RunSummary(run="D", status="finished", settings={"window": 60})  # has no units, folds or epochs
    assert differing_settings([summary("A"), summary("B"), judged]) == ["window"]


def test_a_removed_run_leaves_neither_lock_nor_page_and_latest_moves_on(runs, tmp_path):
    run = open_run(runs, "AAPL-1d-aaaaaaaaaa")
    set_latest(runs, run)
    labels.add_tags(run, ["x"])
    page = tmp_path / "page.html"
    page.touch()
    removal.remove_run(run, pages=[page, tmp_path / "absent.html"])
    assert open_run(runs).name == "MSFT-1d-bbbbbbbbbb"
    assert sorted(path.name for path in runs.iterdir()) == ["MSFT-1d-bbbbbbbbbb", "latest"]
    assert not page.exists()
    removal.remove_run(open_run(runs), pages=[])
    assert not list(runs.iterdir())


def test_a_run_that_is_being_trained_is_not_removed(runs):
    run = open_run(runs, "AAPL-1d-aaaaaaaaaa")
    with run.locked(), pytest.raises(RunError, match="is being trained by another process"):
        removal.remove_run(Run(run.folder), pages=[])
    assert run.finished


def test_pruning_keeps_the_newest_of_each_symbol_and_what_is_live_tagged_or_noted():
    def summary(name, symbol, **more):
        return RunSummary(run=name, symbol=symbol, **{"status": "finished", **more})

    listed = [
        summary("a6", "A"), summary("b2", "B"), summary("a5", "A", status="unfinished"), summary("a4", "A"),
        summary("a3", "A", tags=("x",)), summary("a2", "A", note="x"), summary("a1", "A"), summary("a0", "A"),
    ]  # fmt: skip
    assert removal.superfluous(listed, keep=1, live={"a1"}) == ["a4", "a0"]
    assert removal.superfluous(listed, keep=9, live=set()) == []
