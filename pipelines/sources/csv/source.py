"""Bars or trades from files of one's own: .csv, .csv.gz or .parquet, told apart by their columns."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pipelines.cleaning import cleaning
from pipelines.errors import BadFileError, ConfigError
from pipelines.market import calendars
from pipelines.market.adjustments import as_traded
from pipelines.market.types import Actions, Bars, Times
from pipelines.sources.base import Delivery
from pipelines.sources.csv import columns, parsing, reader

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


_NAMES = (".csv", ".csv.gz", ".txt", ".txt.gz", ".parquet")
LOBSTER = ("time", "type", "order_id", "size", "price", "direction")  # a message file: one row an event, no header
_TRADES = (4, 5)  # of LOBSTER's events: a visible and a hidden order executed
_LOBSTER_SCALE = 10_000.0
_DAY_IN_NAME = re.compile(r"_(\d{4}-\d\d-\d\d)_")


def read(
    symbol: str,
    *,
    files: Sequence[Path],
    interval: str = "1d",
    tz: str | None = None,
    calendar: str | None = None,
    currency: str | None = None,
    max_dropped: float = cleaning.MAX_DROPPED,
    names: Mapping[str, str] | None = None,
    time_format: str | None = None,
    stamp: Literal["start", "end"] = "start",
    price_scale: float = 1.0,
    date: str | None = None,
    exchange: str | None = None,
    shape: Literal["named", "lobster"] = "named",
    now: np.datetime64 | None = None,
) -> Delivery:
    """One symbol's bars (with dividends and splits, where the file has such columns) or trades.

    tz: the zone of times that name none. calendar: XNYS unless given. names: needed column -> the file's name for it.
    time_format: a strptime format, for times that are not ISO 8601. stamp: whether an intraday bar's time is its start.
    price_scale: what the file's prices are divided by. date: of times that are seconds after midnight. exchange: of
    trades, the only one that is kept. shape: "lobster" for LOBSTER's message files, which have no header: their
    executions, the day taken from the file's name, New York time, prices in ten-thousandths. now: rows more than a
    day later are dropped.

    Raises:
        BadFileError: a file that cannot be read, a missing column, a cell that is no number or no time.
        ConfigError: a time zone or an interval that is needed and missing.
        BadPricesError: too many rows that cannot be prices.
    """
    frames, found, other_events = [], None, 0
    if shape == "lobster":
        tz, price_scale = tz or "America/New_York", _LOBSTER_SCALE if price_scale == 1.0 else price_scale
    for path in _every(files):
        if shape == "lobster" and "_orderbook_" in path.name:
            continue  # the states of the book that belong to the messages
        day = _day_in_name(path) if shape == "lobster" and date is None else date
        header = LOBSTER if shape == "lobster" else None
        part, found = _read_one(path, tz=tz, names=names, time_format=time_format, date=day, header=header)
        if shape == "lobster":
            part, other_events = part[part["trade"]].drop(columns="trade"), other_events + int((~part["trade"]).sum())
        frames.append(part)
    if found is None:
        raise BadFileError(f"{symbol}: need at least one file.")
    import pandas as pd

    frame = frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)
    if not len(frame):
        raise BadFileError(f"Need rows below the header, got {files[0]} without any.")
    for name in ("open", "high", "low", "close", "price", "bid", "ask"):
        if price_scale != 1 and name in frame:
            frame[name] /= price_scale
    until = (np.datetime64("now") if now is None else now) + np.timedelta64(1, "D")
    market: dict[str, Any] = {"calendar": calendar or "XNYS", "currency": currency or "", "max_dropped": max_dropped}
    market["until"] = until.astype("datetime64[ns]")
    if found.quotes:
        return _quoted(frame, found, symbol=symbol, exchange=exchange, **market)
    if found.kind == "ticks":
        notes: tuple[str, ...] = (f"{other_events:,} events that are no trades left out",) if other_events else ()
        if exchange is not None and "exchange" in frame:
            elsewhere = int((frame["exchange"] != exchange).sum())
            frame = frame[frame["exchange"] == exchange].reset_index(drop=True)
            notes += (f"{elsewhere:,} trades of other exchanges left out, rows counted without them",)
        ticks, report = cleaning.ticks(frame.rename(columns={"at": "time"}), symbol=symbol, **market)
        return Delivery(prices=ticks, actions=None, report=report.noting((*found.notes, *notes)))
    frame, notes = _bar_times(frame, interval, stamp=stamp, path=files[0])
    bars, report = cleaning.bars(frame, symbol=symbol, interval=interval, **market)
    actions = _actions(frame, bars) if found.actions else None
    if actions is not None:
        bars, actions, undone = as_traded(bars, actions)
        notes += ("prices were adjusted for splits: undone",) if undone else ()
    return Delivery(prices=bars, actions=actions, report=report.noting((*found.notes, *notes)))


def _quoted(
    frame: "pd.DataFrame", found: columns.Columns, *, symbol: str, exchange: str | None, **market: Any
) -> Delivery:
    """Quotes, and trades where the file has them: each row with a price is a trade, each with bid and ask a quote."""
    frame, notes = frame.rename(columns={"at": "time"}), list(found.notes)
    if exchange is not None and "exchange" in frame:
        notes.append(f"{int((frame['exchange'] != exchange).sum()):,} rows of other exchanges left out")
        frame = frame[frame["exchange"] == exchange].reset_index(drop=True)
    rows = frame[frame["bid"].notna() & frame["ask"].notna()].reset_index(drop=True)
    quotes, report = cleaning.quotes(rows, symbol=symbol, **market)
    if found.kind == "quotes":
        return Delivery(prices=quotes, actions=None, report=report.noting(notes))
    traded = frame[frame["price"].notna()].reset_index(drop=True)
    if not len(traded):
        return Delivery(prices=quotes, actions=None, report=report.noting([*notes, "no row with a price: quotes only"]))
    notes.append(f"quotes: {report.summary()}")
    ticks, report = cleaning.ticks(traded, symbol=symbol, **market)
    return Delivery(prices=ticks, actions=None, report=report.noting(notes), quotes=quotes)


def _read_one(
    path: Path,
    *,
    tz: str | None,
    names: Mapping[str, str] | None,
    time_format: str | None,
    date: str | None,
    header: Sequence[str] | None,
) -> "tuple[pd.DataFrame, columns.Columns]":
    """Columns `at` (UTC) and `date` (NaT where the file has times of day), and the numbers, as in the file."""
    import pandas as pd

    found = columns.find(reader.names(path, header=header), path, given=names)
    parts: dict[str, list[Any]] = {}
    numbers = {*found.values.values(), *found.quotes.values()} - set(found.time)
    plain = found.kind in ("ticks", "quotes") and len(found.time) == 1 and date is None and time_format is None
    for typed in ({"numbers": numbers, "times": found.time}, {"numbers": numbers}, dict[str, Any]())[not plain :]:
        parts, row = {}, 0
        try:
            for table in reader.read(path, header=header, **typed):
                chunk = _chunk(
                    table,
                    found,
                    path=path,
                    row=row,
                    tz=tz,
                    time_format=time_format,
                    date=date,
                    events=header is not None,
                )
                for needed, values in chunk.items():
                    parts.setdefault(needed, []).append(values)
                row += len(table)
            break
        except reader.NotTypedError:
            continue  # again as text: thousands separators, or a message that names the cell
    if not parts or not sum(map(len, parts["at"])):
        raise BadFileError(f"Need rows below the header, got {path} without any.")
    frame = pd.DataFrame({needed: np.concatenate(values) for needed, values in parts.items()}, copy=False)
    if found.kind == "bars" and "volume" not in frame:
        frame["volume"] = 0.0
    return frame, found


def _chunk(
    table: "pa.Table",
    found: columns.Columns,
    *,
    path: Path,
    row: int,
    tz: str | None,
    time_format: str | None,
    date: str | None,
    events: bool,
) -> dict[str, Any]:
    """One table of the file as arrays. row: the number of rows before it. events: with `trade`, whether it is one."""
    import pyarrow.compute as pc

    chunk: dict[str, Any] = {}
    time, name = table[found.time[0]], " ".join(found.time)
    if len(found.time) == 2:
        time = pc.binary_join_element_wise(time.cast("string"), table[found.time[1]].cast("string"), " ")
    if date is not None:
        time = parsing.after_midnight(time, date, path=path, name=name, row=row)
    day = parsing.dates(time) if found.kind == "bars" and not time_format else None
    nothing = np.full(len(table), "NaT", "datetime64[ns]")
    if day is not None:
        chunk["date"], chunk["at"] = day, nothing
    else:
        chunk["at"] = parsing.times(time, tz=tz, shape=time_format, path=path, name=name, row=row)
        chunk |= {"date": nothing} if found.kind == "bars" else {}
    for needed, column in {**found.values, **found.actions, **found.quotes}.items():
        chunk[needed] = parsing.numbers(table[column], path=path, name=column, row=row)
    for needed, column in found.special.items():
        if needed == "correction":
            chunk[needed] = parsing.numbers(table[column], path=path, name=column, row=row)
        else:
            chunk[needed] = table[column].cast("string").to_numpy()
    if events:
        chunk["trade"] = np.isin(parsing.numbers(table["type"], path=path, name="type", row=row), _TRADES)
    return chunk


def _day_in_name(path: Path) -> str:
    found = _DAY_IN_NAME.search(path.name)
    if found is None:
        raise ConfigError(
            f"Need --date for {path}: LOBSTER's files name the day (AMZN_2012-06-21_...), this one does not."
        )
    return found[1]


def _every(files: Sequence[Path]) -> list[Path]:
    """The files, and those in the folders among them, by name.

    Raises:
        BadFileError: a folder without any.
    """
    found: list[Path] = []
    for path in files:
        inside = sorted(each for each in path.iterdir() if each.name.endswith(_NAMES)) if path.is_dir() else [path]
        if not inside:
            raise BadFileError(f"Need {', '.join(_NAMES)} files in the folder {path}, there are none.")
        found += inside
    return found


def _bar_times(
    frame: "pd.DataFrame", interval: str, *, stamp: str, path: Path
) -> "tuple[pd.DataFrame, tuple[str, ...]]":
    """The frame with `date` for daily bars, or `opened_at` for the bars of an interval, not with both."""
    daily = frame["at"].isna() & frame["date"].notna()
    if daily.any() and interval != "1d":
        raise ConfigError(f"{path}: need times of day for bars of {interval}, got dates alone. Use --interval 1d.")
    if interval == "1d" and daily.any():
        return frame.drop(columns="at"), ()
    if interval == "1d":
        step = np.diff(np.sort(frame["at"].dropna().to_numpy()))
        usual = int(np.median(step[step > np.timedelta64(0)]) / np.timedelta64(1, "m")) if len(step) else 0
        raise ConfigError(
            f"{path}: need dates for daily bars, got times of day about {usual} minutes apart. "
            f"Name the interval, for example --interval {usual or 1}m."
        )
    shift = cleaning.length(interval) if stamp == "end" else np.timedelta64(0, "s")
    frame["opened_at"] = frame["at"].to_numpy() - shift
    return frame.drop(columns=["at", "date"]), ()


def _actions(frame: "pd.DataFrame", bars: Bars) -> Actions:
    """The rows with a dividend or a split; 0 and 1 both mean no split."""
    dividend = frame["dividend"].fillna(0).to_numpy() if "dividend" in frame else np.zeros(len(frame))
    split = frame["split"].fillna(0).to_numpy() if "split" in frame else np.zeros(len(frame))
    split = np.where(split == 0, 1.0, split)
    happened = (dividend != 0) | (split != 1)
    days = _days(frame, bars)[happened]
    order = np.argsort(days, kind="stable")
    days, dividend, split = days[order], dividend[happened][order], split[happened][order]
    known = np.append(days[1:] != days[:-1], True) & calendars.is_session(days, bars.calendar)
    ex_at, _ = calendars.daily_times(days[known], bars.calendar)
    return Actions(symbol=bars.symbol, ex_at=ex_at, dividend=dividend[known], split=split[known])


def _days(frame: "pd.DataFrame", bars: Bars) -> Any:
    if "date" in frame:
        return frame["date"].to_numpy().astype("datetime64[D]")
    opened: Times = frame["opened_at"].to_numpy().astype("datetime64[ns]")
    return calendars.session_of(opened + np.timedelta64(1, "ns"), bars.calendar)
