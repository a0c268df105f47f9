"""A finished run at work: today's signal, live bars, refitting, exporting its networks."""

__all__ = ["export", "live", "loader", "refit", "signal", "stream"]
