"""Recording Yahoo's stream of quotes: a client that connects again after a close, a stall or garbage.

yfinance's own listeners stop or spin after a disconnect, so only its description of the messages (PricingData) is used.
Prices come as float32 and are taken at their shortest decimal form. A quote is a last price, not every trade.
"""

import base64
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipelines.errors import SourceError
from pipelines.market.types import Ticks

_EARLIEST = 1_262_304_000 * 10**9  # 2010: before the stream
_AHEAD = 300 * 10**9  # of this machine's clock, in nanoseconds
URL = "wss://streamer.finance.yahoo.com/?version=2"


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Seconds: without a message before a connection counts as stalled, between writes, and between connections."""

    stalled: float = 30.0
    write_every: float = 5.0
    first_wait: float = 1.0
    longest_wait: float = 30.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], int] = time.time_ns


@dataclass(kw_only=True)
class Recording:
    """What came: quotes kept, messages that were none, quotes older than ones kept already, connections made.

    foreign: quotes in another currency than the symbol's. misdated: from the future, or from before there was a stream.
    """

    quotes: dict[str, int] = field(default_factory=dict)
    garbage: int = 0
    late: int = 0
    foreign: int = 0
    misdated: int = 0
    connections: int = 0


def record(
    symbols: Sequence[str],
    *,
    seconds: float,
    keep: Callable[[Ticks], object],
    url: str = URL,
    timing: Timing | None = None,
    currencies: Mapping[str, str] | None = None,
) -> Recording:
    """Listens for so long, and hands the quotes of each symbol on every few seconds and at the end.

    currencies: symbol -> the currency that it is stored in; where none is given, that of its first quote counts. A
    message that is no quote of these symbols, in another currency or dated impossibly is counted and left out.

    Raises:
        SourceError: no connection could be made in all that time.
    """
    timing = timing or Timing()
    recording, waiting = Recording(), _Waiting(symbols, currencies or {}, timing.now)
    end = timing.clock() + seconds
    written, wait, reason = timing.clock(), timing.first_wait, "no answer"
    try:
        while timing.clock() < end:
            try:
                with _connect(url, timing) as connection:
                    recording.connections += 1
                    connection.send(json.dumps({"subscribe": list(symbols)}))
                    while timing.clock() < end:
                        text = connection.recv(timeout=min(timing.stalled, max(0.01, end - timing.clock())))
                        waiting.take(text, recording)
                        wait = timing.first_wait
                        if timing.clock() - written > timing.write_every:
                            waiting.hand_on(keep, recording, all_of_them=False)
                            written = timing.clock()
            except Exception as error:
                if not _is_network(error):
                    raise
                reason = f"{type(error).__name__} {error}".strip()
                timing.sleep(min(wait, max(0.0, end - timing.clock())))
                wait = min(2 * wait, timing.longest_wait)
    finally:
        waiting.hand_on(keep, recording, all_of_them=True)
    if not recording.connections:
        raise SourceError(f"Expected a connection to Yahoo's stream, got {reason}. Check the network and try again.")
    return recording


class _Waiting:
    """Quotes that came and were not handed on yet."""

    def __init__(self, symbols: Sequence[str], currencies: Mapping[str, str], now: Callable[[], int]) -> None:
        self._rows: dict[str, list[tuple[int, float, float]]] = {symbol: [] for symbol in symbols}
        self._last: dict[str, int] = {}
        self._currency = dict(currencies)
        self._now = now

    def take(self, text: str | bytes, recording: Recording) -> None:
        quote = _decoded(text)
        if quote is None or quote.id not in self._rows or not (quote.price > 0 and np.isfinite(quote.price)):
            recording.garbage += 1
            return
        moment, price = int(quote.time) * 1_000_000, float(str(np.float32(quote.price)))
        if not _EARLIEST < moment <= self._now() + _AHEAD:
            recording.misdated += 1
            return
        currency = quote.currency if quote.currency.isascii() and quote.currency.isalpha() else ""
        if currency and self._currency.get(quote.id) and currency != self._currency[quote.id]:
            recording.foreign += 1
            return
        if moment <= self._last.get(quote.id, 0):
            recording.late += 1
            return
        row = (moment, price, float(max(quote.last_size, 0)))
        if row in self._rows[quote.id][-100:]:  # the last quote comes again with each connection
            recording.late += 1
            return
        self._rows[quote.id].append(row)
        self._currency[quote.id] = self._currency.get(quote.id) or currency

    def hand_on(self, keep: Callable[[Ticks], object], recording: Recording, *, all_of_them: bool) -> None:
        """Writes replace whole times, so quotes of the newest time wait for others of the same."""
        for symbol, rows in self._rows.items():
            rows.sort(key=lambda row: row[0])
            newest = rows[-1][0] if rows else 0
            ready = rows if all_of_them else [row for row in rows if row[0] < newest]
            if not ready:
                continue
            times, prices, sizes = zip(*ready, strict=True)
            keep(
                Ticks(
                    symbol=symbol,
                    time=np.array(times, np.int64).view("datetime64[ns]"),
                    price=np.array(prices),
                    size=np.array(sizes),
                    currency=self._currency[symbol],
                    calendar="24/7",
                )
            )
            recording.quotes[symbol] = recording.quotes.get(symbol, 0) + len(ready)
            self._last[symbol] = ready[-1][0]
            self._rows[symbol] = rows[len(ready) :]


def _connect(url: str, timing: Timing) -> Any:
    from websockets.sync.client import connect

    return connect(url, open_timeout=timing.stalled, close_timeout=1, max_size=1 << 20)


def _decoded(text: str | bytes) -> Any:
    """A PricingData, from plain base64 or from {"message": base64}; None for anything else."""
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from yfinance.pricing_pb2 import PricingData

    try:
        plain = text.decode() if isinstance(text, bytes) else text
        packed = json.loads(plain)["message"] if plain.startswith("{") else plain
        quote = PricingData()
        quote.ParseFromString(base64.b64decode(packed, validate=True))
    except (ValueError, KeyError, TypeError, DecodeError, RecursionError):
        return None
    return quote


def _is_network(error: Exception) -> bool:
    from websockets.exceptions import WebSocketException

    return isinstance(error, WebSocketException | OSError | TimeoutError | EOFError)
