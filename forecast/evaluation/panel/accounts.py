"""A panel's members and benchmarks as one account each over all symbols."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from forecast.config.experiment import is_baseline
from forecast.config.trading import TradingConfig
from forecast.evaluation.panel.calibration import calibration_maps, recalibrated, validation_rows
from forecast.evaluation.panel.rows import Member, PanelRows
from forecast.evaluation.panel.shares import PanelAllocator, Thresholds
from forecast.evaluation.panel.thresholds import chosen_thresholds
from forecast.statistics.capacity import capacity
from forecast.statistics.performance import spells
from forecast.trading.panel_account import PanelAccount, PanelMarket, panel_market, trade_panel
from forecast.trading.signals import ENSEMBLE, Signals
from pipelines.market.times import utc
from pipelines.market.types import Floats

HOLDING, CASH, SAME_EXPOSURE = "buy_and_hold", "cash", "same_exposure"


@dataclass(frozen=True, kw_only=True, eq=False)
class PanelTrades:
    """What every member of a panel decided and held.

    market: what could be traded when. shares: of each (model, member) and of the benchmarks, shape (rows,). signals: of
    each ensemble, shape (rows,). thresholds: chosen on validation rows, where the rules ask for that. last_exits: of
    each fold, the last exit of these rows. notes: what could not be recalibrated, and why.
    """

    rows: PanelRows
    market: PanelMarket
    shares: Mapping[Member, Floats]
    signals: Mapping[str, Signals]
    thresholds: Thresholds
    last_exits: Mapping[int, np.datetime64]
    notes: tuple[str, ...]


def panel_trades(
    rows: PanelRows, validation: pd.DataFrame, *, allocator: PanelAllocator, horizon: int = 1
) -> PanelTrades:
    """What the rules make of the probabilities, benchmarks included.

    validation: rows of validation.parquet; they decide the recalibration, the thresholds and the same exposure.
    horizon: of the labels, in bars.

    Raises:
        RunError: a fold or a member without the validation rows that the rules need.
    """
    shares: dict[Member, Floats] = {}
    signals: dict[str, Signals] = {}
    maps = calibration_maps(validation, kind=allocator.rules.calibration)
    rows, checked = recalibrated(rows, maps), validation_rows(validation, maps=maps)
    thresholds = chosen_thresholds(checked, allocator=allocator, horizon=horizon)
    of_members = allocator.member_shares(rows, thresholds=thresholds)
    for (model, member), (shares[model, member], member_signals) in of_members.items():
        if member == ENSEMBLE:
            signals[model] = member_signals
    equal = allocator.equal_parts(rows)
    shares[HOLDING, ENSEMBLE] = equal
    shares[CASH, ENSEMBLE] = np.zeros(len(rows))
    for model, exposure in allocator.exposures(rows, checked, thresholds=thresholds).items():
        shares[f"{SAME_EXPOSURE}:{model}", ENSEMBLE] = exposure * equal
    exits = validation.groupby("fold")["exit_at"].max()
    return PanelTrades(
        rows=rows,
        market=panel_market(allocator.states, symbol=rows.symbol, entry_at=rows.entry_at, horizon=horizon),
        shares=shares,
        signals=signals,
        thresholds=thresholds,
        last_exits=dict(zip(exits.index.tolist(), utc(exits), strict=True)),
        notes=tuple(sorted({calibration.note for calibration in maps.values() if calibration.note})),
    )


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
