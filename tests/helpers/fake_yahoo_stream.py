"""Yahoo's stream of quotes on this machine: a WebSocket server that sends, closes and stalls as it is told."""

import base64
import json
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from websockets.sync.server import ServerConnection, serve
from yfinance.pricing_pb2 import PricingData

from pipelines.sources.yahoo.stream import Timing

START = 1_700_000_000_000  # milliseconds since 1970: the time of the quote of step 0


def quote(step: int, price: float, *, symbol: str = "BTC-USD", wrapped: bool = True, currency: str = "USD") -> str:
    message = PricingData(id=symbol, price=price, time=START + step, currency=currency, last_size=3)
    packed = base64.b64encode(message.SerializeToString()).decode()
    return json.dumps({"type": "pricing", "message": packed}) if wrapped else packed


@contextmanager
def streaming(*visits: Callable[[ServerConnection], None]) -> Iterator[str]:
    """Each connection gets the next visit; the last one again and again."""
    count = iter(range(10_000))

    def handle(connection: ServerConnection) -> None:
        assert json.loads(connection.recv()) == {"subscribe": ["BTC-USD"]}
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


QUICK = Timing(stalled=1, write_every=0.05, first_wait=0.01, longest_wait=0.02)


class EventClock:
    """A clock that goes on by a step whenever it is read, and to the end of all times once `end` is called."""

    def __init__(self, *, step: float = 0.0) -> None:
        self._step, self._now, self._ended = step, 0.0, threading.Event()

    def __call__(self) -> float:
        self._now += self._step
        return math.inf if self._ended.is_set() else self._now

    def end(self, connection: ServerConnection) -> None:
        """A visit: the time of recording is over once the client has come so far."""
        self._ended.set()

    @property
    def timing(self) -> Timing:
        return replace(QUICK, clock=self)
