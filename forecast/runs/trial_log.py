"""The ledger of trials: every configuration that was ever begun, abandoned ones included.

A result chosen out of many is worth less than one that was the only try (Bailey & Lopez de Prado 2014), so the count
belongs to the verdict. One line of JSON a training, appended and synced before it begins; nothing is ever removed.
"""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock

from forecast.config.experiment import Experiment

_FILE = "trials.jsonl"


def record(folder: Path, experiment: Experiment, *, run: str, **more: Any) -> None:
    """Notes that a configuration is tried, below the folder of the runs. more: what else makes it another one."""
    entry = {
        "begun_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "run": run,
        "symbol": experiment.symbol,
        "configuration": experiment.fingerprint(**more),
    }
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f".{_FILE}.lock"), (folder / _FILE).open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")
        file.flush()
        os.fsync(file.fileno())


def count(folder: Path, *, symbol: str) -> int:
    """How many different configurations were tried on a symbol; a line that a crash cut short is passed over."""
    try:
        lines = (folder / _FILE).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return 0
    tried = set()
    for line in lines:
        try:
            entry = json.loads(line)
            if entry["symbol"] == symbol:
                tried.add(entry["configuration"])
        except (ValueError, KeyError, TypeError):
            continue
    return len(tried)
