"""Files are written whole, with the person's umask, and what a kill leaves is removed."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from pipelines.errors import ConfigError
from pipelines.files import of_this_process, remove_litter, temporary_folder, write_atomically

KILLED = """
import os, signal, sys
from pathlib import Path
from pipelines import files
os.replace = lambda *names: os.kill(os.getpid(), signal.SIGKILL)
files.write_atomically(Path(sys.argv[1]), b"new")
"""


@pytest.mark.parametrize(("mask", "mode"), [(0o077, 0o600), (0o022, 0o644), (0o002, 0o664)])
def test_the_umask_is_kept(tmp_path: Path, mask: int, mode: int) -> None:
    before = os.umask(mask)
    try:
        write_atomically(tmp_path / "a.json", b"{}")
    finally:
        os.umask(before)
    assert (tmp_path / "a.json").stat().st_mode & 0o777 == mode


def test_what_a_kill_leaves_is_removed_by_the_next_write_and_nothing_else_is(tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    write_atomically(target, b"old")
    subprocess.run(
        [sys.executable, "-c", KILLED, str(target)], check=False, env=os.environ | {"PYTHONPATH": os.getcwd()}
    )
    assert target.read_bytes() == b"old"
    (litter,) = tmp_path.glob(".*.part")
    ours = tmp_path / litter.name.replace(litter.name.split("-")[1], str(os.getpid()))  # of a process that lives
    ours.write_bytes(b"half")
    (tmp_path / ".mine.part").write_bytes(b"a person's, and new")
    write_atomically(tmp_path / "other.html", b"x")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [".mine.part", ours.name, "other.html", "page.html"]
    )
    assert remove_litter(tmp_path) == 0


def test_what_a_container_of_the_same_name_writes_stays_though_its_process_is_none_here(tmp_path, monkeypatch):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    monkeypatch.setattr(os, "getpid", lambda: gone.pid)
    here = tmp_path / of_this_process(".here")
    monkeypatch.setattr(os, "readlink", lambda path: "pid:[1]")
    elsewhere = tmp_path / of_this_process(".elsewhere")
    monkeypatch.undo()
    for part in (here, elsewhere):
        part.write_bytes(b"half")
    assert remove_litter(tmp_path) == 1
    assert elsewhere.exists()


def test_a_name_of_250_letters_is_written(tmp_path: Path) -> None:
    assert write_atomically(tmp_path / ("n" * 250), b"x").read_bytes() == b"x"


LEFT = """
import os, signal
from pipelines import files
with files.temporary_folder("test") as folder:
    (folder / "values.raw").write_bytes(b"much")
    print(folder, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_temporary_folder_that_a_kill_left_goes_with_the_next_one_and_a_living_one_stays(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    killed = subprocess.run([sys.executable, "-c", LEFT], capture_output=True, text=True)
    left = Path(killed.stdout.strip())
    assert (left / "values.raw").exists()
    with temporary_folder("first") as first:
        assert not left.exists()
        with temporary_folder("second"):
            assert first.exists()
    assert list(tmp_path.iterdir()) == []


def test_no_folder_for_temporary_files_is_told_with_what_to_do(monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/proc/self"])  # nobody may write there
    with pytest.raises(ConfigError, match="Set TMPDIR to one of your own"), temporary_folder("test"):
        pass
