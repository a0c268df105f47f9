"""yahoo: to be described."""
