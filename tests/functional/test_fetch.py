"""`forecast fetch` from end to end: what is printed, what is stored, and how it fails."""

import json
import re
from pathlib import Path

import pytest

from forecast.api import prices
from pipelines.store.store import Store
from tests.helpers.command_line import forecast, only_line


def test_the_sample_is_fetched_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert forecast(tmp_path, "fetch", "aapl", "MSFT", "--source", "sample") == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].split() == ["symbol", "what", "rows", "first", "last", "in", "actions"]
    assert re.split(" +", printed[1]) == ["AAPL", "1d", "bars", "3\u202f270", "2000-03-01", "2013-03-01", "USD", "5"]
    assert len(Store(tmp_path / "data" / "store").read_actions("MSFT")) == 38


def test_fetching_again_changes_nothing(tmp_path: Path) -> None:
    for _ in range(2):
        assert forecast(tmp_path, "fetch", "ES", "--source", "sample") == 0
    assert len(list((tmp_path / "data/store/ticks/_delta_log").glob("*.json"))) == 1


def test_symbols_that_work_are_kept_and_the_others_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert forecast(tmp_path, "fetch", "NOPE", "FB", "../../x", "--source", "sample", "--json") == 2
    out, err = capsys.readouterr()
    result = json.loads(out)
    assert [series["symbol"] for series in result["fetched"]] == ["FB"]
    assert list(result["failed"]) == ["NOPE", "../../x"]
    assert "Fetched 1 of 3 symbols, not NOPE (Expected a symbol of the sample" in err
    assert "; ../../x (Expected a symbol" in err
    assert [path.name for path in (tmp_path / "data/store/bars").glob("symbol=*")] == ["symbol=FB"]


def test_a_time_can_be_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    forecast(tmp_path, "fetch", "IBM", "--source", "sample", "--start", "2012-12-24", "--end", "2012-12-28", "--json")
    (fetched,) = json.loads(capsys.readouterr().out)["fetched"]
    assert (fetched["rows"], fetched["first"], fetched["last"]) == (4, "2012-12-24", "2012-12-28")


def test_what_was_dropped_is_told_on_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = "".join(f"2024-01-0{day},10,12,9,11,5\n" for day in (2, 3, 4, 5, 6))
    (tmp_path / "acme.csv").write_text("Date,Open,High,Low,Close,Volume\n" + rows)
    arguments = ("fetch", "ACME", "--source", "csv", "--file", str(tmp_path / "acme.csv"), "--currency", "EUR")
    assert forecast(tmp_path, *arguments) == 0
    assert "4 of 5 rows kept; dropped: 1 not a session of XNYS (first: row 5)" in capsys.readouterr().err
    assert Store(tmp_path / "data" / "store").read_bars("ACME").currency == "EUR"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["X", "--source", "csv"], "Expected file"),
        (["X", "--source", "sample", "--file", "f"], "source csv"),
        (["AAPL", "--source", "sample", "--start", "2013-01-01", "--end", "2012-01-01"], "start before end"),
        (["AAPL", "--source", "sample", "--start", "2020-01-01"], "2000-03-01 to 2013-03-01"),
        (["AAPL", "--source", "sample", "--start", "yesterday"], "yesterday"),
        (["X", "--source", "csv", "--file", "none.csv"], "not there"),
        (["", "--source", "sample"], "letters"),
        (["A\nB", "--source", "sample"], "letters"),
        (["BRK/B", "--source", "sample"], "letters"),
        ([], "SYMBOL"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert forecast(tmp_path, "fetch", *arguments) == 2
    err = capsys.readouterr().err
    assert message in err
    assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "data").exists()


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "data").write_text("a file")
    assert forecast(tmp_path, "fetch", "FB", "--source", "sample") == 2
    assert "--data-dir" in capsys.readouterr().err


def test_yahoo_stops_at_its_limit_keeps_what_it_has_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import yfinance

    from pipelines.sources.yahoo.client import Client, RetryPolicy
    from tests.helpers.fake_yahoo import FakeYahoo, chart, serving

    yfinance.set_tz_cache_location(str(tmp_path / "yfinance"))
    with serving(FakeYahoo(charts={"AAA": chart([10, 11]), "CCC": chart([12, 13])})) as fake:
        patience = RetryPolicy(sleep=lambda _: None, pause=0, attempts=2)
        monkeypatch.setattr(prices, "new_client", lambda: Client(session=fake.session(), patience=patience))
        assert forecast(tmp_path, "fetch", "AAA") == 0
        fake.always = "status 429"
        assert forecast(tmp_path, "fetch", "AAA", "CCC") == 2
        assert "it resumes there" in capsys.readouterr().err
        fake.always = ""
        assert forecast(tmp_path, "fetch", "AAA", "BBB", "CCC", "--json") == 2
        out, err = capsys.readouterr()
        assert [series["symbol"] for series in json.loads(out)["fetched"]] == ["AAA", "CCC"]
        assert "Expected a symbol that Yahoo knows, got BBB" in err


