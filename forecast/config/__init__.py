"""config: to be described."""
