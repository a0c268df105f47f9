"""Effective memory of each network: how many bars back its gradient reaches, with an interval."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from forecast.config.significance import SIGNIFICANCE
from pipelines.market.types import Floats

_RESAMPLES = 2_000


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Effective memory in bars: the median over members, and a 95 % interval for it (None with a single member).

    whole: in most members the gradient had not faded where the window ended: the true figure is this or more.
    """

    model: str
    stage: str
    path: str
    bars: float
    low: float | None
    high: float | None
    whole: bool


def memories(table: pd.DataFrame, *, rng: np.random.Generator) -> list[Memory]:
    """One a model, stage and path of the table `memory`."""
    results = []
    for (model, stage, path), rows in table.groupby(["model", "stage", "path"], sort=False):
        grid = rows.pivot(index="fold", columns="seed", values="bars").to_numpy(np.float64)
        interval = median_interval(grid, rng=rng)
        results.append(
            Memory(
                model=str(model), stage=str(stage), path=str(path), bars=float(np.median(grid)),
                low=interval and interval[0], high=interval and interval[1], whole=bool(rows["whole"].mean() > 0.5),
            )
        )  # fmt: skip
    return results


def median_interval(grid: Floats, *, rng: np.random.Generator) -> tuple[float, float] | None:
    """95 % percentile-bootstrap interval of the median; grid: (folds, seeds).

    Folds are drawn with replacement, then seeds within each: members of a fold have learnt from the same rows
    (Davison & Hinkley 1997, section 3.8). None for a single member.
    """
    folds, seeds = grid.shape
    if grid.size < 2:
        return None
    rows = rng.integers(0, folds, (_RESAMPLES, folds, 1))
    columns = rng.integers(0, seeds, (_RESAMPLES, folds, seeds))
    medians = np.median(grid[rows, columns].reshape(_RESAMPLES, -1), axis=1)
    low, high = np.quantile(medians, [(1 - SIGNIFICANCE.level) / 2, (1 + SIGNIFICANCE.level) / 2])
    return float(low), float(high)


def headline(memories: list[Memory], model: str) -> Memory:
    """Of a trained network's state, or of the bar's features where it hands on none."""
    memory = find(memories, model) or find(memories, model, path="input")
    if memory is None:
        raise KeyError(model)
    return memory


def find(memories: list[Memory], model: str, *, stage: str = "trained", path: str = "state") -> Memory | None:
    """The one of that model, stage and path."""
    return next(
        (memory for memory in memories if (memory.model, memory.stage, memory.path) == (model, stage, path)), None
    )
