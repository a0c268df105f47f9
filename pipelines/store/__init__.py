"""Prices on the disk: Delta tables of ticks, quotes, bars and actions, their catalogue, provenance and export."""

__all__ = ["export", "file_log", "provenance", "store"]
