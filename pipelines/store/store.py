"""The price store: raw prices as traded, and the actions between them, in Delta tables below one folder or address.

Tables `bars` (partitioned by symbol and frequency), `ticks`, `quotes` and `actions` (by symbol). delta-rs reads its own
predicates again when writers meet, without quotes, so no column may be named like a word of SQL (interval, time). Times
are whole nanoseconds since 1970 UTC in int64 columns: Delta's timestamps are microseconds, and their file statistics
are cut to milliseconds, which makes a reader skip rows. `session` is the exchange's date.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pipelines.bars.quote_matching import match_chunks
from pipelines.errors import StoreError, UnknownSymbolError
from pipelines.market.types import Actions, Bars, Quotes, Ticks, check_symbol
from pipelines.store.acts import Journal, Versions
from pipelines.store.catalog import series, what_is_there
from pipelines.store.delta_table import Table
from pipelines.store.reasons import check_address
from pipelines.store.schema import as_bars, as_quotes, as_ticks, as_times, market_columns, place_in_time, plain

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_TICKS = ["traded_at", "place", "price", "size"]
_QUOTES = ["quoted_at", "place", "bid", "ask", "bid_size", "ask_size"]
_PRICES = ("open", "high", "low", "close", "volume")


Method = Literal["replace", "merge"]
_ACTIONS_BEFORE = "forecast.actions_before"  # with each commit of bars: the version of the actions before its act


def _note(before: Versions) -> dict[str, str]:
    return {_ACTIONS_BEFORE: str(before.actions)}


class Store:
    """Reads and writes one store. Nothing is made on disk before the first write.

    root: a folder, or an address such as s3://bucket/prefix; what is needed for it, delta-rs takes from the standard
    variables of the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL, ...).
    """

    def __init__(self, root: Path | str) -> None:
        self.root = str(root).rstrip("/") if str(root).startswith("s3://") else Path(root)
        if isinstance(self.root, Path):
            check_address(self.root)
        self._bars = Table(self.root, "bars", ("symbol", "frequency"))
        self._ticks = Table(self.root, "ticks", ("symbol",), rising=("traded_at",))
        self._quotes = Table(self.root, "quotes", ("symbol",), rising=("quoted_at",))
        self._actions = Table(self.root, "actions", ("symbol",))
        self._journal = Journal(self.root / ".locks" if isinstance(self.root, Path) else None, self._restore)
        self._journal.recover()
        if isinstance(self.root, Path) and any((self.root / ".locks").glob("writes-*.part")):
            for table in (self._bars, self._ticks, self._quotes, self._actions):
                table.remove_leftovers()

    def write(
        self,
        bars: Bars,
        actions: Actions,
        *,
        since: np.datetime64 | None = None,
        until: np.datetime64 | None = None,
        method: Method = "replace",
    ) -> int:
        """Bars and actions as one act, see write_bars and write_actions: both or neither, also after a kill.

        One undo() takes both back. Returns how many bars.
        """
        symbol = check_symbol(bars.symbol)
        with self._journal.act(symbol, self._versions) as before:
            self.write_actions(actions, since=since, until=until)
            return self._write_bars(bars, method=method, before=before)

    def undo(self, version: int, symbol: str, *, interval: str = "1d") -> int:
        """Brings bars of one interval and the actions back as they were in a version. Returns how many bars.

        Raises:
            StoreError: there is no such version, or the symbol was not in it.
        """
        where = {"symbol": check_symbol(symbol), "frequency": interval}
        with self._journal.act(where["symbol"], self._versions) as before:
            if not 0 <= version <= before.bars:
                raise StoreError(
                    f"Expected a version from 0 to {before.bars}, got {version}. See `forecast data list`."
                )
            if not self._bars.read(where, version=version).num_rows:
                raise StoreError(
                    f"Expected a version with {interval} bars of {where['symbol']}, got {version}, which has none. "
                    "Name a later one."
                )
            actions = self._actions_at(version)
            self._actions.restore({"symbol": where["symbol"]}, actions, column="ex_at")
            return self._bars.restore(where, version, column="opened_at", note=_note(before))

    def remove(self, symbol: str) -> None:
        """Removes all of a symbol: bars, actions, ticks and quotes. undo() brings bars and actions back.

        Raises:
            UnknownSymbolError: nothing of that symbol, with what is there.
        """
        where = {"symbol": check_symbol(symbol)}
        if where["symbol"] not in set(self.catalogue()["symbol"]):
            raise UnknownSymbolError(what_is_there(self.catalogue(), where, None, None))
        for table, key in ((self._ticks, "traded_at"), (self._quotes, "quoted_at")):
            with table.lock(where):
                table.restore(where, -1, column=key)
        with self._journal.act(where["symbol"], self._versions) as before:
            self._actions.restore(where, -1, column="ex_at")
            self._bars.restore(where, -1, column="opened_at", note=_note(before))

    def _versions(self) -> Versions:
        return Versions(bars=self._bars.version(), actions=self._actions.version())

    def _restore(self, symbol: str, versions: Versions) -> None:
        """Takes a half-done act back."""
        where = {"symbol": symbol}
        if self._actions.version() > versions.actions:
            self._actions.restore(where, versions.actions, column="ex_at")
        if self._bars.version() > versions.bars:
            self._bars.restore(where, versions.bars, column="opened_at", note=_note(versions))

    def _actions_at(self, version: int) -> int:
        """The version that the table of actions had when the next version of the bars was begun."""
        commits = {commit["version"]: commit for commit in self._bars.history()}
        after = commits.get(version + 1)
        if after is None:
            return self._actions.version()
        if _ACTIONS_BEFORE in after:
            return int(after[_ACTIONS_BEFORE])
        earlier = [commit for commit in self._actions.history() if commit["timestamp"] < after["timestamp"]]
        return int(earlier[0]["version"]) if earlier else -1

    def write_bars(self, bars: Bars, *, method: Method = "replace") -> int:
        """Replaces the symbol's bars of this interval from the first to the last of these. Returns how many.

        method: "merge" leaves the stored bars of other times where they are, also here.

        Raises:
            StoreError: adjusted bars (the store keeps prices as traded), another currency than the stored bars,
                or a store that cannot be written.
        """
        return self._write_bars(bars, method=method)

    def _write_bars(self, bars: Bars, *, method: Method, before: Versions | None = None) -> int:
        """before: the versions before the act that this write belongs to and ends."""
        if bars.adjusted != "raw":
            raise StoreError(f"The store keeps raw prices, got {bars.symbol} adjusted {bars.adjusted}.")
        columns = {name: getattr(bars, name) for name in _PRICES}
        where = {"symbol": check_symbol(bars.symbol), "frequency": bars.interval}
        times = {"opened_at": bars.opened_at, "closed_at": bars.closed_at}
        rows = {**market_columns(bars, bars.closed_at), **times, **columns}
        changed = before is not None and self._actions.version() != before.actions
        note = _note(before or self._versions())
        return self._write(self._bars, where, rows, "opened_at", method=method, note=note, always=changed)

    def write_ticks(self, ticks: Ticks, *, method: Method = "replace") -> int:
        """Replaces the symbol's ticks from the first to the last of these; method as for bars. Returns how many."""
        place = place_in_time(ticks.time)
        columns = {"traded_at": ticks.time, "place": place, "price": ticks.price, "size": ticks.size}
        where = {"symbol": check_symbol(ticks.symbol)}
        columns = {**market_columns(ticks, ticks.time), **columns}
        return self._write(self._ticks, where, columns, "traded_at", method=method)

    def write_quotes(self, quotes: Quotes, *, method: Method = "replace") -> int:
        """Replaces the symbol's quotes from the first to the last of these; method as for bars. Returns how many."""
        columns = {name: getattr(quotes, name) for name in ("bid", "ask", "bid_size", "ask_size")}
        columns |= {"quoted_at": quotes.time, "place": place_in_time(quotes.time)}
        where = {"symbol": check_symbol(quotes.symbol)}
        columns = {**market_columns(quotes, quotes.time), **columns}
        return self._write(self._quotes, where, columns, "quoted_at", method=method)

    def others(self, prices: Bars | Ticks | Quotes) -> int:
        """How many stored rows lie between the first and the last of these at times that these do not have."""
        import pyarrow.dataset as ds

        table, key, times = {
            Bars: (self._bars, "opened_at", getattr(prices, "opened_at", None)),
            Ticks: (self._ticks, "traded_at", getattr(prices, "time", None)),
            Quotes: (self._quotes, "quoted_at", getattr(prices, "time", None)),
        }[type(prices)]
        where = {"symbol": check_symbol(prices.symbol)}
        where |= {"frequency": prices.interval} if isinstance(prices, Bars) else {}
        if not table.exists() or times is None or not len(times):
            return 0
        moments = times.view(np.int64)
        inside = (ds.field(key) >= int(moments[0])) & (ds.field(key) <= int(moments[-1]))
        stored = table.read(where, inside, [key])[key].to_numpy()
        return int(np.count_nonzero(moments[np.searchsorted(moments, stored)] != stored))

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
        where = {"symbol": check_symbol(symbol), "frequency": interval}
        return as_bars(where, self._read(self._bars, where, start, end))

    def bars_at(self, version: int, symbol: str, *, interval: str = "1d") -> Bars:
        """Raw bars as they were in an earlier version; see version()."""
        where = {"symbol": check_symbol(symbol), "frequency": interval}
        return as_bars(where, self._read(self._bars, where, None, None, version))

    def read_ticks(self, symbol: str, *, start: object = None, end: object = None) -> Ticks:
        """All trades of whole sessions from start to end (dates, both included; None for all), in their order.

        Raises:
            UnknownSymbolError: no ticks of that symbol, with what is there and how to fetch it.
        """
        where = {"symbol": check_symbol(symbol)}
        rows = self._read(self._ticks, where, start, end, columns=_TICKS)
        return as_ticks(where, rows, self._rows_of(self._ticks, where))

    def scan_ticks(
        self, symbol: str, *, start: object = None, end: object = None, rows: int = 2_000_000
    ) -> Iterator[Ticks]:
        """The same ticks as read_ticks, at most about so many rows at a time: for aggregation.from_chunks."""
        where = {"symbol": check_symbol(symbol)}
        row = self._rows_of(self._ticks, where)
        for part in self._scan(self._ticks, where, _TICKS, start, end, rows):
            yield as_ticks(where, part, row)

    def has_quotes(self, symbol: str) -> bool:
        """Whether there are quotes of the symbol."""
        return bool(len(self._rows_of(self._quotes, {"symbol": check_symbol(symbol)})))

    def scan_quotes(
        self, symbol: str, *, start: object = None, end: object = None, rows: int = 2_000_000
    ) -> Iterator[Quotes]:
        """The quotes of whole sessions from start to end, about so many rows at a time; none where there are none."""
        where = {"symbol": check_symbol(symbol)}
        row = self._rows_of(self._quotes, where)
        try:
            for part in self._scan(self._quotes, where, _QUOTES, start, end, rows):
                yield as_quotes(where, part, row)
        except UnknownSymbolError:
            return  # none in that time

    def scan_matched(
        self, symbol: str, *, start: object = None, end: object = None, rows: int = 2_000_000
    ) -> Iterator[Ticks]:
        """The ticks of scan_ticks, each with the quote in force before it where the symbol has quotes."""
        ticks = self.scan_ticks(symbol, start=start, end=end, rows=rows)
        if self.has_quotes(symbol):
            ticks = match_chunks(ticks, self.scan_quotes(symbol, start=start, end=end, rows=rows))
        yield from ticks

    def _scan(
        self, table: Table, where: dict[str, str], columns: list[str], start: object, end: object, rows: int
    ) -> "Iterator[pa.Table]":
        """Rows in order of time from one piece to the next: row groups where they can be had, else whole sessions."""
        files = table.in_order(where, columns[0], columns) if start is None and end is None and table.exists() else None
        if files is not None and len(self._rows_of(table, where)):
            yield from files
            return
        days = self._read(table, where, start, end, columns=["session"])["session"].value_counts()
        order = np.argsort(days.field("values"))
        sessions = days.field("values").to_numpy(zero_copy_only=False)[order]
        counts = days.field("counts").to_numpy()[order]
        portion = (np.cumsum(counts) - counts) // rows
        for chunk in np.split(sessions, np.flatnonzero(np.diff(portion)) + 1):
            yield self._read(table, where, chunk[0], chunk[-1], columns=columns)

    def read_actions(self, symbol: str) -> Actions:
        """All known dividends and splits; none for a symbol without any."""
        where = {"symbol": check_symbol(symbol)}
        if not self._actions.exists():
            return Actions.none(where["symbol"])
        rows = self._actions.read(where)
        order = np.argsort(rows["ex_at"], kind="stable")
        return Actions(
            symbol=where["symbol"],
            ex_at=as_times(rows["ex_at"])[order],
            dividend=rows["dividend"].to_numpy()[order],
            split=rows["split"].to_numpy()[order],
        )

    def catalogue(self) -> "pd.DataFrame":
        """One row a series: symbol, kind (bars, ticks, quotes), interval, rows, first, last, currency, calendar."""
        tables = {"bars": self._bars, "ticks": self._ticks, "quotes": self._quotes}
        return series({kind: table.files() for kind, table in tables.items()})

    def _write(
        self,
        table: Table,
        where: dict[str, str],
        columns: dict[str, Any],
        key: str,
        since: np.datetime64 | None = None,
        until: np.datetime64 | None = None,
        *,
        method: Method = "replace",
        note: dict[str, str] | None = None,
        always: bool = False,
    ) -> int:
        """Replaces the range since..until (by default that of the rows) unless it holds the same rows already.

        note: kept with the commit. always: make a version even where nothing changes, for the end of an act.
        """
        import pyarrow as pa
        import pyarrow.compute as pc
        import pyarrow.dataset as ds

        moments = columns[key].view(np.int64)
        if len(moments) == 0 and (since is None or until is None):
            return 0
        ends = [moments[:1], moments[-1:]]  # what is written belongs to the range that it replaces
        ends += [np.array([moment], "datetime64[ns]").view(np.int64) for moment in (since, until) if moment is not None]
        first, last = int(np.concatenate(ends).min()), int(np.concatenate(ends).max())
        rows = pa.table({**{name: pa.repeat(value, len(moments)) for name, value in where.items()}, **plain(columns)})
        with table.lock(where):
            if table.exists():
                inside = (ds.field(key) >= first) & (ds.field(key) <= last)
                stored = table.read(where, inside, rows.column_names)
                rows = rows.cast(stored.schema)
                if stored.num_rows:  # else the rows, which are in order, are all there is
                    order = [(name, "ascending") for name in (key, "place") if name in columns]
                    stored = stored.sort_by(order)
                    if method == "merge":
                        others = stored.filter(pc.invert(pc.is_in(stored[key], rows[key].combine_chunks())))
                        rows = pa.concat_tables([rows, others]).sort_by(order)
                        _check_overlap(rows, where)
                if not always and stored.equals(rows):
                    return len(moments)
                self._check_market(table, where, columns)
            if len(moments) or table.exists():
                table.replace(rows, where, column=key, first=first, last=last, note=note)
        return len(moments)

    def _rows_of(self, table: Table, where: dict[str, str]) -> "pd.DataFrame":
        catalogue = self.catalogue()
        of_series = (catalogue["symbol"] == where["symbol"]) & (catalogue["interval"] == where.get("frequency", ""))
        return catalogue[of_series & (catalogue["kind"] == table.name)]

    def _check_market(self, table: Table, where: dict[str, str], columns: dict[str, Any]) -> None:
        for name in ("currency", "calendar"):
            new = str(columns[name][0]) if name in columns and len(columns[name]) else ""
            if new and (old := table.largest(where, name)) and old != new:
                raise StoreError(
                    f"{where['symbol']} is stored with the {name} {old}, got {new}. "
                    f"Use --{name} {old}, or another --data-dir."
                )

    def version(self) -> int:
        """The version of the table of bars, one more with each change; -1 before the first."""
        return self._bars.version()

    def compact(self) -> int:
        """Merges the small files of many updates into large ones. Returns how many files fewer there are."""
        return sum(table.compact() for table in (self._bars, self._ticks, self._quotes, self._actions))

    def _read(
        self,
        table: Table,
        where: dict[str, str],
        start: object,
        end: object,
        version: int | None = None,
        columns: list[str] | None = None,
    ) -> "pa.Table":
        import pyarrow.dataset as ds

        condition = None
        for bound, compare in ((start, "__ge__"), (end, "__le__")):
            if bound is not None:
                part = getattr(ds.field("session"), compare)(np.datetime64(str(bound), "D").astype(object))
                condition = part if condition is None else condition & part
        rows = table.read(where, condition, columns, version) if table.exists() else None
        if rows is None or rows.num_rows == 0:
            raise UnknownSymbolError(what_is_there(self.catalogue(), where, start, end))
        return rows


def _check_overlap(rows: "pa.Table", where: dict[str, str]) -> None:
    """Raises StoreError where merged bars lie over each other: bars of other times of day than those stored."""
    if "closed_at" not in rows.column_names:
        return
    opened, closed = (rows[name].to_numpy() for name in ("opened_at", "closed_at"))
    if np.any(overlaps := opened[1:] < closed[:-1]):
        moment = opened[1:][np.argmax(overlaps)].astype("datetime64[ns]").astype("datetime64[m]")
        raise StoreError(
            f"{where['symbol']}: Expected bars that fit between those stored, got one at {moment} UTC that lies over "
            "another. Check --tz and --stamp, or put these in the place of the stored ones with --replace."
        )
