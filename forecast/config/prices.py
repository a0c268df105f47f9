"""How prices are fetched, what may be said about files, and how a series of the store is shown."""

import datetime
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from forecast.config.fields import check, setting
from pipelines.errors import ConfigError

SOURCES = ("yahoo", "csv", "sample")
ADJUSTMENTS = ("raw", "forward", "back")


@dataclass(frozen=True, kw_only=True)
class FetchConfig:
    """What is fetched. start, end: sessions, both included. replace: remove stored rows between those of a file."""

    source: str = setting(
        "yahoo",
        "text",
        "Yahoo Finance, files of your own, or the sample that ships with forecast.",
        group="",
        choices=SOURCES,
    )
    interval: str = setting("1d", "text", "Interval of the bars: 1d, 1h, 15m, 5m, 1m.", group="")
    start: datetime.date | str | None = setting(None, "date", "First session.", group="", optional=True)
    end: datetime.date | str | None = setting(None, "date", "Last session.", group="", optional=True)
    calendar: str | None = setting(
        None,
        "text",
        "The exchange's calendar: XNYS, XLON, 24/7  [default: by symbol, XNYS for csv]",
        group="",
        optional=True,
    )
    max_dropped: float = setting(
        0.01,
        "number",
        "Share of bad rows that may be dropped before the prices are refused.",
        group="",
        low=0,
        high=1,
    )
    replace: bool = setting(
        False, "switch", "csv: remove the stored rows that lie between those of the file.", group=""
    )

    def __post_init__(self) -> None:
        check(self)
        if self.start and self.end and str(self.start) > str(self.end):
            raise ConfigError(f"Expected start before end, got {self.start} after {self.end}.")

    @property
    def dates(self) -> tuple[datetime.date | None, datetime.date | None]:
        """The first and the last session."""
        first, last = (date if isinstance(date, datetime.date) else None for date in (self.start, self.end))
        return first, last

    @property
    def method(self) -> Literal["merge", "replace"]:
        """How rows of files meet those stored."""
        return "replace" if self.replace else "merge"


@dataclass(frozen=True, kw_only=True)
class FileConfig:
    """What a file, or a DataFrame, does not show by itself; None: as the file shows it.

    tz: zone of times that name none. currency: of the prices. columns: needed name -> the file's, {"price": "PX"}.
    where: column -> the only value that is kept. time_format: strptime's. day_first: whether 01/02/2024 is the 1st of
    February. decimal: the decimal mark. header: the columns of a file without one, none of them to take them from its
    shape. skip: lines before the header. date: day of times after midnight. price_scale: what prices are divided by.
    shape: who wrote the file. exchange: of trades, the only one that is kept. stamp: whether an intraday bar's time is
    its start or its end. hours: whether rows of extended hours are kept. adjusted: whether prices are adjusted for
    dividends and splits.
    """

    tz: str | None = setting(
        None, "text", "csv: time zone of the file's times, e.g. America/New_York.", group="", optional=True
    )
    currency: str | None = setting(None, "text", "csv: currency of the prices, e.g. USD.", group="", optional=True)
    columns: Mapping[str, str] | Sequence[str] = setting(
        (),
        "pairs",
        "csv: which column is time, price, size, bid, ask, open, high, low, close, volume, condition, exchange.",
        group="",
        option="column",
        listed="NAME=COLUMN, such as price=PX",
    )
    where: Mapping[str, str] | Sequence[str] = setting(
        (),
        "pairs",
        "csv: the only rows that are kept, e.g. ticker=ACME of a file of several symbols.",
        group="",
        listed="COLUMN=VALUE, such as ticker=ACME",
    )
    time_format: str | None = setting(
        None,
        "text",
        "csv: format of times that are not ISO 8601, e.g. '%d/%m/%Y %H:%M:%S'; without %H, of dates.",
        group="",
        optional=True,
        aliases=("date-format",),
    )
    day_first: bool | None = setting(
        None,
        "switch",
        "csv: whether 01/02/2024 is the 1st of February; asked where the file does not show it.",
        group="",
        optional=True,
        option="dayfirst",
        opposite="monthfirst",
    )
    decimal: str | None = setting(
        None,
        "text",
        "csv: the decimal mark, where the file does not show it.",
        group="",
        choices=(".", ","),
        optional=True,
    )
    header: Sequence[str] | str | None = setting(
        None,
        "text",
        "csv: columns of a file without a header: time,open,high,low,close,volume; none: as its shape has them.",
        group="",
        optional=True,
        several=True,
        commas=True,
        empty=True,
    )
    skip: int | None = setting(
        None, "integer", "csv: lines before the header  [default: as the file shows]", group="", low=0, optional=True
    )
    date: datetime.date | str | None = setting(
        None,
        "date",
        "csv: day of times after midnight, in seconds or parts of them (LOBSTER).",
        group="",
        optional=True,
    )
    price_scale: float = setting(1.0, "number", "csv: 10000 for LOBSTER's prices.", group="", low=0, open_low=True)
    shape: str = setting(
        "auto",
        "text",
        "csv: who wrote the file, where it does not show: lobster, lean, binance, kraken, histdata, metatrader, "
        "dukascopy, databento, ...; a wrong name lists them all.",
        group="",
    )
    exchange: str | None = setting(
        None, "text", "csv: of trades, the only exchange that is kept, e.g. N (NYSE TAQ).", group="", optional=True
    )
    stamp: str = setting(
        "start",
        "text",
        "csv: whether an intraday bar's time is its start or its end.",
        group="",
        choices=("start", "end"),
    )
    hours: str = setting(
        "regular",
        "text",
        "csv: whether rows of extended hours are left out or kept.",
        group="",
        choices=("regular", "extended"),
    )
    adjusted: bool | None = setting(
        None,
        "switch",
        "csv: whether the prices are adjusted for the file's dividends and splits  [default: by the ex dates]",
        group="",
        optional=True,
        opposite="as-traded",
    )

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, kw_only=True)
class RecordingConfig:
    """How a stream of quotes is recorded."""

    duration: str = setting("10m", "text", "How long to record: 90s, 10m, 2h.", group="", option="for")

    def __post_init__(self) -> None:
        check(self)
        if not re.fullmatch(r"[1-9]\d{0,5}[smh]", self.duration):
            raise ConfigError(f"Expected duration as text such as 90s, 10m or 2h, got {self.duration!r:.40}.")

    @property
    def seconds(self) -> int:
        """The same in seconds."""
        return int(self.duration[:-1]) * {"s": 1, "m": 60, "h": 3600}[self.duration[-1]]


@dataclass(frozen=True, kw_only=True)
class SeriesConfig:
    """Which series of a symbol is shown or written, and how. undo: a version of the store to go back to."""

    interval: str | None = setting(
        None,
        "text",
        "Interval of the bars, or ticks  [default: 1d, or what the store has where it has one series]",
        group="",
        optional=True,
    )
    adjust: str = setting(
        "raw",
        "text",
        "As traded, or adjusted for splits and dividends from the first or to the last bar.",
        group="",
        choices=ADJUSTMENTS,
    )
    rows: int = setting(10, "integer", "How many of the last rows.", group="", low=1)
    undo: int | None = setting(
        None,
        "integer",
        "Bring this version of the symbol's bars, dividends and splits back.",
        group="",
        low=0,
        optional=True,
    )

    def __post_init__(self) -> None:
        check(self)
