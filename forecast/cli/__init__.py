"""The command line: options, what is printed, progress. Each command parses, calls one function, and prints."""

__all__ = ["main", "streams", "termination", "text"]
