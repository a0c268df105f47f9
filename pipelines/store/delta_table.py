"""Delta tables that lose nothing: rows of one partition replaced at once, on disk before it is reported.

delta-rs writes a commit atomically (kill -9 leaves the table as before or after) but never calls fsync, so the new
files, the log and their folders are synced here after each commit. Two processes that write different partitions
retry each other's commits; two that write the same partition wait for each other at a lock file. On s3:// there is
nothing to sync and no lock: a commit is put only where none of its number is (If-None-Match), or made again.
"""

import json
import os
import random
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from filelock import FileLock

from pipelines.errors import StoreError
from pipelines.files import sync_file, sync_folder
from pipelines.store.leftovers import Leftovers, lock_of, locks_of
from pipelines.store.reasons import check_space, explained

if TYPE_CHECKING:
    import pyarrow as pa

_ATTEMPTS = 20
_COMMIT = re.compile(r"\d{20}\.json")
_SETTLED = 2 * 10**9  # nanoseconds since the last change of a log, after which another changes its time
_EVER = 9 * 10**18  # nanoseconds from 1970, to both sides
_S3_OPTIONS = {
    "conditional_put": "etag",
    "connect_timeout": "5s",
    "timeout": "30s",
    "max_retries": "2",
    "retry_timeout": "40s",
}
_ROWS = 1 << 19  # in a row group: what a scan holds in memory


@dataclass(frozen=True, kw_only=True)
class _Opened:
    """A table as it was when its log was last changed. settled: that was long enough ago. newest: its last commit."""

    table: Any
    changed: int
    settled: bool
    newest: tuple[Any, ...]


def _newest_commit(log: Path) -> tuple[Any, ...]:
    """Name, inode, size and time of the last commit in a log: commits are added and never changed."""
    name = max((entry.name for entry in os.scandir(log) if _COMMIT.fullmatch(entry.name)), default="")
    status = (log / name).stat()
    return name, status.st_ino, status.st_size, status.st_mtime_ns


