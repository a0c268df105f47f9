"""Every table of every command on terminals of 40, 80 and 120 columns; hints that work where they are given."""

import io
import json
import os
import shutil
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import click
import numpy as np
import pandas as pd
import pytest

from forecast.__main__ import globals_first, run
from forecast.cli import evening_output
from forecast.cli.commands import inspect, power
from forecast.cli.context import CliContext
from forecast.cli.ranking_output import show_panel
from forecast.config.trading import TradingConfig
from forecast.runs import labels
from forecast.runs.catalog import open_run
from forecast.serving import live
from forecast.serving.account import give_orders
from forecast.serving.evening import Answer, Evening, Failure, LiveForecast, PanelAnswer
from forecast.serving.journal import GivenName, GivenOrder, GivenSignal, Journal, JournalEntry
from forecast.serving.panel_signal import LivePanel, PanelSignal, Quote, RankedName
from forecast.serving.signal import RunSignal, Signal
from forecast.studies.window_ablation import Ablation
from forecast.workspace import Workspace
from pipelines.market.types import Actions
from tests.helpers.command_line import forecast, only_line
from tests.helpers.panel_runs import panel_bars, panel_run
from tests.helpers.report_fixtures import build_run, save_backtest
from tests.helpers.study_results import power_study
from tests.helpers.terminal import WIDTHS, Terminal, both_on_terminal, on_terminal, too_wide

A, B = "AAPL-1d-aaaaaaaaaa", "MSFT-1d-bbbbbbbbbb"
LONG = "long-flat_band-0.0_fee-1.0_slippage-2.0"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("terminal")
    runs = folder / "data" / "runs"
    for name, symbol in ((A, "AAPL"), (B, "MSFT")):
        run = build_run(runs, name=name, symbol=symbol, bars=200, folds=1, seeds=2)
        save_backtest(run, LONG, bars_per_year=252.0)
        live.add(folder / "data" / "live", run=name, symbol=symbol, model="lstm", backtest=LONG, rules={})
    labels.add_tags(open_run(runs, A), ["candidate", "wide-window"])
    labels.write_note(open_run(runs, A), "A note that is long enough to be wrapped at its words on a narrow terminal")
    long = GivenSignal(model="lstm", signal="buy", probability=0.51, position=1.0, members=(0.5, 0.52))
    Journal(folder / "data" / "live").record(
        [
            JournalEntry(
                recorded_at="2005-09-01T22:00:00Z", run=A, symbol="AAPL", model="lstm", backtest=LONG, rules={},
                decided_at="2005-09-01T21:00:00Z", price=0.0000113, signals=(long,),
            )
        ]
    )  # fmt: skip
    for arguments in (("AAPL", "MSFT", "ES", "--source", "sample"),):
        assert forecast(folder, "fetch", *arguments) == 0
    return folder


COMMANDS = [
    ("runs",), ("runs", "--sort", "sharpe"), ("runs", "compare", A, B), ("runs", "note", A), ("runs", "tag", A),
    ("live", "list"), ("live", "journal"), ("data", "list"), ("data", "show", "AAPL"),
    ("data", "show", "ES"), ("data", "check", "AAPL"), ("data", "check", "ES"), ("data", "check", "AAPL", "ES"),
    ("backtest", A), ("backtest", A, B), ("doctor",),
    ("fetch", "AAPL", "MSFT", "--source", "sample"),
]  # fmt: skip


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_what_a_command_prints_fits_and_symbols_are_whole(folder, arguments, width):
    output = on_terminal(folder, *arguments, width=width)
    assert not too_wide(output, width)
    if arguments[0] in ("runs", "live") and arguments[1:2] != ("note",) and "tag" not in arguments:
        assert A in output or arguments == ("live", "journal")
    assert "…" not in output


@pytest.mark.parametrize(
    ("arguments", "stage"),
    [
        (("report", A), f"Writing the page of {A}"),
        (("runs", "compare", A, B), "Comparing 2 runs"),
        (("backtest", A), f"Backtesting {A}"),
        (("live", "list"), "Following MSFT"),
        (("data", "export", "AAPL", "bars.csv"), "Writing bars.csv"),
    ],
)
def test_a_command_that_works_for_seconds_says_at_what(folder, tmp_path, monkeypatch, arguments, stage):
    monkeypatch.chdir(tmp_path)
    assert stage in " ".join(both_on_terminal(folder, *arguments, width=120)[1].split())


