"""Probabilities -> signals, positions and a ledger: calibration, thresholds, sizing, market state, the simulator."""

__all__ = ["ledgers", "market_state", "signals", "simulator", "strategy"]
