"""From a finished run to the money: backtest, portfolio, its look-ahead audit, and warnings."""

__all__ = [
    "backtest",
    "judging",
    "panel",
    "portfolio",
    "run_comparison",
]
