"""Predictions + bars + rules -> what every member decided, held and earned."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from forecast.config.experiment import is_baseline
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
    nothing is chosen on validation rows. traded: the bars, from the first fill to the open at which everything is sold.
    targets, ledgers: of every member, then of the benchmarks (buy-and-hold, cash, the same exposure as each network),
    shape (ledgers, bars - 1): more than there are decisions where a history ends, whose last bars have no label.
    """

    members: EnsemblePredictions
    choices: Sequence[ThresholdChoice]
    probability: Floats
    signals: Signals
    targets: Floats
    market: MarketState
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
    horizon: int = 1,
) -> StrategyResult:
    """Every member's decisions with their signals, the bars that are traded, and the ledgers, baselines included.

    validation: needed where the rules choose something on it. bars_per_year: where they size by volatility.
    closes_with: the calendar at whose sessions' last opens members' positions are closed; None holds them overnight.
    horizon: of the labels, in bars; so many bars at the end of a history have no decision. What was decided last is
    held to the last open: that nothing follows is not known before those bars are over.

    Raises:
        RunError: predictions that do not belong to these bars.
        ConfigError: rules that need what is not given.
    """
    ensembles = members(predictions)
    state = conditions(bars, rules=rules, bars_per_year=bars_per_year, closes_with=closes_with)
    choices: list[ThresholdChoice] = []
    if rules.learns:
        if validation is None:
            raise ConfigError("Expected validation rows for calibration, threshold auto and sizing kelly, got none.")
        choices = choose(validation, state, rules=rules)
    traded = place(state.opened_at, ensembles.entry_at, horizon=horizon)
    market, decisions = state.rows(traded), len(ensembles.entry_at)
    probability, signals, sized = _decisions(ensembles, choices, volatility=market.volatility[:decisions], rules=rules)
    benchmarks = {"buy_and_hold": _holding(market, rules=rules), "cash": np.zeros(len(market.opens) - 1)}
    if validation is not None:
        exposure = _same_exposure(validation, state, ensembles, choices, sized=sized, rules=rules)
        benchmarks |= {name: market.held_to_the_end(positions) for name, positions in exposure.items()}
    targets = np.concatenate([market.held_to_the_end(sized), np.stack(list(benchmarks.values()))])
    return StrategyResult(
        members=ensembles,
        choices=choices,
        probability=probability,
        signals=signals,
        targets=targets,
        market=market,
        traded=traded,
        ledgers=trade_all(
            targets,
            symbol=ensembles.symbol,
            names=[*ensembles.names, *((name, ENSEMBLE) for name in benchmarks)],
            opened_at=market.opened_at,
            opens=market.opens,
            costs=rules.costs,
            spread=market.spread,
            tradable=market.tradable,
        ),
    )


def _decisions(
    ensembles: EnsemblePredictions, choices: Sequence[ThresholdChoice], *, volatility: Floats, rules: TradingConfig
) -> tuple[Floats, Signals, Floats]:
    """Recalibrated probabilities, signals and target positions, each of shape (members, decisions).

    Baselines trade without a no-trade zone where it is not chosen for each model: their probabilities lie so close to
    one half that a zone made for networks would silence them. volatility: a year, known at each decision.
    """
    probability = recalibrated(choices, ensembles)
    fixed = np.array(
        [[0.0 if is_baseline(model) or choices else float(rules.threshold)] for model, _ in ensembles.names]
    )
    signals = decide(probability, band=per_decision(choices, ensembles, "band") if choices else fixed)
    payoffs = {name: per_decision(choices, ensembles, name) if choices else np.nan for name in ("gain", "loss")}
    return probability, signals, targets(signals, probability, rules=rules, volatility=volatility, **payoffs)


def _same_exposure(
    validation: pd.DataFrame,
    state: MarketState,
    ensembles: EnsemblePredictions,
    choices: Sequence[ThresholdChoice],
    *,
    sized: Floats,
    rules: TradingConfig,
) -> dict[str, Floats]:
    """Benchmark by network: its mean position on a fold's validation rows, held through that fold's test rows.

    Whoever holds this has the network's exposure to the market and none of its timing. Where a fold has no validation
    rows, as forecasts made elsewhere may not: its mean position before the fold. Each of shape (decisions,).
    """
    exposure = _exposure_so_far(ensembles, sized)
    for fold, rows in validation.groupby("fold", sort=True):
        table = members(rows)
        entry = np.minimum(np.searchsorted(state.opened_at, table.entry_at), len(state.opened_at) - 1)
        _, _, checked = _decisions(table, choices, volatility=state.volatility[entry], rules=rules)
        for (model, member), positions in zip(table.names, checked, strict=True):
            if member == ENSEMBLE and not is_baseline(model):
                exposure[f"same_exposure:{model}"][ensembles.fold == int(str(fold))] = positions.mean()
    return exposure


def _exposure_so_far(ensembles: EnsemblePredictions, sized: Floats) -> dict[str, Floats]:
    """Each network's mean position before the fold that a decision is in; in the first fold, up to the decision."""
    begins = np.searchsorted(ensembles.fold, ensembles.fold)
    counts = np.arange(1, len(ensembles.fold) + 1)
    exposure = {}
    for (model, member), positions in zip(ensembles.names, sized, strict=True):
        if member == ENSEMBLE and not is_baseline(model):
            mean = np.cumsum(positions) / counts
            exposure[f"same_exposure:{model}"] = np.where(begins > 0, mean[begins - 1], mean)
    return exposure


def chosen_bands(choices: Sequence[ThresholdChoice]) -> dict[str, list[float]]:
    """The band of each ensemble and fold, folds in order; empty where none was chosen."""
    bands: dict[str, list[float]] = {}
    for choice in choices:
        if choice.member == ENSEMBLE and choice.utility is not None:
            bands.setdefault(choice.model, []).append(choice.band)
    return bands


def _holding(state: MarketState, *, rules: TradingConfig) -> Floats:
    """Targets of buy-and-hold, sized as every other buy where the size follows from volatility; shape (decisions,)."""
    size = np.ones(len(state.opens) - 1)
    if rules.sizing == "volatility":
        size = targets(np.full(size.shape, "buy"), size, rules=rules, volatility=state.volatility[:-1])
    return size
