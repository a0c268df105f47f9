"""Ticks -> bars of time, trades, volume, money or imbalance; quotes matched to trades, and trades signed."""

__all__ = ["aggregation", "quote_matching"]
