"""The store under kill -9, several writers, and a long random life, against a plain dict."""

import random
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pipelines.market.types import Actions, Bars
from pipelines.store.store import Store
from tests.helpers.store_writers import (
    START,
    constant_bars,
    context,
    kill_after,
    write_on_and_on,
    write_once,
    write_some,
)


def killed(root: Path, times: int, seed: int) -> None:
    """Kills a writer so often; after each, all bars are of one value: the last reported or the one after it."""
    chance = random.Random(seed)
    Store(root).write_bars(constant_bars(1))
    last = 1
    for _ in range(times):
        ours, theirs = context().Pipe()
        process = context().Process(target=write_on_and_on, args=(root, "XYZ", last + 1, theirs))
        process.start()
        theirs.close()
        ours.poll(None)
        kill_after(process, chance.uniform(0, 0.08))
        try:
            while ours.poll(0):
                last = ours.recv()
        except EOFError:
            pass
        (value,) = set(Store(root).read_bars("XYZ").close.tolist())
        assert value in (last, last + 1)
        assert len(Store(root).read_bars("XYZ")) == 200
        last = int(value)


def test_kill_9_leaves_the_store_as_before_or_after(tmp_path: Path) -> None:
    killed(tmp_path, 5, seed=1)


@pytest.mark.slow
def test_200_kills_lose_nothing(tmp_path: Path) -> None:
    killed(tmp_path, 200, seed=2)


def test_four_writers_at_once_lose_and_double_nothing(tmp_path: Path) -> None:
    jobs = [
        ("AAA", [1, 2, 3, 4, 5], 0),
        ("BBB", [6, 7, 8, 9, 10], 0),
        ("SAME", [11, 12, 13], 0),
        ("SAME", [14, 15, 16], 300),
    ]
    processes = [context().Process(target=write_some, args=(tmp_path, *job)) for job in jobs]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0, 0]
    for symbol, values in (("AAA", range(1, 6)), ("BBB", range(6, 11)), ("SAME", range(11, 17))):
        assert Store(tmp_path).read_bars(symbol).close.tolist() == np.repeat(list(values), 100).tolist()


_SYMBOLS = st.sampled_from(["AAA", "^B-B", "C=X"])
_DAYS = st.integers(0, 40)


class StoreLife(RuleBasedStateMachine):
    """Writes, replacements, actions, compaction, reopening and kills; the dict is what must be there."""

    @initialize()
    def begin(self) -> None:
        self.root = Path(tempfile.mkdtemp())
        self.store = Store(self.root)
        self.bars: dict[str, dict[int, float]] = {}
        self.actions: dict[str, dict[int, tuple[float, float]]] = {}

    @rule(symbol=_SYMBOLS, first=_DAYS, count=st.integers(1, 20), value=st.integers(1, 9))
    def write(self, symbol: str, first: int, count: int, value: int) -> None:
        bars = constant_bars(value, symbol=symbol, first=first, count=count)
        assert self.store.write_bars(bars) == count
        self.bars[symbol] = _with(self.bars.get(symbol, {}), bars)

    @rule(symbol=_SYMBOLS, days=st.lists(_DAYS, min_size=1, max_size=4, unique=True), split=st.sampled_from([0.5, 2.0]))
    def act(self, symbol: str, days: list[int], split: float) -> None:
        ex_at = START + np.sort(np.array(days)) * 86_400_000_000_000
        none, splits = np.zeros(len(days)), np.full(len(days), split)
        actions = Actions(symbol=symbol, ex_at=ex_at.view("datetime64[ns]"), dividend=none, split=splits)
        self.store.write_actions(actions)
        stored = self.actions.get(symbol, {})
        outside = {at: action for at, action in stored.items() if not ex_at[0] <= at <= ex_at[-1]}
        self.actions[symbol] = outside | {int(at): (0.0, split) for at in ex_at}

    @rule()
    def compact(self) -> None:
        self.store.compact()

    @rule()
    def reopen(self) -> None:
        self.store = Store(self.root)

    @rule(symbol=_SYMBOLS, first=_DAYS, value=st.integers(1, 9), moment=st.floats(0, 0.06))
    def kill_a_writer(self, symbol: str, first: int, value: int, moment: float) -> None:
        bars = constant_bars(value, symbol=symbol, first=first, count=10)
        fields: dict[str, Any] = dict(vars(bars))
        process = context().Process(target=write_once, args=(self.root, fields))
        process.start()
        kill_after(process, moment)
        after = _with(self.bars.get(symbol, {}), bars)
        stored = self._stored(symbol)
        assert stored in (self.bars.get(symbol, {}), after)
        if stored:
            self.bars[symbol] = stored

    @invariant()
    def what_is_read_is_what_was_written(self) -> None:
        if not hasattr(self, "bars"):
            return
        for symbol, expected in self.bars.items():
            assert self._stored(symbol) == expected
        for symbol, actions in self.actions.items():
            read = self.store.read_actions(symbol)
            paid = zip(read.dividend.tolist(), read.split.tolist(), strict=True)
            assert dict(zip(read.ex_at.view(np.int64).tolist(), paid, strict=True)) == actions
        catalogue = self.store.catalogue()
        assert dict(zip(catalogue["symbol"], catalogue["rows"], strict=True)) == {
            s: len(b) for s, b in self.bars.items()
        }

    def _stored(self, symbol: str) -> dict[int, float]:
        if symbol not in set(self.store.catalogue()["symbol"]):
            return {}
        bars = self.store.read_bars(symbol)
        return dict(zip(bars.opened_at.view(np.int64).tolist(), bars.close.tolist(), strict=True))

    def teardown(self) -> None:
        if hasattr(self, "root"):
            shutil.rmtree(self.root)


def _with(stored: dict[int, float], bars: Bars) -> dict[int, float]:
    times = bars.opened_at.view(np.int64)
    outside = {at: value for at, value in stored.items() if not times[0] <= at <= times[-1]}
    return outside | dict(zip(times.tolist(), bars.close.tolist(), strict=True))


_LIFE = settings(deadline=None, suppress_health_check=list(HealthCheck))


class TestStoreLife(StoreLife.TestCase):  # type: ignore[name-defined]
    settings = settings(_LIFE, max_examples=4, stateful_step_count=12)


@pytest.mark.slow
@pytest.mark.timeout(3600)
class TestLongStoreLife(StoreLife.TestCase):  # type: ignore[name-defined]
    settings = settings(_LIFE, max_examples=100, stateful_step_count=50)
