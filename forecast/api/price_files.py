"""Files of one symbol or of many: read once, or for each symbol where their names have {symbol} in them."""

import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from forecast.config.fields import settings_of
from forecast.config.prices import FetchConfig, FileConfig
from pipelines.errors import ConfigError

if TYPE_CHECKING:
    from pipelines.sources.base import Delivery
    from pipelines.sources.csv.options import Options
    from pipelines.sources.csv.source import Loaded

_PLACE = "{symbol}"


class FileOptions(TypedDict, total=False):
    """What may be said about files, or about a DataFrame, where they do not show it; as `forecast fetch --help` has it.

    tz: zone of times that name none. currency: of the prices. columns: needed name -> the file's, {"price": "PX"}.
    where: column -> the only value that is kept. time_format: strptime's. day_first: whether 01/02/2024 is the 1st of
    February. decimal: the decimal mark. header: the columns of a file without one. skip: lines before the header. date:
    day of times after midnight. price_scale: what prices are divided by. shape: who wrote the file. exchange: of
    trades, the only one that is kept. stamp: whether an intraday bar's time is its start or its end. hours: whether
    rows of extended hours are kept. adjusted: whether prices are adjusted for dividends and splits.

    Examples
    --------
    >>> import forecast as fc
    >>> about: fc.FileOptions = {"tz": "America/New_York", "columns": {"price": "PX"}}
    >>> sorted(about)
    ['columns', 'tz']
    """

    tz: str | None
    currency: str | None
    columns: Mapping[str, str]
    where: Mapping[str, str]
    time_format: str | None
    day_first: bool | None
    decimal: Literal[".", ","] | None
    header: Sequence[str] | None
    skip: int | None
    date: datetime.date | str | None
    price_scale: float
    shape: str
    exchange: str | None
    stamp: Literal["start", "end"]
    hours: Literal["regular", "extended"]
    adjusted: bool | None


class PriceFiles:
    """Files, and how they are read."""

    def __init__(self, symbols: Sequence[str], files: Sequence[Path], options: "Options") -> None:
        self._files = tuple(files)
        self._apart = any(_PLACE in str(path) for path in self._files)
        self._options = replace(options, several=len(symbols) > 1 and not self._apart)
        self._loaded: Loaded | None = None
        self._beside: dict[str, tuple[Path, ...]] = {}

    def load(self, symbol: str) -> "Loaded":
        """The rows of the symbol's files, or of all symbols'."""
        from pipelines.sources.csv import source

        if self._apart:
            return source.load([_named(path, symbol) for path in self._files], self._options)
        if self._loaded is None:
            self._loaded = source.load(self._files, self._options)
        return self._loaded

    def deliver(self, symbol: str) -> "Delivery":
        """The symbol's prices, cleaned."""
        from pipelines.sources.csv import source

        return source.deliver(self.load(symbol), symbol)

    def paths(self, symbol: str) -> list[Path]:
        """The symbol's files, those of folders one by one; none where files hold several symbols together."""
        from pipelines.sources.csv import source

        if self._options.several:
            return []
        candidates = [_named(path, symbol) for path in self._files] if self._apart else self._files
        return source.every_file(candidates, self._options)

    def of_folders(self, symbol: str) -> list[Path]:
        """Those of the symbol's files that were not named but lie in a folder that was."""
        listed = {_named(path, symbol) if self._apart else path for path in self._files}
        return [path for path in self.paths(symbol) if path not in listed]

    def deliver_one(self, symbol: str, path: Path) -> "Delivery":
        """The symbol's prices in one of its files, cleaned."""
        from pipelines.sources.csv import source

        return source.deliver(source.load([path], self._options_beside(symbol)), symbol)

    def is_large(self, symbol: str, path: Path) -> bool:
        """Whether one of the symbol's files of ticks is read in pieces."""
        from pipelines.sources.csv import pieces

        return not self._options.several and pieces.is_large(path, self._options_beside(symbol))

    def pieces(self, symbol: str, path: Path, watch: Callable[[int], None]) -> "Iterator[Delivery]":
        """The symbol's ticks in one of its files, cleaned, piece by piece; watch: see pipelines.sources.csv.pieces."""
        from pipelines.sources.csv import pieces

        return pieces.read(path, symbol, self._options_beside(symbol), watch=watch)

    def _options_beside(self, symbol: str) -> "Options":
        """How one file of several is read."""
        if symbol not in self._beside:
            self._beside[symbol] = tuple(self.paths(symbol))
        return replace(self._options, beside=self._beside[symbol])

    def options(self) -> "Options":
        """How the files are read."""
        return self._options


def file_config(about: FileOptions) -> FileConfig:
    """What is said about files, checked.

    Raises
    ------
    ConfigError
        A name that says nothing about files, or a value that is not allowed.
    """
    if unknown := sorted(set(about) - set(settings_of(FileConfig))):
        raise ConfigError(
            f"Expected what is said about files out of {', '.join(settings_of(FileConfig))}, "
            f"got {', '.join(unknown)}. Correct its name."
        )
    return FileConfig(**about)


def reading_options(request: FetchConfig, about: FileConfig) -> "Options":
    """How files are read."""
    from pipelines.sources.csv.options import Options

    files: dict[str, Any] = {name: getattr(about, name) for name in settings_of(FileConfig)}
    header, day = files["header"], files["date"]
    return Options(
        interval=request.interval,
        calendar=request.calendar,
        start=request.dates[0],
        end=request.dates[1],
        max_dropped=request.max_dropped,
        names=files.pop("columns"),
        **{**files, "header": () if header == ("none",) else header, "date": None if day is None else day.isoformat()},
    )


def _named(path: Path, symbol: str) -> Path:
    """The path of one symbol, in capitals or small letters, whichever is there."""
    paths = [Path(str(path).replace(_PLACE, name)) for name in (symbol, symbol.lower())]
    return paths[1] if not paths[0].exists() and paths[1].exists() else paths[0]
