"""What the rules make of a panel's probabilities: each row's share of the account, and its signals."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from forecast.config.experiment import is_baseline
from forecast.config.policies import cross_sectional
from forecast.config.trading import AUTO, TradingConfig
from forecast.evaluation.panel.calibration import lacks_validation
from forecast.evaluation.panel.rows import Member, PanelRows
from forecast.trading.market_state import MarketState, check_spread, closing_calendar, conditions, trailing_volatility
from forecast.trading.panel_shares import account_shares, inverse_volatility, panel_shares
from forecast.trading.signals import Signals
from pipelines.errors import ConfigError
from pipelines.market.times import utc
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


@dataclass(frozen=True, kw_only=True, eq=False)
class PanelAllocator:
    """The rules, and what they look at beside probabilities, to allocate one account to the symbols of a panel.

    states: the conditions of trading of each symbol. closes: of each symbol, the closes of its bars.
    """

    rules: TradingConfig
    states: Mapping[str, MarketState]
    closes: Mapping[str, Times]

    @classmethod
    def of_bars(cls, bars: pd.DataFrame, *, rules: TradingConfig, described: Mapping[str, Any]) -> "PanelAllocator":
        """Over these bars of all symbols. described: run.json."""
        states = market_states(bars, rules=rules, described=described)
        return cls(rules=rules, states=states, closes=closes_of(bars))

    def equal_parts(self, rows: PanelRows) -> Floats:
        """Each row's part of an account that is split equally over all symbols alive, shape (rows,)."""
        return account_shares(rows.symbol, rows.decided_at, closes=self.closes)

    def parts(self, rows: PanelRows) -> Floats:
        """Each row's part of an account over all symbols alive, by the weighting of the rules, shape (rows,)."""
        if self.rules.weighting != "inverse-volatility":
            return self.equal_parts(rows)
        weight = inverse_volatility(rows.symbol, rows.entry_at, states=self.states)
        return account_shares(rows.symbol, rows.decided_at, closes=self.closes, weight=weight)

    def shares(
        self, rows: PanelRows, member: Member, *, threshold: Floats | float, parts: Floats
    ) -> tuple[Floats, Signals]:
        """Each row's share of the account as a member has it, and its signal, shape (rows,) twice.

        threshold: the no-trade zone, one or one a row. parts: as `parts` gives them of these rows.
        """
        return panel_shares(
            rows.probability[member],
            rows.symbol,
            rows.decided_at,
            rules=self.rules,
            threshold=threshold,
            parts=parts,
            closes=self.closes,
        )

    def member_shares(self, rows: PanelRows, *, thresholds: Thresholds) -> dict[Member, tuple[Floats, Signals]]:
        """The shares and signals of every member. thresholds: the chosen ones, where the rules ask for that."""
        parts = self.parts(rows)
        return {
            member: self.shares(rows, member, threshold=self._threshold_of(member, rows, thresholds), parts=parts)
            for member in rows.probability
        }

    def exposures(
        self, rows: PanelRows, checked: Mapping[int, PanelRows], *, thresholds: Thresholds
    ) -> dict[str, Floats]:
        """Of each network its mean net exposure on the validation rows of each fold, for the fold's test rows.

        checked: as calibration.validation_rows gives them.
        """
        exposure: dict[str, Floats] = {}
        for fold, fold_rows in checked.items():
            ensembles = fold_rows.ensembles(dict.fromkeys(model for model, _ in fold_rows.probability))
            all_in = self.equal_parts(ensembles).sum()  # at every decision
            for (model, _), (shares, _) in self.member_shares(ensembles, thresholds=thresholds).items():
                model_exposure = exposure.setdefault(model, np.zeros(len(rows)))
                model_exposure[rows.fold == fold] = shares.sum() / all_in
        return exposure

    def _threshold_of(self, member: Member, rows: PanelRows, thresholds: Thresholds) -> Floats | float:
        """The no-trade zone of a member, one for all rows or one a row; a baseline trades without, as on one symbol."""
        if is_baseline(member[0]):
            return 0.0
        if self.rules.threshold != AUTO:
            return float(self.rules.threshold)
        folds, place = np.unique(rows.fold, return_inverse=True)
        if missing := [int(fold) for fold in folds if (member, int(fold)) not in thresholds]:
            raise lacks_validation(member[0], missing[0])
        return np.array([thresholds[member, int(fold)] for fold in folds])[place]
