"""How fast files become ticks and ticks bars, beside pandas, Polars and DuckDB in the same run; one line each.

`POLARS_MAX_THREADS=1 pytest -m slow tests/benchmarks/test_data_speed.py -s`, in millions a second of processor time.
The extra [bench] brings Polars and DuckDB; they are left out where they are not installed.
"""

import gzip
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pandas as pd
import pytest

from pipelines.bars.aggregation import from_ticks
from pipelines.market.types import Ticks
from pipelines.sources.csv import source
from pipelines.store.store import Store
from tests.benchmarks import data_tools
from tests.helpers.ticks import random_walk_ticks

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
_MILLION = 1_000_000


def best(action: Callable[[], object], times: int = 5) -> float:
    """The least seconds of processor time of several tries: what it takes on a machine with nothing else to do."""
    taken = []
    for _ in range(times):
        begun = time.process_time()
        action()
        taken.append(time.process_time() - begun)
    return min(taken)


def speeds(what: str, ours: float, others: data_tools.Work, rows: float) -> dict[str, float]:
    """Prints and returns millions of rows a second of processor time. ours: seconds for as many rows."""
    speed = {"forecast": rows / ours / _MILLION}
    speed |= {name: rows / best(action, 2) / _MILLION for name, action in others.items()}
    print(f"\n{what}: " + ", ".join(f"{name} {rate:.3g}" for name, rate in speed.items()), end="")
    return speed


def test_ticks_to_bars_in_memory() -> None:
    ticks = random_walk_ticks(10 * _MILLION)
    kinds = ("time:1m", "tick:500", "volume:25000", "dollar:2500000", "imbalance:500")
    others = {"time:1m": data_tools.minute_bars(ticks), "volume:25000": data_tools.volume_bars(ticks, 25_000)}
    speed = {
        kind: speeds(kind, best(lambda kind=kind: from_ticks(ticks, kind)), others.get(kind, {}), len(ticks))
        for kind in kinds
    }
    assert speed["time:1m"]["forecast"] >= max(60, speed["time:1m"]["pandas"])
    assert min(speed[kind]["forecast"] for kind in kinds[2:]) >= 20


def test_ingest_of_a_gzip_csv(tmp_path: Path) -> None:
    ticks = random_walk_ticks(2 * _MILLION)
    frame = pd.DataFrame({"time": ticks.time.astype(str), "price": ticks.price, "size": ticks.size.astype(int)})
    file = tmp_path / "t.csv.gz"
    file.write_bytes(gzip.compress(frame.to_csv(index=False).encode(), 3))
    stores = (Store(tmp_path / f"store-{number}") for number in count())

    def ingest() -> None:
        prices = source.read("XYZ", files=[file], tz="UTC", calendar="24/7").prices
        assert isinstance(prices, Ticks)
        assert next(stores).write_ticks(prices) == len(ticks)

    others = data_tools.csv_to_parquet(file, tmp_path / "t.parquet")
    assert speeds("gzip CSV to the store", best(ingest, 3), others, len(ticks))["forecast"] >= 1


_FROM_STORE = """
import sys, time
from pipelines.bars.aggregation import from_chunks
from pipelines.store.store import Store
store = Store(sys.argv[1])
from_chunks(store.scan_ticks(sys.argv[2]), "time:1m")  # everything is imported and has run once
begun, cpu, count = time.perf_counter(), time.process_time(), 0
for symbol in sys.argv[2:]:
    count += sum(from_chunks(store.scan_ticks(symbol), "time:1m").trades)
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(time.process_time() - cpu, time.perf_counter() - begun, int(peak.split()[1]) / 1e6, count)
"""


def test_from_the_store_to_bars_50_million_ticks(tmp_path: Path) -> None:
    store, symbols = Store(tmp_path), ["AAA", "BBB", "CCC", "DDD", "EEE"]
    for seed, symbol in enumerate(symbols):
        ticks = random_walk_ticks(10 * _MILLION, symbol=symbol, seed=seed)
        spread = Ticks(
            symbol=symbol, price=ticks.price, size=ticks.size,
            time=ticks.time[0] + (ticks.time - ticks.time[0]) * 50,  # some two weeks
        )  # fmt: skip
        for row in range(0, len(ticks), 2 * _MILLION):
            store.write_ticks(spread.rows(slice(row, row + 2 * _MILLION)))
    taken = []
    for chosen in (symbols[:1], symbols):
        command = [sys.executable, "-c", _FROM_STORE, str(tmp_path), *chosen]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        seconds, wall, peak, rows = map(float, output.split())
        others = data_tools.from_parquet(tmp_path / "ticks" / "symbol=AAA") if len(chosen) == 1 else {}
        speed = speeds(
            f"from the store to 1-minute bars, {len(chosen)} x 10 M", seconds / len(chosen), others, 10 * _MILLION
        )
        print(f" (forecast: {rows / wall / _MILLION:.3g} by the clock, peak {peak:.2f} GB)", end="")
        assert rows > 9.9 * _MILLION * len(chosen)
        assert peak < 1.5
        assert speed["forecast"] >= 4
        taken.append(seconds)
    more = (taken[1] - taken[0]) / 4
    print(f"\n10 M ticks: {taken[0]:.2f} s, each 10 M more: {more:.2f} s")
    assert taken[1] / 5 == pytest.approx(taken[0], rel=0.2)
