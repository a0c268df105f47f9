"""Ticks to bars. Each kind of bar says at which rows its bars start (boundaries); one aggregator does the rest."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.bars.boundaries import KINDS, Boundaries, BoundaryState, signs, state_at
from pipelines.errors import ConfigError
from pipelines.market.types import Bars, Floats, Ticks

_BLOCK = 1 << 17
_UNITS = {"s": 1_000_000_000, "m": 60_000_000_000, "h": 3_600_000_000_000}


def from_ticks(ticks: Ticks, kind: str) -> Bars:
    """Bars of the given kind; cutting the ticks off anywhere never changes a bar that was complete before.

    kind: "tick:500" bars of 500 trades; "volume:10000" of so many shares or contracts; "dollar:1000000" of so much
    money; "imbalance:500" where buyers' trades outnumber sellers' unusually, or the other way round, and "runs:500"
    where those of one side come to unusually many, about 500 trades long.
    closed_at is the time of the last trade. A pause of 30 minutes without a trade closes such a bar early, at
    last trade + 30 minutes, when that is known without the future; the last bar, if unfinished, is left out.
    "time:15m" (s, m, h): aligned to the open of the exchange's session, cut at its close, none that is empty.
    closed_at is the end of the interval. The last interval is left out: no later trade shows that it is over.

    Raises:
        ConfigError: a kind that does not exist.
    """
    name, size = parse(kind)
    cuts = KINDS[name](ticks, size, BoundaryState())
    return _aggregate(ticks, cuts, BoundaryState(), interval=kind.removeprefix("time:"))


class Stream:
    """Bars from ticks that come in pieces: the same bars, to the last digit, as from all of them at once."""

    def __init__(self, kind: str) -> None:
        self._name, self._size = parse(kind)
        self._interval = kind.removeprefix("time:")
        self._state = BoundaryState()
        self._rest: Ticks | None = None

    def add(self, ticks: Ticks) -> Bars:
        """The bars that are complete now. ticks: not before those that came earlier."""
        if self._rest is not None and len(self._rest):
            ticks = joined(self._rest, ticks)
        cuts = KINDS[self._name](ticks, self._size, self._state)
        bars = _aggregate(ticks, cuts, self._state, interval=self._interval)
        self._rest, self._state = ticks.rows(slice(cuts.end, None)), cuts.state
        return bars


def from_chunks(chunks: Iterable[Ticks], kind: str) -> Bars:
    """Bars from ticks in pieces, with the memory of one piece. There must be at least one."""
    stream = Stream(kind)
    parts = [stream.add(chunk) for chunk in chunks]
    names = [name for name in _COLUMNS if getattr(parts[0], name) is not None]
    arrays: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    first = parts[0]
    return Bars(
        symbol=first.symbol, interval=first.interval, currency=first.currency, calendar=first.calendar, **arrays
    )


_COLUMNS = (
    *("opened_at", "closed_at", "open", "high", "low", "close", "volume"),
    *("vwap", "trades", "signed_volume"),
    *("bid", "ask", "spread", "depth_imbalance", "order_flow"),
)
_MEANS = ("spread", "depth_imbalance", "order_flow")
_QUOTED = ("bid", "ask", "bid_size", "ask_size", "order_flow")


def parse(kind: str) -> tuple[str, float]:
    """What kind of bar, and how large: trades, shares, money, or nanoseconds.

    Raises:
        ConfigError: a kind that does not exist.
    """
    match = re.fullmatch(r"(tick|imbalance|runs):([1-9]\d{0,8})|(volume|dollar):(\d{1,15}(?:\.\d+)?)", kind)
    if match and match[1]:
        return match[1], float(match[2])
    if match and float(match[4]) > 0:
        return match[3], float(match[4])
    if match := re.fullmatch(r"(time):([1-9]\d{0,5})([smh])", kind):
        return match[1], float(int(match[2]) * _UNITS[match[3]])
    raise ConfigError(
        f"Expected bars such as tick:500, volume:10000, dollar:1000000, imbalance:500, runs:500 or "
        f"time:15m (s, m, h), got {kind!r}."
    )


def _aggregate(ticks: Ticks, cuts: Boundaries, state: BoundaryState, *, interval: str) -> Bars:
    """First, highest, lowest and last price, and the sums over each bar's rows."""
    starts, end = cuts.starts, cuts.end
    count = np.diff(starts, append=end)
    price = ticks.price[:end]
    columns = {name: array[:end] for name in ("price", "size", *_QUOTED) if (array := getattr(ticks, name)) is not None}
    parts = [
        _sums(starts=starts[bars] - rows.start, state=replace(state, **before), **_slices(columns, rows))
        for bars, rows, before in _blocks(price, starts, end, state)
    ]
    names = ("high", "low", "volume", "vwap", "signed_volume") + (() if ticks.bid is None else _MEANS)
    sums: dict[str, Any] = {name: np.concatenate([part[name] for part in parts] or [price[:0]]) for name in names}
    if ticks.bid is not None and ticks.ask is not None:
        sums |= {"bid": ticks.bid[starts], "ask": ticks.ask[starts]}
    return Bars(
        symbol=ticks.symbol,
        interval=interval,
        opened_at=cuts.opened_at,
        closed_at=cuts.closed_at,
        open=price[starts],
        close=price[starts + count - 1],
        currency=ticks.currency,
        calendar=ticks.calendar,
        trades=count.astype(np.float64),
        **sums,
    )


