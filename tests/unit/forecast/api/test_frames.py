"""DataFrames into the store: the same bars whatever the frame looks like, and nothing where it cannot be right."""

import numpy as np
import pandas as pd
import pytest

import forecast as fc
from pipelines.store.store import Store

DAYS = pd.date_range("2023-01-03", "2023-03-31", freq="B").difference(pd.to_datetime(["2023-01-16", "2023-02-20"]))


@pytest.fixture
def workspace(tmp_path):
    return fc.Workspace(data_dir=tmp_path / "data", reports_dir=tmp_path / "reports")


def daily():
    close = 100 + np.cumsum(np.random.default_rng(0).normal(0, 0.5, len(DAYS))).round(2)
    prices = {"open": close - 0.1, "high": close + 0.5, "low": close - 0.5, "close": close}
    return pd.DataFrame({**prices, "volume": np.arange(len(DAYS)) + 9.0}, index=DAYS)


def stored(workspace, symbol="ACME", interval="1d"):
    return Store(workspace.store).read_bars(symbol, interval=interval)


def equal(first, second):
    names = ("opened_at", "closed_at", "open", "high", "low", "close", "volume")
    return all(np.array_equal(getattr(first, name), getattr(second, name)) for name in names)


FORMS = {
    "index of dates": lambda frame: frame,
    "named index": lambda frame: frame.rename_axis("Date"),
    "index of New York's midnights": lambda frame: frame.tz_localize("America/New_York"),
    "index of UTC midnights": lambda frame: frame.tz_localize("UTC"),
    "index of periods": lambda frame: frame.set_index(frame.index.to_period("D")),
    "index of texts": lambda frame: frame.set_index(frame.index.strftime("%Y-%m-%d")),
    "column of dates": lambda frame: frame.rename_axis("Date").reset_index(),
    "column of Python's dates": lambda frame: frame.assign(day=frame.index.date).reset_index(drop=True),
    "column of texts, rows left out of an older frame": lambda frame: frame.assign(
        date=frame.index.strftime("%Y-%m-%d")
    ).set_index(np.arange(len(frame)) * 3 + 7),
    "date both in the index and in a column": lambda frame: frame.rename_axis("date").assign(date=frame.index),
    "capitals in another order": lambda frame: frame.rename(columns=str.title)[
        ["Volume", "Close", "High", "Low", "Open"]
    ],
    "levels of columns as yfinance has them": lambda frame: frame.set_axis(
        pd.MultiIndex.from_product([frame.columns.str.title(), ["ACME"]], names=["Price", "Ticker"]), axis=1
    ),
    "newest first": lambda frame: frame[::-1],
    "every row twice": lambda frame: pd.concat([frame, frame]),
    "numbers as texts": lambda frame: frame.astype(str),
    "integers": lambda frame: frame.assign(volume=frame["volume"].astype("int64")),
    "nullable numbers": lambda frame: frame.convert_dtypes(),
    "categories": lambda frame: frame.assign(name=pd.Categorical(["ACME"] * len(frame))),
    "pyarrow's types": lambda frame: frame.convert_dtypes(dtype_backend="pyarrow"),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_same_bars_are_stored_whatever_the_frame_looks_like(form, workspace, tmp_path):
    frame = daily()
    frame.to_csv(tmp_path / "acme.csv", index_label="date")
    other = fc.Workspace(data_dir=tmp_path / "other")
    fc.fetch("ACME", source="csv", file=tmp_path / "acme.csv", workspace=other, progress=False)
    converted = FORMS[form](frame)
    untouched = converted.copy()
    table = fc.add_bars("acme", converted, workspace=workspace, progress=False)
    pd.testing.assert_frame_equal(converted, untouched)
    assert table.to_dict("records")[0] | {"notes": ""} == {
        "symbol": "ACME", "kind": "bars", "interval": "1d", "rows": len(DAYS), "first": "2023-01-03",
        "last": "2023-03-31", "currency": "", "calendar": "XNYS", "actions": 0, "notes": "",
    }  # fmt: skip
    assert equal(stored(workspace), stored(other))
    assert fc.add_bars("ACME", converted, workspace=workspace, progress=False)["rows"].item() == len(DAYS)
    assert len(stored(workspace)) == len(DAYS)


def minutes(tz):
    times = pd.date_range("2023-01-03 09:30", periods=390, freq="min", tz="America/New_York")
    frame = daily().iloc[[0] * 390].set_axis(times.tz_convert(tz))
    return frame if tz is not None else frame.tz_localize(None)


def test_intraday_bars_are_the_same_moments_in_every_zone(workspace):
    for symbol, frame, more in (
        ("UTC", minutes("UTC"), {}),
        ("TOKYO", minutes("Asia/Tokyo"), {}),
        ("NAIVE", minutes("America/New_York").tz_localize(None), {"tz": "America/New_York"}),
        ("ENDS", minutes("UTC").shift(freq="min"), {"stamp": "end"}),
    ):
        fc.add_bars(symbol, frame, interval="1m", workspace=workspace, progress=False, **more)
        assert equal(stored(workspace, symbol, "1m"), stored(workspace, "UTC", "1m")), symbol
    with pytest.raises(fc.ForecastError, match=r"The frame: Expected the time zone of column 'time'.*tz America"):
        fc.add_bars("BAD", minutes("UTC").tz_localize(None), interval="1m", workspace=workspace)
    assert set(Store(workspace.store).catalogue()["symbol"]) == {"UTC", "TOKYO", "NAIVE", "ENDS"}


def test_trades_quotes_and_both_together(workspace):
    times = pd.date_range("2024-01-02 14:30", periods=5, freq="s", tz="UTC")
    trades = pd.DataFrame({"Price": [10.0, 10.1, 10.0, 10.2, 10.1], "Qty": [1, 2, 3, 4, 5]}, index=times)
    quotes = pd.DataFrame({"time": times, "bid": 9.9, "ask": 10.1, "bid_size": 3, "ask_size": 4})
    kinds = [
        fc.add_ticks(symbol, frame, calendar="24/7", workspace=workspace, progress=False)["kind"].item()
        for symbol, frame in (("A", trades), ("B", quotes), ("C", trades.reset_index(names="time").merge(quotes)))
    ]
    assert kinds == ["ticks", "quotes", "ticks"]
    store = Store(workspace.store)
    assert store.read_ticks("A").price.tolist() == store.read_ticks("C").price.tolist() == trades["Price"].tolist()


def test_prices_adjusted_for_dividends_are_stored_as_traded(workspace):
    frame = daily().assign(dividends=0.0)
    frame.loc[DAYS[20], "dividends"] = 1.0
    assert fc.add_bars("ACME", frame, adjusted=False, workspace=workspace, progress=False)["actions"].item() == 1
    assert stored(workspace).close.tolist() == frame["close"].tolist()


BAD = {
    "a list": (lambda frame: frame["close"].tolist(), "Expected a pandas DataFrame of prices, got list"),
    "a series": (lambda frame: frame["close"], "got Series"),
    "nothing": (lambda frame: None, "got NoneType"),
    "an empty frame": (lambda frame: frame[:0], "Expected rows of prices, got an empty frame"),
    "no columns": (lambda frame: frame[[]], "The frame: Expected"),
    "no close": (lambda frame: frame.drop(columns="close"), "close"),
    "no time": (lambda frame: frame.reset_index(drop=True), "time"),
    "a column twice": (lambda frame: pd.concat([frame, frame["close"]], axis=1), "got close again"),
    "half of the prices NaN": (lambda frame: frame.assign(close=[1.0, np.nan] * (len(frame) // 2)), "ACME"),
    "prices below zero": (lambda frame: -frame, "ACME"),
    "infinite prices": (lambda frame: frame.assign(open=np.inf), "ACME"),
    "words for prices": (lambda frame: frame.assign(open="cheap"), "cheap"),
    "mixed types": (lambda frame: frame.assign(open=[1.0, b"x", *frame["open"][2:]]), "one type each"),
    "lists in cells": (lambda frame: frame.assign(open=[[1.0]] * len(frame)), "column 'open'"),
    "two bars of one day that differ": (lambda frame: pd.concat([frame, frame * 1.5]).sort_index(), "ACME"),
    "several symbols": (lambda frame: pd.concat([frame, frame], axis=1, keys=["A", "B"]), "symbol's columns"),
    "several symbols below each other": (lambda frame: pd.concat([frame, frame], keys=["A", "B"]), "one symbol's rows"),
    "weeks": (lambda frame: frame[::5], "1d"),
    "ticks": (lambda frame: frame[[]].assign(price=1, size=1).shift(20, "h").tz_localize("UTC"), "add_ticks"),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_what_cannot_be_right_is_one_line_and_writes_nothing(what, workspace):
    make, message = BAD[what]
    with pytest.raises(fc.ForecastError, match=message) as caught:
        fc.add_bars("ACME", make(daily()), workspace=workspace)
    assert "frame.parquet" not in str(caught.value)
    assert "--" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not workspace.data_dir.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"interval": 1}, "Expected interval as text"),
        ({"interval": "1 fortnight"}, "interval"),
        ({"max_dropped": 2}, "Expected max_dropped as a number from 0 to 1"),
        ({"max_dropped": True}, "max_dropped"),
        ({"calendar": "MOON"}, "MOON"),
        ({"zone": "UTC"}, "got zone"),
        ({"tz": "Moon/Crater"}, "Moon/Crater"),
        ({"workspace": "data"}, "Expected workspace as a Workspace, got str 'data'"),
        ({"progress": "yes"}, "Expected progress as True, False"),
    ],
)
def test_options_that_cannot_be_are_said(options, message, workspace):
    with pytest.raises(fc.ForecastError, match=message):
        fc.add_bars(
            "ACME",
            minutes("UTC").tz_localize(None),
            **{"tz": "UTC", "interval": "1m", "workspace": workspace, **options},
        )
    assert not workspace.data_dir.exists()


def test_a_symbol_that_cannot_be_one_is_refused(workspace):
    for symbol in ("../x", "", 3):
        with pytest.raises(fc.ForecastError):
            fc.add_bars(symbol, daily(), workspace=workspace)
