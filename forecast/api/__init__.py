"""The public functions of `import forecast`: what the command line does, with objects and DataFrames for text."""

__all__ = [
    "arguments",
    "backtests",
    "evenings",
    "exports",
    "families",
    "frames",
    "inspections",
    "judging",
    "newest_prices",
    "portfolios",
    "power_studies",
    "price_files",
    "prices",
    "progress",
    "reports",
    "results",
    "run_table",
    "signals",
    "stored_prices",
    "training",
]
