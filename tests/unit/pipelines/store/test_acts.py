"""An act on prices and dividends is one: undone as one, and a kill in its middle leaves nothing of it."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipelines.errors import StoreError, UnknownSymbolError
from pipelines.market.types import Actions, Bars, Ticks
from pipelines.store.store import Store
from tests.helpers.market_examples import actions, daily_bars

RIGHT = daily_bars([10, 11, 12, 13])
MISSCALED = replace(RIGHT, close=RIGHT.close * 1.01)
PAID = actions(RIGHT, {1: (0.3, 1.0), 2: (0.0, 2.0)})
TOO_MUCH = replace(PAID, dividend=PAID.dividend * 100)


def state(store: Store, symbol: str = "XYZ") -> tuple[list[float], list[float]]:
    return store.read_bars(symbol).close.tolist(), store.read_actions(symbol).dividend.tolist()


BEFORE, AFTER = (MISSCALED.close.tolist(), [30.0, 0.0]), (RIGHT.close.tolist(), [0.3, 0.0])


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path)
    store.write(MISSCALED, TOO_MUCH)
    return store


def test_undo_brings_prices_and_dividends_back(store: Store) -> None:
    version = store.version()
    store.write(RIGHT, PAID)
    assert state(store) == AFTER
    assert store.undo(version, "XYZ") == 4
    assert state(store) == BEFORE
    store.undo(store.version() - 1, "XYZ")  # and the undo itself
    assert state(store) == AFTER


def test_undo_of_an_act_on_dividends_alone(store: Store) -> None:
    version = store.version()
    store.write(MISSCALED, PAID)
    assert store.version() == version + 1  # the act has a version of its own
    store.undo(version, "XYZ")
    assert state(store) == BEFORE


def test_undo_keeps_dividends_that_were_stored_before_the_act_and_after_the_version(store: Store) -> None:
    version = store.version()
    store.write_actions(replace(PAID, dividend=np.array([7.0, 0.0])))
    store.write(RIGHT, PAID)
    store.undo(version, "XYZ")
    assert state(store) == (MISSCALED.close.tolist(), [7.0, 0.0])


def test_undo_takes_later_bars_away_and_leaves_other_symbols(store: Store) -> None:
    version = store.version()
    other = daily_bars([1, 2], symbol="ABC")
    store.write(other, Actions.none("ABC"))
    store.write_bars(daily_bars([14, 15], first="2024-01-08"))
    store.undo(version, "XYZ")
    assert state(store) == BEFORE
    assert store.read_bars("ABC").close.tolist() == [1, 2]


def test_a_version_that_is_not_there_is_one_line(store: Store) -> None:
    store.write(daily_bars([1, 2], symbol="ABC"), Actions.none("ABC"))
    with pytest.raises(StoreError, match="Expected a version from 0 to 1, got 99"):
        store.undo(99, "XYZ")
    with pytest.raises(StoreError, match="Expected a version with 1d bars of ABC, got 0, which has none"):
        store.undo(0, "ABC")
    assert state(store) == BEFORE


def test_an_error_in_the_middle_takes_the_act_back(store: Store) -> None:
    with pytest.raises(StoreError, match="currency USD, got GBP"):
        store.write(replace(RIGHT, currency="GBP"), PAID)
    assert state(store) == BEFORE


KILLED = """
import os, signal, sys
from pathlib import Path
from pipelines.store.store import Store
from tests.unit.pipelines.store.test_acts import PAID, RIGHT

def kill(*arguments, **options):
    os.kill(os.getpid(), signal.SIGKILL)

setattr(Store, sys.argv[2], kill) if sys.argv[2] != "unlink" else setattr(Path, "unlink", kill)
store = Store(Path(sys.argv[1]))
getattr(store, sys.argv[3])(*((RIGHT, PAID) if sys.argv[3] == "write" else ("XYZ",)))
"""


@pytest.mark.parametrize(
    ("moment", "act"), [("write_actions", "write"), ("_write_bars", "write"), ("unlink", "write"), ("unlink", "remove")]
)
def test_a_kill_in_the_middle_leaves_nothing_of_the_act(store: Store, tmp_path: Path, moment: str, act: str) -> None:
    line = [sys.executable, "-c", KILLED, str(tmp_path), moment, act]
    done = subprocess.run(line, env=os.environ | {"PYTHONPATH": os.getcwd()}, check=False)
    assert done.returncode == -signal.SIGKILL
    reopened = Store(tmp_path)
    assert state(reopened) == BEFORE
    assert list((tmp_path / ".locks").glob("*.json")) == []
    reopened.write(RIGHT, PAID)
    assert state(reopened) == AFTER


def test_an_act_of_a_living_process_is_left_alone(store: Store, tmp_path: Path) -> None:
    with store._journal.act("XYZ", store._versions):
        store.write_actions(PAID)
        assert Store(tmp_path).read_actions("XYZ").dividend.tolist() == [0.3, 0.0]
        assert len(list((tmp_path / ".locks").glob("act-*.json"))) == 1


def test_a_removed_symbol_is_gone_and_undo_brings_it_back(store: Store) -> None:
    store.write(daily_bars([1, 2], symbol="ABC"), Actions.none("ABC"))
    store.write_ticks(Ticks(symbol="XYZ", time=RIGHT.opened_at, price=RIGHT.open, size=RIGHT.volume))
    version = store.version()
    store.remove("xyz")
    assert store.catalogue()["symbol"].tolist() == ["ABC"]
    assert len(store.read_actions("XYZ")) == 0
    with pytest.raises(UnknownSymbolError, match="got XYZ"):
        store.remove("XYZ")
    store.undo(version, "XYZ")
    assert state(store) == BEFORE


def test_versions_written_without_a_note_are_undone_by_their_times(tmp_path: Path) -> None:
    plain = Store(tmp_path)
    rows: list[tuple[Bars, Actions]] = [(MISSCALED, TOO_MUCH), (RIGHT, PAID)]
    for bars, paid in rows:
        plain.write_actions(paid)
        plain._write(plain._bars, {"symbol": "XYZ", "frequency": "1d"}, _columns(bars), "opened_at")
    assert plain._actions_at(0) in (0, 1)  # both were there before the second commit of bars
    plain.undo(0, "XYZ")
    assert plain.read_bars("XYZ").close.tolist() == MISSCALED.close.tolist()


def _columns(bars: Bars) -> dict[str, np.ndarray]:
    from pipelines.store.schema import market_columns

    names = ("opened_at", "closed_at", "open", "high", "low", "close", "volume")
    return market_columns(bars, bars.closed_at) | {name: getattr(bars, name) for name in names}
