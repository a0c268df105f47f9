"""A panel's predictions -> one account over all its symbols, what is measured on it, and its look-ahead audit."""

__all__ = ["backtest", "calibration", "rows", "shares", "thresholds"]
