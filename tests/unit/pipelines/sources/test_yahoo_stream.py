"""The live client against a WebSocket server on this machine that closes, stalls and sends garbage."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.errors import SourceError
from pipelines.market.types import Ticks
from pipelines.sources.yahoo.stream import record
from pipelines.store.store import Store
from tests.helpers.fake_yahoo_stream import QUICK, START, EventClock, quote, send, streaming


def test_it_goes_on_after_a_close_a_stall_and_garbage(tmp_path: Path) -> None:
    store, clock = Store(tmp_path), EventClock(step=1)
    visits = (
        send(quote(1, 100.1), quote(1, 100.2)),
        send("not base64 at all", b"\xff\xfe", '{"message": 7}', quote(2, 100.3, wrapped=False), then="stall"),
        send(quote(3, -1.0), quote(3, 5.0, symbol="OTHER"), quote(4, 100.4), quote(1, 99.0), then="stall"),
        clock.end,
    )
    with streaming(*visits) as url:
        recording = record(["BTC-USD"], seconds=10_000, keep=store.write_ticks, url=url, timing=clock.timing)
    ticks = store.read_ticks("BTC-USD")
    assert ticks.price.tolist() == pytest.approx([100.1, 100.2, 100.3, 100.4, 99.0][: len(ticks)])
    assert ticks.price.tolist()[:4] == [100.1, 100.2, 100.3, 100.4]  # float32 at its shortest
    assert (ticks.time.astype("datetime64[ms]").astype(np.int64) - START).tolist() == [1, 1, 2, 4]
    assert recording.garbage == 5
    assert recording.late == 1
    assert recording.connections >= 4
    assert recording.quotes == {"BTC-USD": 4}


def test_quotes_are_written_while_the_stream_goes_on() -> None:
    writes: list[Ticks] = []
    clock = EventClock(step=1)
    quotes = [quote(step // 2, 100 + step) for step in range(40)]
    with streaming(send(*quotes), clock.end) as url:
        record(["BTC-USD"], seconds=10_000, keep=writes.append, url=url, timing=clock.timing)
    assert len(writes) > 1
    assert np.concatenate([ticks.price for ticks in writes]).tolist() == [100 + step for step in range(40)]
    for before, after in pairwise(writes):
        assert before.time[-1] < after.time[0]  # a write replaces whole times


def test_no_connection_at_all_is_one_line(monkeypatch: Any) -> None:
    with pytest.raises(SourceError, match="Expected a connection to Yahoo's stream"):
        record(["BTC-USD"], seconds=0.1, keep=print, url="ws://127.0.0.1:9", timing=QUICK)


def test_messages_that_are_deep_foreign_or_misdated_are_counted_and_the_recording_goes_on(tmp_path: Path) -> None:
    store = Store(tmp_path)
    deep = '{"message": ' + "[" * 100_000 + "]" * 100_000 + "}"
    in_2076 = quote(1_690_000_000_000, 5.0)
    in_1970 = quote(1 - START, 5.0)
    visit = send(quote(1, 100.1), deep, quote(2, 90.0, currency="EUR"), in_2076, in_1970, quote(3, 100.3), then="stall")
    with streaming(visit, send(then="stall")) as url:
        recording = record(["BTC-USD"], seconds=1.0, keep=store.write_ticks, url=url, timing=QUICK)
    assert store.read_ticks("BTC-USD").price.tolist() == [100.1, 100.3]
    assert (recording.garbage, recording.foreign, recording.misdated) == (1, 1, 2)


def test_a_stored_currency_is_kept(tmp_path: Path) -> None:
    writes: list[Ticks] = []
    visit = send(quote(1, 90.0, currency="EUR"), quote(2, 100.1), quote(3, 5.0, currency="\x1b[2J"), then="stall")
    with streaming(visit, send(then="stall")) as url:
        options = {"url": url, "timing": QUICK, "currencies": {"BTC-USD": "USD"}}
        recording = record(["BTC-USD"], seconds=1.0, keep=writes.append, **options)
    assert np.concatenate([ticks.price for ticks in writes]).tolist() == [100.1, 5.0]
    assert {ticks.currency for ticks in writes} == {"USD"}
    assert recording.foreign == 1