def test_columns_are_left_out_in_the_order_that_is_stated(folder):
    wide = on_terminal(folder, "runs", width=400).splitlines()[0].split()
    assert wide[0] == "run"
    at_120 = on_terminal(folder, "runs", width=120)
    assert "Not enough room for" in at_120 or "labels" in at_120.splitlines()[0]
    narrow = on_terminal(folder, "runs", width=40)
    for heading in ("skill", "Sharpe", "drawdown", "trades", "labels"):  # stacked: all columns
        assert heading in narrow


@pytest.fixture(scope="module")
def panel(tmp_path_factory):
    """A panel of five symbols with long names, in a folder of its own."""
    folder = tmp_path_factory.mktemp("panel")
    prices = {symbol: panel_bars(symbol, bars=250) for symbol in ("0P000071W8.TO", "BRK-B", "EURUSD=X", "IBM", "KO")}
    panel_run(
        folder / "data" / "runs", folder / "scratch", prices=prices, edge={"lstm": 0.1, "simple_rnn": 0.0}, seeds=1,
        folds=1, baselines=(),
    )  # fmt: skip
    return folder


@pytest.mark.parametrize("width", WIDTHS)
def test_the_backtest_of_a_panel_fits(panel, width):
    output = on_terminal(panel, "backtest", "PANEL-1d-0123456789", "--policy", "quantile:0.4", width=width)
    assert not too_wide(output, width)
    assert "rank" in output


def shown_by(render, *, width):
    out, size = Terminal(), os.terminal_size((width, 40))
    with mock.patch.object(shutil, "get_terminal_size", return_value=size), redirect_stdout(out):
        render()
    return click.unstyle(out.getvalue())


@pytest.mark.parametrize("width", WIDTHS)
def test_the_ranking_of_a_panel_fits(width):
    names = tuple(
        RankedName(rank=rank, symbol=symbol, probability=0.5123, before=-0.25, share=0.25, action="buy")
        for rank, symbol in enumerate(("0P000071W8.TO", "BRK-B"), start=1)
    )
    ranking = PanelSignal(
        run="PANEL-1d-0123456789", symbol="PANEL", decided_at=np.datetime64("2024-01-02T21:00", "ns"),
        calendar="XNYS", rules=TradingConfig(policy="quantile:0.4"), networks={"lstm": names}, absent={},
    )  # fmt: skip
    settings = CliContext(workspace=Workspace(data_dir="d", reports_dir="r"), quiet=True)
    now = np.datetime64("2024-01-02T22:00", "ns")
    text = shown_by(lambda: show_panel(ranking, settings, now=now, as_json=False), width=width)
    assert not too_wide(text, width)
    for needed in ("0P000071W8.TO", "0.5123", "BUY", "25.0 %"):
        assert needed in text


@pytest.mark.parametrize("width", WIDTHS)
def test_the_tables_of_the_studies_fit(tmp_path, width):
    study = SimpleNamespace(rates=power_study(tmp_path).shares)
    text = shown_by(lambda: power._print(study), width=width)
    assert not too_wide(text, width)
    assert "12 of 20" in text
    table = pd.DataFrame(
        {"model": ["simple_rnn_wide"] * 2, "window": [30, 120], "log_loss": [0.6931, 0.7123],
         "difference": [0.0, -0.0012], "low": [np.nan, -0.002345], "high": [np.nan, 0.0001234],
         "answer": ["", "inconclusive"]}
    )  # fmt: skip
    ablation = Ablation(table=table, window=30)
    text = shown_by(lambda: inspect.print_ablation(ablation, A), width=width)
    assert not too_wide(text, width)
    for needed in ("−0.1200 %", "−0.2345 to +0.0123 %", "inconclusive"):
        assert needed in text


@pytest.mark.parametrize("width", WIDTHS)
def test_what_is_understood_of_a_file_fits(tmp_path, width):
    (tmp_path / "x.csv").write_text(
        "date;open;high;low;close;volume\n" + "\n".join(f"2024-01-0{day};10;12;9;11;1234567" for day in (2, 3, 4))
    )
    arguments = ("fetch", "ACME", "--source", "csv", "--file", str(tmp_path / "x.csv"), "--dry-run")
    output = on_terminal(tmp_path, *arguments, width=width)
    assert not too_wide(output, width)
    assert "1234567" in output


@pytest.mark.parametrize("width", WIDTHS)
def test_settings_that_are_in_force_fit(tmp_path, width, monkeypatch):
    (tmp_path / "forecast.toml").write_text(
        '[train]\nmodel = ["simple_rnn", "lstm", "gru", "simple_rnn_wide"]\nstart = 2012-01-04\n[signal]\ncash = 1e4\n'
    )
    monkeypatch.chdir(tmp_path)
    output = on_terminal(tmp_path, "config", "show", width=width)
    assert not too_wide(output, width)
    assert "2012-01-04" in output


