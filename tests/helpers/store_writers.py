"""What a writing process does, so that tests can start it, stop it and kill it."""

import multiprocessing
import os
import signal
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.market.types import Bars
from pipelines.store.store import Store

_DAY = 86_400_000_000_000
START = np.datetime64("2020-01-01", "ns").astype(np.int64)


def constant_bars(value: float, *, symbol: str = "XYZ", first: int = 0, count: int = 200) -> Bars:
    """Bars of a market that never closes, all prices the same: half a write would show as two values."""
    opened = START + (first + np.arange(count)) * _DAY
    prices = np.full(count, float(value))
    return Bars(
        symbol=symbol, interval="1d", opened_at=opened.view("datetime64[ns]"),
        closed_at=(opened + _DAY).view("datetime64[ns]"), open=prices, high=prices, low=prices, close=prices,
        volume=prices, currency="USD", calendar="24/7",
    )  # fmt: skip


def context() -> Any:
    """New processes start from one that has the libraries loaded and has used none of them."""
    fork_server = multiprocessing.get_context("forkserver")
    fork_server.set_forkserver_preload(["tests.helpers.store_writers", "deltalake", "pyarrow.dataset", "pandas"])
    return fork_server


def write_on_and_on(root: Path, symbol: str, first_value: int, pipe: Connection) -> None:
    """Replaces all bars by the next value again and again, and tells each value once it is reported as written."""
    store = Store(root)
    for value in range(first_value, first_value + 1000):
        store.write_bars(constant_bars(value, symbol=symbol))
        pipe.send(value)


def write_some(root: Path, symbol: str, values: list[int], first: int) -> None:
    """One write a value, each a hundred bars further."""
    store = Store(root)
    for number, value in enumerate(values):
        store.write_bars(constant_bars(value, symbol=symbol, first=first + 100 * number, count=100))


def write_once(root: Path, bars: dict[str, Any]) -> None:
    Store(root).write_bars(Bars(**bars))


def kill_after(process: Any, seconds: float) -> None:
    """kill -9, unless it has ended by itself."""
    time.sleep(seconds)
    if process.is_alive():
        os.kill(process.pid, signal.SIGKILL)
    process.join()
