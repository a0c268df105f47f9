"""Prices from Yahoo: the patient client, daily and intraday bars, and the stream of live quotes."""

__all__ = ["client", "source", "stream"]
