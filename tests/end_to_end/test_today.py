"""Today's signal against the backtest's row of that day. Loads the network library into this process."""

import json
import warnings

import numpy as np
import pytest

from forecast import backend
from forecast.runs import open_run
from forecast.today import signals
from pipelines.errors import TooFewBarsError
from pipelines.ingest import between
from pipelines.store import Store
from tests.conftest import forecast_in


@pytest.fixture(scope="module", autouse=True)
def library():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        backend.load_fitting()


@pytest.mark.parametrize("back", [2, 3, 40, 200])
def test_the_signal_of_a_day_equals_the_backtests_row_of_that_day_to_the_last_digit(trained, tmp_path, back):
    run = open_run(trained / "data" / "runs")
    rows = run.predictions()
    rows = rows[rows["fold"] == 1]
    day = rows["decided_at"].drop_duplicates().iloc[-back]
    full = Store(trained / "data" / "store")
    store = Store(tmp_path / "store")
    store.write_bars(between(full.read_bars("AAPL"), end=day.date()))
    actions = full.read_actions("AAPL")
    store.write_actions(actions)  # dividends and splits of the future included: they must not matter
    for today in signals(run, store=store, band=0.0):
        expected = rows[(rows["model"] == today.model) & (rows["decided_at"] == day)].sort_values("seed")
        assert today.members == tuple(expected["probability"])
        assert today.decided_at == np.datetime64(day.tz_convert(None), "ns")
        assert today.signal == ("buy" if np.mean(today.members) > 0.5 else "sell")


def test_the_price_of_a_signal_is_the_price_as_traded(trained):
    run = open_run(trained / "data" / "runs")
    today = signals(run, store=Store(trained / "data" / "store"), band=0.0)[0]
    assert today.price == pytest.approx(430.47)  # AAPL's close on 2013-03-01
    assert today.bars_since_run == 3270 - run.describe()["data"]["bars"]


def test_a_store_with_less_than_one_window_is_refused(trained, tmp_path):
    store = Store(tmp_path / "store")
    store.write_bars(between(Store(trained / "data" / "store").read_bars("AAPL"), end="2000-03-20"))
    with pytest.raises(TooFewBarsError, match="too few bars in the store for one window"):
        signals(open_run(trained / "data" / "runs"), store=store, band=0.0)


def test_forecast_signal_prints_one_line_a_network_and_json(trained):
    run = forecast_in(trained)
    shown = run("signal", "--band", "0.4").stdout
    assert "AAPL at the close of 2013-03-01 21:00 UTC, 430.47 USD" in shown
    assert shown.count("HOLD") == 2
    found = json.loads(run("signal", "--json").stdout)
    assert {each["model"] for each in found["signals"]} == {"simple_rnn", "lstm"}
    assert all(len(each["members"]) == 2 for each in found["signals"])
