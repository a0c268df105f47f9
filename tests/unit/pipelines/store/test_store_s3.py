"""The store on S3, against a server of its kind on this machine."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from pipelines.bars.aggregation import from_chunks
from pipelines.errors import StoreError
from pipelines.store import delta_table
from pipelines.store.store import Store
from tests.helpers.store_writers import constant_bars
from tests.helpers.ticks import random_walk_ticks

server = pytest.importorskip("moto.server")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """An empty bucket, and the environment that leads to it."""
    import boto3

    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ALLOW_HTTP": "true",
        }.items():
            patch.setenv(name, value)
        boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="prices")
        yield "s3://prices"
    running.stop()


def test_what_is_written_is_read_replaced_merged_and_listed(address: str) -> None:
    store = Store(f"{address}/life/")
    assert len(store.catalogue()) == 0
    store.write_bars(constant_bars(1, count=10))
    store.write_bars(constant_bars(2, first=10, count=10))
    store.write_bars(constant_bars(3, first=5, count=10))
    assert store.read_bars("XYZ").close.tolist() == [1.0] * 5 + [3.0] * 10 + [2.0] * 5
    version = store.version()
    store.write_bars(constant_bars(3, first=5, count=10))
    assert store.version() == version
    store.compact()
    reopened = Store(f"{address}/life")
    assert reopened.read_bars("XYZ").close.tolist() == [1.0] * 5 + [3.0] * 10 + [2.0] * 5
    assert reopened.bars_at(0, "XYZ").close.tolist() == [1.0] * 10
    assert reopened.catalogue()["rows"].tolist() == [20]


def test_ticks_come_back_in_their_order_and_become_bars(address: str) -> None:
    ticks, store = random_walk_ticks(500), Store(f"{address}/ticks")
    store.write_ticks(ticks)
    stored = store.read_ticks(ticks.symbol)
    assert np.array_equal(stored.time, ticks.time)
    assert np.array_equal(stored.price, ticks.price)
    assert from_chunks(store.scan_ticks(ticks.symbol), "tick:100").trades.tolist() == [100.0] * 5


def test_two_writers_of_one_symbol_lose_and_double_nothing(address: str) -> None:
    errors: list[Exception] = []

    def write(value: int, first: int) -> None:
        try:
            for row in range(first, first + 40, 10):
                Store(f"{address}/two").write_bars(constant_bars(value, first=row, count=10))
        except Exception as error:
            errors.append(error)

    writers = [threading.Thread(target=write, args=(value, first)) for value, first in ((1, 0), (2, 40))]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert errors == []
    assert Store(f"{address}/two").read_bars("XYZ").close.tolist() == [1.0] * 40 + [2.0] * 40


def test_a_bucket_that_is_not_there_is_one_line(address: str) -> None:
    with pytest.raises(StoreError, match="got: there is no such bucket"):
        Store("s3://no-such-bucket/prices").write_bars(constant_bars(1, count=3))


ANSWERS = {
    "AccessDenied": (403, "access is denied"),
    "InvalidAccessKeyId": (403, "the access key is unknown"),
    "SignatureDoesNotMatch": (403, "the secret key does not fit"),
    "ExpiredToken": (400, "the session has expired"),
    "SlowDown": (503, "asks to slow down"),
}


@contextmanager
def answering(status: int, code: str) -> Iterator[str]:
    """A server that answers everything with one of S3's errors."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message></Error>".encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{running.server_port}"
    finally:
        running.shutdown()
        running.server_close()
        thread.join()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The waits of S3 in tests."""
    waits = {"timeout": "300ms", "connect_timeout": "300ms", "max_retries": "1", "retry_timeout": "1s"}
    monkeypatch.setattr(delta_table, "_S3_OPTIONS", delta_table._S3_OPTIONS | waits)
    for name, value in {
        "ACCESS_KEY_ID": "x",
        "SECRET_ACCESS_KEY": "y",
        "REGION": "us-east-1",
        "ALLOW_HTTP": "true",
    }.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    return monkeypatch


@pytest.mark.parametrize("code", ANSWERS)
def test_errors_of_s3_are_told_apart(code: str, quick: pytest.MonkeyPatch) -> None:
    status, reason = ANSWERS[code]
    with answering(status, code) as endpoint:
        quick.setenv("AWS_ENDPOINT_URL", endpoint)
        with pytest.raises(
            StoreError, match=f"Expected a price store at s3://prices/x/bars, got: .*{reason}"
        ) as caught:
            Store("s3://prices/x").catalogue()
    assert str(caught.value).isprintable()


def test_an_endpoint_that_hangs_and_one_that_refuses_are_one_line(quick: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        for listener, reason in ((silent, "no answer in time"), (closed, "no connection")):
            quick.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{listener.getsockname()[1]}")
            with pytest.raises(StoreError, match=reason):
                Store("s3://prices/x").catalogue()
