"""trading: to be described."""
