"""The same work as pandas, Polars and DuckDB do it, each on one thread; those that are not installed are left out."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from pipelines.market.types import Ticks

Work = dict[str, Callable[[], object]]
"""A tool's name -> what it is timed by."""


def minute_bars(ticks: Ticks) -> Work:
    """Open, high, low, close and volume of each minute."""
    frame = pd.DataFrame({"time": ticks.time, "price": ticks.price, "size": ticks.size})
    work_by_tool: Work = {"pandas": partial(_with_pandas, frame.set_index("time"))}
    if polars := _polars():
        work_by_tool["Polars"] = partial(_with_polars, polars.from_pandas(frame).lazy())
    if duck := _duckdb():
        duck.register("ticks", frame)
        work_by_tool["DuckDB"] = partial(_with_duckdb, duck, "ticks", "time")
    return work_by_tool


def volume_bars(ticks: Ticks, amount: float) -> Work:
    """The same for each so many shares; what goes beyond belongs to the next bar, which is easier than ours."""
    frame = pd.DataFrame({"price": ticks.price, "size": ticks.size})

    def with_pandas() -> object:
        groups = frame.groupby((frame["size"].cumsum() - frame["size"]) // amount)
        return groups["price"].agg(["first", "max", "min", "last"]), groups["size"].sum()

    work_by_tool: Work = {"pandas": with_pandas}
    if polars := _polars():
        table, size = polars.from_pandas(frame), polars.col("size")
        bar = ((size.cum_sum() - size) // amount).set_sorted().alias("bar")
        work_by_tool["Polars"] = table.lazy().group_by(bar, maintain_order=True).agg(*_of(polars)).collect
    if duck := _duckdb():
        duck.register("ticks", frame.reset_index(names="row"))
        work_by_tool["DuckDB"] = lambda: duck.execute(
            "select bar, arg_min(price, row), max(price), min(price), arg_max(price, row), sum(size) from (select *, "
            f"(sum(size) over (order by row) - size) // {amount} as bar from ticks) group by bar"
        ).fetchall()
    return work_by_tool


def from_parquet(folder: Path) -> Work:
    """Minute bars from the files of a store's table of ticks."""
    files = sorted(map(str, folder.rglob("*.parquet")))
    names = ["traded_at", "price", "size"]

    def with_pandas() -> object:
        frame = pd.concat([pd.read_parquet(file, columns=names) for file in files])
        frame.index = pd.to_datetime(frame.pop("traded_at")).rename("time")
        return _with_pandas(frame.sort_index())

    work_by_tool: Work = {"pandas": with_pandas}
    if polars := _polars():
        rows = polars.scan_parquet(files, hive_partitioning=False).select(names).sort("traded_at")
        time = polars.col("traded_at").cast(polars.Datetime("ns")).set_sorted().alias("time")
        work_by_tool["Polars"] = partial(_with_polars, rows.with_columns(time))
    if duck := _duckdb():
        source = f"read_parquet({files}, hive_partitioning=false)"
        work_by_tool["DuckDB"] = partial(_with_duckdb, duck, source, "make_timestamp_ns(traded_at)")
    return work_by_tool


def csv_to_parquet(file: Path, target: Path) -> Work:
    """A gzip CSV of time, price and size to a Parquet file; no checks, no cleaning, no order."""
    work_by_tool: Work = {
        "pandas": lambda: pd.read_csv(file, parse_dates=["time"]).to_parquet(target, compression="zstd"),
        "pandas, pyarrow": lambda: pd.read_csv(file, parse_dates=["time"], engine="pyarrow").to_parquet(
            target, compression="zstd"
        ),
    }
    if polars := _polars():
        work_by_tool["Polars"] = lambda: polars.read_csv(file, try_parse_dates=True).write_parquet(target)
    if duck := _duckdb():
        work_by_tool["DuckDB"] = lambda: duck.execute(
            f"copy (from '{file}') to '{target}' (format parquet, codec zstd)"
        )
    return work_by_tool


def _with_pandas(frame: pd.DataFrame) -> object:
    groups = frame.resample("1min")
    return groups["price"].ohlc(), groups["size"].sum()


def _with_polars(rows: Any) -> object:
    import polars

    bars = rows.with_columns(polars.col("time").set_sorted()).group_by_dynamic("time", every="1m").agg(*_of(polars))
    return bars.collect()


def _of(polars: Any) -> list[Any]:
    price = polars.col("price")
    bar = [price.first().alias("open"), price.max().alias("high"), price.min().alias("low"), price.last()]
    return [*bar, polars.col("size").sum()]


def _with_duckdb(duck: Any, source: str, time: str) -> object:
    return duck.execute(
        f"select time_bucket(interval '1 minute', {time}) as began, arg_min(price, {time}), max(price), min(price), "
        f"arg_max(price, {time}), sum(size) from {source} group by began"
    ).fetchall()


def _polars() -> Any:
    try:
        import polars
    except ImportError:
        return None
    return polars


def _duckdb() -> Any:
    try:
        import duckdb
    except ImportError:
        return None
    return duckdb.connect(config={"threads": 1})
