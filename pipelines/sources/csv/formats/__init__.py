"""Files of prices by their kind: packed or not, text of any encoding, workbooks and JSON, as one stream of UTF-8."""

__all__ = ["compression", "fixed_width", "kinds", "streams"]
