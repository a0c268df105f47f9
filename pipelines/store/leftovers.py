"""Data files that a killed writer of a Delta table left without a commit: gone when the store is opened again.

A writer notes in a file named after its process that it writes, and takes the note away at its end. Where a note's
process is gone, files that are younger than the note and in no commit belong to nobody: unless somebody writes that
partition just now, which its lock tells, or compacts the table.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote, unquote

from filelock import FileLock, Timeout

from pipelines.files import is_abandoned, of_this_process

_EARLIER = 2.0  # seconds by which file systems' clocks may be coarse


def locks_of(table: Path) -> Path:
    """The folder of a store's locks, from that of one of its tables."""
    return table.parent / ".locks"


def lock_of(table: Path, partition: Iterable[str]) -> Path:
    """The lock of one partition, from the values of its columns."""
    return locks_of(table) / f"{quote('-'.join([table.name, *partition]), safe='^=')}.lock"


class Leftovers:
    """Those of one table. table: its folder; partition_by: its columns of partitions."""

    def __init__(self, table: Path, partition_by: tuple[str, ...]) -> None:
        self._table = table
        self._depth = len(partition_by)
        self._compaction = locks_of(table) / f"{table.name}.compaction.lock"

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Held while files are written that no commit has yet."""
        locks = locks_of(self._table)
        locks.mkdir(parents=True, exist_ok=True)
        note = locks / of_this_process(f"writes-{self._table.name}")
        note.touch()
        try:
            yield
        finally:
            note.unlink(missing_ok=True)

    @contextmanager
    def no_removal(self) -> Iterator[None]:
        """Held by a compaction, which writes in every partition without their locks."""
        with FileLock(self._compaction):
            yield

    def remove(self) -> int:
        """Removes what killed writers left, where nobody else writes. Returns how many files."""
        notes = [note for note in locks_of(self._table).glob(f"writes-{self._table.name}.*.part") if _is_left(note)]
        if not notes:
            return 0
        removed = 0
        with suppress(Timeout, OSError), ExitStack() as locks:
            locks.enter_context(FileLock(self._compaction, timeout=0))
            since = min(note.stat().st_mtime for note in notes) - _EARLIER
            all_free = True
            for partition in {path.parent for path in self._uncommitted(since)}:
                try:
                    with FileLock(lock_of(self._table, _values(partition, self._depth)), timeout=0):
                        for path in self._uncommitted(since):
                            if path.parent == partition:
                                path.unlink()
                                removed += 1
                except Timeout:
                    all_free = False
            if all_free:
                for note in notes:
                    note.unlink(missing_ok=True)
        return removed

    def _uncommitted(self, since: float) -> list[Path]:
        """Data files that are younger than that and that no commit has added."""
        young = [path for path in self._table.glob("*/" * self._depth + "*.parquet") if path.stat().st_mtime >= since]
        if not young:
            return []
        committed = set[Path]()
        for commit in (self._table / "_delta_log").glob("*.json"):
            if commit.stem.isdigit() and commit.stat().st_mtime >= since:
                actions = [json.loads(line) for line in commit.read_text(encoding="utf-8").splitlines()]
                committed |= {self._table / unquote(action["add"]["path"]) for action in actions if "add" in action}
        return [path for path in young if path not in committed]


def _is_left(note: Path) -> bool:
    try:
        return is_abandoned(note)
    except OSError:  # its writer has just ended
        return False


def _values(partition: Path, depth: int) -> list[str]:
    """`symbol=AAPL/frequency=1d` -> AAPL, 1d."""
    return [unquote(part.partition("=")[2]) for part in partition.parts[-depth:]]
