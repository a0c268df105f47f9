"""Ledgers and predictions -> metrics, comparisons and the verdict. `summary.summarise` is the way in."""
