"""pages: to be described."""
