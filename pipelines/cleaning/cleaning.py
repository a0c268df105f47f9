"""Rows of a file or a provider to bars or ticks: every row that is dropped is counted, with its reason."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.cleaning import missing_opens, quote_filters, trade_filters
from pipelines.cleaning.report import CleaningReport, Places, RowFilter
from pipelines.cleaning.trading_hours import Hours, drop_closed, stamps_at_the_other_end
from pipelines.errors import ConfigError, counted
from pipelines.market import calendars
from pipelines.market.types import Bars, Floats, Quotes, Ticks, Times

if TYPE_CHECKING:
    import pandas as pd

MAX_DROPPED = 0.01
"""The share of rows that may be dropped for what they say before the whole file is refused."""

_PRICES = ("open", "high", "low", "close")
_EARLIEST = np.datetime64("1800-01-01", "ns")
_ROUNDING = 1e-6  # providers round each price on its own, to float32: a close may stick out of low..high by that
_SECONDS = {"s": 1, "m": 60, "h": 3600}


def bars(
    frame: "pd.DataFrame",
    *,
    symbol: str,
    interval: str,
    calendar: str,
    currency: str = "",
    max_dropped: float = MAX_DROPPED,
    until: np.datetime64 | None = None,
    assumed: bool = False,
    hours: Hours = "regular",
    places: Places | None = None,
) -> tuple[Bars, CleaningReport]:
    """Raw bars from rows in file order.

    frame: open, high, low, close, volume as numbers, and `date` (daily bars) or `opened_at` (UTC, without a zone).
    until: later rows are of the future. assumed: whether nobody named the calendar. hours: whether bars of extended
    hours are kept. places: where the rows stand. Dropped, in this order: a missing time or price, before 1800, the
    future, what comes before the
    opens begin (see pipelines.cleaning.missing_opens), a missing open, not finite, a price of zero or below, high below
    low, open or close outside, negative volume, not a session of the calendar, the same time again (of rows that
    differ, the last stays). Rows out of order are sorted, and noted.

    Raises:
        BadPricesError: more than max_dropped of the rows dropped for their values, or none left.
    """
    daily = "date" in frame
    times = frame["date" if daily else "opened_at"].to_numpy().astype("datetime64[ns]")
    values = np.stack([frame[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in (*_PRICES, "volume")])
    sieve = RowFilter(len(frame), places)
    if np.any(none := np.isnan(values[4])):
        values[4, none] = 0.0
        sieve.note(f"volume missing in {counted(np.count_nonzero(none), 'row')}: taken as 0")
    without_open = missing_opens.missing(values)
    sieve.drop(f"missing {'date' if daily else 'time'}", np.isnat(times))
    for name, column in zip(_PRICES, values[:4], strict=True):
        sieve.drop(f"missing {name}", np.isnan(column) & ~without_open)
    _drop_future(sieve, times, until)
    missing_opens.drop(sieve, times, values, symbol=symbol)
    sieve.drop("not finite", np.isinf(values).any(axis=0))
    sieve.drop("price zero or negative", np.less_equal(values[:4], 0).any(axis=0))
    _drop_impossible(sieve, values)
    sieve.drop("negative volume", np.less(values[4], 0))
    if not daily and (warning := stamps_at_the_other_end(times[sieve.kept], length(interval), calendar)):
        sieve.note(warning)
    drop_closed(
        sieve, times, calendar, daily=daily, symbol=symbol, assumed=assumed, hours=hours, max_dropped=max_dropped
    )
    order = sieve.in_order(times)
    order = sieve.once(order, times, values)
    sieve.refuse(symbol, max_dropped)
    opened, closed = _open_and_close(times[order], interval, calendar, daily=daily)
    columns = {name: values[row, order] for row, name in enumerate((*_PRICES, "volume"))}
    cleaned = Bars(
        symbol=symbol,
        interval=interval,
        opened_at=opened,
        closed_at=closed,
        currency=currency,
        calendar=calendar,
        **columns,
    )
    return cleaned, sieve.report(len(cleaned))


def ticks(
    frame: "pd.DataFrame",
    *,
    symbol: str,
    calendar: str,
    currency: str = "",
    max_dropped: float = MAX_DROPPED,
    until: np.datetime64 | None = None,
    assumed: bool = False,
    hours: Hours = "regular",
    places: Places | None = None,
    before: Ticks | None = None,
) -> tuple[Ticks, CleaningReport]:
    """Trades from rows in file order: time (UTC, without a zone), price, size; and condition, correction, exchange.

    until: later rows are of the future. before: the trades before these, where the rows are a part of a file. Dropped:
    a missing value, the future, not finite, a price of zero or below, a
    negative size; and, see pipelines.cleaning.trade_filters, trades
    off hours, corrected, with an abnormal condition, or far from the median before. Rows that repeat another stay:
    several fills at one time and price are normal. Rows out of order are sorted, equal times kept in file order.

    Raises:
        BadPricesError: more than max_dropped of the rows dropped, or none left.
    """
    time = frame["time"].to_numpy().astype("datetime64[ns]")
    price, size = (frame[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in ("price", "size"))
    sieve = RowFilter(len(frame), places)
    for name, missing in (("time", np.isnat(time)), ("price", np.isnan(price)), ("size", np.isnan(size))):
        sieve.drop(f"missing {name}", missing)
    _drop_future(sieve, time, until)
    sieve.drop("not finite", np.isinf(price) | np.isinf(size))
    sieve.drop("price zero or negative", np.less_equal(price, 0))
    sieve.drop("negative size", np.less(size, 0))
    drop_closed(
        sieve, time, calendar, daily=False, symbol=symbol, assumed=assumed, hours=hours, max_dropped=max_dropped,
        ends=True,
    )  # fmt: skip
    _drop_special(sieve, frame)
    order = sieve.in_order(time)
    time, price, size = time[order], price[order], size[order]
    off = _outliers(before, time, price, calendar)
    if np.any(off):
        far = np.zeros(len(frame), np.bool_)
        far[order] = off
        sieve.drop("far from the median of the trades before", far, counts=False)
        time, price, size = time[~off], price[~off], size[~off]
    sieve.refuse(symbol, max_dropped)
    cleaned = Ticks(symbol=symbol, time=time, price=price, size=size, currency=currency, calendar=calendar)
    return cleaned, sieve.report(len(cleaned))


def _outliers(before: Ticks | None, time: Times, price: Floats, calendar: str) -> NDArray[np.bool_]:
    if before is None:
        return trade_filters.outliers(time, price, calendar)
    times, prices = np.concatenate([before.time, time]), np.concatenate([before.price, price])
    return trade_filters.outliers(times, prices, calendar)[len(before) :]


def quotes(
    frame: "pd.DataFrame",
    *,
    symbol: str,
    calendar: str,
    currency: str = "",
    max_dropped: float = MAX_DROPPED,
    until: np.datetime64 | None = None,
    assumed: bool = False,
    hours: Hours = "regular",
    places: Places | None = None,
) -> tuple[Quotes, CleaningReport]:
    """Best quotes from rows in file order: time (UTC, without a zone), bid, ask; and bid_size, ask_size, exchange.

    Rows of several exchanges become the best of them all (pipelines.cleaning.quote_filters.consolidated). Dropped, in
    this order: a missing value, the future, not finite, off hours, no price on one side, bid above ask; a quote that
    repeats the one before is left out uncounted, since it changes nothing. Rows out of order are sorted, equal times
    kept in file order.

    Raises:
        BadPricesError: more than max_dropped of the rows dropped for what they say, or none left.
    """
    time = frame["time"].to_numpy().astype("datetime64[ns]")
    columns = {
        name: frame[name].to_numpy(dtype=np.float64, na_value=np.nan) if name in frame else np.full(len(frame), np.nan)
        for name in ("bid", "ask", "bid_size", "ask_size")
    }
    sieve = RowFilter(len(frame), places)
    sieve.drop("missing value", np.isnat(time) | np.isnan(columns["bid"]) | np.isnan(columns["ask"]))
    _drop_future(sieve, time, until)
    sieve.drop("not finite", np.any([np.isinf(column) for column in columns.values()], axis=0))
    sieve.drop("negative size", np.less(columns["bid_size"], 0) | np.less(columns["ask_size"], 0))
    drop_closed(
        sieve, time, calendar, daily=False, symbol=symbol, assumed=assumed, hours=hours, max_dropped=max_dropped,
        ends=True,
    )  # fmt: skip
    order = sieve.in_order(time)
    time, columns = time[order], {name: column[order] for name, column in columns.items()}
    if "exchange" in frame and frame["exchange"].nunique() > 1:
        codes = frame["exchange"].astype("category").cat.codes.to_numpy()[order]
        columns = quote_filters.consolidated(time, codes, calendar=calendar, **columns)
        sieve.note(f"the best of {frame['exchange'].nunique()} exchanges at each moment")
    empty = (columns["bid"] <= 0) | (columns["ask"] <= 0)
    crossed = ~empty & (columns["bid"] > columns["ask"])
    for why, rows in (("no price on one side", empty), ("bid above ask", crossed)):
        mask = np.zeros(len(frame), np.bool_)
        mask[order[rows]] = True
        sieve.drop(why, mask, counts=False)
    remaining = ~empty & ~crossed
    valid = int(remaining.sum())
    remaining[remaining] = quote_filters.changes(*(column[remaining] for column in columns.values()))
    if repeats := valid - int(remaining.sum()):
        sieve.note(f"{repeats:,} that change nothing left out")
    sieve.refuse(symbol, max_dropped)
    values = {name: column[remaining] for name, column in columns.items()}
    best = Quotes(symbol=symbol, time=time[remaining], currency=currency, calendar=calendar, **values)
    return best, sieve.report(int(sieve.kept.sum()))


def length(interval: str) -> np.timedelta64:
    """How long an intraday bar is: "5m" is five minutes.

    Raises:
        ConfigError: not a whole number of s, m or h.
    """
    if interval[:-1].isdigit() and interval[-1] in _SECONDS and int(interval[:-1]) > 0:
        return np.timedelta64(int(interval[:-1]) * _SECONDS[interval[-1]], "s")
    raise ConfigError(f"Expected an interval such as 1d, 1h, 15m or 30s, got {interval[:20]!r}. Correct --interval.")


def _drop_impossible(sieve: RowFilter, values: NDArray[np.float64]) -> None:
    """High below low, or open or close outside of them by more than rounding; mends what is rounding."""
    opened, high, low, close, _ = values
    sieve.drop("high below low", high < low)
    top, bottom = np.maximum(opened, close), np.minimum(opened, close)
    outside = (top > high * (1 + _ROUNDING)) | (bottom < low * (1 - _ROUNDING))
    sieve.drop("open or close outside high and low", outside)
    rounded = np.flatnonzero(sieve.kept & ((top > high) | (bottom < low)))
    if len(rounded):
        high[rounded] = np.maximum(high, top)[rounded]
        low[rounded] = np.minimum(low, bottom)[rounded]
        sieve.note(f"{counted(len(rounded), 'row')} with an open or close outside by a rounding error mended")


def _drop_future(sieve: RowFilter, times: Times, until: np.datetime64 | None) -> None:
    sieve.drop("before 1800", times < _EARLIEST)
    if until is not None:
        sieve.drop("in the future", times > until)


def _drop_special(sieve: RowFilter, frame: "pd.DataFrame") -> None:
    """Trades corrected or cancelled, or on special conditions."""
    if "correction" in frame:
        sieve.drop("corrected or cancelled", frame["correction"].fillna(0).to_numpy() != 0, counts=False)
    if "condition" in frame and trade_filters.numbered(frame["condition"]):
        sieve.note("sale conditions are numbers of a vendor: no trade left out for them")
    elif "condition" in frame:
        sieve.drop("abnormal sale condition", trade_filters.abnormal(frame["condition"]), counts=False)


def _open_and_close(times: Times, interval: str, calendar: str, *, daily: bool) -> tuple[Any, Any]:
    if daily:
        return calendars.daily_times(times.astype("datetime64[D]"), calendar)
    step = length(interval)
    near = np.flatnonzero(np.diff(times) < step)
    if len(near):
        minutes = np.diff(times)[near[0]] / np.timedelta64(1, "m")
        raise ConfigError(
            f"Expected bars {interval} apart, got two {minutes:g} minutes apart at "
            f"{times[near[0]].astype('datetime64[s]')}. Name the right --interval."
        )
    closed = times + step
    return times, np.minimum(closed, np.maximum(calendars.next_close(times, calendar), times))
