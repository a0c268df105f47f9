"""A panel's predictions as arrays: one row a decision of a symbol, in the order of real time."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.trading.signals import ENSEMBLE
from pipelines.errors import RunError
from pipelines.market.times import utc
from pipelines.market.types import Floats, Times
from pipelines.preprocessing.windows import Rows

Member = tuple[str, str]


@dataclass(frozen=True, kw_only=True, eq=False)
class PanelRows:
    """Decisions of all symbols, by time and then by symbol; every array has shape (rows,).

    probability: of each (model, member), the mean over seeds as ensemble. symbol: whose each row is, moment: the number
    of its time of decision, from 0 on.
    """

    probability: Mapping[Member, Floats]
    symbol: NDArray[np.object_]
    fold: Rows
    moment: Rows
    decided_at: Times
    entry_at: Times
    exit_at: Times
    target: Floats
    forward_return: Floats

    def __len__(self) -> int:
        return len(self.symbol)

    def rows(self, chosen: NDArray[np.bool_] | Rows) -> "PanelRows":
        """The chosen rows, in their order."""
        names = ("symbol", "fold", "decided_at", "entry_at", "exit_at", "target", "forward_return")
        columns = {name: getattr(self, name)[chosen] for name in names}
        return replace(
            self,
            probability={name: probability[chosen] for name, probability in self.probability.items()},
            moment=np.unique(self.moment[chosen], return_inverse=True)[1],
            **columns,
        )

    def ensembles(self, models: Iterable[str]) -> "PanelRows":
        """The same rows with these models' means over seeds alone."""
        return replace(self, probability={(model, ENSEMBLE): self.probability[model, ENSEMBLE] for model in models})


def panel_rows(predictions: pd.DataFrame) -> PanelRows:
    """A panel's predictions (or its validation rows of one fold) as arrays.

    Raises:
        RunError: members that did not decide the same, or a symbol that decides twice at a time.
    """
    model, models = pd.factorize(predictions["model"], sort=True)
    symbol, symbols = pd.factorize(predictions["symbol"], sort=True)
    seed = predictions["seed"].to_numpy(np.int64)
    decided = utc(predictions["decided_at"])
    group = model.astype(np.int64) * (int(seed.max(initial=0)) + 1) + seed
    order = np.lexsort((symbol, decided, group))
    groups, starts = np.unique(group[order], return_index=True)
    count = len(order) // max(1, len(groups))
    if not count or not np.array_equal(starts, np.arange(len(groups)) * count):
        raise _apart()
    first = order[:count]
    probability = predictions["probability"].to_numpy(np.float64)
    rows: dict[Member, Floats] = {}
    of_model: dict[str, list[Floats]] = {}
    for place, start in enumerate(starts.tolist()):
        member_rows = order[start : start + count]
        if place and not (
            np.array_equal(decided[member_rows], decided[first]) and np.array_equal(symbol[member_rows], symbol[first])
        ):
            raise _apart()
        name = str(models[model[member_rows[0]]])
        rows[name, str(seed[member_rows[0]])] = probability[member_rows]
        of_model.setdefault(name, []).append(probability[member_rows])
    for name, members in of_model.items():
        rows[name, ENSEMBLE] = np.mean(members, axis=0)
    later = np.diff(decided[first]) > np.timedelta64(0, "ns")  # they are in order of time, then of symbol
    if np.any(~later & (np.diff(symbol[first]) == 0)):
        raise RunError("Expected one decision of a symbol at a time, got two. Train the run again: --overwrite.")
    return PanelRows(
        probability={name: rows[name] for name in sorted(rows)},
        symbol=np.asarray(symbols, dtype=object)[symbol[first]],
        fold=predictions["fold"].to_numpy(np.int64)[first],
        moment=np.append(0, np.cumsum(later)),
        decided_at=decided[first],
        entry_at=utc(predictions["entry_at"])[first],
        exit_at=utc(predictions["exit_at"])[first],
        target=predictions["target"].to_numpy(np.float64)[first],
        forward_return=predictions["forward_return"].to_numpy(np.float64)[first],
    )


def _apart() -> RunError:
    return RunError("The members of the panel did not decide at the same times. Train the run again: --overwrite.")