def test_a_toml_file_gives_settings_and_the_command_line_wins(tmp_path: Path) -> None:
    (tmp_path / "trades.csv").write_text("t,px,n\n2024-01-02 09:30:00,2238200,1\n")
    settings = 'source = "csv"\ntz = "UTC"\nprice_scale = 10000\ncalendar = "24/7"\n'
    (tmp_path / "fetch.toml").write_text(settings + '[column]\ntime = "t"\nprice = "px"\nsize = "n"\n')
    arguments = ("fetch", "AMZN", "--config", str(tmp_path / "fetch.toml"), "--file", str(tmp_path / "trades.csv"))
    assert forecast(tmp_path, *arguments, "--tz", "America/New_York") == 0
    ticks = Store(tmp_path / "data" / "store").read_ticks("AMZN")
    assert ticks.price.tolist() == [223.82]
    assert str(ticks.time[0]) == "2024-01-02T14:30:00.000000000"


def test_a_wrong_toml_file_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for text, message in (
        ("tz = ", "Expected TOML in"),
        ("zone = 1", "got zone"),
        ("column = ['x']", "NAME=COLUMN"),
    ):
        (tmp_path / "fetch.toml").write_text(text)
        arguments = ("fetch", "X", "--source", "csv", "--file", "x.csv", "--config", str(tmp_path / "fetch.toml"))
        assert forecast(tmp_path, *arguments) == 2
        assert message in capsys.readouterr().err


def test_live_quotes_are_recorded_for_the_asked_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from functools import partial

    from pipelines.sources.yahoo import stream
    from tests.helpers.fake_yahoo_stream import EventClock, quote, send, streaming

    visits = (send(quote(1, 100.1), quote(2, 100.2), then="stall"), send(quote(2, 100.2), then="stall"))
    clock = EventClock()
    with streaming(*visits, clock.end) as url:
        monkeypatch.setattr(stream, "record", partial(stream.record, url=url, timing=clock.timing))
        assert forecast(tmp_path, "fetch", "btc-usd", "--live", "--for", "1s") == 0
    assert "BTC-USD       2" in capsys.readouterr().out
    assert Store(tmp_path / "data" / "store").read_ticks("BTC-USD").price.tolist() == [100.1, 100.2]
    assert forecast(tmp_path, "fetch", "X", "--live", "--for", "soon") == 2
    assert "Expected duration as text such as 90s" in capsys.readouterr().err


TWO = (
    "date,open,high,low,close,volume,Name\n2024-01-02,10,12,9,11,5,ACME\n2024-01-03,11,13,10,12,6,ACME\n"
    "2024-01-02,70,72,69,71,5,BETA\n2024-01-03,71,73,70,72,6,BETA\n"
)
DAILY = "Date,Open,High,Low,Close,Volume\n" + "".join(f"2024-01-0{day},10,12,9,11,{day}\n" for day in (2, 3, 4, 5, 8))


def test_many_symbols_come_from_one_long_file_or_from_a_file_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "two.csv").write_text(TWO)
    assert forecast(tmp_path, "fetch", "ACME", "beta", "--source", "csv", "--file", str(tmp_path / "two.csv")) == 0
    store = Store(tmp_path / "data" / "store")
    assert [store.read_bars(name).close.tolist() for name in ("ACME", "BETA")] == [[11, 12], [71, 72]]
    assert forecast(tmp_path, "fetch", "ACME", "--source", "csv", "--file", str(tmp_path / "two.csv")) == 2
    assert "2 values in column 'Name' (ACME, BETA). Choose one with --where Name=ACME" in capsys.readouterr().err
    (tmp_path / "stocks").mkdir()
    for name in ("acme", "gamma"):
        (tmp_path / "stocks" / f"{name}.csv").write_text(DAILY)
    assert (
        forecast(tmp_path, "fetch", "GAMMA", "NONE", "--source", "csv", "--file", f"{tmp_path}/stocks/{{symbol}}.csv")
        == 2
    )
    assert "none.csv, which is not there" in capsys.readouterr().err.lower()
    assert len(store.read_bars("GAMMA")) == 5


def test_a_small_file_corrects_its_rows_and_leaves_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "f.csv"
    arguments = ("fetch", "ACME", "--source", "csv", "--file", str(file))
    file.write_text(DAILY)
    assert forecast(tmp_path, *arguments) == 0
    file.write_text(DAILY.split("\n")[0] + "\n2024-01-02,10,12,9,11,77\n2024-01-08,10,12,9,11,88\n")
    assert forecast(tmp_path, *arguments) == 0
    assert "3 rows of the store between the first and the last of these kept" in capsys.readouterr().err
    store = Store(tmp_path / "data" / "store")
    assert store.read_bars("ACME").volume.tolist() == [77, 3, 4, 5, 88]
    version = store.version()
    assert forecast(tmp_path, *arguments) == 0
    assert store.version() == version
    assert forecast(tmp_path, *arguments, "--replace") == 0
    assert "3 rows of the store between the first and the last of these removed" in capsys.readouterr().err
    assert store.read_bars("ACME").volume.tolist() == [77, 88]


