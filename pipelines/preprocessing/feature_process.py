"""The process in which a person's features are computed on one history after another, the shortest first.

It is sent the bars as far as the next history reaches and asks for more when all features have been computed on that:
nothing in it (a module, a library, a cache, a frame) can hold a later bar. Run as
`python -m pipelines.preprocessing.feature_process`: bars on stdin, JSON objects line by line on stdout.
"""

import base64
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from pipelines.errors import ConfigError
from pipelines.market.types import Bars
from pipelines.preprocessing import custom_features
from pipelines.preprocessing.access_log import PAST_THE_HOOK, AccessLog, ReadCounter, mapped_files, no_more_files
from pipelines.preprocessing.isolated_process import Effort, GrowingColumns, question

BUDGET = 20.0  # seconds of work for the cuts of one feature; a slow one is computed at fewer of them
_MODULE_READS = 8  # reading a module's own source takes up to so many calls


class _Feature:
    """One feature: its last value on the history up to each cut, and what was opened for it."""

    def __init__(self, name: str, *, cuts: int, log: AccessLog, counter: ReadCounter) -> None:
        self.name, self.cuts, self.entries = name, cuts, dict[str, None]()
        self.rows: list[int] = []
        self.values: list[float | str] = []
        self.repeatable = True
        self._log, self._counter = log, counter
        self._place, self._stride, self._spent, self._repeated = 0, 1, 0.0, False

    def first(self, history: Bars) -> None:
        """Imports it. What the first call opens belongs to the import, what the second one reads is data."""
        for copy in range(2):
            custom_features.import_anew([self.name])
            reads = self._watched(lambda: _attempt(self.name, history), mapped=True)[1]
            if copy and reads > _MODULE_READS:
                self.entries[PAST_THE_HOOK] = None

    def cut(self, history: Bars) -> None:
        """Its last value on this history; a slow feature passes over some, but not the last one."""
        place, self._place = self._place, self._place + 1
        if place % self._stride and self._place < self.cuts:
            return
        effort = Effort()
        modules = len(sys.modules)
        answer, reads = self._watched(lambda: _attempt(self.name, history))
        once = effort.seconds()
        if reads > 0 and len(sys.modules) > modules:  # what an import reads is code: only now are its own reads seen
            answer, reads = self._watched(lambda: _attempt(self.name, history))
        if reads > 0 and place > 3:
            self.entries[PAST_THE_HOOK] = None
        self.rows.append(len(history) - 1)
        self.values.append(answer if isinstance(answer, str) else float(answer[-1]))
        if isinstance(answer, np.ndarray) and not self._repeated and 2 * place >= self.cuts:
            self._repeated = True
            self._repeat(history, answer)
        self._spent += effort.seconds()
        left = 2.0 * once * (self.cuts - self._place)
        while self._stride < self.cuts and left / self._stride > max(BUDGET - self._spent, 1e-3):
            self._stride *= 2

    def full_history(self, bars: Bars) -> dict[str, Any]:
        """All its values on the whole history, with those of the cuts: a message.

        Raises:
            ConfigError: it cannot be computed there.
        """
        try:
            values, _ = self._watched(lambda: custom_features.evaluate(self.name, bars), mapped=True)
        except ConfigError as error:
            raise ConfigError(f"{error} It was computed on shorter histories before: keep nothing of them.") from error
        encoded = base64.b64encode(values.astype(np.float64).tobytes()).decode()
        return {
            "rows": self.rows, "values": self.values, "whole": encoded, "repeatable": self.repeatable,
            "precision": float(np.finfo(values.dtype).eps),
        }  # fmt: skip

    def _repeat(self, history: Bars, answer: "np.ndarray[Any, Any]") -> None:
        """The same history again, and once more where nothing can be opened."""
        opened = self._opened()
        repeated, _ = self._watched(lambda: _attempt(self.name, history))
        if isinstance(repeated, str) or not np.allclose(answer, repeated, rtol=1e-9, atol=0.0, equal_nan=True):
            self.repeatable = False
        elif self._opened() == opened:
            with no_more_files():
                without, _ = self._watched(lambda: _attempt(self.name, history))
            if isinstance(without, str) or not np.array_equal(repeated, without, equal_nan=True):
                self.entries["opens a file past Python's audit hook"] = None

    def _opened(self) -> int:
        """How many openings the log knows of."""
        return len(self.entries) + self._log.of_the_system

    def _watched(self, call: Callable[[], Any], *, mapped: bool = False) -> tuple[Any, int]:
        """What a call returns, and read calls that the log has no name for. mapped: look for mapped files too."""
        before, opened = mapped_files() if mapped else frozenset(), self._opened()
        reads = self._counter.count()
        self._log.entries, self._log.active = self.entries, True
        try:
            answer = call()
            reads = self._counter.since(reads) if self._opened() == opened else 0
            if mapped:
                self._log.add_mapped(before)
        finally:
            self._log.active = False
        return answer, reads


def main() -> None:
    """Computes what stdin asks for; the features' own output goes to stderr."""
    request, more, send = question()
    log, counter = AccessLog(), ReadCounter()
    features = {name: _Feature(name, cuts=cuts, log=log, counter=counter) for name, cuts in request["features"].items()}
    columns, failed = GrowingColumns(), set[str]()

    def compute(names: list[str], work: Callable[[_Feature], None]) -> None:
        for name in names:
            if name in failed:
                continue
            send(feature=name, begins=True)
            try:
                work(features[name])
            except ConfigError as error:
                failed.add(name)
                send(feature=name, error=str(error))

    def bars() -> Bars:
        return Bars(**request["bars"], **columns.copies())

    values, arrays = more()
    columns.append(arrays)
    compute(list(features), lambda feature: feature.first(bars()))
    while values:
        compute(values["features"], lambda feature: feature.cut(bars()))
        values, arrays = more()
        columns.append(arrays)
    compute(list(features), lambda feature: send(feature=feature.name, **feature.full_history(bars())))
    for feature in features.values():
        send(feature=feature.name, access=list(feature.entries))


def _attempt(name: str, history: Bars) -> np.ndarray[Any, Any] | str:
    """The feature's values, or why there are none."""
    try:
        return custom_features.evaluate(name, history)
    except ConfigError as error:
        return str(error)


if __name__ == "__main__":
    main()
