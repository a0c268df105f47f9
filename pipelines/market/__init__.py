"""market: to be described."""
