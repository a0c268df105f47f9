"""Forecasts made elsewhere, in a file or by a person's predictor -> a run like any other, on the same bars."""

__all__ = ["foreign_forecasts", "judged_run"]
