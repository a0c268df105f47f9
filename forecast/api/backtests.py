"""Runs -> backtests: predictions traded on paper, costs paid."""

from forecast.api.arguments import RunName, check_type, run_of, workspace_of
from forecast.api.results import BacktestResult
from forecast.config.trading import TradingConfig
from forecast.workspace import Workspace

_EXAMPLE = 'TradingConfig(policy="long-short", costs=Costs(fee_bps=1))'


def backtest(
    run: RunName = "latest", trading: TradingConfig | None = None, *, workspace: Workspace | None = None
) -> BacktestResult:
    """Trade a run's out-of-sample predictions on paper, costs paid, and save the result beside the run.

    Needs no network library: costs and rules can be changed without training again.

    Parameters
    ----------
    run
        What `train` returned, a run's name, a symbol (its newest finished run), or "latest".
    trading
        The rules and the costs; None: those of the command line, ``TradingConfig()``.
    workspace
        Where runs lie; None: `Workspace.default`.

    Returns
    -------
    BacktestResult
        The verdict, the tables behind it, and its charts.

    Raises
    ------
    ForecastError
        No such run, an unfinished or damaged one, or rules that its bars cannot follow.

    Examples
    --------
    >>> import forecast as fc
    >>> result = fc.backtest("AAPL", fc.TradingConfig(policy="long-short", costs=fc.Costs(fee_bps=1)))
    >>> result.verdict.skill.answer in ("better", "worse", "inconclusive")
    True
    >>> bool(result.performance.loc["lstm", "exposure"] <= 1.0)
    True
    """
    from forecast.evaluation.backtest import evaluate

    rules = rules_of(trading)
    chosen = run_of(run, workspace_of(workspace))
    return BacktestResult(run=chosen, saved=evaluate(chosen, rules=rules))


def rules_of(trading: TradingConfig | None) -> TradingConfig:
    """The rules that are meant: those of the command line where none are given."""
    return TradingConfig() if trading is None else check_type(trading, TradingConfig, name="trading", example=_EXAMPLE)