@pytest.mark.parametrize("width", WIDTHS)
def test_signals_of_the_evening_fit(width, capsys, monkeypatch, tmp_path):
    network = Signal(model="lstm", signal="buy", probability=0.5123, members=(0.5, 0.52), position=-0.5)
    decided = np.datetime64("2024-01-02T21:00", "ns")
    forecast = RunSignal(
        run=A, symbol="SHIB-USD", decided_at=decided, price=0.0000112965, currency="USD", calendar="XNYS",
        bars_since_run=3, rules=TradingConfig(), networks=(network,),
    )  # fmt: skip
    short = GivenSignal(model="lstm", signal="buy", probability=0.5123, position=-0.5)
    entry = JournalEntry(
        recorded_at="2024-01-02T22:00:00Z", run=A, symbol="SHIB-USD", model="lstm", backtest=LONG, rules={},
        decided_at="2024-01-02T21:00:00Z", price=0.0000112965, currency="USD", signals=(short,),
    )  # fmt: skip
    long = replace(entry, decided_at="2023-12-29T21:00:00Z", signals=(replace(short, position=1.0),))
    lived = live.LiveRun(run=A, symbol="SHIB-USD", model="lstm", backtest=LONG, rules={}, added_at="")
    live_forecast = LiveForecast(loaded=None, forecast=forecast, prices=None)  # type: ignore[arg-type]
    answer = Answer(
        live=lived, live_forecast=live_forecast, entry=entry, earlier=(), followed=(long,),
        verdict={"skill": "inconclusive", "money": None},
    )  # fmt: skip
    name = GivenName(symbol="0P000071W8.TO", decided_at=entry.decided_at, price=20.0, signals=(short,))
    ranking = PanelSignal(
        run=B, symbol="SP120", decided_at=decided, calendar="XNYS", rules=TradingConfig(), networks={},
        absent={}, quotes={"KO": Quote(closed_at=decided, price=10.0, currency="USD")},
    )  # fmt: skip
    before = replace(
        entry, run=B, symbol="SP120", signals=(), names=(name, replace(name, symbol="KO")),
        decided_at="2023-12-29T21:00:00Z",
    )  # fmt: skip
    panel_answer = PanelAnswer(
        live=replace(lived, run=B, symbol="SP120"), followed=(before,), earlier=(), verdict={},
        entry=replace(before, names=(name,), left=("KO",), decided_at=entry.decided_at),
        live_panel=LivePanel(run=None, experiment=None, forecast=ranking, prices={}),  # type: ignore[arg-type]
    )  # fmt: skip
    evening = Evening(answers=(answer, panel_answer), failures=(Failure(run=B, symbol="MSFT", reason="It is gone."),))
    now, removed = np.datetime64("2024-01-02T22:00", "ns"), "GOOG-1d-cccccccccc"
    order = GivenOrder(
        recorded_at="2023-12-29T22:00:00Z", run=B, symbol="KO", decided_at=before.decided_at, calendar="XNYS",
        position=-0.5, money=10_000 / 2, before=0, shares=-25,
    )  # fmt: skip
    journal = Journal(tmp_path)
    journal.order(lambda _: [order, replace(order, run=removed, symbol="GOOG", shares=12345)])
    ordered = give_orders(evening, cash=10_000, journal=journal, actions=Actions.none, now=now)
    assert {key: (order.before, order.shares) for key, order in ordered.items()} == {
        (A, "SHIB-USD"): (0, -221307484), (B, "0P000071W8.TO"): (0, -125), (B, "KO"): (-25, 0),
        (removed, "GOOG"): (12345, 0),
    }  # fmt: skip
    out = Terminal()
    monkeypatch.setattr(shutil, "get_terminal_size", lambda fallback=(80, 24): os.terminal_size((width, 40)))
    settings = CliContext(workspace=Workspace(data_dir=Path("d"), reports_dir=Path("r")))
    with redirect_stdout(out):
        evening_output.show(evening, settings, now=now, form="table", ordered=ordered)
    text = click.unstyle(out.getvalue())
    assert not too_wide(text, width)
    for needed in (
        "SHIB-USD",
        "BUY",
        "short 50 %",
        "from long",
        "0.0000112965",
        "0P000071W8.TO",
        "KO",
        "BUY",
        "from short 50 %",
        "NOT LIVE",
        "sell 12\u202f345",
    ):
        assert needed in text, needed
    assert "MSFT: It is gone." in capsys.readouterr().err
    assert isinstance(out, io.StringIO)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["bactest"], "Did you mean backtest?"),
        (["data", "shwo", "AAPL"], "Did you mean show?"),
        (["train", "AAPL", "--model", "lsmt"], "Did you mean lstm?"),
        (["train", "AAPL", "--feature", "retrun"], "Did you mean return?"),
        (["train", "AAPL", "--label", "directon"], "Did you mean direction?"),
        (["backtest", A, "--policy", "long-shrot"], "Did you mean long-short?"),
        (["data", "show", "APPL"], "Did you mean AAPL?"),
        (["report", "AAPL-1d-aaaaaaaaab"], f"Did you mean {A}?"),
        (["backtest", A[:9]], f"Did you mean {A}?"),
        (["train", "ES"], "forecast train ES --bars tick:500"),
        (["fetch", "--source", "csv", "--file", "x.csv"], "Missing argument 'SYMBOL...'"),
    ],
)
def test_a_mistyped_name_is_answered_with_the_nearest(folder, capsys, arguments, hint):
    assert forecast(folder, *arguments) == 2
    assert hint in only_line(capsys.readouterr().err)


