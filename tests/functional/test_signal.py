"""Today's signal against the backtest's row of that day. Loads the network library into this process."""

import json
import shutil
import warnings
from dataclasses import replace

import numpy as np
import pytest

from forecast.compute import backend
from forecast.compute.executor import InlinePool
from forecast.config.trading import Costs, TradingConfig
from forecast.datasets.lookahead_audit import truncated
from forecast.runs.catalog import open_run
from forecast.serving.loader import load_members, source_now
from forecast.serving.refit import refit
from forecast.serving.signal import outlook
from forecast.trading.strategy import accounts
from pipelines.errors import RunError, TooFewBarsError
from pipelines.ingestion import between
from pipelines.store.store import Store
from tests.helpers.command_line import forecast, only_line

RULES = TradingConfig(policy="long-short", threshold=0.01, costs=Costs(fee_bps=1, slippage_bps=2))


@pytest.fixture(scope="module", autouse=True)
def library():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        backend.load_fitting()


@pytest.fixture(scope="module")
def loaded(trained):
    return load_members(open_run(trained / "data" / "runs"))


@pytest.fixture
def copy(trained, tmp_path):
    shutil.copytree(trained / "data", tmp_path / "data")
    return tmp_path


@pytest.mark.parametrize("count", [60, pytest.param(250, marks=pytest.mark.slow)])
def test_for_many_days_the_signal_of_a_day_equals_the_backtests_row_to_the_last_digit(trained, loaded, count):
    run = loaded.run
    source = source_now(run, loaded.experiment, Store(trained / "data" / "store"))
    predictions = run.predictions()
    backtested = accounts(predictions, run.bars(), rules=RULES)
    row = {model: backtested.members.names.index((model, "ensemble")) for model in loaded.experiment.models}
    place = {np.datetime64(day, "ns"): number for number, day in enumerate(backtested.members.decided_at)}
    seeds = predictions.set_index(["model", "decided_at", "seed"])["probability"]
    days = predictions.loc[predictions["fold"] == 1, "decided_at"].drop_duplicates()[-count:]
    assert len(days) == count
    for day in days:
        forecast = outlook(loaded, truncated(source, np.datetime64(day.tz_convert(None), "ns")), rules=RULES)
        assert forecast.decided_at == np.datetime64(day.tz_convert(None), "ns")
        assert forecast.notes == ()
        for today in forecast.networks:
            account, at = row[today.model], place[forecast.decided_at]
            assert today.members == tuple(seeds[today.model, day, seed] for seed in range(2))
            assert (today.probability, today.signal) == (
                backtested.probability[account, at],
                backtested.signals[account, at],
            )
            assert today.position == backtested.ledgers[account].position[at]


@pytest.mark.parametrize("back", [2, 40])
def test_it_is_the_same_from_a_store_that_ends_on_that_day_and_knows_later_dividends(trained, loaded, tmp_path, back):
    rows = loaded.run.predictions()
    rows = rows[rows["fold"] == 1]
    day = rows["decided_at"].drop_duplicates().iloc[-back]
    full, store = Store(trained / "data" / "store"), Store(tmp_path / "store")
    store.write_bars(between(full.read_bars("AAPL"), end=day.date()))
    store.write_actions(full.read_actions("AAPL"))
    forecast = outlook(loaded, source_now(loaded.run, loaded.experiment, store), rules=RULES)
    for today in forecast.networks:
        expected = rows[(rows["model"] == today.model) & (rows["decided_at"] == day)].sort_values("seed")
        assert today.members == tuple(expected["probability"])


def test_the_price_of_a_signal_is_the_price_as_traded(trained, loaded):
    forecast = outlook(
        loaded, source_now(loaded.run, loaded.experiment, Store(trained / "data" / "store")), rules=RULES
    )
    assert forecast.price == pytest.approx(430.47)  # AAPL's close on 2013-03-01
    assert forecast.bars_since_run == 3270 - loaded.described["data"]["bars"]


def test_prices_are_stale_when_a_session_has_closed_half_an_hour_ago_and_is_not_there(trained, loaded):
    forecast = outlook(
        loaded, source_now(loaded.run, loaded.experiment, Store(trained / "data" / "store")), rules=RULES
    )
    for now, stale in (  # the newest bar is Friday's, 2013-03-01; New York closes at 21:00 UTC
        ("2013-03-01T21:05", False),
        ("2013-03-03T12:00", False),
        ("2013-03-04T21:00", False),
        ("2013-03-04T21:29", False),
        ("2013-03-04T21:30", True),
        ("2013-03-05T00:00", True),
    ):
        assert forecast.stale(np.datetime64(now, "ns")) is stale, now


