"""The store gives back what it was given, whatever that was."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from deltalake import DeltaTable
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.bars.quote_matching import matched
from pipelines.errors import StoreError, UnknownSymbolError
from pipelines.market.types import Actions, Bars, Ticks
from pipelines.store.delta_table import Table
from pipelines.store.store import Store
from tests.helpers.market_examples import actions, daily_bars
from tests.helpers.quoted_trades import quoted_trades

_BARS = ("opened_at", "closed_at", "open", "high", "low", "close", "volume")


def equal(left: Bars | Ticks | Actions, right: Bars | Ticks | Actions, names: tuple[str, ...]) -> bool:
    return all(np.array_equal(getattr(left, name), getattr(right, name)) for name in names)


def ticks(nanoseconds: list[int], *, symbol: str = "XYZ") -> Ticks:
    count = len(nanoseconds)
    return Ticks(
        symbol=symbol,
        time=np.sort(np.array(nanoseconds, np.int64)).view("datetime64[ns]"),
        price=np.arange(count) + 1.0,
        size=np.ones(count),
    )


def test_bars_come_back_raw_and_whole(tmp_path: Path) -> None:
    store, bars = Store(tmp_path), daily_bars([10, 11, 12.345678901234567])
    assert store.write_bars(bars) == 3
    back = store.read_bars("xyz")
    assert equal(back, bars, _BARS)
    assert (back.currency, back.calendar, back.interval, back.adjusted) == ("USD", "XNYS", "1d", "raw")


def test_writing_the_same_bars_again_makes_no_new_version(tmp_path: Path) -> None:
    store, bars = Store(tmp_path), daily_bars([10, 11, 12])
    store.write_bars(bars)
    assert store.write_bars(bars) == 3
    assert store.write_bars(bars.rows(slice(1, 3))) == 2
    assert DeltaTable(tmp_path / "bars").version() == 0


def test_a_table_is_opened_anew_where_its_log_has_grown_and_only_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Store(tmp_path).write_bars(daily_bars([10, 11, 12]))
    log, moment = tmp_path / "bars" / "_delta_log", 4 * 10**18  # of a coarse clock, which has not gone on
    os.utime(log, ns=(moment, moment))
    opened, store = [], Store(tmp_path)
    open_anew = Table._open_anew
    monkeypatch.setattr(Table, "_open_anew", lambda table: opened.append(table.name) or open_anew(table))
    for _ in range(3):
        assert store.read_bars("XYZ").close.tolist() == [10, 11, 12]  # the log has changed a moment ago
    assert opened.count("bars") == 1
    Store(tmp_path).write_bars(daily_bars([13], first="2024-01-05"))
    os.utime(log, ns=(moment, moment))
    assert store.read_bars("XYZ").close.tolist() == [10, 11, 12, 13]


def test_new_bars_replace_those_between_their_first_and_last(tmp_path: Path) -> None:
    store, bars = Store(tmp_path), daily_bars([10, 11, 12, 13])
    store.write_bars(bars)
    store.write_bars(daily_bars([20, 21], first="2024-01-03"))
    assert store.read_bars("XYZ").close.tolist() == [10, 20, 21, 13]


def test_symbols_and_intervals_do_not_touch_each_other(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for symbol in ("^GSPC", "BRK-B", "EURUSD=X", "CON", "A.B_C"):
        store.write_bars(daily_bars([len(symbol), 2], symbol=symbol))
    assert [store.read_bars(symbol).close[0] for symbol in ("^GSPC", "CON", "A.B_C")] == [5, 3, 5]
    assert sorted(store.catalogue()["symbol"]) == ["A.B_C", "BRK-B", "CON", "EURUSD=X", "^GSPC"]


def test_start_and_end_are_sessions_both_included(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write_bars(daily_bars([10, 11, 12, 13]))  # 2024-01-02 Tue .. 2024-01-05 Fri
    assert store.read_bars("XYZ", start="2024-01-03", end="2024-01-04").close.tolist() == [11, 12]
    assert store.read_bars("XYZ", end=np.datetime64("2024-01-01") + 1).close.tolist() == [10]


@settings(max_examples=40)
@given(st.lists(st.integers(10**18, 10**18 + 40), max_size=60), st.lists(st.integers(10**18, 10**18 + 40), max_size=60))
def test_ticks_keep_their_nanoseconds_and_the_order_of_equal_times(
    tmp_path_factory: pytest.TempPathFactory, first: list[int], second: list[int]
) -> None:
    store = Store(tmp_path_factory.mktemp("store"))
    expected = np.zeros((0, 2), np.int64)
    for times in (first, second):
        written = ticks(times)
        assert store.write_ticks(written) == len(times)
        if times:
            rows = np.stack([written.time.view(np.int64), written.price.astype(np.int64)], axis=1)
            outside = expected[(expected[:, 0] < rows[0, 0]) | (expected[:, 0] > rows[-1, 0])]
            before = outside[outside[:, 0] < rows[0, 0]]
            expected = np.concatenate([before, rows, outside[len(before) :]])
    if len(expected):
        back = store.read_ticks("XYZ")
        assert np.array_equal(back.time.view(np.int64), expected[:, 0])
        assert np.array_equal(back.price, expected[:, 1])


def test_actions_are_replaced_within_the_asked_time_even_by_none(tmp_path: Path) -> None:
    store, bars = Store(tmp_path), daily_bars([10, 11, 12, 13])
    every = actions(bars, {1: (0.5, 1.0), 2: (0.0, 2.0)})
    assert len(store.read_actions("XYZ")) == 0
    store.write_actions(every)
    assert equal(store.read_actions("XYZ"), every, ("ex_at", "dividend", "split"))
    store.write_actions(Actions.none("XYZ"), since=bars.opened_at[2], until=bars.opened_at[3])
    assert store.read_actions("XYZ").dividend.tolist() == [0.5]


def test_the_catalogue_tells_rows_and_sessions(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert len(store.catalogue()) == 0
    store.write_bars(daily_bars([10, 11, 12]))
    store.write_ticks(ticks([10**18, 10**18 + 1], symbol="ABC"))
    rows = store.catalogue().astype(str).to_numpy().tolist()
    assert rows == [
        ["ABC", "ticks", "", "2", "2001-09-09", "2001-09-09", "", "24/7"],
        ["XYZ", "bars", "1d", "3", "2024-01-02", "2024-01-04", "USD", "XNYS"],
    ]


@pytest.mark.parametrize("currency", ["", "USD"])
def test_prices_without_a_currency_are_listed_and_come_back_without_one(tmp_path: Path, currency: str) -> None:
    store = Store(tmp_path)
    store.write_bars(replace(daily_bars([10, 11, 12]), currency=currency))
    assert store.catalogue()["currency"].tolist() == [currency]
    assert store.read_bars("XYZ").currency == currency


def test_an_unknown_symbol_is_met_with_what_is_there_and_how_to_fetch_it(tmp_path: Path) -> None:
    store = Store(tmp_path / "none")
    with pytest.raises(UnknownSymbolError, match=r"nothing yet.*`forecast fetch QQQ`"):
        store.read_bars("QQQ")
    assert not (tmp_path / "none").exists()
    store.write_bars(daily_bars([10, 11]))
    store.write_ticks(ticks([10**18], symbol="ES"))
    for ask, message in (
        (lambda: store.read_bars("QQQ", interval="5m"), r"ES, XYZ.*fetch QQQ --interval 5m"),
        (lambda: store.read_bars("ES"), r"got its ticks.*tick:500"),
        (lambda: store.read_ticks("XYZ"), "got its 1d bars"),
        (lambda: store.read_bars("XYZ", start="2025-01-01"), "2024-01-02 to 2024-01-03"),
        (lambda: store.read_bars("../x"), "letters"),
    ):
        with pytest.raises(UnknownSymbolError, match=message):
            ask()


def test_what_does_not_belong_together_is_refused(tmp_path: Path) -> None:

    store, bars = Store(tmp_path), daily_bars([10, 11])
    store.write_bars(bars)
    with pytest.raises(StoreError, match="currency USD, got GBP"):
        store.write_bars(replace(bars, currency="GBP", close=bars.close * 1.01))
    with pytest.raises(StoreError, match="raw"):
        store.write_bars(replace(bars, adjusted="back"))


def test_a_damaged_table_is_one_clear_error(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write_bars(daily_bars([10, 11]))
    (tmp_path / "bars" / "_delta_log" / f"{0:020d}.json").write_text("{ not json")
    with pytest.raises(StoreError, match="bars"):
        store.read_bars("XYZ")
    (tmp_path / "blocked").write_text("a file where the store should be")
    with pytest.raises(StoreError, match="--data-dir"):
        Store(tmp_path / "blocked").write_bars(daily_bars([10, 11]))


@pytest.mark.parametrize("overlapping", [False, True])
def test_ticks_in_portions_are_the_ticks_as_a_whole(tmp_path: Path, overlapping: bool) -> None:
    store, day = Store(tmp_path), 86_400 * 10**9
    times = [10**18 + step for step in (0, 0, 5, day, day, 3 * day, 4 * day)]
    store.write_ticks(ticks(times[:3] + times[-1:] if overlapping else times[:3]))
    store.write_ticks(ticks(times[3:]))
    stored = store.read_ticks("XYZ")
    for options in ({}, {"start": "2001-09-09", "end": "2001-09-12"}):
        parts = list(store.scan_ticks("XYZ", rows=2, **options))
        expected = store.read_ticks("XYZ", **options)
        assert len(parts) > 1 or (overlapping and not options)
        assert np.array_equal(np.concatenate([part.time for part in parts]), expected.time)
        assert np.array_equal(np.concatenate([part.price for part in parts]), expected.price)
    assert len(stored) == 7
    with pytest.raises(UnknownSymbolError, match="fetch NOPE"):
        next(store.scan_ticks("NOPE"))


def test_quotes_come_back_as_they_were_and_are_matched_to_the_trades(tmp_path: Path) -> None:
    store = Store(tmp_path)
    ticks, quotes = quoted_trades(seed=3, trades=300, sessions=3)
    store.write_ticks(ticks)
    assert not store.has_quotes("XYZ")
    assert next(store.scan_matched("XYZ")).bid is None
    store.write_quotes(quotes)
    back = list(store.scan_quotes("XYZ", start="2024-01-01", rows=200))
    expected = matched(ticks, quotes)
    for name in ("time", "bid", "ask", "bid_size", "ask_size"):
        assert np.array_equal(np.concatenate([getattr(part, name) for part in back]), getattr(quotes, name))
    for options in ({}, {"start": "2024-01-01", "rows": 100}):
        parts = list(store.scan_matched("XYZ", **options))
        for name in ("time", "price", "bid", "ask", "bid_size", "ask_size", "order_flow"):
            together = np.concatenate([getattr(part, name) for part in parts])
            np.testing.assert_array_equal(together, getattr(expected, name), err_msg=name)
    assert store.catalogue()["kind"].tolist() == ["quotes", "ticks"]
    with pytest.raises(UnknownSymbolError, match="got its ticks;"):
        store.read_bars("XYZ")
