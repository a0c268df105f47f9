"""The real yfinance client against a Yahoo on this machine: recorded answers, made ones, and faults."""

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yfinance

from pipelines.errors import (
    BadPricesError,
    ConfigError,
    ForecastError,
    SourceError,
    TooFewBarsError,
    UnknownSymbolError,
)
from pipelines.market import calendars
from pipelines.market.types import Bars
from pipelines.sources.csv import source as csv_source
from pipelines.sources.yahoo import source
from pipelines.sources.yahoo.client import Client, RateLimitedError, RetryPolicy, UnreachableError
from tests.helpers.fake_yahoo import FakeYahoo, chart, serving

NOW = datetime(2024, 2, 1, 22, tzinfo=UTC)


@pytest.fixture(scope="module", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    yfinance.set_tz_cache_location(str(tmp_path_factory.mktemp("yfinance")))
    yfinance.cache.get_tz_cache().store("XYZ", "America/New_York")  # asked for with a time limit of its own, 10 s


@pytest.fixture
def fake() -> Iterator[FakeYahoo]:
    with serving(FakeYahoo()) as server:
        yield server


def client(fake: FakeYahoo, *, timeout: float = 5.0, waits: list[float] | None = None) -> Client:
    waits = [] if waits is None else waits
    return Client(session=fake.session(), patience=RetryPolicy(sleep=waits.append, pause=0, timeout=timeout))


def bars(fake: FakeYahoo, symbol: str = "XYZ", **options: Any) -> Bars:
    prices = source.read(symbol, client=client(fake), **{"now": NOW, **options}).prices
    assert isinstance(prices, Bars)
    return prices


def test_later_splits_are_undone_in_prices_volumes_and_dividends(fake: FakeYahoo) -> None:
    # as traded: 100, 100 (dividend 1), then two for one: 50, 51; Yahoo shows all of it in new shares
    fake.charts["XYZ"] = chart(
        [50, 50, 50, 51], splits={"2024-01-04": 2}, dividends={"2024-01-03": 0.5, "2024-01-05": 0.25}
    )
    delivery = source.read("XYZ", client=client(fake), now=NOW)
    assert isinstance(delivery.prices, Bars)
    assert delivery.actions is not None
    assert delivery.prices.close.tolist() == [100, 100, 50, 51]
    assert delivery.prices.volume.tolist() == [50, 50, 100, 100]
    assert delivery.actions.split.tolist() == [1, 2, 1]
    assert delivery.actions.dividend.tolist() == [1.0, 0.0, 0.25]
    assert (delivery.prices.currency, delivery.prices.calendar) == ("USD", "XNYS")


def test_a_split_after_the_wanted_time_is_undone_too(fake: FakeYahoo) -> None:
    fake.charts["XYZ"] = chart([50, 50, 50, 51], splits={"2024-01-04": 2})
    assert bars(fake, start=date(2024, 1, 2), end=date(2024, 1, 3)).close.tolist() == [100, 100]


def test_a_split_that_the_prices_do_not_show_yet_is_left_alone(fake: FakeYahoo) -> None:
    fake.charts["XYZ"] = chart([100, 100, 50, 51], splits={"2024-01-04": 2})
    delivery = source.read("XYZ", client=client(fake), now=NOW)
    assert isinstance(delivery.prices, Bars)
    assert delivery.prices.close.tolist() == [100, 100, 50, 51]
    assert "split of 2024-01-04 is not in Yahoo's prices yet" in delivery.report.summary()


def test_an_open_session_is_not_taken(fake: FakeYahoo) -> None:
    fake.charts["XYZ"] = chart([10, 11, 12])
    during = datetime(2024, 1, 4, 20, 59, tzinfo=UTC)
    assert bars(fake, now=during).close.tolist() == [10, 11]
    just_after = datetime(2024, 1, 4, 21, 29, tzinfo=UTC)
    assert bars(fake, now=just_after).close.tolist() == [10, 11]
    assert bars(fake, now=datetime(2024, 1, 4, 21, 30, tzinfo=UTC)).close.tolist() == [10, 11, 12]


def test_rows_without_prices_are_left_out_and_named(fake: FakeYahoo) -> None:
    fake.charts["XYZ"] = chart([10, None, 12])
    delivery = source.read("XYZ", client=client(fake), now=NOW)
    assert len(delivery.prices) == 2
    assert "1 row without prices at Yahoo (2024-01-03)" in delivery.report.summary()


def test_a_last_row_that_comes_twice_is_taken_once(fake: FakeYahoo) -> None:
    fake.charts["XYZ"] = chart([10, 11, 12])
    result = fake.charts["XYZ"]["chart"]["result"][0]
    result["timestamp"].append(result["timestamp"][-1] + 23_401)  # the live price, once more as its own row
    for values in result["indicators"]["quote"][0].values():
        if len(values) == 3:
            values.append(values[-1])
    result["indicators"]["adjclose"][0]["adjclose"] = list(result["indicators"]["quote"][0]["close"])
    assert bars(fake).close.tolist() == [10, 11, 12]


@pytest.mark.parametrize(
    ("faults", "waits"),
    [
        (["status 500"], 1),
        (["status 503", "status 502"], 2),
        (["status 429"], 1),
        (["status 429 7"], 1),
        (["html"], 1),
        (["truncated"], 1),
        (["slow"], 1),
        (["status 500", "html", "truncated"], 3),
    ],
)
def test_a_fault_that_passes_is_survived(fake: FakeYahoo, faults: list[str], waits: int) -> None:
    fake.charts["XYZ"] = chart([10, 11, 12])
    fake.faults = list(faults)
    slept: list[float] = []
    asking = client(fake, timeout=0.2 if "slow" in faults else 30)

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        asking.patience = replace(asking.patience, timeout=30)  # the next answer comes, however busy the machine is

    asking.patience = replace(asking.patience, sleep=sleep)
    delivery = source.read("XYZ", client=asking, now=NOW)
    assert len(delivery.prices) == 3
    assert len(slept) == waits
    assert slept[0] == 7 if faults == ["status 429 7"] else 0.5 <= slept[0] <= 1


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        ("status 500", SourceError, "status 500 .*5 times"),
        ("status 429", RateLimitedError, "in some minutes; it resumes there"),
        ("status 429 3600", RateLimitedError, "in 3600 seconds"),
        ("html", SourceError, "a web page instead of prices"),
        ("truncated", SourceError, "Expected an answer from Yahoo"),
        ("slow", SourceError, "got no answer in time .5 times"),
    ],
)
def test_a_fault_that_stays_is_one_clear_line(fake: FakeYahoo, fault: str, error: type, message: str) -> None:
    fake.charts["XYZ"] = chart([10, 11, 12])
    fake.always = fault
    with pytest.raises(error, match=message) as caught:
        source.read("XYZ", client=client(fake, timeout=0.1 if fault == "slow" else 30), now=NOW)
    assert "\n" not in str(caught.value)
    fake.always = ""
    assert len(bars(fake)) == 3  # nothing of the failure is remembered


