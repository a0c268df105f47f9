"""What the rules make of a panel's probabilities: each row's share of the account, and its signals."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from forecast.config.experiment import BASELINES
from forecast.config.policies import cross_sectional
from forecast.config.trading import AUTO, TradingConfig
from forecast.evaluation.panel.calibration import CalibrationMaps, recalibrated
from forecast.evaluation.panel.rows import Member, PanelRows, panel_rows
from forecast.statistics.comparisons import is_network
from forecast.trading.market_state import MarketState, check_spread, closing_calendar, conditions, trailing_volatility
from forecast.trading.panel_shares import account_shares, inverse_volatility, panel_shares
from forecast.trading.signals import Signals, utc
from pipelines.errors import ConfigError
from pipelines.market.types import Floats, Times


def check_rules(rules: TradingConfig, described: Mapping[str, Any], *, bars: pd.DataFrame) -> None:
    """Whether a panel with these bars can follow these rules.

    Raises:
        ConfigError: it cannot.
    """
    if rules.threshold == AUTO or rules.sizing != "full":
        raise ConfigError(
            f"Expected threshold as a number and sizing full for a panel, got {rules.threshold} and {rules.sizing}. "
            "How much is held of a symbol follows from its rank, or is an equal part of the account (or one by its "
            "volatility: --weighting inverse-volatility)."
        )
    kinds = sorted({str(about["calendar"]) for about in described["panel"]["symbols"].values()})
    if cross_sectional(rules.policy) is not None and len(kinds) > 1:
        raise ConfigError(
            f"Expected symbols of one calendar for policy {rules.policy}, which ranks them at one moment, got "
            f"{', '.join(kinds)}. Take --policy long-flat or long-short, or train a panel for each."
        )
    built = described["config"].get("bars")
    if built and not str(built).startswith("time:"):
        raise ConfigError(f"Expected bars of the same times for the account of a panel, got {built}. Use time:5m.")
    check_spread(rules, described, bars=bars)


def market_states(bars: pd.DataFrame, *, rules: TradingConfig, described: Mapping[str, Any]) -> dict[str, MarketState]:
    """The conditions of trading of each symbol."""
    flat = closing_calendar(described) is not None
    states = {}
    for symbol, symbol_bars in bars.groupby("symbol", sort=True):
        about = described["panel"]["symbols"][str(symbol)]
        state = conditions(
            symbol_bars,
            rules=rules,
            bars_per_year=about["bars_per_year"],
            closes_with=about["calendar"] if flat else None,
        )
        if rules.weighting == "inverse-volatility":
            volatility = trailing_volatility(symbol_bars["close"].to_numpy(), bars_per_year=about["bars_per_year"])
            state = replace(state, volatility=volatility)
        states[str(symbol)] = state
    return states


def closes_of(bars: pd.DataFrame) -> dict[str, Times]:
    """The closes of each symbol's bars."""
    return {str(symbol): utc(symbol_bars["closed_at"]) for symbol, symbol_bars in bars.groupby("symbol", sort=True)}


def member_shares(
    rows: PanelRows, *, states: Mapping[str, MarketState], closes: Mapping[str, Times], rules: TradingConfig
) -> dict[Member, tuple[Floats, Signals]]:
    """Each row's share of the account as its member has it, and its signal, shape (rows,) twice.

    A baseline trades without a no-trade zone, as it does on one symbol.
    """
    weight = None
    if rules.weighting == "inverse-volatility":
        weight = inverse_volatility(rows.symbol, rows.entry_at, states=states)
    parts = account_shares(rows.symbol, rows.decided_at, closes=closes, weight=weight)
    return {
        (model, member): panel_shares(
            probability,
            rows.symbol,
            rows.decided_at,
            rules=rules,
            threshold=0.0 if model in BASELINES else float(rules.threshold),
            parts=parts,
            closes=closes,
        )
        for (model, member), probability in rows.probability.items()
    }


def exposures(
    rows: PanelRows,
    validation: pd.DataFrame,
    *,
    states: Mapping[str, MarketState],
    closes: Mapping[str, Times],
    rules: TradingConfig,
    maps: CalibrationMaps,
) -> dict[str, Floats]:
    """Of each network its mean net exposure on the validation rows of each fold, for the fold's test rows."""
    exposure: dict[str, Floats] = {}
    for fold, part in validation.groupby("fold", sort=True):
        checked = panel_rows(part)
        checked = checked.ensembles(model for model, _ in checked.probability if is_network(model))
        checked = recalibrated(checked, maps)
        all_in = account_shares(checked.symbol, checked.decided_at, closes=closes).sum()  # at every decision
        shares = member_shares(checked, states=states, closes=closes, rules=rules)
        for (model, _), (model_shares, _) in shares.items():
            model_exposure = exposure.setdefault(model, np.zeros(len(rows)))
            model_exposure[rows.fold == int(str(fold))] = model_shares.sum() / all_in
    return exposure
