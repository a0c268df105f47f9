"""Acts that change several tables: all of it or none, also where the process is killed in between.

Delta tables commit one by one. So an act first writes down the versions before it, and takes the note away at its end;
whoever opens the store next and finds a note that nobody holds brings those versions back. On s3:// there is no note.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from filelock import FileLock, Timeout

from pipelines.files import write_atomically


@dataclass(frozen=True, kw_only=True)
class Versions:
    """The numbers of the last commits of the tables of bars and actions, -1 before the first."""

    bars: int
    actions: int


class Journal:
    """The notes of one store. folder: where its locks lie, None on s3://. restore: brings a symbol's versions back."""

    def __init__(self, folder: Path | None, restore: Callable[[str, Versions], None]) -> None:
        self._folder = folder
        self._restore = restore

    @contextmanager
    def act(self, symbol: str, before: Callable[[], Versions]) -> Iterator[Versions]:
        """Held during an act on one symbol; gives the versions before it. An error inside brings them back."""
        if self._folder is None:
            yield before()
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        note = self._folder / f"act-{quote(symbol, safe='^=')}.json"
        with self._lock(note):
            self._take_back(symbol, note)
            versions = before()
            write_atomically(note, json.dumps(asdict(versions)).encode())
            try:
                yield versions
            except BaseException:
                self._take_back(symbol, note)
                raise
            note.unlink(missing_ok=True)

    def recover(self) -> None:
        """Takes back what killed processes have begun; leaves what a living one is doing."""
        if self._folder is None or not self._folder.is_dir():
            return
        for note in sorted(self._folder.glob("act-*.json")):
            try:
                with self._lock(note, timeout=0):
                    self._take_back(unquote(note.stem.removeprefix("act-")), note)
            except (Timeout, PermissionError):
                continue

    def _take_back(self, symbol: str, note: Path) -> None:
        try:
            versions = Versions(**json.loads(note.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return
        self._restore(symbol, versions)
        note.unlink(missing_ok=True)

    def _lock(self, note: Path, timeout: float = -1) -> FileLock:
        return FileLock(note.with_suffix(".lock"), timeout=timeout)