def test_where_requests_are_limited_the_other_symbols_do_not_wait(fake: FakeYahoo) -> None:
    fake.always, asking = "status 429", client(fake)
    for symbol in ("XYZ", "ABC"):
        with pytest.raises(RateLimitedError, match=f"{symbol}: Yahoo limits requests"):
            source.read(symbol, client=asking, now=NOW)
    assert not any("ABC" in path for path in fake.paths)


def test_an_unknown_symbol_is_asked_for_once_and_named(fake: FakeYahoo) -> None:
    with pytest.raises(UnknownSymbolError, match="got NOPE"):
        source.read("NOPE", client=client(fake), now=NOW)
    assert len(fake.paths) == 1


@pytest.mark.parametrize("symbol", ["^GSPC", "EURUSD=X", "BRK-B", "CON", "0P000071W8.TO"])
def test_a_symbol_is_one_part_of_the_address(fake: FakeYahoo, symbol: str) -> None:
    fake.charts[symbol] = chart([10, 11, 12])
    assert len(bars(fake, symbol)) == 3
    assert all(path.split("?")[0].count("/") == 4 for path in fake.paths)


def test_what_yahoo_does_not_have_is_said_before_asking(fake: FakeYahoo) -> None:
    with pytest.raises(ConfigError, match="1m, 2m"):
        source.read("XYZ", interval="7m", client=client(fake), now=NOW)
    with pytest.raises(SourceError, match="back to 2023-12-04"):
        source.read("XYZ", interval="5m", end=date(2023, 1, 1), client=client(fake), now=NOW)
    assert fake.paths == []
    fake.charts["XYZ"] = chart([10], dataGranularity="3mo")
    with pytest.raises(SourceError, match="3mo"):
        source.read("XYZ", client=client(fake), now=NOW)


def intraday(count: int, minutes: int, first: str) -> dict[str, Any]:
    body = chart([10.0 + i for i in range(count)], dataGranularity=f"{minutes}m")
    result = body["chart"]["result"][0]
    start = int(np.datetime64(first, "s").astype(int))
    result["timestamp"] = [start + 60 * minutes * i for i in range(count)]
    result["meta"]["tradingPeriods"] = [
        [{"start": start, "end": start + 23_400, "timezone": "EST", "gmtoffset": -18000}]
    ]
    return body


