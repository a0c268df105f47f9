"""From a source of prices to windows for a network. Never imports keras or click."""