def _blocks(
    price: Floats, starts: NDArray[np.int64], end: int, state: BoundaryState
) -> Iterator[tuple[slice, slice, Any]]:
    """Whole bars, some hundred thousand ticks at a time, which a processor's cache holds: bars, rows, trade before."""
    first = 0
    while first < len(starts):
        last = max(int(np.searchsorted(starts, starts[first] + _BLOCK)), first + 1)
        rows = slice(int(starts[first]), end if last >= len(starts) else int(starts[last]))
        carried = state_at(price, rows.start, state)
        yield slice(first, last), rows, {"price": carried.price, "sign": carried.sign}
        first = last


def _slices(columns: dict[str, Floats], rows: slice) -> dict[str, Floats]:
    return {name: array[rows] for name, array in columns.items()}


def _sums(
    *,
    price: Floats,
    size: Floats,
    starts: NDArray[np.int64],
    state: BoundaryState,
    bid: Floats | None = None,
    ask: Floats | None = None,
    bid_size: Floats | None = None,
    ask_size: Floats | None = None,
    order_flow: Floats | None = None,
) -> dict[str, Floats]:
    volume = np.add.reduceat(size, starts)
    money = np.add.reduceat(price * size, starts)
    high, low = np.maximum.reduceat(price, starts), np.minimum.reduceat(price, starts)
    middle = (high + low) / 2
    sums = {
        "high": high,
        "low": low,
        "volume": volume,
        "vwap": np.clip(np.divide(money, volume, out=middle, where=volume > 0), low, high),
        "signed_volume": np.add.reduceat(size * signs(price, state, bid=bid, ask=ask), starts),
    }
    if bid is None or ask is None or bid_size is None or ask_size is None or order_flow is None:
        return sums
    depth = bid_size + ask_size
    imbalance = np.divide(bid_size - ask_size, depth, out=np.full(len(price), np.nan), where=depth > 0)
    return sums | {
        "spread": _means((ask - bid) / ((ask + bid) / 2), starts),
        "depth_imbalance": _means(imbalance, starts),
        "order_flow": np.add.reduceat(order_flow, starts),
    }


def _means(values: Floats, starts: NDArray[np.int64]) -> Floats:
    """The mean of each bar's values without those that are NaN; NaN where all are."""
    present = ~np.isnan(values)
    total = np.add.reduceat(np.where(present, values, 0.0), starts)
    count = np.add.reduceat(present.astype(np.float64), starts)
    return np.asarray(np.divide(total, count, out=np.full(len(starts), np.nan), where=count > 0))


def joined(*parts: Ticks) -> Ticks:
    """One after the other, on the market of the first; their quotes where all have them."""
    quoted = [name for name in _QUOTED if all(getattr(part, name) is not None for part in parts)]
    arrays: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in ("time", "price", "size", *quoted)
    }
    first = parts[0]
    return Ticks(symbol=first.symbol, currency=first.currency, calendar=first.calendar, **arrays)
