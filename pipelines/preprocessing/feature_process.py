"""The process in which a person's features are computed on one history after another, the shortest first.

It has seen no longer history, so nothing in it (a module, a library, a cache) can remember one.
Run as `python -m pipelines.preprocessing.feature_process`: bars and cuts on stdin, JSON objects line by line on stdout.
"""

import base64
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from pipelines.errors import ConfigError
from pipelines.market.types import Bars
from pipelines.preprocessing import custom_features
from pipelines.preprocessing.isolated_process import AccessLog, Effort, mapped_files, no_more_files, question

BUDGET = 20.0  # seconds of work for the cuts of one feature; a slow one is computed at fewer of them


class _ReadCounter:
    """Read calls of this process (Linux): libraries that are not written in Python open files past the audit hook."""

    def __init__(self) -> None:
        try:
            self._file: int | None = os.open("/proc/self/io", os.O_RDONLY)
        except OSError:
            self._file = None

    def count(self) -> int:
        if self._file is None:
            return 0
        lines = os.pread(self._file, 1000, 0).decode().split("\n")
        return next((int(line.split()[1]) for line in lines if line.startswith("syscr")), 0)

    def since(self, before: int) -> int:
        """Read calls since then, less the one that this count takes itself."""
        return 0 if self._file is None else self.count() - before - 1


def main() -> None:
    """Computes what stdin asks for; the features' own output goes to stderr."""
    request, arrays, send = question()
    bars = Bars(**request["bars"], **{name: arrays[name] for name in request["columns"]})
    cuts = {name: arrays[f"cuts {number}"] for number, name in enumerate(request["features"])}
    log, counter = AccessLog(), _ReadCounter()
    for name in request["features"]:
        send(feature=name, begins=True)
        log.entries.clear()
        try:
            _recompute(name, bars, cuts[name], log=log, counter=counter, send=send)
        except ConfigError as error:
            send(feature=name, error=str(error))
        finally:
            log.active = False
        send(feature=name, access=list(log.entries))


def _recompute(
    name: str,
    bars: Bars,
    cuts: np.ndarray[Any, Any],
    *,
    log: AccessLog,
    counter: _ReadCounter,
    send: Callable[..., None],
) -> None:
    """The feature's last value on the history up to each cut, shortest first, and all values of the whole history."""
    shortest, mapped = _history(bars, int(cuts[0])), mapped_files()
    log.active = True
    for copy in range(2):  # the first imports what it needs; what the second reads is data
        custom_features.forget([name])
        names, before = len(log.entries), counter.count()
        _attempt(name, shortest)
        if copy and counter.since(before) > _MODULE_READS and len(log.entries) == names:
            log.add("reads a file past Python's audit hook")
    effort, stride = Effort(), 1
    values: list[float | str] = []
    rows: list[int] = []
    again: np.ndarray[Any, Any] | None = None
    for place, cut in enumerate(cuts):
        if place % stride and cut != cuts[-1]:
            continue
        history = _history(bars, int(cut))
        of_this, names, before = Effort(), len(log.entries), counter.count()
        answer = _attempt(name, history)
        if counter.since(before) > 0 and len(log.entries) == names and place > 3:
            log.add("reads a file past Python's audit hook")
        rows.append(int(cut))
        values.append(answer if isinstance(answer, str) else float(answer[-1]))
        if isinstance(answer, np.ndarray) and again is None and 2 * place >= len(cuts):
            again = answer
            repeated = _attempt(name, history)
            if isinstance(repeated, str) or not np.allclose(answer, repeated, rtol=1e-9, atol=0.0, equal_nan=True):
                send(feature=name, unrepeatable=True)
            elif len(log.entries) == names:
                with no_more_files():
                    without = _attempt(name, history)
                if isinstance(without, str) or not np.array_equal(repeated, without, equal_nan=True):
                    log.add("opens a file past Python's audit hook")
        spent, left = effort.seconds(), 2.0 * of_this.seconds() * (len(cuts) - place - 1)
        while stride < len(cuts) and left / stride > max(BUDGET - spent, 1e-3):
            stride *= 2
    log.add_mapped(mapped)
    try:
        full = custom_features.evaluate(name, bars)
    except ConfigError as error:
        raise ConfigError(f"{error} It was computed on shorter histories before: keep nothing of them.") from error
    encoded = base64.b64encode(full.astype(np.float64).tobytes()).decode()
    send(feature=name, rows=rows, values=values, whole=encoded, precision=float(np.finfo(full.dtype).eps))


def _history(bars: Bars, last: int) -> Bars:
    """The bars up to the last one, in arrays of their own: a slice would lead a feature to the whole (array.base)."""
    return bars.rows(np.arange(last + 1))


_MODULE_READS = 8  # reading a module's own source takes up to so many calls


def _attempt(name: str, history: Bars) -> np.ndarray[Any, Any] | str:
    """The feature's values, or why there are none."""
    try:
        return custom_features.evaluate(name, history)
    except ConfigError as error:
        return str(error)


if __name__ == "__main__":
    main()
