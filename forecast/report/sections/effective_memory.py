"""What the effective memories mean: a sentence and a table."""

from typing import Any

from forecast.diagnostics.effective_memory import Memory, find, headline
from forecast.report import formatting
from forecast.report.sections.verdict import joined

PATH_NAMES = {
    "state": "all it hands on",
    "h": "through h alone",
    "c": "through c alone",
    "input": "the bar’s features",
    "jacobian": "Jacobian of all it hands on",
    "jacobian_h": "Jacobian of h alone",
}


_ONE_BAR = 0.05
"""Bars below which a gradient is gone before the bar before the decision."""


def sentence(memories: list[Memory], *, window: int) -> str:
    """The whole matter in one sentence: "Your window is 30 bars: the SimpleRNN's gradient reaches 9, ..."."""
    models = list(dict.fromkeys(memory.model for memory in memories))
    of_size: dict[str, list[str]] = {}
    for network, size in (_reaches(headline(memories, model)) for model in models):
        of_size.setdefault(size, []).append(f"the {network}’s")
    reaches = ", ".join(
        f"{joined(networks)} {'' if place else 'gradient reaches '}{size}"
        for place, (size, networks) in enumerate(of_size.items())
    )
    return f"Your window is {formatting.plural(window, 'bar')}: {reaches}."


def details(memories: list[Memory], *, window: int) -> str:
    """What follows from it: how sure it is, what training has changed, and what lies out of reach."""
    sentences = []
    after = [headline(memories, model) for model in dict.fromkeys(memory.model for memory in memories)]
    sure = [f"{span} for the {formatting.label(memory.model)}" for memory in after if (span := _interval(memory))]
    if sure:
        verb = "interval is" if len(sure) == 1 else "intervals are"
        sentences.append(f"The {formatting.CONFIDENCE} {verb} {' and '.join(sure)}.")
    sentences += _trained(
        [
            (before, memory)
            for memory in after
            if (before := find(memories, memory.model, stage="initial", path=memory.path))
            and not (before.whole and memory.whole)
        ]
    )
    longest = max((memory.bars for memory in after), default=0.0)
    if after and not any(memory.whole for memory in after) and longest < 0.9 * window:
        sentences.append(
            f"Of what lies more than {formatting.count(longest)} bars back "
            f"{ {1: 'the network', 2: 'neither network'}.get(len(after), 'none of the networks') } can have learned "
            "much."
        )
    return " ".join(sentences)


def table(memories: list[Memory]) -> dict[str, Any]:
    """Rows of paths, columns of model and stage, for the page."""
    models = list(dict.fromkeys(memory.model for memory in memories))
    columns = [(model, stage) for model in models for stage in ("initial", "trained")]
    rows = []
    for path, name in PATH_NAMES.items():
        cells = [_cell(find(memories, model, stage=stage, path=path)) for model, stage in columns]
        if any(cell["value"] != formatting.DASH for cell in cells):
            rows.append({"name": name[:1].upper() + name[1:], "cells": cells})
    stage_names = {"initial": "before training", "trained": "trained"}
    return {
        "columns": [f"{formatting.label(model)}, {stage_names[stage]}" for model, stage in columns],
        "rows": rows,
        "note": "",
    }


def _reaches(memory: Memory) -> tuple[str, str]:
    size = "the whole of it" if memory.whole else formatting.count(memory.bars)
    if memory.bars < _ONE_BAR:
        size = "the latest bar alone"
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
    return {"value": value, "spread": _interval(memory)}


def _interval(memory: Memory) -> str:
    """Empty where there is none, and where every draw reached the window's end: how far beyond it was not measured."""
    if memory.low is None or memory.high is None or (memory.whole and memory.low == memory.high):
        return ""
    return f"{formatting.number(memory.low, 1)} to {formatting.number(memory.high, 1)}"
