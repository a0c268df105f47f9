"""Where prices come from. Each module reads one kind of source and returns a Delivery."""

__all__ = ["base", "csv", "sample", "synthetic", "yahoo"]
