"""When each forecast of another program was made: rows dated by a day or a time -> the bar at whose close they decide.

One rule: a row dated t is a decision at the close of bar t, filled at the open of bar t + 1. Rows that are dated
otherwise say so (JudgeConfig); where two readings fit all rows and differ, nobody guesses.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.config.judging import AUTO, JudgeConfig
from pipelines.errors import BadFileError, ConfigError
from pipelines.market.calendars import is_session, schedule, session_of
from pipelines.market.types import Bars, Floats
from pipelines.preprocessing.windows import Rows

_DAILY = ("1d", "1wk", "1mo")
SUSPICIOUS = 0.3
"""Rank correlation with the return of the very bar that a row is dated by, from which on a warning is given."""
TOO_GOOD = 0.4
"""Rank correlation with the return that follows, from which on a warning is given."""
_FEWEST = 50  # rows from which on a correlation says something


@dataclass(frozen=True, kw_only=True, eq=False)
class DecisionTimes:
    """bar: at whose close each row was decided, shape (rows,). dated: the bar that each row names. reading: how times
    were read: "day", "open", "close"."""

    bar: Rows
    dated: Rows
    reading: str


def decision_bars(
    times: "pd.Series[Any]", *, bars: Bars, config: JudgeConfig, horizon: int, cutoff: bool = False
) -> DecisionTimes:
    """The bars at whose close these rows were made.

    times: with a zone or without. cutoff: whether they are the last moments that the forecasts knew.

    Raises:
        BadFileError: times that are no bar's, or that two readings fit.
    """
    readings = _readings(times, bars)
    if config.bar_times != AUTO:
        chosen = config.bar_times if config.bar_times in readings else "day"
        readings = {name: rows for name, rows in readings.items() if name == chosen}
    fitting = {name: rows for name, rows in readings.items() if np.all(rows >= 0)}
    if not fitting:
        raise _elsewhere(times, bars, readings)
    name, dated = next(iter(fitting.items()))
    if any(not np.array_equal(rows, dated) for rows in fitting.values()):
        raise BadFileError(
            f"Expected to know which bar a time names, got times that are the {' and the '.join(fitting)} of bars of "
            f"{bars.symbol}. Say --bar-times open or --bar-times close."
        )
    shifted = dated if cutoff else dated + config.shift(horizon=horizon)
    if np.any(shifted < 0) or np.any(shifted >= len(bars)):
        row = int(np.argmax((shifted < 0) | (shifted >= len(bars))))
        raise BadFileError(
            f"Expected forecasts decided at a bar of {bars.symbol}, got row {row} ({_moment(times.iloc[row])}) decided "
            f"{'before the first' if shifted[row] < 0 else 'after the last'} one. Leave it out or fetch more history."
        )
    return DecisionTimes(bar=shifted, dated=dated, reading=name)


def _readings(times: "pd.Series[Any]", bars: Bars) -> dict[str, Rows]:
    """Reading -> the bar that each time names, -1 where none."""
    zoned = isinstance(times.dtype, pd.DatetimeTZDtype)
    readings: dict[str, Rows] = {}
    for local in (times.dt.tz_localize(None),) if not zoned else _locals(times, bars):
        if bool((local == local.dt.normalize()).all()) and bars.interval in _DAILY:
            sessions = session_of(bars.closed_at, bars.calendar)
            readings["day"] = _places(sessions, local.to_numpy().astype("datetime64[D]"))
            break
    if zoned:
        moments = times.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("datetime64[ns]")
        readings["close"] = _places(bars.closed_at, moments)
        readings["open"] = _places(bars.opened_at, moments)
    if not readings:
        kind = "with a zone" if bars.interval not in _DAILY else "as days, or with a zone"
        raise BadFileError(
            f"Expected times {kind} for {bars.interval} bars, got {_moment(times.iloc[0])}. Add it: "
            "df['time'].dt.tz_localize('America/New_York')."
        )
    return readings


def _locals(times: "pd.Series[Any]", bars: Bars) -> "tuple[pd.Series[Any], ...]":
    """Times with a zone as clocks show them: their own, and the exchange's."""
    zone = schedule(bars.calendar).zone
    return tuple(series.dt.tz_localize(None) for series in (times, times.dt.tz_convert(zone)))


def _places(moments: NDArray[np.datetime64], times: NDArray[np.datetime64]) -> Rows:
    """The place of each asked time among the known ones, ascending; -1 where it is not, or is there several times."""
    first, after = (np.searchsorted(moments, times, side=side) for side in ("left", "right"))
    return np.where(after - first == 1, first, -1).astype(np.int64)


