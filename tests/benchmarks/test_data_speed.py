"""How fast ticks become bars, beside pandas, Polars and DuckDB in the same run; prints one line each.

`pytest -m slow tests/benchmarks/test_data_speed.py -s`. Polars and DuckDB are left out where they are not installed.
"""

import gzip
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipelines.bars import from_ticks
from pipelines.market import Ticks
from pipelines.sources import csv
from pipelines.store import Store

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
_MILLION = 1_000_000


def made_ticks(count: int, *, symbol: str = "XYZ", seed: int = 0) -> Ticks:
    """A random walk in cents, nine trades of ten without a change, two milliseconds apart."""
    rng = np.random.default_rng(seed)
    step = rng.exponential(2.3e6, count).astype("timedelta64[ns]")
    change = rng.choice([-1, 0, 0, 0, 0, 0, 0, 0, 0, 1], count)
    return Ticks(
        symbol=symbol,
        time=np.datetime64("2024-01-02T14:30", "ns") + np.cumsum(step),
        price=(10_000 + np.abs(np.cumsum(change))) / 100,
        size=rng.integers(1, 100, count).astype(np.float64),
    )


def best(action: Callable[[], object], times: int = 5) -> float:
    """The least seconds of processor time of several tries: what it takes on a machine with nothing else to do."""
    taken = []
    for _ in range(times):
        begun = time.process_time()
        action()
        taken.append(time.process_time() - begun)
    return min(taken)


def test_ticks_to_bars_in_memory() -> None:
    ticks = made_ticks(10 * _MILLION)
    speed = {
        kind: len(ticks) / best(lambda kind=kind: from_ticks(ticks, kind)) / _MILLION
        for kind in ("time:1m", "tick:500", "volume:25000", "dollar:2500000", "imbalance:500")
    }
    for kind, ours in speed.items():
        print(f"\nforecast {kind}: {ours:.0f} M ticks/s", end="")
    others = _others(ticks)
    for name, theirs in others.items():
        print(f"\n{name} 1-minute bars: {theirs:.0f} M ticks/s", end="")
    assert speed["time:1m"] >= others["pandas"]
    assert speed["time:1m"] >= 60
    assert min(speed[kind] for kind in ("volume:25000", "dollar:2500000", "imbalance:500")) >= 20


def _others(ticks: Ticks) -> dict[str, float]:
    frame = pd.DataFrame({"price": ticks.price, "size": ticks.size}, index=pd.DatetimeIndex(ticks.time))

    def with_pandas() -> object:
        groups = frame.resample("1min")
        return groups["price"].ohlc(), groups["size"].sum()

    found = {"pandas": best(with_pandas, 3)}
    try:
        import polars as pl
    except ImportError:
        pass
    else:
        table = pl.DataFrame({"time": ticks.time, "price": ticks.price, "size": ticks.size}).set_sorted("time")
        price = pl.col("price")
        wanted = [price.first().alias("o"), price.max().alias("h"), price.min().alias("l"), price.last().alias("c")]
        bars = table.lazy().group_by_dynamic("time", every="1m").agg(*wanted, pl.col("size").sum())
        found["Polars"] = best(bars.collect, 3)
    try:
        import duckdb
    except ImportError:
        pass
    else:
        rows = frame.reset_index(names="time")
        duck = duckdb.connect()
        duck.register("rows", rows)
        query = (
            "select time_bucket(interval '1 minute', time) t, arg_min(price, time), max(price), min(price), "
            "arg_max(price, time), sum(size) from rows group by t"
        )
        found["DuckDB"] = best(lambda: duck.execute(query).fetchall(), 3)
    return {name: len(ticks) / seconds / _MILLION for name, seconds in found.items()}


def test_ingest_of_a_gzip_csv(tmp_path: Path) -> None:
    ticks = made_ticks(2 * _MILLION)
    frame = pd.DataFrame({"time": ticks.time.astype(str), "price": ticks.price, "size": ticks.size.astype(int)})
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(frame.to_csv(index=False).encode(), 3))

    def ingest() -> None:
        prices = csv.read("XYZ", files=[tmp_path / "t.csv.gz"], tz="UTC", calendar="24/7").prices
        assert isinstance(prices, Ticks)
        Store(tmp_path / "store").write_ticks(prices)

    speed = len(ticks) / best(ingest, 1) / _MILLION
    print(f"\ngzip CSV to the store: {speed:.2f} M rows/s")
    assert speed >= 1


_FROM_STORE = """
import sys, time
from pipelines.bars import from_chunks
from pipelines.store import Store
store = Store(sys.argv[1])
next(store.scan_ticks(sys.argv[2]))  # everything is imported
begun, cpu, count = time.perf_counter(), time.process_time(), 0
for symbol in sys.argv[2:]:
    count += sum(from_chunks(store.scan_ticks(symbol), "time:1m").trades)
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(time.process_time() - cpu, time.perf_counter() - begun, int(peak.split()[1]) / 1e6, count)
"""


def test_from_the_store_to_bars_50_million_ticks(tmp_path: Path) -> None:
    store, symbols = Store(tmp_path), ["AAA", "BBB", "CCC", "DDD", "EEE"]
    for seed, symbol in enumerate(symbols):
        ticks = made_ticks(10 * _MILLION, symbol=symbol, seed=seed)
        spread = Ticks(
            symbol=symbol, price=ticks.price, size=ticks.size,
            time=ticks.time[0] + (ticks.time - ticks.time[0]) * 50,  # some two weeks
        )  # fmt: skip
        for row in range(0, len(ticks), 2 * _MILLION):
            store.write_ticks(spread.rows(slice(row, row + 2 * _MILLION)))
    seconds = []
    for some in (symbols[:1], symbols):
        command = [sys.executable, "-c", _FROM_STORE, str(tmp_path), *some]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        taken, wall, peak, count = map(float, told.split())
        speed = (
            f"{count / taken / _MILLION:.1f} M ticks/s of processor time, {count / wall / _MILLION:.1f} M by the clock"
        )
        print(f"\n{len(some)} x 10 M ticks: {speed}, peak {peak:.2f} GB", end="")
        assert count > 9.9 * _MILLION * len(some)
        assert peak < 1.5
        assert count / taken >= 4 * _MILLION
        seconds.append(taken / len(some))
    assert seconds[1] == pytest.approx(seconds[0], rel=0.2)
