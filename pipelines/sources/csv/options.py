"""What a person may say about a file, and what was understood of it."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from pipelines.cleaning import cleaning
from pipelines.errors import ConfigError
from pipelines.sources.csv.layout import shapes
from pipelines.sources.csv.numbers import Decimal


@dataclass(frozen=True, kw_only=True)
class Options:
    """How files are read.

    interval: of bars. tz: the zone of times that name none. calendar: XNYS unless given, or the shape's. names: needed
    column -> the file's name for it. time_format: strptime's, for times of another kind. day_first: of 01/02/2024.
    decimal: the mark. stamp: whether an intraday bar's time is its start. price_scale: what prices are divided by.
    date: of times after midnight. exchange: of trades, the only one that is kept. shape: see
    pipelines.sources.csv.layout.shapes. header: the columns of a file without one; empty to
    take them from its shape. skip: lines before the header. where:
    column -> the only value that is kept. adjusted: whether prices are adjusted for dividends; None to find out. hours:
    whether what lies outside the exchange's hours is kept. start, end: sessions. now: rows more than a day later are
    dropped. several: whether the files hold several symbols, one of which is asked for at a time. beside: the files
    that are read together, of which one without a header has the columns of one that has them.
    """

    interval: str = "1d"
    tz: str | None = None
    calendar: str | None = None
    currency: str | None = None
    max_dropped: float = cleaning.MAX_DROPPED
    names: Mapping[str, str] | None = None
    time_format: str | None = None
    day_first: bool | None = None
    decimal: Decimal | None = None
    stamp: Literal["start", "end"] = "start"
    price_scale: float = 1.0
    date: str | None = None
    exchange: str | None = None
    shape: str = "auto"
    header: tuple[str, ...] | None = None
    skip: int | None = None
    where: Mapping[str, str] = field(default_factory=dict)
    adjusted: bool | None = None
    hours: Literal["regular", "extended"] = "regular"
    start: datetime.date | None = None
    end: datetime.date | None = None
    now: np.datetime64 | None = None
    several: bool = False
    beside: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        if self.currency and not (self.currency.isprintable() and len(self.currency) <= 10):
            raise ConfigError(f"Expected currency as a code such as USD, got {self.currency[:20]!r}.")
        if self.shape not in shapes.NAMES:
            raise ConfigError(
                f"Expected shape out of {', '.join(shapes.NAMES)}, got {self.shape[:30]!r}. Name one of these."
            )

    @property
    def latest(self) -> np.datetime64:
        """The latest time that a row can have."""
        moment = np.datetime64("now") if self.now is None else self.now
        latest: np.datetime64 = (moment + np.timedelta64(1, "D")).astype("datetime64[ns]")
        return latest


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What was understood of a file: a line of `fetch --dry-run` each."""

    file: str
    kind: str
    what: str
    shape: str
    header_lines: int
    delimiter: str
    columns: Mapping[str, str]
    times: str
    zone: str
    calendar: str
    interval: str
    first: tuple[Mapping[str, str], ...] = ()