def test_minute_bars_are_asked_for_a_week_at_a_time(fake: FakeYahoo) -> None:
    fake.charts["XYZ"] = intraday(3, 1, "2024-01-31T14:30")
    answers = copy.deepcopy(fake.charts["XYZ"])
    daily = chart([10, 11], first="2024-01-31")

    def by_interval(path: str, original: Any = fake.answer) -> Any:
        fake.charts["XYZ"] = daily if "interval=1d" in path else answers
        return original(path)

    fake.answer = by_interval  # type: ignore[method-assign]
    minute_bars = bars(fake, interval="1m", start=date(2023, 1, 1))
    assert minute_bars.close.tolist() == [10, 11, 12]
    assert minute_bars.interval == "1m"
    assert str(minute_bars.opened_at[0]) == "2024-01-31T14:30:00.000000000"
    minute = [path for path in fake.paths if "interval=1m" in path]
    assert len(minute) == 5  # 29 days back, 7 at a time


def test_every_recorded_answer_passes_through_the_real_client(fake: FakeYahoo, shared: Path) -> None:
    outcomes: dict[str, str] = {}
    for path in sorted((shared / "yahoo_v8_chart_json").glob("*/*.json")):
        answer = json.loads(path.read_text())
        body = answer["response"]["bodyJson"] if "response" in answer else answer
        meta = body["chart"]["result"][0]["meta"]
        fake.charts = {meta["symbol"]: body}
        try:
            prices = source.read(meta["symbol"], client=client(fake)).prices
        except ForecastError as error:
            outcomes[path.name] = type(error).__name__
            continue
        assert isinstance(prices, Bars)
        quotes = body["chart"]["result"][0]["indicators"]["quote"][0]["close"]
        assert len(prices) == sum(close is not None for close in quotes), path.name
        assert prices.currency == meta["currency"]
        assert np.array_equal(calendars.session_of(prices.closed_at, prices.calendar)[[-1]], _last_day(body))
    assert outcomes == {
        "chart-AAPL-2025-02-01-to-2025-02-02-includePrePost-false-interval-1m.json": "TooFewBarsError",
        "chart-TSLA-2025-01-01-to-2025-01-02-interval-1h.fake.json": "TooFewBarsError",
        "chart-notimestamp-quotes-length.fake.json": "TooFewBarsError",
        "chart-notimestamp-weird-quote.fake.json": "TooFewBarsError",
        "history_chart_VFINX.json": "SourceError",  # three-month bars
    }


def _last_day(body: dict[str, Any]) -> np.ndarray:
    result = body["chart"]["result"][0]
    closes = result["indicators"]["quote"][0]["close"]
    last = max(row for row, close in enumerate(closes) if close is not None)
    local = result["timestamp"][last] + result["meta"]["gmtoffset"]
    return np.array([local], "datetime64[s]").astype("datetime64[D]")


def test_apple_of_2020_comes_back_as_it_was_traded(fake: FakeYahoo, shared: Path) -> None:
    name = "node-yahoo-finance2/chart-AAPL-2020-08-31-to-2020-11-07.json"
    fake.charts["AAPL"] = json.loads((shared / "yahoo_v8_chart_json" / name).read_text())["response"]["bodyJson"]
    delivery = source.read("AAPL", client=client(fake))
    assert isinstance(delivery.prices, Bars)
    assert delivery.actions is not None
    assert delivery.prices.close[0] == pytest.approx(129.04, abs=0.005)  # the first close after the four-for-one split
    assert delivery.actions.split.tolist() == [4, 1]
    assert delivery.actions.dividend.tolist() == pytest.approx([0, 0.205])


def test_no_finished_bar_is_an_error(fake: FakeYahoo) -> None:
    fake.charts["XYZ"] = chart([10])
    with pytest.raises(TooFewBarsError, match="finished"):
        source.read("XYZ", client=client(fake), now=datetime(2024, 1, 2, 20, tzinfo=UTC))


def test_capital_gains_are_the_same_from_yahoo_and_from_the_file_that_yfinance_writes(
    fake: FakeYahoo, tmp_path: Path
) -> None:
    # the third session pays 1 and a gain of 2, the fifth 1 of which 0.4 are the gain: Adj Close says so
    closes, factors = [100.0, 100.0, 97.0, 97.0, 96.0, 96.5], [0.97 * 96 / 97, 0.97 * 96 / 97, 96 / 97, 96 / 97, 1, 1]
    body = chart(closes, dividends={"2024-01-04": 1.0, "2024-01-08": 1.0}, instrumentType="MUTUALFUND")
    result = body["chart"]["result"][0]
    dividends = result["events"]["dividends"].values()
    result["events"]["capitalGains"] = {
        str(paid["date"]): {"date": paid["date"], "amount": gain}
        for paid, gain in zip(dividends, (2.0, 0.4), strict=True)
    }
    result["indicators"]["adjclose"][0]["adjclose"] = [c * f for c, f in zip(closes, factors, strict=True)]
    fake.charts["XYZ"] = body
    fetched = source.read("XYZ", client=client(fake), now=NOW)
    frame, _ = client(fake).history("XYZ", interval="1d", period="max")
    for name, rows in (("oldest", frame), ("newest", frame[::-1])):
        rows.to_csv(tmp_path / f"{name}.csv")
        read = csv_source.read("XYZ", files=[tmp_path / f"{name}.csv"])
        assert fetched.actions is not None
        assert read.actions is not None
        assert read.actions.dividend.tolist() == fetched.actions.dividend.tolist() == [3.0, 1.0]
        assert read.actions.ex_at.tolist() == fetched.actions.ex_at.tolist()
        assert isinstance(read.prices, Bars)
        assert read.prices.close.tolist() == closes


