"""The live client against a WebSocket server on this machine that closes, stalls and sends garbage."""

import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.sync.server import ServerConnection, serve
from yfinance.pricing_pb2 import PricingData

from pipelines.errors import SourceError
from pipelines.market.types import Ticks
from pipelines.sources.yahoo.stream import Timing, record
from pipelines.store.store import Store

_START = 1_700_000_000_000


def quote(step: int, price: float, *, symbol: str = "BTC-USD", wrapped: bool = True) -> str:
    message = PricingData(id=symbol, price=price, time=_START + step, currency="USD", last_size=3)
    packed = base64.b64encode(message.SerializeToString()).decode()
    return json.dumps({"type": "pricing", "message": packed}) if wrapped else packed


@contextmanager
def streaming(*visits: Callable[[ServerConnection], None]) -> Iterator[str]:
    """Each connection gets the next visit; the last one again and again."""
    count = iter(range(10_000))

    def handle(connection: ServerConnection) -> None:
        assert json.loads(connection.recv(timeout=5)) == {"subscribe": ["BTC-USD"]}
        visits[min(next(count), len(visits) - 1)](connection)

    server = serve(handle, "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
    finally:
        server.shutdown()
        thread.join()


def send(*messages: str | bytes, then: str = "close") -> Callable[[ServerConnection], None]:
    def visit(connection: ServerConnection) -> None:
        for message in messages:
            connection.send(message)
        if then == "stall":
            for _ in connection:
                pass

    return visit


QUICK = Timing(stalled=0.2, write_every=0.05, first_wait=0.01, longest_wait=0.02)


def test_it_goes_on_after_a_close_a_stall_and_garbage(tmp_path: Path) -> None:
    store = Store(tmp_path)
    visits = (
        send(quote(1, 100.1), quote(1, 100.2)),
        send("not base64 at all", b"\xff\xfe", '{"message": 7}', quote(2, 100.3, wrapped=False), then="stall"),
        send(quote(3, -1.0), quote(3, 5.0, symbol="OTHER"), quote(4, 100.4), quote(1, 99.0), then="stall"),
        send(then="stall"),
    )
    with streaming(*visits) as url:
        told = record(["BTC-USD"], seconds=1.5, keep=store.write_ticks, url=url, timing=QUICK)
    ticks = store.read_ticks("BTC-USD")
    assert ticks.price.tolist() == pytest.approx([100.1, 100.2, 100.3, 100.4, 99.0][: len(ticks)])
    assert ticks.price.tolist()[:4] == [100.1, 100.2, 100.3, 100.4]  # float32 at its shortest
    assert (ticks.time.astype("datetime64[ms]").astype(np.int64) - _START).tolist() == [1, 1, 2, 4]
    assert told.garbage == 5
    assert told.late == 1
    assert told.connections >= 4
    assert told.quotes == {"BTC-USD": 4}


def test_quotes_are_written_while_the_stream_goes_on() -> None:
    kept: list[Ticks] = []
    begun = threading.Event()

    def visit(connection: ServerConnection) -> None:
        for step in range(40):
            connection.send(quote(step // 2, 100 + step))
            begun.wait(0.01)

    with streaming(visit, send(then="stall")) as url:
        record(["BTC-USD"], seconds=1.2, keep=kept.append, url=url, timing=QUICK)
    assert len(kept) > 1
    assert np.concatenate([each.price for each in kept]).tolist() == [100 + step for step in range(40)]
    for before, after in pairwise(kept):
        assert before.time[-1] < after.time[0]  # a write replaces whole times


def test_no_connection_at_all_is_one_line(monkeypatch: Any) -> None:
    with pytest.raises(SourceError, match="Need a connection to Yahoo's stream"):
        record(["BTC-USD"], seconds=0.1, keep=print, url="ws://127.0.0.1:9", timing=QUICK)
