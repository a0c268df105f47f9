"""A person's own feature: a function Bars -> (bars,) named `module:function` (pipelines.user_code loads it).

What it returns goes through the look-ahead audit like everything else.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from pipelines import user_code
from pipelines.errors import ConfigError
from pipelines.market.types import Bars, Floats
from pipelines.user_code import LONGEST_CALL as LONGEST_CALL
from pipelines.user_code import check_sources as check_sources
from pipelines.user_code import files as files
from pipelines.user_code import import_anew as import_anew
from pipelines.user_code import is_user_code as is_user_feature
from pipelines.user_code import sources as sources

__all__ = [
    "LONGEST_CALL", "check_sources", "compute", "evaluate", "files", "import_anew", "is_user_feature", "one_per_bar",
    "sources",
]  # fmt: skip


def compute(name: str, bars: Bars) -> Floats:
    """The feature's values, float64, shape (bars,): NaN in the first rows at most.

    Raises:
        ConfigError: it cannot be imported, fails, takes too long, or returns something else.
    """
    values = evaluate(name, bars).astype(np.float64)
    present = ~np.isnan(values)
    if not present.any():
        raise ConfigError(f"Feature {name}: expected numbers after the warm-up, got NaN at all {len(bars)} bars.")
    invalid = np.flatnonzero(np.isinf(values) | (~present & (np.arange(len(bars)) > np.argmax(present))))
    if len(invalid):
        day = np.datetime_as_string(bars.closed_at[invalid[0]], unit="s")
        raise ConfigError(
            f"Feature {name}: expected a finite number at every bar after the warm-up, got {values[invalid[0]]} at bar "
            f"{invalid[0]} ({day}) and {len(invalid) - 1} others. Return a number there, such as 0."
        )
    return values


def evaluate(name: str, bars: Bars) -> np.ndarray[tuple[int], np.dtype[np.floating]]:
    """What the feature returns for these bars: one number a bar of the precision that it came in, NaN wherever.

    Raises:
        ConfigError: it cannot be imported, fails, takes too long, or does not return one number a bar.
    """
    values: np.ndarray[tuple[int], np.dtype[np.floating]] = user_code.run(
        _evaluate, name, bars, LONGEST_CALL, name=name, what="Feature", seconds=LONGEST_CALL
    )
    return values


def _evaluate(name: str, bars: Bars, seconds: float) -> np.ndarray[tuple[int], np.dtype[np.floating]]:
    slow = f"Compute it on whole columns (numpy, pandas), or use fewer than these {len(bars):,} bars: --start."
    # arrays that came from another process can be written to, those of new bars cannot
    result = user_code.call(name, replace(bars), what="Feature", seconds=seconds, hint=slow)
    return one_per_bar(result, bars, what=f"Feature {name}: expected numbers")


def one_per_bar(answer: Any, bars: Bars, *, what: str) -> np.ndarray[tuple[int], np.dtype[np.floating]]:
    """What was returned as one number per bar, of the precision that it came in. what: how the message begins.

    Raises:
        ConfigError: it is something else.
    """
    try:
        values = np.asarray(answer)
        if values.dtype.kind != "f":
            values = values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{what} as an array, got {type(answer).__name__}. Return one per bar.") from error
    if values.shape != (len(bars),):
        raise ConfigError(
            f"{what} of shape ({len(bars)},), one per bar, got shape {values.shape}. Return NaN where the bars that "
            "it needs are not there yet."
        )
    return values
