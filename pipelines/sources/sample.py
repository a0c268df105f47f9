"""The sample that ships with forecast: five stocks, daily 2000 to 2013, and E-mini S&P 500 trades of two sessions."""

from pathlib import Path
from typing import Any, Protocol

import numpy as np

from pipelines.cleaning import cleaning
from pipelines.cleaning.report import CleaningReport
from pipelines.errors import BadFileError, UnknownSymbolError
from pipelines.market import calendars
from pipelines.market.types import Actions, Bars, Ticks
from pipelines.sources.base import Delivery

STOCKS = ("AAPL", "FB", "GOOG", "IBM", "MSFT")
FUTURE = "ES"
SYMBOLS = (*STOCKS, FUTURE)


class _Store(Protocol):
    """What this module needs of pipelines.store.store.Store, which sources do not import."""

    def write_bars(self, bars: Bars) -> int: ...
    def write_ticks(self, ticks: Ticks) -> int: ...
    def write_actions(self, actions: Actions) -> int: ...


def fetch(store: _Store, symbol: str) -> None:
    """Puts one symbol of the sample into a store; nothing is written where it is there already."""
    delivery = read(symbol)
    if delivery.actions is not None:
        store.write_actions(delivery.actions)
    if isinstance(delivery.prices, Bars):
        store.write_bars(delivery.prices)
    elif isinstance(delivery.prices, Ticks):
        store.write_ticks(delivery.prices)


def read(symbol: str) -> Delivery:
    """Daily bars and actions of a stock, or the trades of ES.

    Raises:
        UnknownSymbolError: not one of SYMBOLS.
        BadFileError: a sample that is not there or damaged.
    """
    if symbol == FUTURE:
        return _trades()
    if symbol not in STOCKS:
        raise UnknownSymbolError(f"Expected a symbol of the sample ({', '.join(SYMBOLS)}), got {symbol!r}.")
    return _daily(symbol)


def _daily(symbol: str) -> Delivery:
    table = _table("daily")
    bars, report = cleaning.bars(
        table[table["symbol"] == symbol], symbol=symbol, interval="1d", calendar="XNYS", currency="USD"
    )
    paid = _table("actions")
    paid = paid[paid["symbol"] == symbol]
    ex_at, _ = calendars.daily_times(paid["date"].to_numpy().astype("datetime64[D]"), "XNYS")
    actions = Actions(symbol=symbol, ex_at=ex_at, dividend=paid["dividend"].to_numpy(), split=paid["split"].to_numpy())
    return Delivery(prices=bars, actions=actions, report=report)


def _trades() -> Delivery:
    table = _table("ticks")
    ticks = Ticks(
        symbol=FUTURE,
        time=table["time_ms"].to_numpy().astype("datetime64[ms]"),
        price=table["price_quarters"].to_numpy() / 4,
        size=table["size"].to_numpy().astype(np.float64),
        currency="USD",
        calendar="CMES",
    )
    return Delivery(prices=ticks, actions=None, report=CleaningReport.all_kept(len(ticks)))


def _table(name: str) -> Any:
    import pandas

    path = _folder() / f"{name}.parquet"
    try:
        return pandas.read_parquet(path)
    except (OSError, ValueError) as error:
        raise BadFileError(f"Expected the sample file {path}, got: {error}. Install forecast again.") from error


def _folder() -> Path:
    """Inside the installed package, or data/sample of a checkout."""
    packaged = Path(__file__).parent / "sample_data"
    return packaged if packaged.is_dir() else Path(__file__).resolve().parents[2] / "data" / "sample"
