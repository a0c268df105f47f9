"""From a source of prices to windows for a network. Never imports keras or click."""

__all__ = [
    "bars",
    "cleaning",
    "errors",
    "files",
    "ingestion",
    "market",
    "preprocessing",
    "sources",
    "store",
    "tick_ingestion",
    "tick_spool",
    "user_code",
]
