"""A finished run at work: today's signal, live bars, refitting, exporting its networks."""

__all__ = [
    "account",
    "evening",
    "export",
    "journal",
    "live",
    "loader",
    "mlflow_export",
    "panel_record",
    "panel_signal",
    "paper_record",
    "refit",
    "signal",
    "stream",
]
