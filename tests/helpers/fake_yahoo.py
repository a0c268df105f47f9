"""A Yahoo on this machine: the chart endpoint over HTTP, with recorded or made answers, and with faults on demand.

The real yfinance client talks to it through a requests session whose https adapter goes to 127.0.0.1 instead.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np
import requests
from requests.adapters import HTTPAdapter

from pipelines.market import calendars

_NOT_FOUND = {"code": "Not Found", "description": "No data found, symbol may be delisted"}


@dataclass
class FakeYahoo:
    """charts: symbol -> the body that Yahoo would answer for its whole history. faults: used up one a chart request.

    failing: symbols whose every request is answered with status 500.
    """

    charts: dict[str, dict[str, Any]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    always: str = ""
    failing: set[str] = field(default_factory=set)
    paths: list[str] = field(default_factory=list)
    base: str = ""
    over: threading.Event = field(default_factory=threading.Event)

    def session(self) -> requests.Session:
        session = requests.Session()
        session.mount("https://", _ToHere(self.base))
        return session

    def answer(self, path: str) -> tuple[int, bytes, dict[str, str], str]:
        """Status, body, headers, and how to send it (whole, cut off, slow)."""
        parts = urlsplit(path)
        if "/v8/finance/chart/" not in parts.path:
            return 200, b"crumb", {}, ""
        self.paths.append(path)
        fault = self.always or (self.faults.pop(0) if self.faults else "")
        if fault.startswith("status "):
            _, status, *after = fault.split()
            return int(status), b"Too Many Requests", {"Retry-After": after[0]} if after else {}, ""
        if fault == "html":
            return 200, b"<html><body>Will you accept our cookies?</body></html>", {}, ""
        symbol = unquote(parts.path.rsplit("/", 1)[1])
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if symbol in self.failing:
            return 500, b"Internal Server Error", {}, ""
        if symbol not in self.charts:
            body = {"chart": {"result": None, "error": _NOT_FOUND}}
            return 404, json.dumps(body).encode(), {}, ""
        return 200, json.dumps(cut(self.charts[symbol], query)).encode(), {}, fault


def cut(body: dict[str, Any], query: dict[str, str]) -> dict[str, Any]:
    """The answer for the asked time only, as Yahoo gives it."""
    if "period1" not in query:
        return body
    first, last = int(query["period1"]), int(query["period2"])
    result = body["chart"]["result"][0]
    if "timestamp" not in result:
        return body
    rows = [row for row, stamp in enumerate(result["timestamp"]) if first <= stamp < last]
    quote = {name: [values[row] for row in rows] for name, values in result["indicators"]["quote"][0].items()}
    indicators: dict[str, Any] = {"quote": [quote]}
    if "adjclose" in result["indicators"]:
        values = result["indicators"]["adjclose"][0]["adjclose"]
        indicators["adjclose"] = [{"adjclose": [values[row] for row in rows]}]
    events = {
        kind: {key: event for key, event in events.items() if first <= event["date"] < last}
        for kind, events in result.get("events", {}).items()
    }
    stamps = [result["timestamp"][row] for row in rows]
    part = {"meta": result["meta"], "timestamp": stamps, "indicators": indicators, "events": events}
    return {"chart": {"result": [part], "error": None}}


def chart(
    close: list[float | None],
    *,
    first: str = "2024-01-02",
    splits: dict[str, float] | None = None,
    dividends: dict[str, float] | None = None,
    **meta: Any,
) -> dict[str, Any]:
    """What Yahoo answers for daily bars of New York: prices as they are given here, in shares of today."""
    days = calendars.sessions_between(first, "2026-12-31", "XNYS")[: len(close)]
    stamp = {
        str(day): int(opened.astype("datetime64[s]").astype(int))
        for day, opened in zip(days, _opens(days), strict=True)
    }
    quote = dict.fromkeys(("open", "high", "low", "close"), close) | {
        "volume": [None if c is None else 100 for c in close]
    }
    events: dict[str, Any] = {}
    if splits:
        events["splits"] = {
            str(stamp[day]): {"date": stamp[day], "numerator": ratio, "denominator": 1} for day, ratio in splits.items()
        }
    if dividends:
        events["dividends"] = {
            str(stamp[day]): {"date": stamp[day], "amount": amount} for day, amount in dividends.items()
        }
    about = {
        "currency": "USD", "symbol": "XYZ", "exchangeName": "NMS", "instrumentType": "EQUITY", "dataGranularity": "1d",
        "exchangeTimezoneName": "America/New_York", "timezone": "EST", "gmtoffset": -18000, "validRanges": ["max"],
    }  # fmt: skip
    result = {
        "meta": about | meta,
        "timestamp": list(stamp.values()),
        "indicators": {"quote": [quote], "adjclose": [{"adjclose": close}]},
        "events": events,
    }
    return {"chart": {"result": [result], "error": None}}


def _opens(days: np.ndarray) -> np.ndarray:
    return calendars.daily_times(days, "XNYS")[0]


@contextmanager
def serving(fake: FakeYahoo) -> Iterator[FakeYahoo]:
    """Serves until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, body, headers, how = fake.answer(self.path)
            if how == "slow":
                fake.over.wait()  # no answer for as long as the client waits
            try:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: len(body) // 2] if how == "truncated" else body)
            except (BrokenPipeError, ConnectionResetError):
                pass  # the client did not wait
            self.close_connection = how == "truncated"

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    fake.base = f"http://127.0.0.1:{server.server_port}"
    try:
        yield fake
    finally:
        fake.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _ToHere(HTTPAdapter):
    def __init__(self, base: str) -> None:
        super().__init__()
        self._base = base

    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        parts = urlsplit(request.url or "")
        request.url = self._base + parts.path + (f"?{parts.query}" if parts.query else "")
        options["verify"] = False
        return super().send(request, *arguments, **options)
