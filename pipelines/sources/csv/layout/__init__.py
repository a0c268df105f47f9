"""Where what stands in a file: its header, its columns, whose rows they are, the shapes of vendors."""

__all__ = ["columns", "identity", "layout", "plan", "shapes", "vocabulary"]