def test_a_split_before_the_first_price_changes_none(fake: FakeYahoo) -> None:
    fake.charts["XYZ"] = chart([10.0, 11.0, 12.0])
    earlier = fake.charts["XYZ"]["chart"]["result"][0]["timestamp"][0] - 5 * 86_400
    event = {"date": earlier, "numerator": 2, "denominator": 1}
    fake.charts["XYZ"]["chart"]["result"][0]["events"]["splits"] = {str(earlier): event}
    assert bars(fake).close.tolist() == [10, 11, 12]


def without_opens(body: dict[str, Any], rows: list[int]) -> dict[str, Any]:
    """Old rows as Yahoo has them: 0 for an open that was never recorded."""
    quote = body["chart"]["result"][0]["indicators"]["quote"][0]
    quote["open"] = [0 if row in rows else value for row, value in enumerate(quote["open"])]
    return body


def test_a_history_begins_after_its_years_without_opens(fake: FakeYahoo) -> None:
    scattered = [700, 850, 900]
    fake.charts["XYZ"] = without_opens(chart([10.0] * 1000, first="1970-01-02"), [*range(5, 600), *scattered])
    delivery = source.read("XYZ", client=client(fake), now=NOW)
    opens = calendars.sessions_between("1970-01-02", "1975-12-31", "XNYS")[:1000]
    assert isinstance(delivery.prices, Bars)
    assert len(delivery.prices) == 400 - len(scattered)
    first = calendars.session_of(delivery.prices.closed_at[:1], "XNYS")[0]
    assert first == opens[600]
    assert delivery.report.dropped == {"before the opens begin": 600, "missing open": 3}
    note = f"no open (0) in 595 bars to {opens[599]}: the history begins on {opens[600]}"
    assert note in delivery.report.summary()


def test_a_start_cuts_before_missing_opens_are_counted(fake: FakeYahoo) -> None:
    fake.charts["XYZ"] = without_opens(chart([10.0] * 700, first="1970-01-02"), list(range(600)))
    after = calendars.sessions_between("1970-01-02", "1975-12-31", "XNYS")[600].astype(object)
    delivery = source.read("XYZ", start=after, client=client(fake), now=NOW)
    assert (len(delivery.prices), delivery.report.dropped) == (100, {})


def test_no_open_is_ever_made_up(fake: FakeYahoo) -> None:
    fake.charts["XYZ"] = without_opens(chart([10.0, 11.0, 12.0]), [0, 1, 2])
    with pytest.raises(BadPricesError, match="Expected an open beside high, low and close, got none"):
        source.read("XYZ", client=client(fake), now=NOW)


def test_sessions_with_a_volume_and_no_prices_are_left_out_and_named(fake: FakeYahoo) -> None:
    fake.charts["XYZ"] = chart([10, None, 12, 13])
    volume = fake.charts["XYZ"]["chart"]["result"][0]["indicators"]["quote"][0]["volume"]
    volume[1], volume[2] = 500, None
    delivery = source.read("XYZ", client=client(fake), now=NOW)
    assert isinstance(delivery.prices, Bars)
    assert delivery.prices.close.tolist() == [10, 12, 13]
    assert delivery.prices.volume.tolist() == [100, 0, 100]
    assert "1 row without prices but with a volume at Yahoo (2024-01-03)" in delivery.report.summary()


def test_without_a_connection_only_the_first_symbol_waits() -> None:
    import socket

    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: refused at once
        nobody = FakeYahoo(base=f"http://127.0.0.1:{unused.getsockname()[1]}")
        slept: list[float] = []
        asking = client(nobody, waits=slept)
        for symbol in ("AAA", "BBB", "CCC"):
            with pytest.raises(UnreachableError, match=f"{symbol}: Expected a connection to Yahoo, got .*network"):
                source.read(symbol, client=asking, now=NOW)
        with pytest.raises(UnreachableError) as caught:
            source.read("DDD", client=asking, now=NOW)
    assert "curl" not in str(caught.value)
    assert len(str(caught.value)) < 200
    assert len(slept) == 4  # five attempts for AAA, none for the others
