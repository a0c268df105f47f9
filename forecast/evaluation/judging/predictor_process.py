"""The process in which a person's predictor is asked: histories that end earlier and earlier, none longer before.

Asked bar by bar it is given the bars up to a decision and nothing else; a predictor that answers for every bar of a
history at once is asked for the whole and then, in a process of its own, for histories that end early. Run as a module:
a request on stdin, JSON objects line by line on stdout.
"""

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from pipelines import user_code
from pipelines.errors import ConfigError
from pipelines.preprocessing.access_log import PAST_THE_HOOK, AccessLog, ReadCounter, mapped_files
from pipelines.preprocessing.isolated_process import Effort, GrowingColumns, Part, Send, question

WHAT = "Predictor"
_SLOW = "Let one call take seconds, not minutes, or ask it of fewer bars: --start."


def main() -> None:
    """Answers what stdin asks for; the predictor's own output goes to stderr."""
    request, more, send = question()
    predictor = _Predictor(request["name"], seconds=request["seconds"])
    try:
        _answer(more, send, predictor, rows=request["rows"], vectorised=request["vectorised"], limit=request["limit"])
        send(access=list(predictor.log.entries))
    except ConfigError as error:
        send(error=str(error))


class _Predictor:
    """The predictor, with a log of what it opens while it is asked."""

    def __init__(self, name: str, *, seconds: float) -> None:
        self.name, self.log = name, AccessLog()
        self._seconds, self._counter, self._calls = seconds, ReadCounter(), 0

    def __call__(self, history: pd.DataFrame) -> Any:
        """Its answer. The first call may read its modules; what a later one reads without an import is data."""
        named, modules, mapped = (
            len(self.log.entries) + self.log.of_the_system,
            len(sys.modules),
            mapped_files() if self._calls < 2 else None,
        )
        reads = self._counter.count()
        self.log.active = True
        try:
            answer = user_code.call(self.name, history, what=WHAT, seconds=self._seconds, hint=_SLOW)
        finally:
            self.log.active = False
        unnamed = self._counter.since(reads) > 0 and len(self.log.entries) + self.log.of_the_system == named
        if self._calls and unnamed and len(sys.modules) == modules:
            self.log.add(PAST_THE_HOOK)
        if mapped is not None:
            self.log.add_mapped(mapped)
        self._calls += 1
        return answer


def _answer(
    more: Callable[[], Part],
    send: Send,
    predictor: _Predictor,
    *,
    rows: int,
    vectorised: bool,
    limit: float,
) -> None:
    """One line with the answers. vectorised: whether a predictor of whole histories may be asked once, for all rows."""
    began, values, columns = time.monotonic(), [], GrowingColumns()
    for number in range(rows):
        columns.append(more()[1])
        past = _frame(columns)
        length = len(past)  # the predictor may change what it is given
        answer = predictor(past)
        if vectorised and not number and length > 1 and np.shape(answer) == (length,):
            answers, seconds = _all_at_once(more, columns, predictor, rows=rows)
            send(vectorised=True, values=answers, seconds=seconds)
            return
        values.append(_last(predictor.name, answer, length=length))
        elapsed = time.monotonic() - began
        if number >= 2 and elapsed / (number + 1) * rows > limit:
            raise ConfigError(
                f"{WHAT} {predictor.name}: expected answers for {rows:,} bars within {limit / 60:g} minutes, got "
                f"{number + 1} in {elapsed:.1f} s. Let it answer for all bars of a history at once, or ask it of fewer "
                "bars: --start."
            )
    send(vectorised=False, values=values)


def _all_at_once(
    more: Callable[[], Part], columns: GrowingColumns, predictor: _Predictor, *, rows: int
) -> tuple[list[float], float]:
    """The answers, and the seconds of work that the call took."""
    ends = [columns.length - 1]
    for _ in range(rows - 1):
        columns.append(more()[1])
        ends.append(columns.length - 1)
    columns.append(more()[1])
    effort = Effort()
    answer = predictor(_frame(columns))
    seconds = effort.seconds()
    return [float(value) for value in _numbers(predictor.name, answer, shape=(columns.length,))[ends]], seconds


def _frame(columns: GrowingColumns) -> pd.DataFrame:
    arrays = columns.copies()
    closed = pd.DatetimeIndex(arrays.pop("closed_at"), name="closed_at")
    return pd.DataFrame(arrays, index=closed.tz_localize("UTC"))


def _last(name: str, answer: Any, *, length: int) -> float:
    """The one number for the newest bar."""
    values = np.asarray(answer)
    if values.shape == (length,) and length > 1:
        return float(_numbers(name, answer, shape=(length,))[-1])
    if values.size != 1:
        raise ConfigError(
            f"{WHAT} {name}: expected one number for the next bar, or one a bar of the {length} given, got shape "
            f"{values.shape}. Return a float."
        )
    try:
        return float(values.item())
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{WHAT} {name}: expected a number, got {answer!r:.40}. Return a float.") from error


def _numbers(name: str, answer: Any, *, shape: tuple[int]) -> "np.ndarray[Any, np.dtype[np.float64]]":
    try:
        values = np.asarray(answer, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{WHAT} {name}: expected numbers, got {type(answer).__name__}. Return a float.") from error
    if values.shape != shape:
        raise ConfigError(f"{WHAT} {name}: expected shape {shape}, got {values.shape}. Return one number a bar.")
    return values


if __name__ == "__main__":
    main()
