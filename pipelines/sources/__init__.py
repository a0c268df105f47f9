"""One module a source of prices."""