def test_a_store_with_less_than_one_window_is_refused(trained, loaded, tmp_path):
    store = Store(tmp_path / "store")
    store.write_bars(between(Store(trained / "data" / "store").read_bars("AAPL"), end="2000-03-14"))
    with pytest.raises(TooFewBarsError, match="AAPL: 10 bars since the run began are too few for one window of 10"):
        outlook(loaded, source_now(loaded.run, loaded.experiment, store), rules=RULES)


def test_prices_that_have_changed_since_the_run_are_told(trained, loaded):
    source = source_now(loaded.run, loaded.experiment, Store(trained / "data" / "store"))
    close = source.raw.close.copy()
    row = loaded.described["data"]["bars"] - 8  # within the windows of the run's last decisions
    close[row] = (source.raw.low[row] + source.raw.high[row]) / 2
    forecast = outlook(loaded, replace(source, raw=replace(source.raw, close=close)), rules=RULES)
    assert forecast.notes == ("1 of the bars that the run learned from are others in the store now. Train it again.",)


def test_members_that_give_other_probabilities_than_the_run_stored_are_refused(trained, loaded):
    swapped = replace(loaded, parameters=(loaded.parameters[1], loaded.parameters[0], *loaded.parameters[2:]))
    source = source_now(loaded.run, loaded.experiment, Store(trained / "data" / "store"))
    with pytest.raises(RunError, match="no longer give the probabilities that it stored"):
        outlook(swapped, source, rules=RULES)


def test_refitted_members_learn_from_every_label_that_is_known_and_repeat(trained, loaded):
    source = source_now(loaded.run, loaded.experiment, Store(trained / "data" / "store"))
    day = np.datetime64("2004-06-30T20:00", "ns")
    notes: list[str] = []
    first, again = (
        refit(loaded.run, truncated(source, day), workers=InlinePool(backend="tensorflow"), note=notes.append)
        for _ in range(2)
    )
    assert {model: probabilities.tolist() for model, probabilities in first.items()} == {
        m: probabilities.tolist() for m, probabilities in again.items()
    }
    forecast = outlook(loaded, truncated(source, day), rules=RULES, newest=first)
    assert forecast.decided_at == day
    assert [today.members for today in forecast.networks] == [tuple(probabilities) for probabilities in first.values()]
    bars = int(np.sum(source.raw.closed_at <= day))
    labelled = (
        bars - 2 - 10
    )  # the newest label of horizon 1 is known at the open of the last bar; 10 bars before a window
    training = labelled - int(labelled * 0.15) - 1  # the row before the validation rows is purged
    assert f"Training 4 members on {training:,} rows" in notes[0]


def test_forecast_signal_prints_a_line_a_network_and_json_and_says_that_prices_are_stale(copy, capsys):
    assert forecast(copy, "signal", "--threshold", "0.4") == 3
    captured = capsys.readouterr()
    assert "AAPL at the close of 2013-03-01 21:00 UTC, 430.47 USD" in captured.out
    assert captured.out.count("HOLD") == 2
    assert captured.out.count("position flat") == 2  # never a signal beyond the band
    assert "AAPL came from the sample, which has nothing newer by itself." in captured.err
    assert "The prices are stale" in captured.err
    assert forecast(copy, "signal", "--json", "--symbol", "aapl", "--offline") == 3
    captured = capsys.readouterr()
    answer = json.loads(captured.out)
    assert (answer["symbol"], answer["stale"], answer["policy"], answer["band"]) == ("AAPL", True, "long-flat", 0.0)
    assert [signal["model"] for signal in answer["signals"]] == ["simple_rnn", "lstm"]
    for signal in answer["signals"]:
        assert len(signal["members"]) == 2
        assert signal["position"] == (1.0 if signal["signal"] == "buy" else 0.0)
    assert "came from" not in captured.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--symbol", "MSFT"], "Expected a run of MSFT, got runs of AAPL. Train one: forecast train MSFT."),
        (["RUN", "--symbol", "MSFT"], "was trained on AAPL, not on MSFT"),
        (["--watch", "--offline"], "Expected a run on bars made of trades to watch"),
        (["--all", "--watch"], "--all goes without"),
        (["--threshold", "0.7", "--offline"], "Expected threshold as a number"),
    ],
)
def test_what_cannot_be_asked_is_one_line(trained, capsys, arguments, message):
    name = open_run(trained / "data" / "runs").name
    assert forecast(trained, "signal", *[name if argument == "RUN" else argument for argument in arguments]) == 2
    assert message in only_line(capsys.readouterr().err)
