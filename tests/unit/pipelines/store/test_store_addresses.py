"""Where a store can lie, and that a full disk is said before anything is written."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipelines.errors import StoreError
from pipelines.store.store import Store
from tests.helpers.market_examples import daily_bars


@pytest.mark.parametrize(
    "name", ["x#y?z", "a b", "ü é", "100%", "%zz", "$x", "(x)", "~x", "a&b", "'q'", '"q"', "a:b", "*", "{q}"]
)
def test_odd_folder_names_work(tmp_path: Path, name: str) -> None:
    store = Store(tmp_path / name / "store")
    for symbol in ("A-B", "^GSPC", "EURUSD=X"):
        store.write_bars(daily_bars([10, 11], symbol=symbol))
    store.write_bars(daily_bars([10, 12], symbol="^GSPC"))
    assert store.read_bars("^GSPC").close.tolist() == [10, 12]
    assert (tmp_path / name / "store" / "bars" / "_delta_log").is_dir()
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["[backup]", "a%20b", "a\\b", "new\nline", "a|b", "a^b", "esc\x1b[2J"])
def test_names_that_delta_cannot_address_are_refused_in_one_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreError, match="Expected a folder for the price store without") as caught:
        Store(tmp_path / name / "store")
    assert str(caught.value).isprintable()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    store.write_bars(daily_bars([10, 11]))
    before = sorted(tmp_path.rglob("*.parquet"))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    with pytest.raises(StoreError, match="the disk is full"):
        store.write_bars(daily_bars([10, 12]))
    assert sorted(tmp_path.rglob("*.parquet")) == before
    assert store.read_bars("XYZ").close.tolist() == [10, 11]
