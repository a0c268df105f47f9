"""The types that prices travel in: ticks, bars, and the corporate actions between them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import BadPricesError, UnknownSymbolError

Times = NDArray[np.datetime64]  # datetime64[ns], UTC
Floats = NDArray[np.float64]
Adjustment = Literal["raw", "forward", "back"]

_SYMBOL = re.compile(r"[A-Z0-9^][A-Z0-9.\-=^_&]{0,31}")


def check_symbol(text: str) -> str:
    """The symbol in upper case, safe as part of a path and of an address.

    Raises:
        UnknownSymbolError: empty, too long, or with a character that no exchange uses.
    """
    symbol = text.strip().upper()
    if text.isprintable() and _SYMBOL.fullmatch(symbol) and ".." not in symbol:
        return symbol
    hint = " Yahoo writes BTC-USD, EURUSD=X, BRK-B." if "/" in text else ""
    raise UnknownSymbolError(
        f"Expected a symbol of 1 to 32 letters, digits or . - = ^ _ & (for example AAPL, BRK-B, ^GSPC, M&M.NS), got "
        f"{text[:40]!r}.{hint}"
    )


def _freeze(holder: Any, length: int) -> None:
    """Casts every array field to its type, checks its shape and makes it read-only."""
    for column in fields(holder):
        value = getattr(holder, column.name)
        if column.metadata.get("dtype") is None:
            continue
        if value is None and column.metadata.get("optional"):
            continue
        array = np.ascontiguousarray(value, dtype=column.metadata["dtype"])
        if array.shape != (length,):
            raise ValueError(f"{column.name} must have shape ({length},). Received: {array.shape}.")
        if array is value and array.flags.writeable:
            array = array.copy()
        array.flags.writeable = False
        object.__setattr__(holder, column.name, array)


def _chosen(holder: Any, rows: Any) -> dict[str, Any]:
    """The fields of a holder of arrays, each array with the chosen rows only."""
    values = {column.name: getattr(holder, column.name) for column in fields(holder)}
    arrays = [column.name for column in fields(holder) if column.metadata.get("dtype") is not None]
    return values | {name: values[name][rows] for name in arrays if values[name] is not None}


def _times() -> Any:
    return field(metadata={"dtype": "datetime64[ns]"})


def _floats() -> Any:
    return field(metadata={"dtype": np.float64})


def _more_floats() -> Any:
    return field(default=None, metadata={"dtype": np.float64, "optional": True})


@dataclass(frozen=True, kw_only=True, eq=False)
class Ticks:
    """Trades in time order; equal times are kept in the order in which they came.

    time: UTC, shape (ticks,), never decreasing. price: in the quote currency, positive. size: not negative.
    bid, ask, bid_size, ask_size: the best quote in force before each trade, NaN where none is known; order_flow: the
    order-flow imbalance of the quotes since the trade before. None without quotes; pipelines.bars.quote_matching.
    """

    symbol: str
    time: Times = _times()
    price: Floats = _floats()
    size: Floats = _floats()
    currency: str = ""
    calendar: str = "24/7"
    bid: Floats | None = _more_floats()
    ask: Floats | None = _more_floats()
    bid_size: Floats | None = _more_floats()
    ask_size: Floats | None = _more_floats()
    order_flow: Floats | None = _more_floats()

    def __post_init__(self) -> None:
        _freeze(self, len(self.time))
        if np.any(np.diff(self.time.view(np.int64)) < 0):
            raise BadPricesError(f"{self.symbol}: ticks must be in time order. Clean them first.")
        if not (np.all(np.isfinite(self.price)) and np.all(self.price > 0)):
            raise BadPricesError(f"{self.symbol}: tick prices must be positive and finite. Clean them first.")
        if not (np.all(np.isfinite(self.size)) and np.all(self.size >= 0)):
            raise BadPricesError(f"{self.symbol}: tick sizes must be finite, 0 or more. Clean them first.")

    def __len__(self) -> int:
        return len(self.time)

    def rows(self, chosen: Any) -> "Ticks":
        """The same ticks, fewer of them: a slice, row numbers or a mask."""
        return Ticks(**_chosen(self, chosen))


@dataclass(frozen=True, kw_only=True, eq=False)
class Quotes:
    """Best bids and asks in time order, each in force until the next; equal times are kept in their order.

    time: UTC, shape (quotes,), never decreasing. bid, ask: in the quote currency, positive, bid <= ask. bid_size,
    ask_size: what can be sold and bought at them, 0 or more, NaN where the source does not say.
    """

    symbol: str
    time: Times = _times()
    bid: Floats = _floats()
    ask: Floats = _floats()
    bid_size: Floats = _floats()
    ask_size: Floats = _floats()
    currency: str = ""
    calendar: str = "24/7"

    def __post_init__(self) -> None:
        _freeze(self, len(self.time))
        if np.any(np.diff(self.time.view(np.int64)) < 0):
            raise BadPricesError(f"{self.symbol}: quotes must be in time order. Clean them first.")
        if not (np.all(np.isfinite(self.ask)) and np.all(self.bid > 0) and np.all(self.bid <= self.ask)):
            raise BadPricesError(f"{self.symbol}: a bid must be positive and not above its ask. Clean them first.")
        if np.any(self.bid_size < 0) or np.any(self.ask_size < 0):
            raise BadPricesError(f"{self.symbol}: quoted sizes must be 0 or more. Clean them first.")

    def __len__(self) -> int:
        return len(self.time)

    def rows(self, chosen: Any) -> "Quotes":
        """The same quotes, fewer of them: a slice, row numbers or a mask."""
        return Quotes(**_chosen(self, chosen))


@dataclass(frozen=True, kw_only=True, eq=False)
class Bars:
    """Bars of one symbol, each array of shape (bars,).

    opened_at, closed_at: UTC; a bar is known at closed_at and not before. open, high, low, close: in the quote
    currency, positive, low <= open, close <= high. volume: shares or contracts, 0 or more.
    interval: "1d", "5m", "tick:500". calendar: an exchange_calendars name. adjusted: "raw" as traded, "forward"
    based on the first bar (no later action touches an earlier bar), "back" based on the last bar (as Yahoo shows).
    vwap: mean price weighted by size, trades: how many, signed_volume: volume of buyers' trades less that of sellers'
    (pipelines.bars.trade_signing); of bars made from ticks, else None.
    bid, ask: the quote in force at the first trade, the open. spread: mean quoted spread at the trades, as a fraction
    of the mid-price. depth_imbalance: mean of (bid size - ask size) / (bid size + ask size) at the trades. order_flow:
    order-flow imbalance since the bar before. Of bars made from ticks with quotes, NaN where none was in force, else
    None.
    joined: features that other symbols decide, known at the close (pipelines.preprocessing.covariates, cross_section),
    by name, each of shape (bars,).
    """

    symbol: str
    interval: str
    opened_at: Times = _times()
    closed_at: Times = _times()
    open: Floats = _floats()
    high: Floats = _floats()
    low: Floats = _floats()
    close: Floats = _floats()
    volume: Floats = _floats()
    currency: str = ""
    calendar: str = "24/7"
    adjusted: Adjustment = "raw"
    vwap: Floats | None = _more_floats()
    trades: Floats | None = _more_floats()
    signed_volume: Floats | None = _more_floats()
    bid: Floats | None = _more_floats()
    ask: Floats | None = _more_floats()
    spread: Floats | None = _more_floats()
    depth_imbalance: Floats | None = _more_floats()
    order_flow: Floats | None = _more_floats()
    joined: Mapping[str, Floats] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _freeze(self, len(self.opened_at))
        if any(column.shape != (len(self),) for column in self.joined.values()):
            raise ValueError(f"joined must have columns of shape ({len(self)},).")
        for column in self.joined.values():
            column.flags.writeable = False
        opened, closed = self.opened_at.view(np.int64), self.closed_at.view(np.int64)
        if np.any(closed < opened) or np.any(opened[1:] < closed[:-1]):
            raise BadPricesError(f"{self.symbol}: bars must follow each other in time. Clean them first.")
        prices = np.stack([self.open, self.high, self.low, self.close])
        if not (np.all(np.isfinite(prices)) and np.all(prices > 0)):
            raise BadPricesError(f"{self.symbol}: bar prices must be positive and finite. Clean them first.")
        if np.any(prices.max(axis=0) > self.high) or np.any(prices.min(axis=0) < self.low):
            raise BadPricesError(f"{self.symbol}: open and close must lie between low and high. Clean them first.")
        if not (np.all(np.isfinite(self.volume)) and np.all(self.volume >= 0)):
            raise BadPricesError(f"{self.symbol}: volume must be finite, 0 or more. Clean them first.")

    def __len__(self) -> int:
        return len(self.opened_at)

    def rows(self, chosen: Any) -> "Bars":
        """The same bars, fewer of them: a slice, row numbers or a mask."""
        joined = {name: column[chosen] for name, column in self.joined.items()}
        return Bars(**_chosen(self, chosen) | {"joined": joined})


@dataclass(frozen=True, kw_only=True, eq=False)
class Actions:
    """Dividends and splits of one symbol, each array of shape (actions,), in time order.

    ex_at: UTC, the open of the first session without the right to it. dividend: cash per share as it was paid then,
    0 for none. split: new shares for one old (2.0 for a two-for-one), 1 for none.
    """

    symbol: str
    ex_at: Times = _times()
    dividend: Floats = _floats()
    split: Floats = _floats()

    def __post_init__(self) -> None:
        _freeze(self, len(self.ex_at))
        if np.any(np.diff(self.ex_at.view(np.int64)) <= 0):
            raise BadPricesError(f"{self.symbol}: actions must be in time order, one row a day.")
        if np.any(self.dividend < 0) or not np.all(np.isfinite(self.dividend)):
            raise BadPricesError(f"{self.symbol}: a dividend must be finite, 0 or more.")
        if np.any(self.split <= 0) or not np.all(np.isfinite(self.split)):
            raise BadPricesError(f"{self.symbol}: a split must be a positive ratio.")

    def __len__(self) -> int:
        return len(self.ex_at)

    @classmethod
    def none(cls, symbol: str) -> "Actions":
        """No dividends, no splits."""
        return cls(symbol=symbol, ex_at=np.array([], "datetime64[ns]"), dividend=np.array([]), split=np.array([]))

    def rows(self, chosen: Any) -> "Actions":
        """The same actions, fewer of them: a slice, row numbers or a mask."""
        return Actions(**_chosen(self, chosen))
