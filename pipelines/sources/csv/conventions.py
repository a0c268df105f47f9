"""What rows mean by the convention of who wrote them: which are trades, which side of a quote stands, in what units."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import BadFileError
from pipelines.market.types import Floats, Times
from pipelines.sources.csv import lobster
from pipelines.sources.csv.cells import quoted
from pipelines.sources.csv.layout.plan import Plan
from pipelines.sources.csv.tables import Arrays

_LEAST_STEPS = 30  # before anything is said of amounts that only rise
_FEW = 0.025  # of the steps: where a day ends, after forty bars or more
_LEAST_PRICES, _LEAST_RESTS, _LEAST_WHOLE = 100, 10, 3  # before two digits are taken for thirty-seconds
_LARGEST = 1e9  # of hundredths that are compared
_PRICES = ("open", "high", "low", "close", "price", "adjusted", "bid", "ask")


def is_newest_first(at: Times) -> bool:
    """Whether the rows of a file, or of its first part, go back in time."""
    filled = at[~np.isnat(at)]
    steps = np.diff(filled)
    none = np.timedelta64(0, "ns")
    return bool(len(steps) and filled[0] > filled[-1] and 2 * np.sum(steps > none) < np.sum(steps < none))


def without(arrays: Arrays, left_out: NDArray[np.bool_]) -> Arrays:
    """The other rows, with their numbers in the file."""
    rows = arrays.get("row", np.arange(1, len(left_out) + 1))
    return {name: values[~left_out] for name, values in (arrays | {"row": rows}).items()}


def no_bars(arrays: Arrays, *, of_crsp: bool) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    """Rows that are no bars by the convention of those who write them, and how many there are of each kind."""
    prices = np.stack([arrays[name] for name in ("open", "high", "low", "close")])
    traded = arrays["volume"] > 0 if "volume" in arrays else np.zeros(prices.shape[1], np.bool_)
    nothing = np.all(np.isnan(prices), axis=0) & ~traded
    kinds = {
        "unfinished bars": ~arrays.pop("finished", np.ones(len(nothing), np.bool_)),
        "days without a trade (negative prices of CRSP)": (prices[3] < 0) & of_crsp,
        "rows without any price or volume": nothing & ~np.all(nothing),
    }
    counts = {kind: np.count_nonzero(rows) for kind, rows in kinds.items()}
    notes = tuple(f"{kind} left out: {count:,}" for kind, count in counts.items() if count)
    return np.any(list(kinds.values()), axis=0), notes


def check_not_cumulative(amounts: Floats, *, path: str, column: str, hint: str) -> None:
    """Volumes of bars and sizes of trades fall about as often as they rise; the volume of the day so far never does.

    Raises:
        BadFileError: amounts that hardly ever fall.
    """
    steps = np.diff(amounts[~np.isnan(amounts)])
    rises, falls = int(np.count_nonzero(steps > 0)), int(np.count_nonzero(steps < 0))
    if max(rises, falls) >= _LEAST_STEPS and min(rises, falls) <= _FEW * max(rises, falls):
        raise BadFileError(
            f"{path}: Expected amounts that were traded in column {quoted(column)!r}, got such as hardly ever "
            f"{'fall' if rises > falls else 'rise'}: the volume of the day so far. {hint}"
        )


def events_of_trades(name: str, identities: dict[str, Any], arrays: Arrays) -> None:
    """What kind of row it is matters for rows with a price alone: those of quotes are told by bid and ask."""
    values = identities.pop(name)
    traded = ~np.isnan(arrays["price"]) if "price" in arrays else np.zeros(len(arrays["at"]), np.bool_)
    unique = {values} if isinstance(values, str) else set(values[traded].tolist())
    if np.any(traded):
        identities[name] = next(iter(unique)) if len(unique) == 1 else values


def trades_of_databento(arrays: Arrays, actions: "str | NDArray[np.object_]") -> tuple[Arrays, tuple[str, ...]]:
    """Orders are no trades: beside quotes they have no price, without them they are left out."""
    trades = np.full(len(arrays["at"]), actions == "T") if isinstance(actions, str) else actions == "T"
    if np.all(trades):
        return arrays, ()
    notes = (f"{np.count_nonzero(~trades):,} orders are no trades",)
    if "bid" in arrays:
        return arrays | {"price": np.where(trades, arrays["price"], np.nan)}, notes
    return without(arrays, ~trades), notes


def thirty_seconds(arrays: Arrays) -> tuple[str, ...]:
    """A warning where prices never have more than 31 after the point, though they go through whole numbers."""
    prices = np.concatenate([arrays[name] for name in ("open", "high", "low", "close")])
    hundredths = 100 * prices[np.isfinite(prices)]
    if np.any(np.abs(hundredths) > _LARGEST):
        return ()
    integers = np.round(hundredths).astype(np.int64)
    rests = integers % 100
    if (
        len(integers) < _LEAST_PRICES
        or np.any(np.abs(hundredths - integers) > 1e-6)
        or np.any(rests > 31)
        or len(np.unique(rests)) < _LEAST_RESTS
        or len(np.unique(integers // 100)) < _LEAST_WHOLE
    ):
        return ()
    return (
        "warning: the two digits after the point never exceed 31, as those of thirty-seconds: if 110.16 is 110 and "
        "16/32, write it as 110.5",
    )


def carry_sides(plan: Plan, arrays: Arrays, sides: dict[str, float] | None) -> tuple[str, ...]:
    """Bid and ask where each row says only what has changed: MetaTrader leaves the other side empty, Lean writes 0."""
    if plan.shape.sides_stand:
        backwards = is_newest_first(arrays["at"])
        if backwards and sides is not None:
            raise BadFileError(f"Expected the oldest quote of {quoted(plan.path)} first, got the newest.")
        for name in ("bid", "ask"):
            before = np.nan if sides is None else sides.get(name, np.nan)
            values = np.append(before, arrays[name][::-1] if backwards else arrays[name])
            rows = np.maximum.accumulate(np.where(np.isnan(values), 0, np.arange(len(values))))
            arrays[name] = values[rows][1:][::-1] if backwards else values[rows][1:]
            if sides is not None:
                sides[name] = float(values[rows][-1])
        return ()
    bid, ask = arrays["bid"], arrays["ask"]
    if plan.shape.name != "lean" or np.any((bid > 0) & (ask > 0)) or not (np.any(bid > 0) and np.any(ask > 0)):
        return ()
    exchange = arrays.get("exchange", np.zeros(len(bid)))
    for name, size in (("bid", "bid_size"), ("ask", "ask_size")):
        for venue in set(exchange.tolist()):
            own = np.flatnonzero(exchange == venue)
            last = np.maximum.accumulate(np.where(arrays[name][own] > 0, np.arange(len(own)), -1))
            for column in (name, size):
                arrays[column] = arrays[column].copy()
                arrays[column][own] = np.where(last >= 0, arrays[column][own[last]], 0.0)
    return ("each quote is of one side: the other stands until its next",)


def messages_and_book(path: Path, arrays: Arrays) -> tuple[Arrays, tuple[str, ...]]:
    """The trades among messages; with the book beside them all rows, as quotes, of which those of trades have a price.

    Raises:
        BadFileError: a book of another length.
    """
    trades = lobster.trades(arrays.pop("event"))
    not_trades = int(np.count_nonzero(~trades))
    rows = arrays.get("row", np.arange(1, len(trades) + 1))
    book = lobster.book(path)
    if book is None:
        left_out = (f"{not_trades:,} events that are no trades left out",) if not_trades else ()
        return {name: values[trades] for name, values in arrays.items()} | {"row": rows[trades]}, left_out
    if len(rows) and rows[-1] > len(book["bid"]):
        raise BadFileError(
            f"Expected a row of the book for each message of {quoted(path)}, got {len(book['bid']):,} for "
            f"{rows[-1]:,}. Fetch both files again."
        )
    prices = {name: np.where(trades, arrays[name], np.nan) for name in ("price", "size")}
    return arrays | {name: values[rows - 1] for name, values in book.items()} | prices, ("quotes of LOBSTER's book",)


def scale(plan: Plan, arrays: Arrays) -> None:
    """Prices in whole currency and volumes in shares, in place."""
    scale = plan.options.price_scale if plan.options.price_scale != 1.0 else plan.shape.price_scale
    for name in _PRICES:
        if scale != 1.0 and name in arrays and not (plan.shape.whole and not _are_integers(arrays[name])):
            arrays[name] = arrays[name] / scale
    if "more_volume" in arrays:
        arrays["volume"] = arrays["volume"] + arrays.pop("more_volume")
    volume_scale = plan.shape.volume_scale * plan.columns.volume_scale
    if "turnover" in arrays and _in_shares(arrays.pop("turnover"), arrays):
        volume_scale = plan.columns.volume_scale
    if volume_scale != 1.0 and "volume" in arrays:
        arrays["volume"] = arrays["volume"] * volume_scale


def _in_shares(turnover: Floats, arrays: Arrays) -> bool:
    """Whether the money that was traded is about volume times price: of lots it would be a hundred times that."""
    paid = (arrays["volume"] > 0) & (arrays["close"] > 0) & (turnover > 0)
    return bool(np.any(paid)) and bool(
        0.3 < np.median(turnover[paid] / (arrays["volume"][paid] * arrays["close"][paid])) < 3.0
    )


def _are_integers(values: Floats) -> bool:
    present = values[~np.isnan(values)]
    return bool(np.all(present == np.floor(present)) and np.median(present) > 1e6) if len(present) else False
