"""A person's own label: a function Bars -> (values, held) named `module:function` (pipelines.user_code loads it).

values: one number a bar; above 0 is a rise. held: bars from the entry, the open of bar t + 1, to the open at which
values[t] is known; one number for all bars, or one a bar. The look-ahead audit makes it again on what was known then.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pipelines import user_code
from pipelines.errors import ConfigError
from pipelines.market.types import Bars, Floats
from pipelines.preprocessing.custom_features import one_per_bar
from pipelines.user_code import is_user_code as is_user_label

__all__ = ["compute", "is_user_label"]


def compute(name: str, bars: Bars, *, horizon: int) -> tuple[Floats, NDArray[np.int64]]:
    """What is learned and when it is known, of all bars but the last horizon + 1, which need not have any.

    Returns:
        The values, float64, and the bars from entry to exit, int64, each of shape (bars - horizon - 1,).

    Raises:
        ConfigError: it cannot be imported, fails, takes too long, or returns something else.
    """
    seconds = user_code.LONGEST_CALL
    values, bars_held = user_code.run(_compute, name, bars, horizon, name=name, what="Label", seconds=seconds)
    return values, bars_held


def _compute(name: str, bars: Bars, horizon: int) -> tuple[Floats, NDArray[np.int64]]:
    slow = f"Compute it on whole columns (numpy, pandas), or use fewer than these {len(bars):,} bars: --start."
    answer = user_code.call(name, replace(bars), what="Label", hint=slow)  # new bars: their arrays cannot be changed
    if not isinstance(answer, tuple | list) or len(answer) != 2:
        raise ConfigError(
            f"Label {name}: expected a pair of values and bars held, got {type(answer).__name__}. Return values, "
            f"{horizon} where all of them are known {horizon} bars after the entry."
        )
    per_bar = (answer[0], np.full(len(bars), answer[1]) if np.isscalar(answer[1]) else answer[1])
    values, durations = (
        one_per_bar(column, bars, what=f"Label {name}: expected {noun}").astype(np.float64)
        for noun, column in zip(("values", "bars held"), per_bar, strict=True)
    )
    rows = len(bars) - 1 - horizon
    values, durations = values[:rows], durations[:rows]
    _refuse(
        name, bars, ~(durations >= 1) | (durations != np.floor(durations)), durations,
        expected="whole numbers of bars held, 1 or more: an exit after the entry",
        hint="Count from the open of the bar after the decision.",
    )  # fmt: skip
    _refuse(
        name, bars, durations > horizon, durations, expected=f"at most --horizon {horizon} bars held",
        hint=f"Give --horizon {np.max(durations, initial=1.0):g}.",
    )  # fmt: skip
    _refuse(
        name, bars, ~np.isfinite(values), values, expected=f"a finite value at all bars but the last {horizon + 1}",
        hint="Return a number there, above 0 for a rise, or give the --horizon after which it is known.",
    )  # fmt: skip
    return values, durations.astype(np.int64)


def _refuse(name: str, bars: Bars, invalid: NDArray[np.bool_], column: Floats, *, expected: str, hint: str) -> None:
    if not invalid.any():
        return
    rows = np.flatnonzero(invalid)
    day = np.datetime_as_string(bars.closed_at[rows[0]], unit="s")
    raise ConfigError(
        f"Label {name}: expected {expected}, got {column[rows[0]]:g} at bar {rows[0]} ({day}) and {len(rows) - 1} "
        f"others. {hint}"
    )
