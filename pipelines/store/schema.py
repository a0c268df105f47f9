"""Between the types that prices travel in and the rows of the store's tables."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.market import calendars
from pipelines.market.types import Bars, Quotes, Ticks

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def market_columns(prices: Bars | Ticks | Quotes, times: NDArray[np.datetime64]) -> dict[str, Any]:
    count = len(prices)
    return {
        "session": calendars.session_of(times, prices.calendar) if count else np.array([], "datetime64[D]"),
        "currency": np.full(count, prices.currency),
        "calendar": np.full(count, prices.calendar),
    }


def plain(columns: dict[str, Any]) -> dict[str, Any]:
    """Times as whole nanoseconds, everything else as it is."""
    import pyarrow as pa

    return {
        name: pa.array(values.view(np.int64))
        if values.dtype == "datetime64[ns]"
        else pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), len(values)), [str(values[0])])
        if values.dtype.kind == "U" and len(values)
        else pa.array(values)
        for name, values in columns.items()
    }


def as_bars(where: dict[str, str], rows: "pa.Table") -> Bars:
    order = np.argsort(rows["opened_at"], kind="stable")
    return Bars(
        symbol=where["symbol"],
        interval=where["frequency"],
        opened_at=as_times(rows["opened_at"])[order],
        closed_at=as_times(rows["closed_at"])[order],
        open=rows["open"].to_numpy()[order],
        high=rows["high"].to_numpy()[order],
        low=rows["low"].to_numpy()[order],
        close=rows["close"].to_numpy()[order],
        volume=rows["volume"].to_numpy()[order],
        currency=str(rows["currency"][-1]),
        calendar=str(rows["calendar"][-1]),
    )


def as_ticks(where: dict[str, str], rows: "pa.Table", row: "pd.DataFrame") -> Ticks:
    """Ticks by time, those of one time by their place. known: the symbol's row of the catalogue."""
    time, place, price, size = (rows[name].to_numpy() for name in ("traded_at", "place", "price", "size"))
    step = np.diff(time)
    if np.any(step < 0) or np.any((step == 0) & (np.diff(place) <= 0)):
        order = np.lexsort((place, time))
        time, price, size = time[order], price[order], size[order]
    for array in (time, price, size):
        array.flags.writeable = False  # so that Ticks takes them as they are
    return Ticks(
        symbol=where["symbol"],
        time=time.view("datetime64[ns]"),
        price=price,
        size=size,
        currency=str(row["currency"].iloc[0]),
        calendar=str(row["calendar"].iloc[0]),
    )


def as_quotes(where: dict[str, str], rows: "pa.Table", row: "pd.DataFrame") -> Quotes:
    """Quotes by time, those of one time by their place. known: the symbol's row of the catalogue."""
    time, place = rows["quoted_at"].to_numpy(), rows["place"].to_numpy()
    order = np.lexsort((place, time))
    return Quotes(
        symbol=where["symbol"],
        time=time[order].view("datetime64[ns]"),
        bid=rows["bid"].to_numpy()[order],
        ask=rows["ask"].to_numpy()[order],
        bid_size=rows["bid_size"].to_numpy()[order],
        ask_size=rows["ask_size"].to_numpy()[order],
        currency=str(row["currency"].iloc[0]),
        calendar=str(row["calendar"].iloc[0]),
    )


def place_in_time(times: NDArray[np.datetime64]) -> NDArray[np.int32]:
    """The place of each row among those of one time, which keeps their order."""
    repeats = np.concatenate([[False], times[1:] == times[:-1]])[: len(times)]
    row = np.arange(len(times))
    return (row - np.maximum.accumulate(np.where(repeats, 0, row))).astype(np.int32)


def as_times(column: Any) -> NDArray[np.datetime64]:
    times: NDArray[np.datetime64] = column.to_numpy().astype(np.int64).view("datetime64[ns]")
    return times