def test_a_correction_leaves_the_dividends_of_other_sessions(tmp_path: Path) -> None:
    header, *rows = DAILY.strip().split("\n")
    file = tmp_path / "f.csv"
    arguments = ("fetch", "ACME", "--source", "csv", "--file", str(file), "--as-traded")
    paid = [f"{row},{0.5 if number in (1, 2) else 0}" for number, row in enumerate(rows)]
    file.write_text("\n".join([header + ",Dividends", *paid]) + "\n")
    assert forecast(tmp_path, *arguments) == 0
    file.write_text("\n".join([header + ",Dividends", rows[0] + ",0", rows[1] + ",0.25", rows[4] + ",0"]) + "\n")
    assert forecast(tmp_path, *arguments) == 0
    assert Store(tmp_path / "data" / "store").read_actions("ACME").dividend.tolist() == [0.25, 0.5]


def test_a_dry_run_shows_what_is_understood_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "f.csv").write_text("as of today\n" + DAILY.replace(",", ";"))
    arguments = ("fetch", "ACME", "--source", "csv", "--file", str(tmp_path / "f.csv"), "--dry-run")
    assert forecast(tmp_path, *arguments) == 0
    out = capsys.readouterr().out
    for text in (
        "separated by ';'",
        "2 lines",
        "1d bars",
        "close = Close",
        "XNYS",
        "5 of 5 rows kept",
        "Nothing was written",
    ):
        assert text in out
    assert forecast(tmp_path, *arguments, "--json") == 0
    (dry_run,) = json.loads(capsys.readouterr().out)["dry_run"]
    assert dry_run["first_rows"][0] == {
        "open": "10", "high": "12", "low": "9", "close": "11", "volume": "2", "date": "2024-01-02"
    }  # fmt: skip
    assert forecast(tmp_path, *arguments, "--interval", "5m") == 2
    assert not (tmp_path / "data").exists()


def test_a_date_of_a_toml_file_is_one_and_a_wrong_type_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "f.csv").write_text(DAILY)
    config = tmp_path / "fetch.toml"
    start = f'source = "csv"\nfile = "{tmp_path / "f.csv"}"\n'
    config.write_text(start + "start = 2024-01-04\n")
    assert forecast(tmp_path, "fetch", "ACME", "--config", str(config)) == 0
    assert len(Store(tmp_path / "data" / "store").read_bars("ACME")) == 3
    for line in ("max_dropped = true", "currency = {a = 1}", "tz = [1]", 'replace = "yes"', "where = {a = {b = 1}}"):
        config.write_text(start + line + "\n")
        capsys.readouterr()
        assert forecast(tmp_path, "fetch", "ACME", "--config", str(config)) == 2
        assert line.split()[0] in only_line(capsys.readouterr().err)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["BTC/USDT", "--file", "f.csv"], "Yahoo writes BTC-USD"),
        (["X", "--file", "f.csv", "--shape", "nope"], "Expected shape out of auto, named, lobster"),
        (["X", "--file", "f.csv", "--time-format", "%q"], "Expected a format of times"),
        (["X", "--file", "f.csv", "--where", "Name"], "Expected where as COLUMN=VALUE, such as ticker=ACME, got Name"),
        (["X", "--file", "f.csv", "--where", "Who=me"], "Expected the column 'Who' for --where"),
        (["X", "--file", "f.csv", "--currency", "E\x1bUR"], "Expected currency as text in one line"),
        (["X", "--file", "f.csv", "--price-scale", "0"], "Expected price_scale as a number above 0, got 0"),
        (["X", "--file", "f\x1b[2J.csv"], "f\\x1b[2J.csv, which is not there"),
        (["X", "--file", "f.csv", "--adjusted"], "columns of dividends"),
        (["X", "--file", "f.csv", "--interval", "1w"], "--interval"),
    ],
)
def test_what_a_file_cannot_be_asked_is_one_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "f.csv").write_text(DAILY)
    assert forecast(tmp_path, "fetch", "--source", "csv", *arguments) == 2
    err = capsys.readouterr().err
    assert message in err
    assert "\x1b" not in err
    assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "data").exists()


def test_symbols_with_an_ampersand_are_stored_and_found(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text(DAILY)
    assert (
        forecast(
            tmp_path, "fetch", "m&m.ns", "--source", "csv", "--file", str(tmp_path / "f.csv"), "--calendar", "XBOM"
        )
        == 0
    )
    assert len(Store(tmp_path / "data" / "store").read_bars("M&M.NS")) == 5
