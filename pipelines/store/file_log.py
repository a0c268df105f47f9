"""Which files of ticks are in the store, so that only new and changed ones of a folder are read; one log a symbol."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from pipelines.files import write_atomically
from pipelines.market.types import check_symbol


@dataclass(frozen=True, kw_only=True)
class FileEntry:
    """One file as it was when it was read. first, last: its first and last time, nanoseconds since 1970 UTC."""

    size: int
    modified: int
    options: str
    first: int
    last: int

    def overlaps(self, other: "FileEntry") -> bool:
        """Whether the two have times in common, so that their rows must be written together."""
        return self.first <= other.last and other.first <= self.last


class FileLog:
    """The files of one symbol.

    folder: where origins are kept. options: how the files are read. origin: where a file lies for good, which that of
    an unpacked archive does not.
    """

    def __init__(
        self, folder: Path, symbol: str, *, options: str, origin: Callable[[Path], Path] = Path.resolve
    ) -> None:
        self._path = folder / f"{check_symbol(symbol)}_files.json"
        self._options = hashlib.sha256(options.encode()).hexdigest()[:16]
        self._origin = origin
        self._entries = {name: entry for name, entry in _read(self._path) if _is_there(Path(name))}

    def unchanged(self, path: Path) -> FileEntry | None:
        """The entry of a file that was read as it is now and with the same options, else None."""
        entry, now = self._entries.get(str(self._origin(path))), path.stat()
        unchanged = entry is not None and (entry.size, entry.modified, entry.options) == (
            now.st_size, now.st_mtime_ns, self._options,
        )  # fmt: skip
        return entry if unchanged else None

    def entry(self, path: Path, *, first: int, last: int) -> FileEntry:
        """What is to be recorded of a file."""
        now = path.stat()
        return FileEntry(
            size=now.st_size, modified=now.st_mtime_ns, options=self._options, first=first, last=last
        )  # fmt: skip

    def record(self, path: Path, entry: FileEntry) -> None:
        """Remembers a file once its rows are in the store."""
        self._entries[str(self._origin(path))] = entry
        content = {name: asdict(entry) for name, entry in self._entries.items()}
        write_atomically(self._path, json.dumps(content).encode())


def _is_there(path: Path) -> bool:
    """Whether there is such a file, or an archive that it is of."""
    return path.exists() or any(parent.is_file() for parent in path.parents)


def _read(path: Path) -> Iterator[tuple[str, FileEntry]]:
    """The entries that are readable; a file that is read once more does no harm."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        for name, entry in content.items():
            yield name, FileEntry(**entry)
    except (OSError, ValueError, TypeError, AttributeError):
        return
