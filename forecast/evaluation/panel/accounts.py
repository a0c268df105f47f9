"""A panel's members and benchmarks as one account each over all symbols."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from forecast.config.experiment import is_baseline
from forecast.config.trading import TradingConfig
from forecast.evaluation.panel.calibration import CalibrationMaps
from forecast.evaluation.panel.rows import Member, PanelRows
from forecast.evaluation.panel.shares import Thresholds, exposures, member_shares, validation_rows
from forecast.evaluation.panel.thresholds import chosen_thresholds
from forecast.statistics.capacity import capacity
from forecast.statistics.performance import spells
from forecast.trading.market_state import MarketState
from forecast.trading.panel_account import PanelAccount, PanelMarket, panel_market, trade_panel
from forecast.trading.panel_shares import account_shares
from forecast.trading.signals import ENSEMBLE, Signals
from pipelines.market.types import Floats, Times

HOLDING, CASH, SAME_EXPOSURE = "buy_and_hold", "cash", "same_exposure"


@dataclass(frozen=True, kw_only=True, eq=False)
class PanelTrades:
    """What every member of a panel decided and held.

    market: what could be traded when. shares: of each (model, member) and of the benchmarks, shape (rows,). signals: of
    each ensemble, shape (rows,). thresholds: chosen on validation rows, where the rules ask for that.
    """

    rows: PanelRows
    market: PanelMarket
    shares: Mapping[Member, Floats]
    signals: Mapping[str, Signals]
    thresholds: Thresholds


def panel_trades(
    rows: PanelRows,
    validation: pd.DataFrame,
    *,
    states: Mapping[str, MarketState],
    closes: Mapping[str, Times],
    rules: TradingConfig,
    maps: CalibrationMaps,
    horizon: int = 1,
) -> PanelTrades:
    """What the rules make of the probabilities, benchmarks included; validation rows decide the same exposure.

    rows: recalibrated by the maps, as the validation rows are here. horizon: of the labels, in bars.
    """
    shares: dict[Member, Floats] = {}
    signals: dict[str, Signals] = {}
    checked = validation_rows(validation, maps=maps)
    thresholds = chosen_thresholds(checked, states=states, closes=closes, rules=rules, horizon=horizon)
    followed: dict[str, Any] = {"states": states, "closes": closes, "rules": rules, "thresholds": thresholds}
    of_members = member_shares(rows, **followed)
    for (model, member), (shares[model, member], member_signals) in of_members.items():
        if member == ENSEMBLE:
            signals[model] = member_signals
    equal = account_shares(rows.symbol, rows.decided_at, closes=closes)
    shares[HOLDING, ENSEMBLE] = equal
    shares[CASH, ENSEMBLE] = np.zeros(len(rows))
    for model, exposure in exposures(rows, checked, **followed).items():
        shares[f"{SAME_EXPOSURE}:{model}", ENSEMBLE] = exposure * equal
    market = panel_market(states, symbol=rows.symbol, entry_at=rows.entry_at, horizon=horizon)
    return PanelTrades(rows=rows, market=market, shares=shares, signals=signals, thresholds=thresholds)


def accounts_of(trades: PanelTrades, *, title: str, rules: TradingConfig, value: Floats) -> dict[Member, PanelAccount]:
    """One account a member; of seeds only the ledger is kept, and a baseline's one seed is its ensemble.

    value: as traded_value has it.
    """
    accounts: dict[Member, PanelAccount] = {}
    nothing = np.zeros((0, 0))
    for (model, member), shares in sorted(trades.shares.items(), key=lambda item: item[0][1] != ENSEMBLE):
        if is_baseline(model) and member != ENSEMBLE:
            ensemble = accounts[model, ENSEMBLE]
            accounts[model, member] = replace(ensemble, ledger=replace(ensemble.ledger, member=member))
            continue
        account = trade_panel(shares, trades.market, title=title, model=model, member=member, costs=rules.costs)
        if member == ENSEMBLE:
            account = replace(account, capacity=capacity(account.traded, value))
        stored = account if member == ENSEMBLE else replace(account, position=nothing, contribution=nothing)
        accounts[model, member] = replace(stored, spells=spells(account.position, account.contribution), traded=nothing)
    order = list(trades.shares)
    return {name: accounts[name] for name in order}
