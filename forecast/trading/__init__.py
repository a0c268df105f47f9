"""Probabilities -> signals, positions and a ledger: calibration, thresholds, sizing, market state, the simulator."""

__all__ = [
    "cross_section",
    "ledgers",
    "market_state",
    "panel_account",
    "panel_shares",
    "probability_calibration",
    "sensitivity",
    "signals",
    "simulator",
    "strategy",
    "threshold_selection",
]
