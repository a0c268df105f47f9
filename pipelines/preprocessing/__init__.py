"""preprocessing: to be described."""
