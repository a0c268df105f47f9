"""Bars -> the conditions of trading at each open: its price, whether it can be had, and what is known before it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from forecast.config.trading import TradingConfig
from forecast.trading.simulator import Flags
from forecast.trading.spread_estimator import FEWEST, half_spread
from pipelines.errors import ConfigError, RunError
from pipelines.market.times import utc
from pipelines.market.types import Floats, Times
from pipelines.preprocessing.sessions import last_of_session

WINDOW = 60
"""Returns from close to close that the trailing volatility is taken over."""


@dataclass(frozen=True, kw_only=True, eq=False)
class MarketState:
    """Each array of shape (bars,). Nothing here needs a bar later than its own open, the price and volume excepted.

    opens: the price that a fill is counted from: the bar's open, or the middle of the quote in force then where fills
    are at the quoted ask and bid. tradable: False for a bar without volume. volatility: a year, of the last 60 returns
    from close to close before the open; NaN where they are not there, or where nobody asked. spread: half of it as a
    fraction, None where it is given. quoted: whether it is that of the quotes.
    closing: True for the last bar of its session where positions are closed then, None where they are held.
    """

    opened_at: Times
    opens: Floats
    tradable: Flags
    volatility: Floats
    spread: Floats | None
    quoted: bool = False
    closing: Flags | None = None

    def held_to_the_end(self, targets: Floats) -> Floats:
        """The targets of all bars but the last, shape (..., bars - 1): the last one given stays to the end.

        targets: shape (..., decisions). Where positions are closed overnight: 0 from the last open of each session to
        the next one's first, where nothing that is left over is bought again.
        """
        decisions, intervals = targets.shape[-1], len(self.opens) - 1
        extended = np.concatenate([targets, np.repeat(targets[..., -1:], intervals - decisions, axis=-1)], axis=-1)
        if self.closing is None:
            return extended
        closed = self.closing[:-1].copy()
        closed[decisions - 1 :] = np.logical_or.accumulate(closed[decisions - 1 :])
        return np.where(closed, 0.0, extended)

    def rows(self, chosen: slice) -> "MarketState":
        """The same, fewer bars.

        Raises:
            ConfigError: an estimated or quoted spread that is not known at one of them.
        """
        if self.quoted and self.spread is not None and np.any(np.isnan(self.spread[chosen])):
            raise ConfigError(
                "Expected a quote before the first trade, got none. Fetch the quotes of that time too, or give the "
                "spread: --half-spread 2."
            )
        if self.spread is not None and np.any(np.isnan(self.spread[chosen])):
            raise ConfigError(
                f"Expected {FEWEST} pairs of neighbouring bars before the first trade to estimate the spread. "
                "Fetch more history or give it: --half-spread-bps 2."
            )
        return MarketState(
            opened_at=self.opened_at[chosen],
            opens=self.opens[chosen],
            tradable=self.tradable[chosen],
            volatility=self.volatility[chosen],
            spread=None if self.spread is None else self.spread[chosen],
            quoted=self.quoted,
            closing=None if self.closing is None else self.closing[chosen],
        )


def conditions(
    bars: pd.DataFrame, *, rules: TradingConfig, bars_per_year: float | None, closes_with: str | None = None
) -> MarketState:
    """The conditions that a run's bars give.

    closes_with: the calendar with whose sessions positions are closed, None where they are held overnight.

    A source that has no volumes at all (an index, a currency) does not say that nothing could be traded.

    Raises:
        ConfigError: a size by volatility without the number of bars a year.
    """
    opened_at, close = utc(bars["opened_at"]), bars["close"].to_numpy()
    volume = bars["volume"].to_numpy()
    volatility = np.full(len(bars), np.nan)
    if rules.sizing == "volatility":
        if bars_per_year is None:
            raise ConfigError("Expected the number of bars a year to size by volatility, got none.")
        volatility = trailing_volatility(close, bars_per_year=bars_per_year)
    spread, opens = None, fill_prices(bars, rules=rules)
    if rules.spread == "quoted":
        half = (bars["ask"].to_numpy() - bars["bid"].to_numpy()) / 2.0 / opens
        last = np.maximum.accumulate(np.where(np.isnan(half), 0, np.arange(len(half))))  # at the last quote there was
        spread = half[last]
    if rules.spread == "bars":
        high, low = bars["high"].to_numpy(), bars["low"].to_numpy()
        spread = half_spread(opened_at=opened_at, closed_at=utc(bars["closed_at"]), high=high, low=low, close=close)
    return MarketState(
        opened_at=opened_at,
        opens=opens,
        tradable=(volume > 0) | ~np.any(volume > 0),
        volatility=volatility,
        spread=spread,
        quoted=rules.spread == "quoted",
        closing=None if closes_with is None else closing(opened_at, utc(bars["closed_at"]), calendar=closes_with),
    )


def check_spread(rules: TradingConfig, described: Mapping[str, Any], *, bars: pd.DataFrame) -> None:
    """Whether a run's bars give the spread that the rules ask for. described: run.json.

    Raises:
        ConfigError: they do not.
    """
    if rules.spread == "bars" and not described["config"].get("bars"):
        raise ConfigError(
            "Expected bars built from trades to estimate the spread from, got "
            f"{described['data'].get('interval')} bars. Give it: --half-spread-bps 2."
        )
    if rules.spread == "quoted" and "bid" not in bars:
        raise ConfigError(
            "Expected bars made of trades with quotes for --half-spread quoted, got bars without. Fetch the symbol's "
            "quotes and train again, or give the spread: --half-spread 2."
        )


def closing_calendar(described: Mapping[str, Any]) -> str | None:
    """The calendar with whose sessions a run's positions are closed, None where they are held overnight.

    described: run.json; runs that say nothing of it were trained to hold. A day's bar has no night before its end.
    """
    if described["data"].get("interval") == "1d" or described["config"].get("overnight", "hold") != "flat":
        return None
    calendar: str = described["data"]["calendar"]
    return calendar


def closing(opened_at: Times, closed_at: Times, *, calendar: str) -> Flags | None:
    """Whether each bar is the last of its session, shape (bars,); None where sessions do not end."""
    last = last_of_session(opened_at, closed_at, calendar)
    return None if last is None else last == np.arange(len(last))


def fill_prices(bars: pd.DataFrame, *, rules: TradingConfig) -> Floats:
    """What a fill at each bar's open is counted from, shape (bars,): the open, or the middle of the quote then.

    A buy at the middle that pays half of the quoted spread is a buy at the ask. Where no quote is in force: the open.
    """
    opens = bars["open"].to_numpy()
    if rules.spread != "quoted":
        return np.asarray(opens)
    middle = (bars["bid"].to_numpy() + bars["ask"].to_numpy()) / 2.0
    return np.where(np.isnan(middle), opens, middle)


def trailing_volatility(close: Floats, *, bars_per_year: float) -> Floats:
    """Root mean square of the last 60 log returns before each bar's open, a year, shape (bars,); NaN before that."""
    volatility = np.full(len(close), np.nan)
    if len(close) > WINDOW + 1:
        squares = np.square(np.diff(np.log(close)))
        mean = np.lib.stride_tricks.sliding_window_view(squares, WINDOW).mean(axis=1)
        volatility[WINDOW + 1 :] = np.sqrt(mean[:-1] * bars_per_year)
    return volatility


def place(opened_at: Times, entries: Times, *, horizon: int = 1) -> slice:
    """The bars from the first entry to the exit after the last: one more than there are entries.

    Several bars may open at one time; then it is the place that fits all. horizon: where no more than so many bars
    follow the last entry the history ends, and the last bar of all is the last one here.

    Raises:
        RunError: the entries do not follow each other bar by bar.
    """
    first_match, after_matches = (int(np.searchsorted(opened_at, entries[0], side=side)) for side in ("left", "right"))
    for first in range(first_match, after_matches):
        if np.array_equal(opened_at[first : first + len(entries)], entries) and first + len(entries) < len(opened_at):
            stop, end = first + len(entries) + 1, len(opened_at)
            return slice(first, end if stop - 2 + horizon >= end - 1 else stop)
    raise RunError(
        "Predictions and bars of the run do not belong together. Train it again: forecast train SYMBOL --overwrite."
    )
