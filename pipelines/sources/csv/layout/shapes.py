"""The shapes in which exchanges, vendors and programs publish files: one entry each, recognised or named by --shape.

An entry says only what the file itself does not: the names of columns without a header, the zone, the scale, the
calendar. A file without a header is recognised by its cells, one with a header by the names that only it has.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from pipelines.sources.csv.layout.layout import plain
from pipelines.sources.csv.numbers import Decimal
from pipelines.sources.csv.times.times import Unit

_NEW_YORK = "America/New_York"
_MS = r"1\d{12}|1\d{15}"
_INT = r"\d+"
_PRICE = r"\d+(\.\d+)?"
_AFTER_MIDNIGHT = r"\d{1,8}(\.\d+)?"
_BOOL = r"(?i)true|false"
_CLOCK_CELL = r"\d{1,2}:\d\d(:\d\d(\.\d+)?)?|0|\d{3,4}|\d{6}"
_YEAR_LAST = r"(\d\d?)[-/.](\d\d?)[-/.](\d{2,4}).*"
_DATE_CELL = rf"\d{{4}}[-/.]\d\d?[-/.]\d\d?.*|{_YEAR_LAST}|(1[89]|20)\d{{6}}([ T]?\d+)?|1\d{{9}}|{_MS}"
_WIDEST = 4.0  # a bar's high divided by its low
_OHLCV = ("time", "open", "high", "low", "close", "volume")


@dataclass(frozen=True, kw_only=True)
class Shape:
    """header: the columns of a file without one; cells: column number -> pattern of its cells, by which it is known.

    signature: names (letters only) that only this shape's header has. columns: needed -> name (letters only), where
    the usual rules would take another. price_scale, volume_scale: what prices are divided and volumes multiplied by.
    whole: the scale is that of prices that are whole numbers. day_in_name: the date of times after midnight, clock:
    their unit. place: pattern of the file's path, by which shapes of equal cells are told apart. turnover: name of the
    column of money, by which volumes in lots are told from those in shares. factor: name of the column of factors at
    ex dates, which are splits upside down. sides_stand: an empty bid or ask is that of the row before. first_year:
    the one that years of two or three digits are counted from, as 1. more_volume: name of a second column of volume.
    """

    name: str
    header: tuple[str, ...] = ()
    cells: Mapping[int, str] = field(default_factory=dict)
    signature: frozenset[str] = frozenset()
    columns: Mapping[str, str] = field(default_factory=dict)
    tz: str | None = None
    calendar: str | None = None
    day_first: bool | None = None
    decimal: Decimal | None = None
    price_scale: float = 1.0
    volume_scale: float = 1.0
    whole: bool = False
    day_in_name: str | None = None
    clock: Unit | None = None
    place: str = ""
    turnover: str = ""
    factor: str = ""
    sides_stand: bool = False
    first_year: int = 1
    more_volume: str = ""
    recognised: bool = True

    @property
    def says_something(self) -> bool:
        """Whether it adds to what the file says itself."""
        own = (self.header, self.tz, self.calendar, self.day_first, self.decimal, self.columns)
        return any(value is not None and value != () and value != {} for value in own) or self.volume_scale != 1.0


_KLINES = (*_OHLCV, "close_time", "quote_volume", "count", "taker_buy_volume", "taker_buy_quote_volume", "ignore")
LOBSTER = "lobster"
_QUOTE_BARS = (
    *("time", "bidopen", "bidhigh", "bidlow", "bidclose", "bid_size"),
    *("askopen", "askhigh", "asklow", "askclose", "ask_size"),
)


def _lean() -> tuple[Shape, ...]:
    """Files of Lean: prices of United States equities are times 10,000, all others as they are; times on the clock of
    the market, after midnight in milliseconds from minutes down."""
    markets: tuple[dict[str, Any], ...] = (
        {"place": r"[/\\]crypto(future)?[/\\]", "tz": "UTC", "calendar": "24/7"},
        {"place": r"[/\\](forex|cfd)[/\\]oanda[/\\]", "tz": "UTC", "calendar": "24/5"},
        {"place": r"[/\\]forex[/\\]fxcm[/\\]", "tz": "Etc/GMT+5", "calendar": "24/5"},
        {"place": r"[/\\](forex|cfd)[/\\]", "calendar": "24/5"},
        {"place": r"[/\\](future|futureoption|index)[/\\]"},  # on the clock of their exchange
        {"price_scale": 10_000.0, "tz": _NEW_YORK},
        {},
    )
    shapes: list[Shape] = []
    for market in markets:
        scaled = "price_scale" in market
        price = r"\d{3,}" if scaled else _PRICE
        prices = dict.fromkeys(range(1, 5), price)
        within: dict[str, Any] = {"day_in_name": r"(?<!\d)(\d{8})_", "clock": "ms", "recognised": False}
        shapes += [
            Shape(
                name="lean",
                header=_OHLCV,
                cells={0: r"\d{8} \d\d:\d\d", **prices, 5: _PRICE},
                recognised=market != {},
                **market,
            ),
            Shape(name="lean", header=_OHLCV, cells={0: _AFTER_MIDNIGHT, **prices, 5: _PRICE}, **within, **market),
            Shape(name="lean", header=_QUOTE_BARS, cells={0: r"\d{8} \d\d:\d\d", **prices}, recognised=False, **market),
            Shape(name="lean", header=_QUOTE_BARS, cells={0: _AFTER_MIDNIGHT, **prices}, **within, **market),
        ]
        if scaled:
            shapes += [
                Shape(
                    name="lean",
                    header=("time", "price", "size", "exchange", "flags", "correction"),
                    cells={0: _AFTER_MIDNIGHT, 1: _INT, 2: _INT, 3: r"[A-Za-z]+", 5: r"[01]"},
                    **within,
                    **market,
                ),
                Shape(
                    name="lean",
                    cells={0: _AFTER_MIDNIGHT, **dict.fromkeys(range(1, 5), _INT), 5: r"[A-Za-z]*"},
                    header=("time", "bid", "bid_size", "ask", "ask_size", "exchange", "condition", "suspicious"),
                    **within,
                    **market,
                ),
            ]
            continue
        sided = Shape(
            name="lean", header=("time", "bid", "bid_size", "ask", "ask_size"),
            cells={0: _AFTER_MIDNIGHT, **dict.fromkeys(range(1, 5), _PRICE)}, **within, **market,
        )  # fmt: skip
        shapes.append(sided)
        kinds = {"quote": ("time", "bid", "ask"), "trade": ("time", "price", "size")}
        for kind, header in kinds.items():
            place = market.get("place", "") + f"(?i:.*{kind})"
            cells = {0: _AFTER_MIDNIGHT, 1: _PRICE, 2: _PRICE}
            shapes.append(Shape(name="lean", header=header, cells=cells, **{**within, **market, "place": place}))
    return tuple(shapes)


_LEAN = _lean()

SHAPES = (
    Shape(
        name=LOBSTER, header=("time", "type", "order_id", "size", "price", "direction"), tz=_NEW_YORK,
        price_scale=10_000.0, day_in_name=r"_(\d{4}-\d\d-\d\d)_", clock="s", recognised=False,
    ),
    *_LEAN,
    Shape(name="binance", header=_KLINES, cells={0: _MS, 6: _MS, 8: _INT}, calendar="24/7", decimal="."),
    Shape(
        name="binance", signature=frozenset({"opentime", "closetime", "open"}), columns={"time": "opentime"},
        calendar="24/7",
    ),
    Shape(
        name="binance", header=("trade_id", "price", "size", "quote_size", "time", "buyer_maker", "best_match"),
        cells={0: _INT, 4: _MS, 5: _BOOL, 6: _BOOL}, calendar="24/7", decimal=".",
    ),
    Shape(
        name="binance", header=("trade_id", "price", "size", "quote_size", "time", "buyer_maker"),
        cells={0: _INT, 4: _MS, 5: _BOOL}, calendar="24/7", decimal=".",
    ),
    Shape(
        name="binance",
        header=("trade_id", "price", "size", "first_id", "last_id", "time", "buyer_maker", "best_match"),
        cells={0: _INT, 3: _INT, 4: _INT, 5: _MS, 6: _BOOL, 7: _BOOL}, calendar="24/7", decimal=".",
    ),
    Shape(
        name="binance", header=("trade_id", "price", "size", "first_id", "last_id", "time", "buyer_maker"),
        cells={0: _INT, 3: _INT, 4: _INT, 5: _MS, 6: _BOOL}, calendar="24/7", decimal=".",
    ),
    Shape(name="kraken", header=(*_OHLCV, "trades"), cells={0: r"1\d{9}", 6: _INT}, calendar="24/7", decimal="."),
    Shape(
        name="kraken", header=(*_OHLCV[:5], "vwap", "volume", "trades"), cells={0: r"1\d{9}", 7: _INT}, calendar="24/7",
        decimal=".",
    ),
    Shape(name="kraken", header=("time", "price", "size"), cells={0: r"1\d{9}(\.\d+)?"}, calendar="24/7", decimal="."),
    Shape(
        name="histdata", header=_OHLCV, cells={0: r"\d{8} \d{6}", 5: "0"}, tz="Etc/GMT+5", calendar="24/5", decimal=".",
    ),
    Shape(
        name="histdata", header=("time", "bid", "ask", "volume"),
        cells={0: r"\d{8} \d{9}", 1: _PRICE, 2: _PRICE, 3: "0"}, tz="Etc/GMT+5", calendar="24/5", decimal=".",
    ),
    Shape(
        name="truefx", header=("symbol", "time", "bid", "ask"),
        cells={0: "[A-Z]{3}/[A-Z]{3}", 1: r"\d{8} \d\d:\d\d:\d\d\.\d+"}, tz="UTC", calendar="24/5", decimal=".",
    ),
    Shape(
        name="metatrader", header=("date", "time", *_OHLCV[1:]),
        cells={0: r"\d{4}\.\d\d\.\d\d", 1: r"\d\d:\d\d(:\d\d)?"}, decimal=".",
    ),
    Shape(
        name="metatrader", signature=frozenset({"date", "bid", "ask", "last", "flags"}), decimal=".", sides_stand=True,
    ),
    Shape(
        name="metatrader", signature=frozenset({"date", "tickvol", "spread"}), columns={"volume": "tickvol"},
        decimal=".",
    ),
    Shape(
        name="firstrate", header=_OHLCV, cells={0: r"\d{4}-\d\d-\d\d( \d\d:\d\d(:\d\d)?)?"}, tz=_NEW_YORK,
        recognised=False,
    ),
    Shape(name="dukascopy", signature=frozenset({"gmttime"}), tz="UTC", calendar="24/5", day_first=True, decimal="."),
    Shape(
        name="dukascopy", signature=frozenset({"localtime", "open", "close"}), calendar="24/5", day_first=True,
        decimal=".",
    ),
    Shape(
        name="databento", signature=frozenset({"tsevent", "rtype", "publisherid"}), columns={"time": "tsevent"},
        price_scale=1e9, whole=True,
    ),
    Shape(name="polygon", signature=frozenset({"windowstart", "transactions"}), columns={"time": "windowstart"}),
    Shape(name="tiingo", signature=frozenset({"adjclose", "divcash", "splitfactor"})),
    Shape(name="alphavantage", signature=frozenset({"timestamp", "adjustedclose", "dividendamount"}), tz=_NEW_YORK),
    Shape(name="stooq", signature=frozenset({"per", "openint"}), decimal="."),
    Shape(name="nasdaq", signature=frozenset({"closelast"}), day_first=False),
    Shape(name="nse", signature=frozenset({"series", "prevclose"})),
    Shape(
        name="investing", signature=frozenset({"price", "open", "high", "low", "change"}), columns={"close": "price"},
    ),
    Shape(name="tushare", signature=frozenset({"tscode", "tradedate", "preclose"}), volume_scale=100.0),
    Shape(
        name="akshare", signature=frozenset({"日期", "开盘", "收盘", "成交量"}), volume_scale=100.0, turnover="成交额",
    ),
    Shape(
        name="twse", signature=frozenset({"日期", "成交股數", "開盤價"}), first_year=1912, decimal=".",
    ),
    Shape(
        name="twse", signature=frozenset({"日期", "成交仟股", "開盤"}), columns={"volume": "成交仟股"}, first_year=1912,
        volume_scale=1_000.0, decimal=".",
    ),
    Shape(
        name="huobi", signature=frozenset({"id", "open", "close", "amount", "vol", "count"}),
        columns={"time": "id", "volume": "amount"}, calendar="24/7",
    ),
    Shape(
        name="tradestation", signature=frozenset({"date", "time", "close", "up", "down"}), columns={"volume": "up"},
        more_volume="down",
    ),
    Shape(name="cotahist", signature=frozenset({"codneg"}), calendar="BVMF"),
    Shape(name="jquants", signature=frozenset({"adjustmentfactor", "adjustmentclose"}), factor="adjustmentfactor"),
    Shape(
        name="eodhd", signature=frozenset({"timestamp", "gmtoffset", "datetime"}), columns={"time": "timestamp"},
    ),
    Shape(
        name="cryptodatadownload", signature=frozenset({"unix", "date", "symbol"}), columns={"time": "unix"},
        calendar="24/7",
    ),
    Shape(name="yfinance", signature=frozenset({"dividends", "stocksplits"})),
)  # fmt: skip

AUTO, NAMED = "auto", "named"
NAMES = (AUTO, NAMED, *dict.fromkeys(shape.name for shape in SHAPES))
PLAIN = Shape(name=NAMED)


def choose(name: str, *, names: Sequence[str] | None, rows: Sequence[Sequence[str]], place: str = "") -> Shape | None:
    """The shape of a file, None where none is known.

    names: of its header, None where it has none; rows: the first. place: its path, and that within an archive.
    """
    if name == NAMED:
        return PLAIN if names is not None else None
    for shape in SHAPES:
        if name not in (AUTO, shape.name) or (name == AUTO and not shape.recognised):
            continue
        if shape.place and not re.search(shape.place, place):
            continue
        if names is None and shape.header and _fits(shape, rows):
            return shape
        if names is not None and shape.signature and shape.signature <= {plain(name) for name in names}:
            return shape
    if name != AUTO:
        matches = [shape for shape in SHAPES if shape.name == name and bool(shape.header) == (names is None)]
        if name == "lean":
            return None  # on which one it is its scale depends
        return matches[0] if matches else next(shape for shape in SHAPES if shape.name == name)
    return PLAIN if names is not None else None


def _fits(shape: Shape, rows: Sequence[Sequence[str]]) -> bool:
    rows = rows[:20]
    if not rows or not all(
        len(row) == len(shape.header)
        and all(re.fullmatch(pattern, row[place]) for place, pattern in shape.cells.items())
        for row in rows
    ):
        return False
    if not {"high", "low"} <= set(shape.header):
        return True
    high, low = (_numbers([row[shape.header.index(name)] for row in rows]) for name in ("high", "low"))
    return high is None or low is None or all(top >= bottom for top, bottom in zip(high, low, strict=True))


def guess_header(rows: Sequence[Sequence[str]]) -> tuple[str, ...] | None:
    """The columns of rows without a header, where the prices themselves say which is which.

    Of four columns side by side one is never below, one never above the others, and of the other two each open is
    nearer to the close before it than each close to the open before. None where that does not hold, cannot be seen, or
    holds of more than one four; a volume that is not told from money or counts beside it is `?`.
    """
    rows = [row for row in rows if len(row) == len(rows[0])]
    cells = list(zip(*rows, strict=True))
    date = next((n for n, column in enumerate(cells[:3]) if _all(_DATE_CELL, column)), None)
    if date is None:
        return None
    words = [n for n in range(date) if rows[0][n][:1].isalpha()]
    rows = [row for row in rows if all(row[n] == rows[0][n] for n in words)]  # of one symbol
    cells = list(zip(*rows, strict=True))
    if len(rows) < 4 or len(cells) < date + 5 or (order := _order(cells[date], cells[date + 1])) is None:
        return None
    clock = _all(_CLOCK_CELL, cells[date + 1])
    headers = [header for times in ((date,), (date, date + 1))[: 1 + clock] if (header := _header(cells, times, order))]
    return headers[-1] if len({header.index("open") for header in headers}) == 1 else None


def _header(cells: Sequence[Sequence[str]], times: Sequence[int], order: Sequence[int]) -> tuple[str, ...] | None:
    """order: of the rows, the oldest first."""
    values = {
        n: number for n, column in enumerate(cells) if n > times[0] and n not in times and (number := _numbers(column))
    }
    fours = [four for n in values if (four := _prices({m: values[m] for m in range(n, n + 4) if m in values}, order))]
    if len(fours) != 1:
        return None
    header = {**fours[0], **dict(zip(times, ("time",) if len(times) == 1 else ("date", "time"), strict=True))}
    header |= dict(zip(range(times[0]), ("symbol", "per"), strict=False))
    close = values[next(n for n, name in header.items() if name == "close")]
    rest = [n for n in values if n not in header and len(set(values[n])) > 1]
    money = [m for m in rest if any(m != n and _are_alike(values[m], values[n], close) for n in rest)]
    rest = [n for n in rest if n not in money and all(values[n] != values[m] for m in rest if m < n)]
    header |= dict.fromkeys(rest, "volume" if len(rest) == 1 else "?")
    return tuple(header.get(n, "") for n in range(len(cells)))


def _order(dates: Sequence[str], clocks: Sequence[str]) -> list[int] | None:
    """The rows with the oldest first, None where they are in no order. clocks: what stands beside the dates."""
    numbers = list(range(len(dates)))
    keys = [[(date, clock.zfill(6)) for date, clock in zip(dates, clocks, strict=True)]]
    if _all(_YEAR_LAST, dates):
        parts = [[part.zfill(2) for part in re.findall(r"\d+", date)] for date in dates]
        keys = [
            [(*(part[n] for n in places), *rest) for part, rest in zip(parts, keys[0], strict=True)]
            for places in ((2, 0, 1), (2, 1, 0))
        ]
    for key in keys:
        for order in (numbers, numbers[::-1]):
            if sorted(order, key=key.__getitem__) == order:
                return order
    return None


def _prices(four: Mapping[int, Sequence[float]], order: Sequence[int]) -> dict[int, str] | None:
    """Which of four columns is the open, high, low and close; None where that cannot be seen."""
    if len(four) != 4:
        return None
    rows = [[column[row] for column in four.values()] for row in order]
    high = [n for n in range(4) if all(row[n] >= max(row) for row in rows)]
    low = [n for n in range(4) if all(row[n] <= min(row) for row in rows)]
    if len(high) != 1 or len(low) != 1 or high == low or not all(0 < max(row) < _WIDEST * min(row) for row in rows):
        return None
    one, two = (n for n in range(4) if n not in (*high, *low))
    gaps = [sum(abs(after[o] - before[c]) for before, after in pairwise(rows)) for o, c in ((one, two), (two, one))]
    opened, closed = (one, two) if gaps[0] < gaps[1] else (two, one)
    if min(gaps) >= 0.7 * max(gaps) or _is_mean(opened, closed, high[0], low[0], rows):
        return None
    names = {opened: "open", high[0]: "high", low[0]: "low", closed: "close"}
    return {column: names[n] for n, column in enumerate(four)}


def _is_mean(opened: int, closed: int, high: int, low: int, rows: Sequence[Sequence[float]]) -> bool:
    """Whether what would be the open lies about the middle of the bars, as their mean price does: an open lies as near
    to high or low as the close."""
    off_middle = [sum(abs(2 * row[n] - row[high] - row[low]) for row in rows) for n in (opened, closed)]
    return off_middle[0] < 0.7 * off_middle[1]


def _numbers(cells: Sequence[str]) -> list[float] | None:
    try:
        return [float(cell.replace(",", ".")) for cell in cells]
    except ValueError:
        return None


def _are_alike(money: Sequence[float], volume: Sequence[float], close: Sequence[float]) -> bool:
    return all(0.8 * v * c <= paid <= 1.25 * v * c for paid, v, c in zip(money, volume, close, strict=True))


def _all(pattern: str, cells: Sequence[str]) -> bool:
    return all(re.fullmatch(pattern, cell) for cell in cells)
