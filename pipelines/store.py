"""The price store: raw prices as traded, and the actions between them, in Delta tables below one folder.

Tables `bars` (partitioned by symbol and interval), `ticks` and `actions` (by symbol). Times are whole nanoseconds since
1970 UTC in int64 columns: Delta's timestamps are microseconds, and their file statistics are cut to milliseconds,
which makes a reader skip rows. `session` is the exchange's date.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines import calendars
from pipelines.catalogue import series, what_is_there
from pipelines.delta import Table
from pipelines.errors import StoreError, UnknownSymbolError
from pipelines.market import Actions, Bars, Ticks, check_symbol

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_PRICES = ("open", "high", "low", "close", "volume")


class Store:
    """Reads and writes one store. Nothing is made on disk before the first write."""

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)
        self._bars = Table(self.root, "bars", ("symbol", "interval"))
        self._ticks = Table(self.root, "ticks", ("symbol",))
        self._actions = Table(self.root, "actions", ("symbol",))

    def write_bars(self, bars: Bars) -> int:
        """Replaces the symbol's bars of this interval from the first to the last of these. Returns how many.

        Raises:
            StoreError: adjusted bars (the store keeps prices as traded), another currency than the stored bars,
                or a store that cannot be written.
        """
        if bars.adjusted != "raw":
            raise StoreError(f"The store keeps raw prices, got {bars.symbol} adjusted {bars.adjusted}.")
        columns = {name: getattr(bars, name) for name in _PRICES}
        where = {"symbol": check_symbol(bars.symbol), "interval": bars.interval}
        times = {"opened_at": bars.opened_at, "closed_at": bars.closed_at}
        return self._write(self._bars, where, {**_market(bars, bars.closed_at), **times, **columns}, "opened_at")

    def write_ticks(self, ticks: Ticks) -> int:
        """Replaces the symbol's ticks from the first to the last of these. Returns how many."""
        same = np.concatenate([[False], ticks.time[1:] == ticks.time[:-1]])[: len(ticks)]
        row = np.arange(len(ticks))
        place = row - np.maximum.accumulate(np.where(same, 0, row))  # keeps the order of equal times
        columns = {"time": ticks.time, "place": place.astype(np.int32), "price": ticks.price, "size": ticks.size}
        where = {"symbol": check_symbol(ticks.symbol)}
        return self._write(self._ticks, where, {**_market(ticks, ticks.time), **columns}, "time")

    def write_actions(
        self, actions: Actions, *, since: np.datetime64 | None = None, until: np.datetime64 | None = None
    ) -> int:
        """Replaces the symbol's actions from since to until (by default its first and last). Returns how many."""
        columns = {"ex_at": actions.ex_at, "dividend": actions.dividend, "split": actions.split}
        where = {"symbol": check_symbol(actions.symbol)}
        return self._write(self._actions, where, columns, "ex_at", since, until)

    def read_bars(self, symbol: str, *, interval: str = "1d", start: object = None, end: object = None) -> Bars:
        """Raw bars, whole sessions from start to end (dates, both included; None for all).

        Raises:
            UnknownSymbolError: nothing of that symbol and interval, with what is there and how to fetch it.
        """
        where = {"symbol": check_symbol(symbol), "interval": interval}
        return _as_bars(where, self._read(self._bars, where, start, end))

    def bars_at(self, version: int, symbol: str, *, interval: str = "1d") -> Bars:
        """Raw bars as they were in an earlier version; see version()."""
        where = {"symbol": check_symbol(symbol), "interval": interval}
        return _as_bars(where, self._read(self._bars, where, None, None, version))

    def read_ticks(self, symbol: str, *, start: object = None, end: object = None) -> Ticks:
        """All trades of whole sessions from start to end (dates, both included; None for all), in their order.

        Raises:
            UnknownSymbolError: no ticks of that symbol, with what is there and how to fetch it.
        """
        where = {"symbol": check_symbol(symbol)}
        rows = self._read(self._ticks, where, start, end)
        time, place = rows["time"].to_numpy(), rows["place"].to_numpy()
        order: Any = slice(None)
        step = np.diff(time)
        if np.any(step < 0) or np.any((step == 0) & (np.diff(place) <= 0)):
            order = np.lexsort((place, time))
        return Ticks(
            symbol=where["symbol"],
            time=time[order].view("datetime64[ns]"),
            price=rows["price"].to_numpy()[order],
            size=rows["size"].to_numpy()[order],
            currency=str(rows["currency"][-1]),
            calendar=str(rows["calendar"][-1]),
        )

    def read_actions(self, symbol: str) -> Actions:
        """All known dividends and splits; none for a symbol without any."""
        where = {"symbol": check_symbol(symbol)}
        if not self._actions.exists():
            return Actions.none(where["symbol"])
        rows = self._actions.read(where)
        order = np.argsort(rows["ex_at"], kind="stable")
        return Actions(
            symbol=where["symbol"],
            ex_at=_as_times(rows["ex_at"])[order],
            dividend=rows["dividend"].to_numpy()[order],
            split=rows["split"].to_numpy()[order],
        )

    def catalogue(self) -> "pd.DataFrame":
        """One row a series: symbol, kind (bars, ticks), interval, rows, first, last (sessions), currency, calendar."""
        return series({"bars": self._bars.files(), "ticks": self._ticks.files()})

    def _write(
        self,
        table: Table,
        where: dict[str, str],
        columns: dict[str, Any],
        key: str,
        since: np.datetime64 | None = None,
        until: np.datetime64 | None = None,
    ) -> int:
        """Replaces the range since..until (by default that of the rows) unless it holds the same rows already."""
        import pyarrow as pa
        import pyarrow.dataset as ds

        moments = columns[key].view(np.int64)
        if len(moments) == 0 and (since is None or until is None):
            return 0
        first = int(moments[0] if since is None else since.astype("datetime64[ns]").astype(np.int64))
        last = int(moments[-1] if until is None else until.astype("datetime64[ns]").astype(np.int64))
        rows = pa.table({**{name: pa.repeat(value, len(moments)) for name, value in where.items()}, **_plain(columns)})
        with table.lock(where):
            if table.exists():
                inside = (ds.field(key) >= first) & (ds.field(key) <= last)
                order = [(name, "ascending") for name in (key, "place") if name in columns]
                stored = table.read(where, inside, rows.column_names).sort_by(order)
                if stored.equals(rows.cast(stored.schema)):
                    return len(moments)
                self._check_market(table, where, columns)
            if len(moments) or table.exists():
                table.replace(rows, where, column=key, first=first, last=last)
        return len(moments)

    def _check_market(self, table: Table, where: dict[str, str], columns: dict[str, Any]) -> None:
        known = self.catalogue()
        known = known[(known["symbol"] == where["symbol"]) & (known["interval"] == where.get("interval", ""))]
        known = known[known["kind"] == table.path.name]
        for name in ("currency", "calendar"):
            new = str(columns[name][0]) if name in columns and len(columns[name]) else ""
            if len(known) and new and (old := str(known[name].iloc[0])) and old != new:
                raise StoreError(
                    f"{where['symbol']} is stored with the {name} {old}, got {new}. "
                    f"Use --{name} {old}, or another --data-dir."
                )

    def version(self) -> int:
        """The version of the table of bars, one more with each change; -1 before the first."""
        return self._bars.version()

    def _read(
        self, table: Table, where: dict[str, str], start: object, end: object, version: int | None = None
    ) -> "pa.Table":
        import pyarrow.dataset as ds

        condition = None
        for bound, compare in ((start, "__ge__"), (end, "__le__")):
            if bound is not None:
                part = getattr(ds.field("session"), compare)(np.datetime64(str(bound), "D").astype(object))
                condition = part if condition is None else condition & part
        rows = table.read(where, condition, version=version) if table.exists() else None
        if rows is None or rows.num_rows == 0:
            raise UnknownSymbolError(what_is_there(self.catalogue(), where, start, end))
        return rows


