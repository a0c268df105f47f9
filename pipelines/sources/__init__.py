"""Where prices come from. Each module reads one kind of source and returns a Delivery."""
