import os
from pathlib import Path

import pytest

from forecast.compute import backend, compiled


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(compiled.CACHE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def run_folder(path: Path, **files: bytes) -> Path:
    path.mkdir()
    for name, content in files.items():
        (path / name).write_bytes(content)
    return path


def fetched(path: Path) -> dict[str, bytes]:
    compiled.fetch("tensorflow", path)
    return {file.name: file.read_bytes() for file in path.iterdir()}


def test_what_one_run_compiled_the_next_one_has_in_a_folder_of_its_own(cache, tmp_path):
    compiled.keep("tensorflow", run_folder(tmp_path / "first", lstm=b"one", rnn=b"two"))
    compiled.keep("tensorflow", run_folder(tmp_path / "second", lstm=b"another", gru=b"three"))
    assert fetched(tmp_path / "third") == {"lstm": b"one", "rnn": b"two", "gru": b"three"}
    assert [path.stat().st_mode & 0o777 for path in (cache, *cache.iterdir())] == [0o700, 0o700]


def test_a_file_that_changed_is_removed_and_not_used(cache, tmp_path):
    compiled.keep("tensorflow", run_folder(tmp_path / "first", lstm=b"one", rnn=b"two"))
    (file,) = cache.glob("*/*.lstm")
    file.write_bytes(b"onf")
    assert fetched(tmp_path / "second") == {"rnn": b"two"}
    assert not file.exists()


def test_another_version_backend_or_processor_and_other_flags_find_nothing(cache, tmp_path, monkeypatch):
    compiled.keep("tensorflow", run_folder(tmp_path / "first", lstm=b"one"))
    compiled.fetch("jax", tmp_path / "jax")
    assert not list((tmp_path / "jax").iterdir())
    versions = backend.versions("tensorflow")
    with monkeypatch.context() as other:
        other.setattr(compiled, "versions", lambda name: versions | {"tensorflow": "0.1"})
        assert fetched(tmp_path / "version") == {}
    with monkeypatch.context() as other:
        other.setattr(compiled.platform, "machine", lambda: "another")
        assert fetched(tmp_path / "processor") == {}
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=true")
    assert fetched(tmp_path / "flags") == {}


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="no users")
def test_a_folder_that_others_may_write_to_or_a_link_is_not_used(cache, tmp_path):
    compiled.keep("tensorflow", run_folder(tmp_path / "first", lstm=b"one"))
    (place,) = cache.iterdir()
    place.chmod(0o770)
    assert fetched(tmp_path / "second") == {}
    place.chmod(0o700)
    place.rename(tmp_path / "elsewhere")
    place.symlink_to(tmp_path / "elsewhere")
    assert fetched(tmp_path / "third") == {}


def test_the_oldest_go_first_when_there_is_too_much(cache, tmp_path, monkeypatch):
    monkeypatch.setattr(compiled, "_MOST", 7)
    for number, name in enumerate(("a", "b", "c")):
        compiled.keep("tensorflow", run_folder(tmp_path / name, **{name: b"123"}))
        (file,) = cache.glob(f"*/*.{name}")
        os.utime(file, (number, number))
    compiled.keep("tensorflow", run_folder(tmp_path / "d"))
    assert fetched(tmp_path / "next").keys() == {"b", "c"}


def test_a_folder_with_other_things_in_it_keeps_them(cache, tmp_path, monkeypatch):
    own_files = [cache / "letters" / "letter.txt", cache / f"jax-{'0' * 16}" / "letter.txt", cache / "letter.txt"]
    for path in own_files:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_bytes(b"ten bytes.")
    cache.chmod(0o755)
    monkeypatch.setattr(compiled, "_MOST", 7)
    compiled.keep("tensorflow", run_folder(tmp_path / "first", lstm=b"one"))
    assert fetched(tmp_path / "second") == {"lstm": b"one"}
    assert [path.read_bytes() for path in own_files] == [b"ten bytes."] * 3


def test_a_file_that_cannot_be_written_whole_is_not_there(cache, tmp_path):
    resource = pytest.importorskip("resource")
    compiled.keep("tensorflow", run_folder(tmp_path / "first", lstm=b"one"))
    second = run_folder(tmp_path / "second", rnn=b"two")
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, limit[1]))  # as on a disk that is full after the first byte
    try:
        compiled.keep("tensorflow", second)
        compiled.fetch("tensorflow", tmp_path / "third")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert not list((tmp_path / "third").iterdir())
    (place,) = cache.iterdir()
    assert [path.suffix for path in place.iterdir()] == [".lstm"]


def test_nothing_is_kept_where_the_cache_is_off_or_cannot_be_made(tmp_path, monkeypatch):
    monkeypatch.setenv(compiled.CACHE, "off")
    compiled.keep("tensorflow", run_folder(tmp_path / "first", lstm=b"one"))
    assert fetched(tmp_path / "second") == {}
    (tmp_path / "file").touch()
    monkeypatch.setenv(compiled.CACHE, str(tmp_path / "file" / "cache"))
    compiled.keep("tensorflow", tmp_path / "first")
    assert fetched(tmp_path / "third") == {}
    monkeypatch.delenv(compiled.CACHE)
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert compiled.user_folder() is None or not str(compiled.user_folder()).startswith("relative")
