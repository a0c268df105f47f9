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

from pipelines.errors import ConfigError

_DAY = 86_400.0


def write_atomically(path: Path, content: bytes) -> Path:
    """Writes beside the place, syncs, renames into it, syncs the folder. Returns the path.

    What killed processes left beside it is removed first.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_litter(path.parent)
    part = path.with_name(of_this_process(f".{path.name[:100]}"))
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


def of_this_process(name: str) -> str:
    """A new name for what this process has not finished: `is_abandoned` knows when the process is gone."""
    return f"{name}.{_host()}-{os.getpid()}-{secrets.token_hex(4)}.part"


def is_abandoned(part: Path) -> bool:
    """Whether the process that an unfinished file or folder is named after is gone; of another host, a day old.

    Raises:
        OSError: it is not there any more.
    """
    writer = re.search(r"\.([0-9a-f]{8})-(\d+)-[0-9a-f]{8}\.part$", part.name)
    if writer is None or writer[1] != _host():
        return time.time() - part.lstat().st_mtime > _DAY
    try:
        os.kill(int(writer[2]), 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        return False
    return False


def remove_litter(folder: Path) -> int:
    """Removes unfinished files and folders of processes that are gone, and any that are a day old. Returns how many."""
    return _removed(folder, ".*.part")


def remove_temporary_folders() -> int:
    """Removes the temporary folders that killed processes of this person left. Returns how many."""
    with suppress(ConfigError):  # who needs one will say so
        return _removed(place_of_temporary_files(), "forecast-*.part")
    return 0


def place_of_temporary_files() -> Path:
    """The folder that temporary files lie in.

    Raises:
        ConfigError: neither TMPDIR nor any of the usual ones can be written.
    """
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError as error:
        raise ConfigError(
            "Expected a folder for temporary files that can be written, got none. Set TMPDIR to one of your own."
        ) from error


def _removed(folder: Path, pattern: str) -> int:
    removed, parts = 0, list[Path]()
    with suppress(OSError):  # a folder that may not be read
        parts = list(folder.glob(pattern))
    for part in parts:
        with suppress(OSError):  # another process was faster, or it is not ours to remove
            if part.lstat().st_uid != _user() or not is_abandoned(part):
                continue
            if part.is_dir() and not part.is_symlink():
                shutil.rmtree(part, ignore_errors=True)
            else:
                part.unlink()
            removed += 1
    return removed


@contextmanager
def temporary_folder(purpose: str) -> Iterator[Path]:
    """A folder for this process alone, removed at the end; those that killed processes left are removed first.

    purpose: a word in its name.
    """
    remove_temporary_folders()
    folder = place_of_temporary_files() / of_this_process(f"forecast-{purpose}")
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _user() -> int:
    """Whose files this process may call its own; on Windows every file's number is 0."""
    return os.getuid() if hasattr(os, "getuid") else 0


def _host() -> str:
    """Where process numbers count: a container may bear its host's name, but numbers its processes itself."""
    numbered_in = ""
    with suppress(OSError):  # not Linux
        numbered_in = os.readlink("/proc/self/ns/pid")
    return f"{zlib.crc32(f'{socket.gethostname()}{numbered_in}'.encode()):08x}"


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
