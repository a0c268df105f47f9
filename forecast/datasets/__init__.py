"""From the store to windows: one symbol, a panel, targets along a path, and the look-ahead audit of all of it."""

__all__ = ["audit_cuts", "dataset", "lookahead_audit", "panel", "panel_audit", "path_targets", "tick_history"]
