"""A run and one of its backtests, a portfolio, or a power study -> one HTML page; nothing comes from the network."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from forecast.report.pages.index import write_index
    from forecast.report.pages.portfolio import write_portfolio
    from forecast.report.pages.power import write_controls
    from forecast.report.pages.run import write_report
    from forecast.report.pages.run_comparison import write_run_comparison

__all__ = [
    "context",
    "formatting",
    "plotly_figures",
    "write_controls",
    "write_index",
    "write_portfolio",
    "write_report",
    "write_run_comparison",
]

_PAGES = {  # imported when they are asked for: a command that only formats a number needs none of them
    "write_controls": "power",
    "write_index": "index",
    "write_portfolio": "portfolio",
    "write_report": "run",
    "write_run_comparison": "run_comparison",
}


def __getattr__(name: str) -> Any:
    if name not in _PAGES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"forecast.report.pages.{_PAGES[name]}"), name)
