"""cli: to be described."""
