"""What the market is made of: ticks, bars, dividends and splits, sessions of the exchanges, adjusted prices."""

__all__ = ["adjustments", "calendars", "known_sessions", "times", "types"]