def test_options_of_all_commands_may_stand_behind_the_command(folder, tmp_path, capsys):
    assert run(["data", "list", "--data-dir", str(folder / "data"), "--json"]) == 0
    assert {series["symbol"] for series in json.loads(capsys.readouterr().out)["series"]} == {"AAPL", "MSFT", "ES"}
    assert run(["data", "list", f"--data-dir={tmp_path}", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    assert globals_first(["runs", "note", "x", "--", "--quiet"]) == ["runs", "note", "x", "--", "--quiet"]
    assert globals_first(["train", "--help"]) == ["train", "--help"]


def test_bare_forecast_prints_its_help(capsys):
    assert run([]) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("Usage: forecast")
    assert len(errors.splitlines()) > 20
    assert run(["data"]) == 2
    assert "Commands:" in capsys.readouterr().err


def test_a_symbol_with_trades_alone_is_shown_as_trades(folder, capsys):
    assert forecast(folder, "data", "show", "ES", "--rows", "2") == 0
    assert capsys.readouterr().out.split()[:4] == ["time,", "UTC", "price", "size"]
    assert forecast(folder, "data", "check", "ES") == 0
    assert "413\u202f803 ticks" in capsys.readouterr().out


def test_files_that_a_shell_has_named_are_files_and_not_symbols(tmp_path, capsys):
    for day, price in ((2, 10), (3, 11)):
        (tmp_path / f"{day}.csv").write_text(
            f"date,open,high,low,close,volume\n2024-01-0{day},{price},{price},{price},{price},5\n"
        )
    files = [str(tmp_path / f"{day}.csv") for day in (2, 3)]
    assert forecast(tmp_path, "fetch", "ACME", "--source", "csv", "--file", *files) == 0
    assert "2024-01-02  2024-01-03" in capsys.readouterr().out
    assert forecast(tmp_path, "fetch", "--source", "csv", "--file", *files) == 2
    assert "Expected a symbol before the files" in only_line(capsys.readouterr().err)


def test_a_small_price_is_never_shown_as_zero(tmp_path, capsys):
    (tmp_path / "x.csv").write_text(
        "date,open,high,low,close,volume\n2024-01-02,0.0000112965,0.0000113,0.0000112,0.0000112965,5\n"
    )
    assert forecast(tmp_path, "fetch", "SHIB", "--source", "csv", "--file", str(tmp_path / "x.csv")) == 0
    capsys.readouterr()
    assert forecast(tmp_path, "data", "show", "SHIB") == 0
    assert "0.0000112965  0.0000113  0.0000112  0.0000112965       5" in capsys.readouterr().out


def test_removing_a_symbol_takes_all_of_it_and_says_how_it_comes_back(tmp_path, capsys):
    assert forecast(tmp_path, "fetch", "IBM", "ES", "--source", "sample") == 0
    assert forecast(tmp_path, "data", "remove", "IBM") == 2
    assert "add --yes" in only_line(capsys.readouterr().err)
    assert forecast(tmp_path, "data", "remove", "ibm", "ES", "--yes") == 0
    output = capsys.readouterr().out
    back = next(line for line in output.splitlines() if "Removed IBM" in line).split("`")[1].split()[1:]
    assert forecast(tmp_path, "data", "list", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"series": []}
    assert forecast(tmp_path, *back) == 0
    capsys.readouterr()
    assert forecast(tmp_path, "data", "list", "--json") == 0
    assert [series["rows"] for series in json.loads(capsys.readouterr().out)["series"]] == [3270]
    assert forecast(tmp_path, "data", "remove", "NONE", "--yes") == 2
