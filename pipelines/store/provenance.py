"""Where each series of the store came from, so that more of it can be fetched from there: one small file a series."""

import json
from pathlib import Path
from typing import Any

from pipelines.files import write_atomically
from pipelines.market.types import check_symbol


def remember(folder: Path, symbol: str, interval: str, *, source: str, **options: Any) -> None:
    """Writes where a series came from. interval: that of bars, "" for ticks; options: what it was asked for with."""
    content = {"source": source, **{name: value for name, value in options.items() if value is not None}}
    path = _path(folder, symbol, interval)
    if recall(folder, symbol, interval) != content:
        write_atomically(path, json.dumps(content).encode())


def recall(folder: Path, symbol: str, interval: str) -> dict[str, Any] | None:
    """What was remembered of a series, None where nothing (readable) was."""
    try:
        content = json.loads(_path(folder, symbol, interval).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) and isinstance(content.get("source"), str) else None


def _path(folder: Path, symbol: str, interval: str) -> Path:
    return folder / f"{check_symbol(symbol)}_{interval if interval.isalnum() else 'ticks'}.json"
