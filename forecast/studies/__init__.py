"""studies: to be described."""
