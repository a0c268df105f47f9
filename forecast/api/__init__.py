"""The public functions of `import forecast`: what the command line does, with objects and DataFrames for text."""

__all__ = [
    "arguments",
    "backtests",
    "evenings",
    "frames",
    "judging",
    "price_files",
    "prices",
    "progress",
    "rankings",
    "reports",
    "results",
    "run_table",
    "signals",
    "training",
]
