"""Tables of an inspection -> effective memories with intervals, and the sentence that says what they mean."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from forecast.report import formatting as words
from pipelines.market.types import Floats

PATH_NAMES = {
    "state": "all it hands on",
    "h": "through h alone",
    "c": "through c alone",
    "input": "the bar’s features",
    "jacobian": "Jacobian of all it hands on",
    "jacobian_h": "Jacobian of h alone",
}
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
    found = []
    for (model, stage, path), rows in table.groupby(["model", "stage", "path"], sort=False):
        grid = rows.pivot(index="fold", columns="seed", values="bars").to_numpy(np.float64)
        interval = median_interval(grid, rng=rng)
        found.append(
            Memory(
                model=str(model), stage=str(stage), path=str(path), bars=float(np.median(grid)),
                low=interval and interval[0], high=interval and interval[1], whole=bool(rows["whole"].mean() > 0.5),
            )
        )  # fmt: skip
    return found


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
    drawn = np.median(grid[rows, columns].reshape(_RESAMPLES, -1), axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def find(found: list[Memory], model: str, *, stage: str = "trained", path: str = "state") -> Memory | None:
    """The one of that model, stage and path."""
    return next((each for each in found if (each.model, each.stage, each.path) == (model, stage, path)), None)


def sentence(found: list[Memory], *, window: int) -> str:
    """The whole matter in one sentence: "Your window is 30 bars: the SimpleRNN's gradient reaches 9, ..."."""
    models = list(dict.fromkeys(each.model for each in found))
    told = [_reaches(each) for model in models if (each := find(found, model))]
    joined = ", ".join(
        f"the {who}’s {'' if place else 'gradient reaches '}{size}" for place, (who, size) in enumerate(told)
    )
    return f"Your window is {words.plural(window, 'bar')}: {joined}."


def details(found: list[Memory], *, window: int) -> str:
    """What follows from it: how sure it is, what training has changed, and what lies out of reach."""
    told = []
    after = [each for model in dict.fromkeys(each.model for each in found) if (each := find(found, model))]
    sure = [
        f"{words.number(each.low, 1)} to {words.number(each.high, 1)} for the {words.label(each.model)}"
        for each in after
        if each.low is not None and each.high is not None
    ]
    if sure:
        told.append(f"The 95 % intervals are {' and '.join(sure)}.")
    told += _trained(
        [
            (before, each)
            for each in after
            if (before := find(found, each.model, stage="initial")) and not (before.whole and each.whole)
        ]
    )
    longest = max((each.bars for each in after), default=0.0)
    if after and not any(each.whole for each in after) and longest < 0.9 * window:
        told.append(
            f"Of what lies more than {words.count(longest)} bars back "
            f"{'neither network' if len(after) == 2 else 'the network'} can have learnt much."
        )
    return " ".join(told)


def table(found: list[Memory]) -> dict[str, Any]:
    """Rows of paths, columns of model and stage, for the page."""
    models = list(dict.fromkeys(each.model for each in found))
    columns = [(model, stage) for model in models for stage in ("initial", "trained")]
    rows = []
    for path, name in PATH_NAMES.items():
        cells = [_cell(find(found, model, stage=stage, path=path)) for model, stage in columns]
        if any(cell["value"] != words.DASH for cell in cells):
            rows.append({"name": name[:1].upper() + name[1:], "cells": cells})
    said = {"initial": "before training", "trained": "trained"}
    return {"columns": [f"{words.label(model)}, {said[stage]}" for model, stage in columns], "rows": rows, "note": ""}


def _reaches(memory: Memory) -> tuple[str, str]:
    size = "the whole of it" if memory.whole else words.count(memory.bars)
    return words.label(memory.model), size


def _trained(pairs: list[tuple[Memory, Memory]]) -> list[str]:
    """What training has changed, the same said once."""
    moved = [(before, after) for before, after in pairs if abs(after.bars - before.bars) >= max(0.1 * before.bars, 0.5)]
    if pairs and not moved:
        was = " and ".join(words.number(before.bars, 1) for before, _ in pairs)
        return [f"Training has hardly changed that: before it {'they were' if len(pairs) > 1 else 'that was'} {was}."]
    return [
        f"Training has {'lengthened' if after.bars > before.bars else 'shortened'} the {words.label(after.model)}’s "
        f"from {words.number(before.bars, 1)} bars."
        for before, after in moved
    ]


def _cell(memory: Memory | None) -> dict[str, str]:
    if memory is None:
        return {"value": words.DASH, "spread": ""}
    value = f"{words.number(memory.bars, 1)} or more" if memory.whole else words.number(memory.bars, 1)
    spread = "" if memory.low is None or memory.high is None else (
        f"{words.number(memory.low, 1)} to {words.number(memory.high, 1)}"
    )  # fmt: skip
    return {"value": value, "spread": spread}
