"""One module a page: what is on it and in which order."""

__all__ = ["diagnostics", "index", "portfolio", "power", "run", "run_comparison"]
