"""Writing a file so that an interruption leaves the old one or the new one, never half of one."""

import os
import re
import secrets
import shutil
import socket
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_DAY = 86_400.0


def write_atomically(path: Path, content: bytes) -> Path:
    """Writes beside the place, syncs, renames into it, syncs the folder. Returns the path.

    What killed processes left beside it is removed first.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_litter(path.parent)
    part = path.with_name(f".{path.name[:100]}.{_host()}-{os.getpid()}-{secrets.token_hex(4)}.part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)  # the umask takes its bits away
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
    return path


def remove_litter(folder: Path) -> int:
    """Removes unfinished files of processes that are gone, and any that are a day old. Returns how many."""
    removed = 0
    for part in folder.glob(".*.part"):
        try:
            if _is_litter(part):
                part.unlink()
                removed += 1
        except OSError:  # another process was faster, or it is not ours to remove
            continue
    return removed


@contextmanager
def temporary_folder(purpose: str) -> Iterator[Path]:
    """A folder for this process alone, removed at the end; those that killed processes left are removed first.

    purpose: a word in its name.
    """
    for left in Path(tempfile.gettempdir()).glob("forecast-*.part"):
        with suppress(OSError):  # it is another person's, or gone
            if left.is_dir() and not left.is_symlink() and left.stat().st_uid == _user() and _is_litter(left):
                shutil.rmtree(left, ignore_errors=True)
    folder = tempfile.mkdtemp(
        prefix=f"forecast-{purpose}-", suffix=f".{_host()}-{os.getpid()}-{secrets.token_hex(4)}.part"
    )
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _user() -> int:
    """Whose files this process may call its own; on Windows every file's number is 0."""
    return os.getuid() if hasattr(os, "getuid") else 0


def _is_litter(part: Path) -> bool:
    writer = re.search(r"\.([0-9a-f]{8})-(\d+)-[0-9a-f]{8}\.part$", part.name)
    if writer is None or writer[1] != _host():
        return time.time() - part.stat().st_mtime > _DAY
    try:
        os.kill(int(writer[2]), 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        return False
    return False


def _host() -> str:
    return f"{zlib.crc32(socket.gethostname().encode()):08x}"


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder durable, as fsync of a file alone does not."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_file(path: Path) -> None:
    """Makes a file's content durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
