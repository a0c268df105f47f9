"""Where a difference in money came from: timing, exposure and costs, which add up exactly."""

from dataclasses import dataclass

import numpy as np

from forecast.statistics.inference import Estimate
from forecast.statistics.performance import bar_returns
from forecast.trading.simulator import Ledger
from pipelines.market.types import Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class ReturnParts:
    """One account's net returns as a sum of three parts, each of shape (bars - 1,).

    exposure: mean position x the asset's return. timing: what being in at other times than on average earned, with
    the covariance of position and return as its mean. costs: what trading and interest took, 0 or below. influence:
    the series whose mean is the mean of timing and whose variation says how uncertain that is.
    """

    timing: Floats
    exposure: Floats
    costs: Floats
    influence: Floats


@dataclass(frozen=True, kw_only=True)
class Attribution:
    """Mean difference of two accounts per day (or bar) = timing + exposure + costs. low, high: of timing, 95 %."""

    timing: float
    low: float | None
    high: float | None
    exposure: float
    costs: float


def return_parts(ledger: Ledger, *, asset_returns: Floats) -> ReturnParts:
    """The parts of one account. asset_returns: open to open, shape (bars - 1,)."""
    position, gross = ledger.position[:-1], ledger.gross_return[:-1]
    mean = float(position.mean()) if len(position) else 0.0
    exposure = mean * asset_returns
    return ReturnParts(
        timing=gross - exposure,
        exposure=exposure,
        costs=bar_returns(ledger) - gross,
        influence=(position - mean) * (asset_returns - asset_returns.mean()),
    )


def asset_returns(holding: Ledger) -> Floats:
    """Returns from open to open, shape (bars - 1,), from an account that holds the asset; 0 where it holds nothing."""
    position, gross = holding.position[:-1], holding.gross_return[:-1]
    return np.divide(gross, position, out=np.zeros(len(gross)), where=position != 0.0)


def attribution(
    parts: ReturnParts, benchmark_parts: ReturnParts, *, days: int, timing: Estimate | None, level: float
) -> Attribution:
    """The mean difference a - b per day, split. days: how many the bars make up. timing: its estimate, None if none."""
    low, high = timing.interval(level) if timing is not None else (None, None)
    return Attribution(
        timing=float((parts.timing - benchmark_parts.timing).sum()) / days,
        low=low,
        high=high,
        exposure=float((parts.exposure - benchmark_parts.exposure).sum()) / days,
        costs=float((parts.costs - benchmark_parts.costs).sum()) / days,
    )
