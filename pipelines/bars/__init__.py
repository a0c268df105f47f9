"""bars: to be described."""
