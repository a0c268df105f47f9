"""What the effective memories mean: a sentence and a table."""

from typing import Any

from forecast.diagnostics.effective_memory import Memory, find
from forecast.report import formatting

PATH_NAMES = {
    "state": "all it hands on",
    "h": "through h alone",
    "c": "through c alone",
    "input": "the bar’s features",
    "jacobian": "Jacobian of all it hands on",
    "jacobian_h": "Jacobian of h alone",
}


def sentence(found: list[Memory], *, window: int) -> str:
    """The whole matter in one sentence: "Your window is 30 bars: the SimpleRNN's gradient reaches 9, ..."."""
    models = list(dict.fromkeys(each.model for each in found))
    told = [_reaches(each) for model in models if (each := find(found, model))]
    joined = ", ".join(
        f"the {who}’s {'' if place else 'gradient reaches '}{size}" for place, (who, size) in enumerate(told)
    )
    return f"Your window is {formatting.plural(window, 'bar')}: {joined}."


def details(found: list[Memory], *, window: int) -> str:
    """What follows from it: how sure it is, what training has changed, and what lies out of reach."""
    told = []
    after = [each for model in dict.fromkeys(each.model for each in found) if (each := find(found, model))]
    sure = [
        f"{formatting.number(each.low, 1)} to {formatting.number(each.high, 1)} for the {formatting.label(each.model)}"
        for each in after
        if each.low is not None and each.high is not None
    ]
    if sure:
        told.append(f"The {formatting.CONFIDENCE} intervals are {' and '.join(sure)}.")
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
            f"Of what lies more than {formatting.count(longest)} bars back "
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
        if any(cell["value"] != formatting.DASH for cell in cells):
            rows.append({"name": name[:1].upper() + name[1:], "cells": cells})
    said = {"initial": "before training", "trained": "trained"}
    return {
        "columns": [f"{formatting.label(model)}, {said[stage]}" for model, stage in columns],
        "rows": rows,
        "note": "",
    }


def _reaches(memory: Memory) -> tuple[str, str]:
    size = "the whole of it" if memory.whole else formatting.count(memory.bars)
    return formatting.label(memory.model), size


def _trained(pairs: list[tuple[Memory, Memory]]) -> list[str]:
    """What training has changed, the same said once."""
    moved = [(before, after) for before, after in pairs if abs(after.bars - before.bars) >= max(0.1 * before.bars, 0.5)]
    if pairs and not moved:
        was = " and ".join(
            f"{formatting.number(before.bars, 1)} ({formatting.within(before.model)})" for before, _ in pairs
        )
        return [f"Training has hardly changed that: before it {'they were' if len(pairs) > 1 else 'it was'} {was}."]
    return [
        f"Training has {'lengthened' if after.bars > before.bars else 'shortened'} the "
        f"{formatting.label(after.model)}’s "
        f"from {formatting.number(before.bars, 1)} bars."
        for before, after in moved
    ]


def _cell(memory: Memory | None) -> dict[str, str]:
    if memory is None:
        return {"value": formatting.DASH, "spread": ""}
    value = f"{formatting.number(memory.bars, 1)} or more" if memory.whole else formatting.number(memory.bars, 1)
    spread = "" if memory.low is None or memory.high is None else (
        f"{formatting.number(memory.low, 1)} to {formatting.number(memory.high, 1)}"
    )  # fmt: skip
    return {"value": value, "spread": spread}