def _elsewhere(times: "pd.Series[Any]", bars: Bars, readings: Mapping[str, Rows]) -> BadFileError:
    best = max(readings.values(), key=lambda rows: int((rows >= 0).sum()))
    unmatched = np.flatnonzero(best < 0)
    if "day" in readings and len(closed := _closed_days(times.iloc[unmatched], bars.calendar)) == len(unmatched):
        days = ", ".join(f"{day:%A %Y-%m-%d}" for day in closed[:3])
        return BadFileError(
            f"Expected sessions of {bars.calendar}, got {len(unmatched):,} of {len(times):,} rows on other days: "
            f"{days}{', ...' if len(closed) > 3 else ''}. Leave these rows out, or date each by its session."
        )
    row = int(unmatched[0])
    first, last = (str(pd.Timestamp(moment))[:16] for moment in (bars.opened_at[0], bars.closed_at[-1]))
    stamp = times.iloc[row]
    naive = stamp.tz_convert("UTC").tz_localize(None) if stamp.tzinfo else stamp
    beyond = naive.normalize() > pd.Timestamp(bars.closed_at[-1]) or naive < pd.Timestamp(bars.opened_at[0]).normalize()
    hint = (
        f"Fetch bars of that time, or leave the {'row' if len(unmatched) == 1 else 'rows'} out."
        if beyond
        else "Are they another symbol's, interval's or exchange's?"
    )
    return BadFileError(
        f"Expected every row at one of the {len(bars):,} {bars.interval} bars of {bars.symbol} from {first} to {last}, "
        f"got {len(unmatched):,} of {len(times):,} elsewhere, first {_moment(stamp)} in row {row}. {hint}"
    )


def _closed_days(times: "pd.Series[Any]", calendar: str) -> list[pd.Timestamp]:
    """Those of these days on which the exchange is closed all day."""
    days = times.dt.tz_localize(None).dt.normalize()
    closed = ~is_session(days.to_numpy().astype("datetime64[D]"), calendar)
    return list(days[closed])


def price_scores(prices: Floats, *, bar: Rows, closes: Mapping[str, Floats]) -> tuple[Floats, str]:
    """Forecast prices as returns from the close of the decision bar, and which closes they were measured against.

    closes: candidates by name ("as traded", "adjusted"), each of shape (bars,).

    Raises:
        BadFileError: prices that belong to none of them, or to two that differ.
    """
    distance = {name: float(np.median(np.abs(np.log(prices / close[bar])))) for name, close in closes.items()}
    name = min(distance, key=lambda basis: distance[basis])
    if distance[name] > 0.25:
        raise BadFileError(
            f"Expected forecast prices near the close of their bar, got a median of {np.median(prices):g} where it is "
            f"{np.median(closes[name][bar]):g}. Say --values score where they are returns."
        )
    for alternative, close in closes.items():
        differ = not np.allclose(close[bar], closes[name][bar], rtol=1e-6)
        if alternative != name and differ and distance[alternative] < 2.0 * distance[name]:
            raise BadFileError(
                "Expected forecast prices that are either as traded or adjusted for dividends and splits, got some "
                "that are near both. Give forecast returns: --values score."
            )
    return prices / closes[name][bar] - 1.0, name


def suspicions(
    values: Floats, times: DecisionTimes, *, bars: Bars, horizon: int, config: JudgeConfig, cutoff: bool
) -> list[str]:
    """What looks like a wrong date or a look into the future, in the values of one model.

    Somebody who says that rows are dated by their decision, or gives a cutoff, is not asked again; rules that follow
    the last move are near it by their nature.
    """
    messages: list[str] = []
    if len(values) < _FEWEST or bars.interval not in _DAILY:
        return messages
    before = np.maximum(times.dated - 1, 0)
    own_return = rank_correlation(values, np.log(bars.close[times.dated] / bars.close[before]))
    entry = np.minimum(times.bar + 1, len(bars) - 1)
    leave = np.minimum(times.bar + 1 + horizon, len(bars) - 1)
    later = rank_correlation(values, bars.open[leave] / bars.open[entry] - 1.0)
    if config.dated_by == AUTO and not cutoff and own_return > SUSPICIOUS:
        messages.append(
            f"they go with the return of the very bar that they are dated by (rank correlation {own_return:.2f}), as a "
            "forecast dated by its target does; if that is what they are: --dated-by target"
        )
    if (config.dated_by == "target" and abs(own_return) > TOO_GOOD) or abs(later) > TOO_GOOD:
        size = later if abs(later) > TOO_GOOD else own_return
        messages.append(
            f"their rank correlation with the return that they forecast is {size:.2f}, more than anything known at the "
            "time has"
        )
    return messages


def rank_correlation(values: Floats, reference: Floats) -> float:
    """Spearman's; 0 where one of the two is constant."""
    first, second = (np.asarray(pd.Series(series).rank(), dtype=np.float64) for series in (values, reference))
    if not np.ptp(first) or not np.ptp(second):
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def check_rule(config: JudgeConfig, *, library: bool, cutoff: bool) -> None:
    """Whether it is known what a row's time names.

    Raises:
        ConfigError: it could be the day of the decision or the day that is forecast.
    """
    if library and not cutoff and config.dated_by == AUTO:
        raise ConfigError(
            "Expected to know what ds names, got forecasts in the shape of neuralforecast and statsforecast, which "
            "name the day that is forecast. Say --dated-by target, or --dated-by decision where you moved them."
        )


def _moment(stamp: pd.Timestamp) -> str:
    """A time for a person: its day alone where it is one."""
    return str(stamp.date()) if stamp == stamp.normalize() else stamp.isoformat()
