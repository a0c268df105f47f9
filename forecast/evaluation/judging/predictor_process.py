"""The process in which a person's predictor is asked: histories that end earlier and earlier, none longer before.

Asked bar by bar it is given the bars up to a decision and nothing else; a predictor that answers for every bar of a
history at once is asked for the whole and then, in a process of its own, for histories that end early. Run as a module:
a request on stdin, JSON objects line by line on stdout.
"""

import time
from typing import Any

import numpy as np
import pandas as pd

from pipelines import user_code
from pipelines.errors import ConfigError
from pipelines.preprocessing.isolated_process import AccessLog, Send, question

WHAT = "Predictor"
_SLOW = "Let one call take seconds, not minutes, or ask it of fewer bars: --start."


def main() -> None:
    """Answers what stdin asks for; the predictor's own output goes to stderr."""
    request, arrays, send = question()
    columns, closed = {name: arrays[name] for name in request["columns"]}, arrays["closed_at"]
    history = pd.DataFrame(columns, index=pd.DatetimeIndex(closed, name="closed_at").tz_localize("UTC"))
    log = AccessLog()
    try:
        log.active = True
        options = {key: request[key] for key in ("name", "vectorised", "limit", "seconds")}
        _answer(history, arrays["rows"], send=send, **options)
        log.active = False
        send(access=list(log.entries))
    except ConfigError as error:
        log.active = False
        send(error=str(error))


def _answer(
    history: pd.DataFrame,
    rows: "np.ndarray[Any, Any]",
    *,
    name: str,
    vectorised: bool,
    limit: float,
    seconds: float,
    send: Send,
) -> None:
    """One line with the answers. vectorised: whether a predictor of whole histories may be asked once, for all rows."""
    began, values = time.monotonic(), []
    for number, row in enumerate(rows):
        past = history.iloc[: int(row) + 1].copy()
        answer = user_code.call(name, past, what=WHAT, seconds=seconds, hint=_SLOW)
        if vectorised and not number and len(past) > 1 and np.shape(answer) == (len(past),):
            everything = user_code.call(name, history.copy(), what=WHAT, seconds=seconds, hint=_SLOW)
            send(vectorised=True, values=_numbers(name, everything, shape=(len(history),))[rows].tolist())
            return
        values.append(_last(name, answer, length=int(row) + 1))
        elapsed = time.monotonic() - began
        if number >= 2 and elapsed / (number + 1) * len(rows) > limit:
            raise ConfigError(
                f"{WHAT} {name}: expected answers for {len(rows):,} bars within {limit / 60:g} minutes, got "
                f"{number + 1} in {elapsed:.1f} s. Let it answer for all bars of a history at once, or ask it of fewer "
                "bars: --start."
            )
    send(vectorised=False, values=values)


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
