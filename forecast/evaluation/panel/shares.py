"""What the rules make of a panel's probabilities: each row's share of the account, and its signals."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from forecast.config.experiment import is_baseline
from forecast.config.policies import cross_sectional
from forecast.config.trading import AUTO, TradingConfig
from forecast.evaluation.panel.calibration import CalibrationMaps, lacks_validation, recalibrated
from forecast.evaluation.panel.rows import Member, PanelRows, panel_rows
from forecast.statistics.comparisons import is_network
from forecast.trading.market_state import MarketState, check_spread, closing_calendar, conditions, trailing_volatility
from forecast.trading.panel_shares import account_shares, inverse_volatility, panel_shares
from forecast.trading.signals import Signals, utc
from pipelines.errors import ConfigError
from pipelines.market.types import Floats, Times

Thresholds = Mapping[tuple[Member, int], float]
"""The threshold of each network's member in each fold; empty: none is chosen."""


def check_rules(rules: TradingConfig, described: Mapping[str, Any], *, bars: pd.DataFrame) -> None:
    """Whether a panel with these bars can follow these rules.

    Raises:
        ConfigError: it cannot.
    """
    if rules.sizing != "full":
        raise ConfigError(
            f"Expected sizing full for a panel, got {rules.sizing}. How much is held of a symbol follows from its "
            "rank, or is an equal part of the account (or one by its volatility: --weighting inverse-volatility)."
        )
    if rules.threshold == AUTO and cross_sectional(rules.policy) is not None:
        raise ConfigError(
            f"Expected policy long-flat or long-short with threshold auto, got {rules.policy}: a rank has no threshold."
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


def account_parts(
    rows: PanelRows, *, states: Mapping[str, MarketState], closes: Mapping[str, Times], rules: TradingConfig
) -> Floats:
    """Each row's part of an account over all symbols alive, by the weighting of the rules, shape (rows,)."""
    weight = None
    if rules.weighting == "inverse-volatility":
        weight = inverse_volatility(rows.symbol, rows.entry_at, states=states)
    return account_shares(rows.symbol, rows.decided_at, closes=closes, weight=weight)


def member_shares(
    rows: PanelRows,
    *,
    states: Mapping[str, MarketState],
    closes: Mapping[str, Times],
    rules: TradingConfig,
    thresholds: Thresholds,
) -> dict[Member, tuple[Floats, Signals]]:
    """Each row's share of the account as its member has it, and its signal, shape (rows,) twice.

    thresholds: the chosen ones, where the rules ask for that.
    """
    parts = account_parts(rows, states=states, closes=closes, rules=rules)
    return {
        member: panel_shares(
            probability,
            rows.symbol,
            rows.decided_at,
            rules=rules,
            threshold=_threshold_of(member, rows, rules=rules, thresholds=thresholds),
            parts=parts,
            closes=closes,
        )
        for member, probability in rows.probability.items()
    }


def _threshold_of(member: Member, rows: PanelRows, *, rules: TradingConfig, thresholds: Thresholds) -> Floats | float:
    """The no-trade zone of a member, one for all rows or one a row; a baseline trades without, as on one symbol."""
    if is_baseline(member[0]):
        return 0.0
    if rules.threshold != AUTO:
        return float(rules.threshold)
    folds, place = np.unique(rows.fold, return_inverse=True)
    if missing := [int(fold) for fold in folds if (member, int(fold)) not in thresholds]:
        raise lacks_validation(member[0], missing[0])
    return np.array([thresholds[member, int(fold)] for fold in folds])[place]


def validation_rows(validation: pd.DataFrame, *, maps: CalibrationMaps) -> dict[int, PanelRows]:
    """Of each fold its validation rows, with the recalibrated probabilities of the networks."""
    checked = {}
    for fold, part in validation.groupby("fold", sort=True):
        rows = panel_rows(part)
        networks = {name: probability for name, probability in rows.probability.items() if is_network(name[0])}
        checked[int(str(fold))] = recalibrated(replace(rows, probability=networks), maps)
    return checked


def exposures(
    rows: PanelRows,
    checked: Mapping[int, PanelRows],
    *,
    states: Mapping[str, MarketState],
    closes: Mapping[str, Times],
    rules: TradingConfig,
    thresholds: Thresholds,
) -> dict[str, Floats]:
    """Of each network its mean net exposure on the validation rows of each fold, for the fold's test rows.

    checked: as validation_rows gives them.
    """
    exposure: dict[str, Floats] = {}
    for fold, fold_rows in checked.items():
        ensembles = fold_rows.ensembles(dict.fromkeys(model for model, _ in fold_rows.probability))
        all_in = account_shares(ensembles.symbol, ensembles.decided_at, closes=closes).sum()  # at every decision
        shares = member_shares(ensembles, states=states, closes=closes, rules=rules, thresholds=thresholds)
        for (model, _), (model_shares, _) in shares.items():
            model_exposure = exposure.setdefault(model, np.zeros(len(rows)))
            model_exposure[rows.fold == fold] = model_shares.sum() / all_in
    return exposure
