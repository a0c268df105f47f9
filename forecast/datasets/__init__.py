"""datasets: to be described."""
