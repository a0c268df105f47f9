"""`forecast fetch` from end to end: what is printed, what is stored, and how it fails."""

import json
from pathlib import Path

import pytest

from pipelines.store.store import Store
from tests.helpers.command_line import forecast


def test_the_sample_is_fetched_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert forecast(tmp_path, "fetch", "aapl", "MSFT", "--source", "sample") == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].split() == ["symbol", "what", "rows", "first", "last", "in", "actions"]
    assert printed[1].split() == ["AAPL", "1d", "bars", "3,270", "2000-03-01", "2013-03-01", "USD", "5"]
    assert len(Store(tmp_path / "data" / "store").read_actions("MSFT")) == 38


def test_fetching_again_changes_nothing(tmp_path: Path) -> None:
    for _ in range(2):
        assert forecast(tmp_path, "fetch", "ES", "--source", "sample") == 0
    assert len(list((tmp_path / "data/store/ticks/_delta_log").glob("*.json"))) == 1


def test_symbols_that_work_are_kept_and_the_others_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert forecast(tmp_path, "fetch", "NOPE", "FB", "../../x", "--source", "sample", "--json") == 2
    out, err = capsys.readouterr()
    result = json.loads(out)
    assert [each["symbol"] for each in result["fetched"]] == ["FB"]
    assert list(result["failed"]) == ["NOPE", "../../x"]
    assert "Fetched 1 of 3 symbols, not NOPE, ../../x" in err
    assert [path.name for path in (tmp_path / "data/store/bars").glob("symbol=*")] == ["symbol=FB"]


def test_a_time_can_be_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    forecast(tmp_path, "fetch", "IBM", "--source", "sample", "--start", "2012-12-24", "--end", "2012-12-28", "--json")
    (told,) = json.loads(capsys.readouterr().out)["fetched"]
    assert (told["rows"], told["first"], told["last"]) == (4, "2012-12-24", "2012-12-28")


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
        (["X", "--source", "csv"], "Expected --file"),
        (["X", "--source", "sample", "--file", "f"], "--source csv"),
        (["AAPL", "--source", "sample", "--start", "2013-01-01", "--end", "2012-01-01"], "--start before --end"),
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

    from forecast.cli.commands import fetch
    from pipelines.sources.yahoo.client import Client, RetryPolicy
    from tests.helpers.fake_yahoo import FakeYahoo, chart, serving

    yfinance.set_tz_cache_location(str(tmp_path / "yfinance"))
    with serving(FakeYahoo(charts={"AAA": chart([10, 11]), "CCC": chart([12, 13])})) as fake:
        patience = RetryPolicy(sleep=lambda _: None, pause=0, attempts=2)
        monkeypatch.setattr(fetch, "new_client", lambda: Client(session=fake.session(), patience=patience))
        assert forecast(tmp_path, "fetch", "AAA") == 0
        fake.always = "status 429"
        assert forecast(tmp_path, "fetch", "AAA", "CCC") == 2
        assert "it goes on from there" in capsys.readouterr().err
        fake.always = ""
        assert forecast(tmp_path, "fetch", "AAA", "BBB", "CCC", "--json") == 2
        out, err = capsys.readouterr()
        assert [each["symbol"] for each in json.loads(out)["fetched"]] == ["AAA", "CCC"]
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
        ("tz = ", "Expected a TOML file"),
        ("zone = 1", "got 'zone'"),
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
    assert "Need --for such as 90s" in capsys.readouterr().err
