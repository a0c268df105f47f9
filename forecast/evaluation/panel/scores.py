"""What a panel's backtest says beside the verdict: ranks, deciles, contributions by symbol and year, names replaced."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.evaluation.panel.rows import Member, PanelRows
from forecast.statistics.comparisons import is_network
from forecast.statistics.cross_section import (
    FEWEST_NAMES,
    GROUPS,
    RankedRows,
    daily_mean,
    daily_products,
    daily_rank_ic,
    mean_by,
    quantile_returns,
    rank_products,
    shrunk,
)
from forecast.statistics.forecast_accuracy import prediction_quality
from forecast.trading.panel_account import PanelAccount, PanelMarket
from forecast.trading.panel_shares import rows_by_symbol
from forecast.trading.signals import ENSEMBLE
from pipelines.market.calendars import session_of
from pipelines.market.times import utc
from pipelines.market.types import Floats
from pipelines.preprocessing.windows import Rows

DECAY = (1, 2, 3, 5, 10, 20)
"""Bars after the fill over which the forecast is held against the return."""

Sessions = NDArray[np.datetime64]


def ranked_rows(rows: PanelRows, *, calendars: Mapping[str, str]) -> tuple[RankedRows, Rows]:
    """The rows of moments with two names or more, and their numbers. calendars: of each symbol."""
    counts = np.bincount(rows.moment)[rows.moment]
    chosen = np.flatnonzero(counts >= FEWEST_NAMES)
    session = np.empty(len(chosen), dtype="datetime64[D]")
    of = np.array([calendars[symbol] for symbol in rows.symbol[chosen].tolist()], dtype=object)
    for calendar in set(of.tolist()):
        of_calendar = of == calendar
        times, back = np.unique(rows.decided_at[chosen][of_calendar], return_inverse=True)
        session[of_calendar] = session_of(times, calendar)[back]
    moment = np.unique(rows.moment[chosen], return_inverse=True)[1]
    return RankedRows(moment=moment, session=session, outcome=rows.forward_return[chosen]), chosen


def predictive(rows: PanelRows) -> dict[str, Any]:
    """Accuracy, log loss and so on over all rows of the panel, as metrics.json has them."""
    result: dict[str, Any] = {}
    for (model, member), probability in rows.probability.items():
        entry = result.setdefault(model, {ENSEMBLE: None, "seeds": {}, "spread": {}})
        quality = prediction_quality(rows.target, probability)
        if member == ENSEMBLE:
            entry[ENSEMBLE] = quality
        else:
            entry["seeds"][member] = quality
    return result


def panel_metrics(
    rows: PanelRows,
    ranked: RankedRows,
    chosen: Rows,
    *,
    accounts: Mapping[Member, PanelAccount],
    market: PanelMarket,
    sessions: Sessions,
    bars: pd.DataFrame,
    described: Mapping[str, Any],
) -> dict[str, Any]:
    """metrics.json's "panel", JSON-ready. Parameters as `evaluate_panel` has them; accounts: the ensembles'."""
    names = np.bincount(rows.moment)
    forecasts = {
        model: probability[chosen] for (model, member), probability in rows.probability.items() if member == ENSEMBLE
    }
    networks = [model for model in forecasts if is_network(model)]
    decay = _decay({model: forecasts[model] for model in networks}, ranked, later=_later_returns(rows, bars)[chosen])
    symbols = sorted(set(rows.symbol.tolist()))
    number = np.searchsorted(symbols, rows.symbol[chosen].astype(str))
    products = {model: rank_products(forecast, ranked) for model, forecast in forecasts.items()}
    daily = {model: daily_products(product, ranked) for model, product in products.items()}
    by_symbol = {model: mean_by(product, number, count=len(symbols)) for model, product in products.items()}
    groups = int(min(GROUPS, max(2, np.median(names))))
    return {
        "symbols": len(symbols),
        "unsuitable": dict(described["panel"].get("unsuitable", {})),
        "membership": bool(described["config"].get("membership")),
        "days": len(np.unique(ranked.session)),
        "names_per_day": {"mean": float(names.mean()), "min": int(names.min()), "max": int(names.max())},
        "rank_ic": {
            model: {
                **asdict(daily_mean(daily[model][1])),
                "decay": decay.get(model, {}),
                "by_year": _by_year(*daily[model]),
            }
            for model, forecast in forecasts.items()
        },
        "quantiles": {
            model: asdict(quantile_returns(forecast, ranked, groups=groups)) for model, forecast in forecasts.items()
        },
        "in_symbols": {
            model: {"positive": int((mean > 0).sum()), "of": int(np.isfinite(mean).sum())}
            for model, (mean, _) in by_symbol.items()
        },
        "by_symbol": _symbol_table(symbols, number, by_symbol, networks, accounts, market),
        "by_year": {model: _yearly(account, sessions) for (model, _), account in accounts.items()},
        "replaced_per_day": {model: _replaced(account) for (model, _), account in accounts.items()},
        "names_held": {model: _names_held(account) for (model, _), account in accounts.items()},
        "capacity": {
            model: {**account.capacity, "currency": str(described["data"]["currency"])} if account.capacity else None
            for (model, _), account in accounts.items()
        },
    }


def traded_value(bars: pd.DataFrame, market: PanelMarket, *, described: Mapping[str, Any]) -> Floats:
    """What is traded of each symbol in the session of each open, in money, shape (symbols, bars); 0 where unknown.

    Prices of the run are adjusted forward, so dividends since its first bar are in them. Nothing is said of symbols in
    several currencies.
    """
    value = np.zeros(market.opens.shape)
    about = described["panel"]["symbols"]
    if len({description["currency"] for description in about.values()}) > 1:
        return value
    number = {name: place for place, name in enumerate(market.symbols)}
    for name, symbol_bars in bars.groupby("symbol", sort=True):
        if (place := number.get(str(name))) is None:
            continue
        opened, closed = utc(symbol_bars["opened_at"]), utc(symbol_bars["closed_at"])
        _, session = np.unique(session_of(closed, about[str(name)]["calendar"]), return_inverse=True)
        money = np.bincount(session, weights=(symbol_bars["close"] * symbol_bars["volume"]).to_numpy(np.float64))[
            session
        ]
        _, column, symbol_rows = np.intersect1d(market.time, opened, assume_unique=True, return_indices=True)
        value[place, column] = money[symbol_rows]
    return value


def _later_returns(rows: PanelRows, bars: pd.DataFrame) -> Floats:
    """Return from the open of each fill to the one so many bars later, shape (rows, lags); NaN where there is none."""
    returns = np.full((len(rows), len(DECAY)), np.nan)
    by_symbol = rows_by_symbol(rows.symbol)
    for symbol, symbol_bars in bars.groupby("symbol", sort=True):
        symbol_rows = by_symbol.get(str(symbol), np.zeros(0, dtype=np.int64))
        opens = symbol_bars["open"].to_numpy(np.float64)
        entry = np.searchsorted(utc(symbol_bars["opened_at"]), rows.entry_at[symbol_rows])
        for column, lag in enumerate(DECAY):
            within = entry + lag < len(opens)
            returns[symbol_rows[within], column] = opens[entry[within] + lag] / opens[entry[within]] - 1.0
    return returns


def _decay(forecasts: Mapping[str, Floats], ranked: RankedRows, *, later: Floats) -> dict[str, dict[str, float]]:
    """Of each model the rank information coefficient with the return over more and more bars, by that number."""
    decay: dict[str, dict[str, float]] = {model: {} for model in forecasts}
    for column, lag in enumerate(DECAY):
        valid = np.flatnonzero(np.isfinite(later[:, column]))
        moment = np.unique(ranked.moment[valid], return_inverse=True)[1]
        part = RankedRows(moment=moment, session=ranked.session[valid], outcome=later[valid, column])
        for model, forecast in forecasts.items():
            decay[model][str(lag)] = float(daily_rank_ic(forecast[valid], part)[1].mean()) if len(valid) else 0.0
    return decay


def _by_year(days: Sessions, values: Floats) -> dict[str, float]:
    years = days.astype("datetime64[Y]").astype(str)
    return {str(year): float(values[years == year].mean()) for year in np.unique(years)}


def _symbol_table(
    symbols: list[str],
    number: Rows,
    by_symbol: Mapping[str, tuple[Floats, Floats]],
    networks: list[str],
    accounts: Mapping[Member, PanelAccount],
    market: PanelMarket,
) -> list[dict[str, Any]]:
    """One entry a symbol: days, and of each network its rank score, also shrunk, and what it added to the account."""
    days = np.bincount(number, minlength=len(symbols))
    scores = {}
    for model in networks:
        mean, variance = (np.nan_to_num(moment, nan=0.0) for moment in by_symbol[model])
        scores[model] = (mean, shrunk(mean, variances=variance))
    totals = {model: accounts[model, ENSEMBLE].contribution.sum(axis=1) for model in networks}
    place = {name: row for row, name in enumerate(market.symbols)}
    return [
        {
            "symbol": symbol,
            "days": int(days[row]),
            "rank_score": {model: float(scores[model][0][row]) for model in networks},
            "rank_score_shrunk": {model: float(scores[model][1][row]) for model in networks},
            "contribution": {model: float(totals[model][place[symbol]]) for model in networks},
        }
        for row, symbol in enumerate(symbols)
    ]


def _yearly(account: PanelAccount, sessions: Sessions) -> dict[str, float]:
    """Net return of each calendar year."""
    years = sessions.astype("datetime64[Y]").astype(str)
    net = account.ledger.net_return
    return {str(year): float(np.prod(1.0 + net[years == year]) - 1.0) for year in np.unique(years)}


def _replaced(account: PanelAccount) -> float:
    """Names whose side changes to long or short, a bar, after the first one."""
    side = np.sign(account.position)
    if side.shape[1] < 3:
        return 0.0
    entered = (side[:, 1:-1] != 0) & (side[:, 1:-1] != side[:, :-2])
    return float(entered.sum() / (side.shape[1] - 2))


def _names_held(account: PanelAccount) -> dict[str, float]:
    """Mean number of names long and short, a bar."""
    position = account.position[:, :-1]
    if not position.size:
        return {"long": 0.0, "short": 0.0}
    return {"long": float((position > 0).sum(axis=0).mean()), "short": float((position < 0).sum(axis=0).mean())}