def _market(prices: Bars | Ticks, times: NDArray[np.datetime64]) -> dict[str, Any]:
    count = len(prices)
    return {
        "session": calendars.session_of(times, prices.calendar) if count else np.array([], "datetime64[D]"),
        "currency": np.full(count, prices.currency),
        "calendar": np.full(count, prices.calendar),
    }


def _plain(columns: dict[str, Any]) -> dict[str, Any]:
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


def _as_bars(where: dict[str, str], rows: "pa.Table") -> Bars:
    order = np.argsort(rows["opened_at"], kind="stable")
    return Bars(
        symbol=where["symbol"],
        interval=where["interval"],
        opened_at=_as_times(rows["opened_at"])[order],
        closed_at=_as_times(rows["closed_at"])[order],
        open=rows["open"].to_numpy()[order],
        high=rows["high"].to_numpy()[order],
        low=rows["low"].to_numpy()[order],
        close=rows["close"].to_numpy()[order],
        volume=rows["volume"].to_numpy()[order],
        currency=str(rows["currency"][-1]),
        calendar=str(rows["calendar"][-1]),
    )


def _as_times(column: Any) -> NDArray[np.datetime64]:
    times: NDArray[np.datetime64] = column.to_numpy().astype(np.int64).view("datetime64[ns]")
    return times
