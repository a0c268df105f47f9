"""Cells to times, and the times of bars."""

__all__ = ["bar_times", "date_parts", "date_texts", "times"]
