"""A panel's no-trade zones, chosen on the validation rows of each fold: what earned most in one account of all symbols.

Each member has one for all symbols, as one map recalibrates them all: a symbol alone has too few validation rows.
"""

from collections.abc import Mapping

import numpy as np

from forecast.config.trading import AUTO
from forecast.evaluation.panel.rows import Member, PanelRows
from forecast.evaluation.panel.shares import PanelAllocator, Thresholds
from forecast.trading.panel_account import panel_market, trade_panel
from forecast.trading.probability_calibration import FEWEST
from forecast.trading.signals import ENSEMBLE
from forecast.trading.threshold_selection import BANDS
from pipelines.market.types import Floats


def chosen_thresholds(checked: Mapping[int, PanelRows], *, allocator: PanelAllocator, horizon: int) -> Thresholds:
    """Of BANDS the one with the highest mean log growth when the validation rows are traded as the test rows will be.

    The narrowest of equals; 0 where there are fewer than 20 moments to choose on. checked: of each fold its validation
    rows, as calibration.validation_rows gives them. allocator: over the run's bars. horizon: of the labels, in bars.
    """
    thresholds: dict[tuple[Member, int], float] = {}
    for fold, rows in checked.items() if allocator.rules.threshold == AUTO else ():
        few = rows.moment[-1] + 1 < FEWEST
        for member, by_band in _log_growth(rows, allocator=allocator, horizon=horizon).items():
            thresholds[member, fold] = 0.0 if few else BANDS[int(np.argmax(by_band))]
    return thresholds


def _log_growth(rows: PanelRows, *, allocator: PanelAllocator, horizon: int) -> dict[Member, Floats]:
    """The log growth of each member's account with each of BANDS, shape (bands,); ruin is minus infinity."""
    market = panel_market(allocator.states, symbol=rows.symbol, entry_at=rows.entry_at, horizon=horizon)
    parts, costs = allocator.parts(rows), allocator.rules.costs
    growth: dict[Member, Floats] = {}
    for model, member in rows.probability:
        total = np.empty(len(BANDS))
        for place, band in enumerate(BANDS):
            shares, _ = allocator.shares(rows, (model, member), threshold=band, parts=parts)
            ledger = trade_panel(shares, market, title="", model=model, member=member, costs=costs).ledger
            with np.errstate(divide="ignore"):
                total[place] = np.log1p(ledger.net_return).sum()
        growth[model, member] = total
    return growth


def describe_thresholds(thresholds: Thresholds) -> dict[str, list[float]]:
    """JSON-ready: of each model the thresholds of its mean over seeds, folds in order."""
    by_model: dict[str, list[float]] = {}
    for ((model, member), _), threshold in sorted(thresholds.items(), key=lambda item: item[0][1]):
        if member == ENSEMBLE:
            by_model.setdefault(model, []).append(threshold)
    return by_model
