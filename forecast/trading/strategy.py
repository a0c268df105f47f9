"""Predictions + bars + rules -> what every member decided, held and earned."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from forecast.config.trading import TradingConfig
from forecast.trading.market_state import MarketState, conditions, place
from forecast.trading.position_sizing import targets
from forecast.trading.signals import ENSEMBLE, EnsemblePredictions, Signals, decide, members
from forecast.trading.simulator import Ledger, trade_all
from forecast.trading.threshold_selection import ThresholdChoice, choose, per_decision, recalibrated
from pipelines.errors import ConfigError
from pipelines.market.types import Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class StrategyResult:
    """Everything that was decided and traded in one backtest.

    probability: recalibrated, signals: of each member and decision, shape (members, decisions). choices: empty where
    nothing is chosen on validation rows. traded: the bars, one more than decisions. targets, ledgers: of every member,
    then of holding and of nothing, shape (ledgers, decisions).
    """

    members: EnsemblePredictions
    choices: Sequence[ThresholdChoice]
    probability: Floats
    signals: Signals
    targets: Floats
    known: MarketState
    traded: slice
    ledgers: Sequence[Ledger]


def accounts(
    predictions: pd.DataFrame,
    bars: pd.DataFrame,
    *,
    rules: TradingConfig,
    validation: pd.DataFrame | None = None,
    bars_per_year: float | None = None,
    closes_with: str | None = None,
) -> StrategyResult:
    """Every member's decisions with their signals, the bars that are traded, and the ledgers, baselines included.

    validation: needed where the rules choose something on it. bars_per_year: where they size by volatility.
    closes_with: the calendar at whose sessions' last opens members' positions are closed; None holds them overnight.

    Raises:
        RunError: predictions that do not belong to these bars.
        ConfigError: rules that need what is not given.
    """
    made, known = (
        members(predictions),
        conditions(bars, rules=rules, bars_per_year=bars_per_year, closes_with=closes_with),
    )
    choices: list[ThresholdChoice] = []
    if rules.learns:
        if validation is None:
            raise ConfigError("Need validation rows for --calibration, --band auto and --size kelly, got none.")
        choices = choose(validation, known, rules=rules)
    traded = place(known.opened_at, made.entry_at)
    here = known.rows(traded)
    probability = recalibrated(choices, made)
    signals = decide(probability, band=per_decision(choices, made, "band") if choices else float(rules.band))
    payoffs = {name: per_decision(choices, made, name) if choices else np.nan for name in ("gain", "loss")}
    sized = targets(signals, probability, rules=rules, volatility=here.volatility[:-1], **payoffs)
    wanted = np.concatenate([here.closed_overnight(sized), _simple(here, rules=rules)])
    return StrategyResult(
        members=made,
        choices=choices,
        probability=probability,
        signals=signals,
        targets=wanted,
        known=here,
        traded=traded,
        ledgers=trade_all(
            wanted,
            symbol=made.symbol,
            names=[*made.names, ("buy_and_hold", ENSEMBLE), ("always_flat", ENSEMBLE)],
            opened_at=here.opened_at,
            opens=here.opens,
            costs=rules.costs,
            spread=here.spread,
            tradable=here.tradable,
        ),
    )


def chosen_bands(choices: Sequence[ThresholdChoice]) -> dict[str, list[float]]:
    """The band of each ensemble and fold, folds in order; empty where none was chosen."""
    found: dict[str, list[float]] = {}
    for each in choices:
        if each.member == ENSEMBLE and each.utility is not None:
            found.setdefault(each.model, []).append(each.band)
    return found


def _simple(here: MarketState, *, rules: TradingConfig) -> Floats:
    """Targets of holding, sized as every other buy where the size follows from volatility, and of holding nothing."""
    bought = np.full((1, len(here.opens) - 1), "buy")
    size = np.ones(bought.shape)
    if rules.size == "volatility":
        size = targets(bought, size, rules=rules, volatility=here.volatility[:-1])
    return np.concatenate([size, np.zeros(bought.shape)])
