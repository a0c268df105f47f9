"""Features + labels -> windows: a view on one matrix, gathered batch by batch, never laid out whole."""

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import ConfigError, TooFewBarsError
from pipelines.market.types import Floats, Times
from pipelines.preprocessing.labels import Labels

Rows = NDArray[np.int64]
_Value = TypeVar("_Value", bound=np.generic)


@dataclass(frozen=True, kw_only=True, eq=False)
class Windows:
    """Windows of `steps` bars, each ending at the bar whose close decides.

    values: float32, shape (bars, features), NaN in rows before the features begin. ends: the bar at which each window
    ends, shape (windows,), ascending; the other arrays have the same shape and the meaning that they have in Labels.
    opens: the open price of each bar, shape (bars,), for networks that learn the path of prices; None without them.
    """

    steps: int
    values: NDArray[np.float32]
    ends: Rows
    targets: Floats
    label_weights: Floats
    forward_return: Floats
    held: Rows
    decided_at: Times
    entry_at: Times
    exit_at: Times
    opens: Floats | None = None

    def __len__(self) -> int:
        return len(self.ends)

    def rows(self, chosen: NDArray[np.bool_]) -> "Windows":
        """The chosen windows on the same bars. chosen: shape (windows,)."""
        return replace(self, **{name: getattr(self, name)[chosen] for name in PER_WINDOW})


PER_WINDOW = (
    "ends", "targets", "label_weights", "forward_return", "held", "decided_at", "entry_at", "exit_at",
)  # fmt: skip
"""The arrays of Windows that have one entry a window."""


def first_end(values: NDArray[np.floating], *, steps: int) -> int:
    """The first bar at which a window of `steps` complete rows can end."""
    incomplete = np.flatnonzero(~np.isfinite(values).all(axis=1))
    warm_up = int(incomplete[-1]) + 1 if len(incomplete) else 0
    return warm_up + steps - 1


def build(features: Floats, labels: Labels, *, steps: int, opens: Floats | None = None) -> Windows:
    """All windows that are complete and have a label.

    features: shape (bars, features); rows of NaN may stand at the start only. opens: as in Windows.

    Raises:
        ConfigError: a window below 1 bar.
        TooFewBarsError: not one complete window.
    """
    if steps < 1:
        raise ConfigError(f"Expected a window of 1 bar or more, got {steps}.")
    first = first_end(features, steps=steps)
    if first >= len(labels):
        raise TooFewBarsError(
            f"Expected at least {first + 1 + len(features) - len(labels)} bars for one window of {steps}, "
            f"got {len(features)}. Fetch more history or lower --window."
        )
    values = np.ascontiguousarray(features, dtype=np.float32)
    values.flags.writeable = False
    return Windows(
        steps=steps,
        values=values,
        ends=np.arange(first, len(labels), dtype=np.int64),
        targets=labels.target[first:],
        label_weights=labels.weight[first:],
        forward_return=labels.forward_return[first:],
        held=labels.held[first:],
        decided_at=labels.decided_at[first:],
        entry_at=labels.entry_at[first:],
        exit_at=labels.exit_at[first:],
        opens=opens,
    )


def gather(values: NDArray[_Value], ends: Rows, *, steps: int) -> NDArray[_Value]:
    """The windows that end at `ends`, shape (ends, steps, features): the only place where a window is copied."""
    offsets = np.arange(1 - steps, 1, dtype=np.int64)
    return np.asarray(values[ends[:, None] + offsets])
