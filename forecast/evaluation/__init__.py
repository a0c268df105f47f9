"""From a finished run to the money: backtest, portfolio, its look-ahead audit, and warnings."""

__all__ = [
    "backtest",
    "foreign_forecasts",
    "judged_run",
    "panel",
    "panel_rows",
    "portfolio",
    "predictor",
    "run_comparison",
]