class Table:
    """One Delta table below the store's folder, or below an s3:// address. Made by the first write."""

    def __init__(
        self, root: Path | str, name: str, partition_by: tuple[str, ...], *, rising: tuple[str, ...] = ()
    ) -> None:
        """root: a folder, or an address as text. rising: columns of whole numbers that grow, stored as differences."""
        self.name = name
        self.partition_by = partition_by
        self._address = f"{root}/{name}"
        self._folder = None if isinstance(root, str) else root / name
        self._rising = rising
        self._opened: _Opened | None = None
        self._leftovers = None if self._folder is None else Leftovers(self._folder, partition_by)

    def exists(self) -> bool:
        return self._open() is not None

    def files(self) -> "pa.Table | None":
        """One row a data file: partition.*, num_records, min.*, max.*; None where there is no table."""
        import pyarrow as pa

        table = self._open()
        return None if table is None else pa.table(table.get_add_actions(flatten=True))

    def largest(self, where: Mapping[str, str], column: str) -> str:
        """The largest text of a column in one partition, from the statistics of its files; "" where there is none."""
        import pyarrow.compute as pc

        files = self.files()
        if files is None:
            return ""
        for name, value in where.items():
            files = files.filter(pc.equal(files[f"partition.{name}"], value))
        return max((str(text) for text in files[f"max.{column}"].to_pylist() if text), default="")

    def version(self) -> int:
        """The number of the last commit, -1 where there is no table."""
        table = self._open()
        return -1 if table is None else int(table.version())

    def read(
        self,
        where: Mapping[str, str],
        condition: Any = None,
        columns: list[str] | None = None,
        version: int | None = None,
    ) -> "pa.Table":
        """The rows of one partition that meet a pyarrow.dataset condition, in no particular order.

        Raises:
            StoreError: the table is missing or cannot be read.
        """
        from deltalake.exceptions import DeltaError

        table = self._open() if version is None else self._open_anew()
        if table is None:
            raise StoreError(f"Expected a price store with {self._address}, there is none. Run `forecast fetch` first.")
        try:
            if version is not None and version > table.version():
                raise StoreError(f"Expected a version of {self.name} from 0 to {table.version()}, got {version}.")
            if version is not None:
                table.load_as_version(version)
            dataset = table.to_pyarrow_dataset(
                filesystem=self._native(),
                file_pruning_predicate=[(name, "=", value) for name, value in where.items()],
            )
            return dataset.to_table(filter=condition, columns=columns)
        except (OSError, ValueError, DeltaError) as error:
            raise self._damaged(error) from error

    def in_order(self, where: Mapping[str, str], key: str, columns: list[str]) -> "Iterator[pa.Table] | None":
        """One partition's row groups, where none overlaps another in key, by key; None where they do, or on s3://.

        Rows within a group may be in any order. Each is read once, and one at a time is in memory.
        """
        import pyarrow.parquet as pq

        files, folder = self.files(), self._folder
        if files is None or folder is None:
            return None
        frame = files.to_pandas()
        for name, value in where.items():
            frame = frame[frame[f"partition.{name}"] == value]
        groups: list[tuple[int, int, Path, int]] = []
        for path in (folder / unquote(name) for name in frame["path"]):
            data = pq.read_metadata(path)
            place = data.schema.names.index(key)
            for group in range(data.num_row_groups):
                statistics = data.row_group(group).column(place).statistics
                groups.append((statistics.min, statistics.max, path, group))
        groups.sort()
        for (_, last, path, group), (first, _, after, number) in pairwise(groups):
            if last > first or (last == first and (path, group + 1) != (after, number)):
                return None
        return (pq.ParquetFile(path).read_row_group(group, columns=columns) for _, _, path, group in groups)

    def history(self) -> list[dict[str, Any]]:
        """What is written down of each commit, the newest first."""
        table = self._open()
        return [] if table is None else list(table.history())

    def restore(
        self, where: Mapping[str, str], version: int, *, column: str, note: Mapping[str, str] | None = None
    ) -> int:
        """Brings the rows of one partition back as they were in an earlier version (-1: none). Returns how many."""
        if not self.exists():
            return 0
        rows = self.read(where, version=max(version, 0))
        rows = rows if version >= 0 else rows.slice(0, 0)
        self.replace(rows, where, column=column, first=-_EVER, last=_EVER, note=note)
        return int(rows.num_rows)

    def replace(
        self,
        rows: "pa.Table",
        where: Mapping[str, str],
        *,
        column: str,
        first: int,
        last: int,
        note: Mapping[str, str] | None = None,
    ) -> None:
        """Puts rows in the place of those of one partition whose column lies in first..last, both included.

        note: kept with the commit, see history.

        Raises:
            StoreError: the disk is full, there is no permission, the table is damaged.
        """
        from deltalake import CommitProperties

        commit = CommitProperties(custom_metadata=dict(note or {}))

        conditions = [f"\"{name}\" = '{value}'" for name, value in where.items()]
        predicate = " AND ".join([*conditions, f'"{column}" >= {first}', f'"{column}" <= {last}'])
        if self._folder is not None:
            check_space(self._folder, rows.nbytes // 3)
        with self._noted():
            self._replace(rows, predicate, commit)

    def _replace(self, rows: "pa.Table", predicate: str, commit: Any) -> None:
        from deltalake import write_deltalake
        from deltalake.exceptions import CommitFailedError, DeltaError

        for attempt in range(_ATTEMPTS):
            table = self._open_anew()
            try:
                if table is None:
                    write_deltalake(
                        self._address,
                        rows,
                        partition_by=list(self.partition_by),
                        writer_properties=self._properties(rows),
                        storage_options=self._options(),
                        commit_properties=commit,
                    )
                else:
                    write_deltalake(
                        table,
                        rows,
                        mode="overwrite",
                        predicate=predicate,
                        writer_properties=self._properties(rows),
                        commit_properties=commit,
                    )
                break
            except CommitFailedError as error:  # somebody else committed first
                if attempt + 1 == _ATTEMPTS:
                    raise StoreError(
                        f"{self._address} is written by too many at once. Run the command again."
                    ) from error
                time.sleep(random.uniform(0, 0.02) * 2 ** min(attempt, 5))  # noqa: S311 - jitter, not a secret
            except (DeltaError, OSError) as error:
                if table is None and self._open() is not None:
                    continue  # two processes made the table at once
                raise self._damaged(error) from error
        self._sync(0 if table is None else table.version())

    def compact(self) -> int:
        """Merges small files; nothing that is read changes. Returns how many files fewer there are."""
        from deltalake.exceptions import CommitFailedError, DeltaError

        table = self._open_anew()
        if table is None:
            return 0
        before = table.version()
        try:
            with self._compacting():
                done = table.optimize.compact(writer_properties=self._properties())
        except CommitFailedError as error:
            raise StoreError(f"{self._address} is being written. Run `forecast data compact` again later.") from error
        except (DeltaError, OSError) as error:
            raise self._damaged(error) from error
        self._sync(before)
        return int(done["numFilesRemoved"]) - int(done["numFilesAdded"])

    @contextmanager
    def lock(self, where: Mapping[str, str]) -> Iterator[None]:
        """Held while one partition is compared and written, so that two processes never interleave."""
        if self._folder is None:
            yield
            return
        try:
            locks_of(self._folder).mkdir(parents=True, exist_ok=True)
            with FileLock(lock_of(self._folder, where.values())):
                yield
        except (PermissionError, NotADirectoryError) as error:
            raise StoreError(
                f"Expected a folder that can be written for the price store, got {self._folder.parent} "
                f"({error.strerror}). "
                "Choose another with --data-dir."
            ) from error

    def remove_leftovers(self) -> None:
        """Removes what killed writers left without a commit."""
        if self._leftovers is not None:
            self._leftovers.remove()

    @contextmanager
    def _noted(self) -> Iterator[None]:
        with nullcontext() if self._leftovers is None else self._leftovers.noted():
            yield

    @contextmanager
    def _compacting(self) -> Iterator[None]:
        if self._leftovers is None:
            yield
            return
        with self._leftovers.no_removal(), self._leftovers.noted():
            yield

    def _open(self) -> Any:
        """The table as it is now, to be read: opened again only where its log has changed, so that many symbols are
        read fast."""
        if self._folder is None:
            return self._open_anew()
        log = self._folder / "_delta_log"
        try:
            changed = log.stat().st_mtime_ns
            settled = time.time_ns() - changed > _SETTLED  # clocks of file systems are coarse
            before = self._opened
            if before is not None and before.settled and before.changed == changed:
                return before.table
            newest = _newest_commit(log)
        except OSError:
            return self._open_anew()
        table = before.table if before is not None and before.newest == newest else self._open_anew()
        if table is not None:
            self._opened = _Opened(table=table, changed=changed, settled=settled, newest=newest)
        return table

    def _open_anew(self) -> Any:
        """The table as it is now, to be written or moved to another version."""
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError, TableNotFoundError

        if self._folder is not None and not (self._folder / "_delta_log").is_dir():
            return None
        try:
            return DeltaTable(self._address, storage_options=self._options())
        except TableNotFoundError:
            return None
        except (DeltaError, OSError) as error:
            raise self._damaged(error) from error

    def _native(self) -> Any:
        """Arrow's own file system for a local table: it holds no Python object, while delta-rs' file system hands out
        buffers of Python that a thread of Arrow may free after the interpreter has ended, which aborts the process."""
        import pyarrow.fs as fs

        return None if self._folder is None else fs.SubTreeFileSystem(str(self._folder), fs.LocalFileSystem())

    def _options(self) -> dict[str, str] | None:
        """Beside the AWS_* variables of the environment, which delta-rs reads itself: no request lasts for ever."""
        return _S3_OPTIONS if self._folder is None else None

    def _properties(self, rows: "pa.Table | None" = None) -> Any:
        """rows: what is written; no currency gets no statistics, since those of empty texts take most of the time."""
        from deltalake import ColumnProperties, WriterProperties

        differences = ColumnProperties(dictionary_enabled=False, encoding="DELTA_BINARY_PACKED")
        columns = dict.fromkeys(self._rising, differences)
        if rows is not None and "currency" in rows.column_names and rows["currency"].unique().to_pylist() == [""]:
            columns["currency"] = ColumnProperties(statistics_enabled="NONE")
        return WriterProperties(
            compression="ZSTD",
            max_row_group_size=_ROWS,
            column_properties=columns or None,
        )

    def _damaged(self, error: BaseException) -> StoreError:
        return explained(error, self._address)

    def _sync(self, since: int) -> None:
        """Syncs what the commits from a version on have added, then the log; the table's folder last."""
        if self._folder is None:
            return
        log = self._folder / "_delta_log"
        for checkpoint in (*log.glob("*.checkpoint*.parquet"), *log.glob("_last_checkpoint")):
            sync_file(checkpoint)
        commits = [path for path in log.glob("*.json") if path.stem.isdigit() and int(path.stem) >= since]
        for commit in sorted(commits):
            for line in commit.read_text().splitlines():
                added = json.loads(line).get("add")
                if added and (file := self._folder / unquote(added["path"])).exists():
                    sync_file(file)
                    sync_folder(file.parent)
                    sync_folder(file.parent.parent)
            sync_file(commit)
        sync_folder(log)
        sync_folder(self._folder)
        sync_folder(self._folder.parent)
