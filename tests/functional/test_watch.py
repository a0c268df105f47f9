"""A run on bars of trades, followed live. Loads the network library."""

import json
import os
import signal
import warnings
from functools import partial

import numpy as np
import pytest

from forecast.compute import backend
from forecast.compute.executor import InlinePool
from forecast.compute.progress import NotesOnly
from forecast.config.experiment import Experiment
from forecast.runs.catalog import open_run
from forecast.serving.loader import load_members, source_now
from forecast.serving.signal import outlook, rules_of
from forecast.training.train import train_all
from pipelines.bars import aggregation
from pipelines.market.types import Ticks
from pipelines.sources.yahoo import stream
from pipelines.store.store import Store
from tests.helpers.command_line import forecast
from tests.helpers.fake_yahoo_stream import QUICK, START, quote, send, streaming
from tests.helpers.signals import interruptible


@pytest.fixture(scope="module", autouse=True)
def library():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        backend.load_fitting()


@pytest.fixture(autouse=True)
def _interruptible():
    with interruptible():
        yield


@pytest.fixture
def watched(tmp_path):
    """Five hours and a half of quotes before START, one a second, and a run on their minutes."""
    rng = np.random.default_rng(0)
    count = 20_000
    time = np.datetime64(START, "ms") - np.arange(count, 0, -1) * np.timedelta64(1, "s")
    prices = 100 * np.exp(np.cumsum(rng.normal(0, 1e-4, count)))
    store = Store(tmp_path / "data" / "store")
    store.write_ticks(Ticks(symbol="BTC-USD", time=time, price=prices, size=np.ones(count), currency="USD"))
    experiment = Experiment(
        symbol="BTC-USD", bars="time:1m", models=("simple_rnn",), window=5, folds=2, seeds=2, units=3, epochs=1,
        baselines=(),
    )  # fmt: skip
    train_all(
        [experiment],
        store=store,
        folder=tmp_path / "data" / "runs",
        command="",
        fresh=False,
        progress=NotesOnly(write=print),
        workers=InlinePool(backend="tensorflow"),
    )
    return tmp_path


def test_a_watched_run_says_a_signal_at_the_close_of_each_bar_until_ctrl_c(watched, capsys, monkeypatch):
    minutes = [quote(60_000 * minute + 1_000, 100.0 + minute) for minute in range(4)]

    def stop(connection):
        os.kill(os.getpid(), signal.SIGINT)
        send(then="stall")(connection)

    with streaming(send(*minutes), stop) as url:
        monkeypatch.setattr(stream, "record", partial(stream.record, url=url, timing=QUICK))
        assert forecast(watched, "signal", "--watch", "--offline", "--json") == 130
    signals = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    closed = [signal["decided_at"] for signal in signals]
    assert closed == sorted(set(closed))
    store = Store(watched / "data" / "store")
    bars = aggregation.from_ticks(store.read_ticks("BTC-USD"), "time:1m")
    assert len(signals) >= 3  # the bar that was last in the store, and those that the quotes closed
    assert np.datetime64(closed[-1].removesuffix("+00:00"), "ns") == bars.closed_at[-1]
    loaded = load_members(open_run(watched / "data" / "runs"))
    again = outlook(loaded, source_now(loaded.run, loaded.experiment, store), rules=rules_of(loaded.run))
    assert [signal["members"] for signal in signals[-1]["signals"]] == [
        list(network.members) for network in again.networks
    ]
    assert again.price == signals[-1]["price"] == bars.close[-1]
