"""A run and one of its backtests, a portfolio, or a calibration -> one HTML page that loads nothing from anywhere."""

from forecast.report.controls import write_controls
from forecast.report.index import write_index
from forecast.report.page import write_report
from forecast.report.portfolio import write_portfolio

__all__ = ["write_controls", "write_index", "write_portfolio", "write_report"]
