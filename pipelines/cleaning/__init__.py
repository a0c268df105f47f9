"""cleaning: to be described."""
