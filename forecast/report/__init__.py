"""A run and one of its backtests, or a calibration -> one HTML page that loads nothing from anywhere."""

from forecast.report.controls import write_controls
from forecast.report.index import write_index
from forecast.report.page import write_report

__all__ = ["write_controls", "write_index", "write_report"]
