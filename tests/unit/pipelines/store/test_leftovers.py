"""Data files without a commit: those of a killed writer go when the store is opened, those of a living one stay."""

import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from pipelines.files import of_this_process
from pipelines.store.store import Store
from tests.helpers.store_writers import constant_bars

SYMBOL = "^G-X"  # its partition and its lock are written with percent signs
COMPACTION = "bars.compaction.lock"


@pytest.fixture(scope="module")
def gone() -> int:
    """The number of a process that has ended."""
    return int(subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True).stdout)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    price_store = Store(tmp_path)
    for value in (1, 2):
        price_store.write_bars(constant_bars(value, symbol=SYMBOL))
    return price_store


def leave(root: Path, pid: int | None) -> tuple[Path, Path]:
    """A file without a commit in the symbol's partition, and the note of its writer."""
    (partition,) = root.glob("bars/symbol=*/frequency=1d")
    left = partition / "part-left.parquet"
    left.write_bytes(b"half")
    name = of_this_process("writes-bars")
    host, own_pid, number = name.removeprefix("writes-bars.").split("-")
    note = root / ".locks" / f"writes-bars.{host}-{pid or own_pid}-{number}"
    note.touch()
    return left, note


def files(root: Path) -> int:
    return len(list(root.glob("bars/*/*/*.parquet")))


def test_what_a_killed_writer_left_is_gone_when_the_store_is_opened(store: Store, tmp_path: Path, gone: int):
    before = files(tmp_path)
    left, note = leave(tmp_path, gone)
    Store(tmp_path)
    assert not left.exists()
    assert not note.exists()
    assert files(tmp_path) == before  # every version's files are there: undo needs them
    assert set(store.bars_at(0, SYMBOL).close) == {1.0}
    assert set(store.read_bars(SYMBOL).close) == {2.0}


def test_what_a_living_writer_has_not_committed_stays(store: Store, tmp_path: Path):
    left, note = leave(tmp_path, None)
    Store(tmp_path)
    assert left.exists()
    assert note.exists()


@pytest.mark.parametrize("lock", ["bars-^G-X-1d.lock", COMPACTION])
def test_where_somebody_writes_or_compacts_it_stays_until_later(store: Store, tmp_path: Path, gone: int, lock: str):
    left, note = leave(tmp_path, gone)
    with FileLock(tmp_path / ".locks" / lock):
        Store(tmp_path)
        assert left.exists()
        assert note.exists()
    Store(tmp_path)
    assert not left.exists()
