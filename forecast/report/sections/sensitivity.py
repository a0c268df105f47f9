"""What other costs and other thresholds would have made of the networks."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from forecast.config.experiment import COMBINATORIAL
from forecast.config.trading import TradingConfig
from forecast.report.charts import returns
from forecast.report.charts.equity import Figure
from forecast.report.context import ENSEMBLE, PageContext
from forecast.statistics.performance import SHORTEST_YEARS, bar_returns, equity_curve
from forecast.trading.sensitivity import at_cost, at_thresholds
from forecast.trading.signals import members
from forecast.trading.simulator import Ledger

_BASIS_POINTS = (0.0, 1.0, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 20.0, 30.0)
_STEPS = 11


def figures(context: PageContext) -> dict[str, Figure]:
    """ "costs", and "thresholds" where every position is the whole account and the run is walk-forward."""
    measure = "net return per year" if per_year(context) else "net return"
    rules = TradingConfig.from_json(context.policy)
    rate = rules.costs.rate
    grid = sorted({*_BASIS_POINTS, round(1e4 * rate, 4)})
    by_cost = {
        model: [
            _return(context, at_cost(context.ensemble(model), rate=points / 1e4, paid_rate=rate)) for points in grid
        ]
        for model in context.compared
    }  # fmt: skip
    charts = {
        "costs": returns.sensitivity(
            by_cost, grid, title="cost of a trade, basis points", measure=measure, chosen=1e4 * rate
        )
    }
    if by_threshold := _thresholds(context, rules):
        at, results = by_threshold
        chosen = None if isinstance(rules.threshold, str) else float(rules.threshold)
        charts["thresholds"] = returns.sensitivity(results, at, title="threshold", measure=measure, chosen=chosen)
    return charts


def per_year(context: PageContext) -> bool:
    """Whether the record is long enough for annualised returns."""
    return float(context.metrics["period"]["years"]) >= SHORTEST_YEARS


def _thresholds(context: PageContext, rules: TradingConfig) -> tuple[Sequence[float], dict[str, list[float]]] | None:
    """The thresholds, and each network's returns with them."""
    config = context.about["config"]
    if rules.sizing != "full" or config.get("split") == COMBINATORIAL or "probability" not in context.signals:
        return None
    networks = context.predictions[context.predictions["model"].isin(context.networks)]
    if networks.empty:
        return None
    entry_at = members(networks).entry_at
    traded = {
        model: rows["probability"].to_numpy(np.float64)
        for model, rows in context.signals[context.signals["member"] == ENSEMBLE].groupby("model")
        if model in context.networks
    }
    if not traded or any(len(values) != len(entry_at) for values in traded.values()):
        return None
    most = max(float(np.quantile(np.abs(values - 0.5), 0.9)) for values in traded.values())
    grid = [round(threshold, 4) for threshold in np.linspace(0.0, min(max(most, 1e-3), 0.49), _STEPS)]
    closes_with = context.about["data"]["calendar"] if config.get("overnight", "hold") == "flat" else None
    results = {
        model: [
            _return(context, ledger)
            for ledger in at_thresholds(
                traded[model], entry_at, context.bars,
                thresholds=grid, rules=replace(rules, threshold=0.0), model=model, closes_with=closes_with,
                horizon=int(config.get("horizon", 1)),
            )
        ]
        for model in context.networks
        if model in traded
    }  # fmt: skip
    return grid, results


def _return(context: PageContext, ledger: Ledger) -> float:
    total = float(equity_curve(bar_returns(ledger))[-1])
    return total ** (1.0 / float(context.metrics["period"]["years"])) - 1.0 if per_year(context) else total - 1.0
