"""Prices from files of text: which columns, how numbers and times are written, and reading in chunks."""

__all__ = ["archives", "cells", "options", "pieces", "source"]
