"""A run's folder as it lies on the disk: where its files are, and run.json, which says what they should hold."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from forecast.runs.io import (
    damaged,
    read_json,
)
from forecast.runs.manifest import (
    check_seal,
)
from pipelines.errors import RunError

_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_DESCRIBED = ("config", "data", "versions")


@dataclass(frozen=True, repr=False)
class RunFolder:
    """A folder of a run, whatever state it is in. folder, part: as Run has them."""

    folder: Path
    part: str = ""

    @property
    def name(self) -> str:
        """Its symbol, its bars, and a hash of what decides its result."""
        return self.folder.name

    @property
    def exists(self) -> bool:
        """Whether there is a run of this name, readable or not."""
        return os.path.lexists(self.folder / "run.json")

    @property
    def problem(self) -> str | None:
        """Why run.json cannot be read, None where it can."""
        try:
            self.describe()
        except RunError as error:
            return str(error)
        return None

    @property
    def described(self) -> bool:
        """Whether run.json can be read and the bars are there."""
        try:
            self.describe()
        except RunError:
            return False
        return (self.folder / "bars.parquet").exists()

    @property
    def finished(self) -> bool:
        """Whether every member was trained and nothing that a backtest needs is missing."""
        return self.described and (self.folder / "predictions.parquet").exists()

    @property
    def created_at(self) -> datetime:
        """When the run was begun, as run.json has it: a copied folder answers alike. Long ago where it has none."""
        try:
            moment = datetime.fromisoformat(str(self.describe().get("created_at")))
        except (RunError, ValueError):
            return _LONG_AGO
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

    @property
    def symbol(self) -> str:
        """The symbol that the run is about."""
        return str(self.describe()["config"].get("symbol"))

    @property
    def is_panel(self) -> bool:
        """Whether the run is about several symbols at once."""
        return isinstance((self.describe().get("panel") or {}).get("symbols"), dict)

    def refuse_panel(self) -> None:
        """Stops where one symbol is asked about.

        Raises:
            RunError: the run is about several at once.
        """
        if self.is_panel:
            raise RunError(f"Expected a run of one symbol, got the panel {self.name}.")

    def describe(self) -> dict[str, Any]:
        """run.json: config, data fingerprint, fold dates, seeds, versions, backend."""
        path = self.folder / "run.json"
        content = read_json(path)
        if lacking := [name for name in _DESCRIBED if not isinstance(content.get(name), dict)]:
            raise damaged(path, f"it lacks {', '.join(lacking)}")
        check_seal(content, path)
        return content

    def place(self, *parts: str) -> Path:
        """Where a file or folder of the run lies, below it by these parts.

        Raises:
            RunError: a link on the way there: a run from somebody else could name any folder of this machine.
        """
        path = self.folder
        for part in parts:
            path = path / part
            if path.is_symlink():
                raise damaged(path, "it is a link, and a run has none")
        return path
