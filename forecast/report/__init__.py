"""A run and one of its backtests, a portfolio, or a power study -> one HTML page; nothing comes from the network."""

from forecast.report.pages.index import write_index
from forecast.report.pages.portfolio import write_portfolio
from forecast.report.pages.power import write_controls
from forecast.report.pages.run import write_report

__all__ = ["formatting", "write_controls", "write_index", "write_portfolio", "write_report"]
