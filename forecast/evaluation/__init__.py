"""evaluation: to be described."""
