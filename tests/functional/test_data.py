"""`forecast data` from end to end."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from forecast.__main__ import run
from pipelines.sources import sample
from pipelines.store.store import Store
from tests.helpers.market_examples import actions, daily_bars


@pytest.fixture
def data(tmp_path: Path) -> Path:
    store = Store(tmp_path / "store")
    for symbol in ("FB", "AAPL"):
        sample.fetch(store, symbol)
    return tmp_path


def forecast(data: Path, *arguments: str) -> int:
    return run(["--data-dir", str(data), "data", *arguments])


def test_list_names_every_series(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert forecast(data, "list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split() == ["FB", "1d", "bars", "196", "2012-05-18", "2013-03-01", "USD", "XNYS"]
    assert all(len(line) <= 80 and line == line.rstrip() for line in lines)
    forecast(data, "list", "--json")
    assert [series["symbol"] for series in json.loads(capsys.readouterr().out)["series"]] == ["AAPL", "FB"]


def test_an_empty_store_says_how_to_fill_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert forecast(tmp_path, "list") == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert "forecast fetch AAPL --source sample" in err


def test_show_gives_the_last_rows_raw_or_adjusted(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert forecast(data, "show", "aapl", "--rows", "2") == 0
    out = capsys.readouterr().out
    assert "2013-03-01     438  438.1799  429.98  430.47  19\u202f730\u202f300" in out
    assert "2005-02-28         0      2" in out
    forecast(data, "show", "AAPL", "--rows", "1", "--adjust", "forward", "--json")
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert row["close"] == pytest.approx(430.47 * 4 * 1.0148, rel=1e-3)  # two splits, three dividends of some 0.5 %


def test_show_of_what_is_not_there_is_one_line(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert forecast(data, "show", "NOPE") == 2
    assert "Expected a symbol in the store (AAPL, FB), got NOPE" in capsys.readouterr().err


def test_check_finds_repairs_and_takes_the_repair_back(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = Store(data / "store")
    right = store.read_bars("FB")
    close, low = right.close.copy(), right.low.copy()
    close[50] /= 10
    low[50] = close[50]
    misscaled = replace(right, close=close, low=low)
    store.write_bars(misscaled)
    assert forecast(data, "check", "FB", "--repair", "--json") == 0
    out, err = capsys.readouterr()
    (finding,) = json.loads(out)["findings"]
    assert (finding["kind"], finding["session"], finding["repair"]) == ("bad print", "2012-07-31", "divide by 0.1")
    assert store.read_bars("FB").close == pytest.approx(right.close)
    assert forecast(data, "check", "FB") == 0
    assert "FB: 196 bars, 0 findings." in capsys.readouterr().out
    version = err.split("--undo ")[1].split("`")[0]
    assert forecast(data, "check", "FB", "--undo", version) == 0
    assert store.read_bars("FB").close.tolist() == close.tolist()


def test_undo_takes_a_repaired_dividend_back_with_the_prices(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bars = daily_bars([100.0] * 60)
    close = np.where(np.arange(60) == 30, 10_000.0, 100.0)
    bars = replace(bars, open=close, high=close, low=close, close=close)
    paid = actions(bars, {10: (30.0, 1.0), 50: (0.01, 1.0)})
    Store(tmp_path / "store").write(bars, paid)
    assert forecast(tmp_path, "check", "XYZ", "--repair") == 0
    version = capsys.readouterr().err.split("--undo ")[1].split("`")[0]
    store = Store(tmp_path / "store")
    assert store.read_actions("XYZ").dividend.tolist() == [0.3, 0.01]
    assert forecast(tmp_path, "check", "XYZ", "--undo", version) == 0
    assert f"60 bars, dividends and splits are again as in version {version}" in capsys.readouterr().err
    assert store.read_actions("XYZ").dividend.tolist() == [30.0, 0.01]
    assert store.read_bars("XYZ").close.tolist() == close.tolist()
    assert forecast(tmp_path, "check", "XYZ", "--undo", "99") == 2
    assert "Expected a version from 0 to 2, got 99" in capsys.readouterr().err


def test_check_shows_a_crash_and_suggests_nothing(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert forecast(data, "check", "AAPL") == 0
    assert "2000-09-29  suspicious  -51.9% from one close to the next" in capsys.readouterr().out


def test_several_symbols_are_checked_at_once_and_one_that_is_missing_is_named_even_in_quiet(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "symbols.txt").write_text("FB  # and what is not there\nNOPE\n")
    assert forecast(data, "check", "AAPL", f"@{tmp_path / 'symbols.txt'}") == 2
    out, err = capsys.readouterr()
    assert out.startswith("2 symbols, ")
    assert "AAPL    2000-09-29  suspicious" in out
    assert "NOPE: Expected a symbol in the store (AAPL, FB), got NOPE" in err
    assert "Checked 2 of 3 symbols, not NOPE (" in err
    assert run(["--quiet", "--data-dir", str(data), "data", "check", "AAPL", "NOPE", "--json"]) == 2
    out, err = capsys.readouterr()
    assert [check["symbol"] for check in json.loads(out)["checked"]] == ["AAPL"]
    assert "NOPE" in json.loads(out)["failed"]
    assert err.startswith("NOPE: Expected a symbol in the store")
    assert forecast(data, "check", "AAPL", "FB", "--undo", "1") == 2
    assert "each has a version of its own" in capsys.readouterr().err


def test_export_writes_csv_and_parquet_and_no_formula(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import pandas as pd

    assert forecast(data, "export", "FB", str(data / "fb.parquet")) == 0
    table = pd.read_parquet(data / "fb.parquet")
    assert (len(table), table["close"].iloc[0], table["session"].iloc[0]) == (196, 38.2318, "2012-05-18")
    assert forecast(data, "export", "FB", str(data / "fb.csv"), "--adjust", "back") == 0
    assert (data / "fb.csv").read_text().splitlines()[1].startswith("FB,2012-05-18,")
    assert forecast(data, "export", "FB", str(data / "fb.xls")) == 2
    assert ".csv or .parquet" in capsys.readouterr().err


def test_text_that_a_spreadsheet_would_run_is_made_plain(tmp_path: Path) -> None:
    import pandas as pd

    from pipelines.store.export import write_frame

    frame = pd.DataFrame({"symbol": ["=cmd()", "@x", "FB"], "close": [1.0, -2.0, 3.0]})
    write_frame(frame, tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_text() == "symbol,close\n'=cmd(),1.0\n'@x,-2.0\nFB,3.0\n"


def test_compact_merges_files_and_changes_no_row(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = Store(data / "store")
    bars = store.read_bars("FB")
    for row in range(3):
        store.write_bars(replace(bars.rows([row]), close=bars.open[[row]]))
    before = store.read_bars("FB")
    assert forecast(data, "compact", "--json") == 0
    assert json.loads(capsys.readouterr().out)["files_fewer"] >= 0
    assert store.read_bars("FB").close.tolist() == before.close.tolist()
