"""Between the types that prices travel in and the rows of the store's tables."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines import calendars
from pipelines.market import Bars, Ticks

if TYPE_CHECKING:
    import pyarrow as pa


def market_columns(prices: Bars | Ticks, times: NDArray[np.datetime64]) -> dict[str, Any]:
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
        else pa.repeat(str(values[0]), len(values))
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


def as_times(column: Any) -> NDArray[np.datetime64]:
    times: NDArray[np.datetime64] = column.to_numpy().astype(np.int64).view("datetime64[ns]")
    return times
