"""The sha256 of every file of a folder, kept in a JSON file that carries its own: damage is noticed on reading."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from forecast.runs.io import damaged, read_bytes, read_json, write_json
from pipelines.errors import RunError
from pipelines.files import write_atomically

FILES, SEAL, FORMAT = "files", "sha256", "format"
MANIFEST = "manifest.json"
LABELS = "labels.json"
"""What a person may change: no sha256 of the run covers it."""

CURRENT_FORMAT = 2
"""Of run.json. From 2 on a run lists the sha256 of each of its files and has a certificate; before it, neither."""
_MOST = 1 << 32  # bytes of a file


def digest(content: bytes) -> str:
    """sha256 as text."""
    return hashlib.sha256(content).hexdigest()


def sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    """The same with the sha256 of all of it."""
    body = {name: value for name, value in content.items() if name != SEAL}
    return {**body, SEAL: digest(json.dumps(body, sort_keys=True).encode())}


def has_digests(content: Mapping[str, Any]) -> bool:
    """Whether the version that wrote this run.json recorded the sha256 of every file."""
    number = content.get(FORMAT)
    return type(number) is int and number >= CURRENT_FORMAT


def check_seal(content: Mapping[str, Any], path: Path) -> None:
    """Whether a JSON file is as it was written; one of a version without seals passes.

    Raises:
        RunError: it was changed, or lacks what its version writes.
    """
    if SEAL not in content and FILES not in content and FORMAT not in content:
        return
    if lacking := [name for name in (SEAL, FILES) if has_digests(content) and name not in content]:
        raise damaged(path, f"it lacks {' and '.join(lacking)}, which its version writes")
    if not isinstance(content.get(FILES, {}), dict):
        raise damaged(path, f"{FILES} is no object")
    if (expected := sealed(content)[SEAL]) != content.get(SEAL):
        raise changed(path, expected=str(content.get(SEAL))[:64], actual=str(expected))


def write_folder(folder: Path, files: Mapping[str, bytes], **more: Any) -> Path:
    """Writes files and their manifest. The last file comes last: where it is, the others are whole.

    more: what else the manifest says.
    """
    (folder / list(files)[-1]).unlink(missing_ok=True)
    digests = {name: digest(content) for name, content in files.items()}
    write_json(folder / MANIFEST, sealed({**more, FILES: digests}))
    for name, content in files.items():
        write_atomically(folder / name, content)
    return folder


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a folder, as it was written.

    Raises:
        RunError: it is missing, damaged or changed.
    """
    path = folder / MANIFEST
    manifest = read_json(path)
    if lacking := [name for name in (SEAL, FILES) if name not in manifest]:
        raise damaged(path, f"it lacks {' and '.join(lacking)}")
    check_seal(manifest, path)
    return manifest


def read_checked(path: Path, *, name: str, manifest: Mapping[str, Any]) -> bytes:
    """A file's content, which must be what the manifest says of it; a name that it does not list passes.

    Raises:
        RunError: it is missing, no regular file, or other than it was written.
    """
    expected = manifest.get(FILES, {}).get(name)
    content = read_bytes(path, most=_MOST)
    if expected is not None and (actual := digest(content)) != expected:
        raise changed(path, expected=str(expected)[:64], actual=actual)
    return content


def changed(path: Path, *, expected: str, actual: str) -> RunError:
    """What to raise for a file that is not the one that was written."""
    return RunError(
        f"{path.name} of run folder {path.parent} was changed. Expected sha256 {expected}, got {actual}. Restore it, "
        "or train again: forecast train SYMBOL --overwrite."
    )
