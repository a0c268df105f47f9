"""An inspection -> one page in the look of the report; the benchmark -> another. Both load nothing from anywhere."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from forecast.diagnostics.analysis import Inspection
from forecast.diagnostics.effective_memory import Memory
from forecast.report import formatting
from forecast.report.charts import diagnostics, heatmaps
from forecast.report.charts.diagnostics import GATE_NAMES, STATES
from forecast.report.charts.equity import Figure, colour
from forecast.report.document import write_page
from forecast.report.sections import effective_memory as memory_section
from forecast.report.sections import window_ablation as ablation_section
from forecast.studies import memory_benchmark
from forecast.studies.memory_benchmark import Benchmark
from forecast.studies.window_ablation import Ablation

TASK_NAMES = {"adding": "Adding problem", "recall": "Delayed recall"}


def write_memory(
    inspection: Inspection,
    memories: list[Memory],
    benchmark: Benchmark | None,
    *,
    ablated: Ablation | None = None,
    lengths: Sequence[int] = (),
    folder: Path,
    standalone: bool = False,
) -> Path:
    """Writes `<folder>/<run-id>-memory.html` and returns its path.

    benchmark: the textbook case, ablated: other windows, where they were measured. lengths: windows that can be
    compared where none were. standalone: as write_page takes it.
    """
    facts = inspection.facts
    window, run = int(facts["window"]), str(facts["run"])
    rng = np.random.default_rng(0)
    figures = {
        "gradient": diagnostics.gradient(inspection.curves, memories, path="state"),
        **_jacobian(inspection, memories),
        **_gates(inspection, rng),
        **_occlusion(inspection),
        **(_textbook(benchmark, window) if benchmark else {}),
    }
    models = list(dict.fromkeys(inspection.curves["model"]))
    with_state = set(inspection.curves.loc[inspection.curves["path"] == "state", "model"])
    context = {
        "title": f"{facts['symbol']}: what the networks remember",
        "eyebrow": f"{facts['symbol']} · what the networks remember · run {run}",
        "sentence": memory_section.sentence(memories, window=window),
        "details": memory_section.details(memories, window=window),
        "facts": facts,
        "memory": memory_section.table(memories),
        "gated": [_gated(inspection, model, figures) for model in facts["gated"]],
        "stateless": [formatting.label(model) for model in models if model not in with_state],
        "several_layers": len(inspection.units) > 0 and bool((inspection.units["layer"] > 0).any()),
        "occluded": [
            (model, formatting.label(model), heatmaps.occlusion_sentence(inspection.occlusion, model))
            for model in models
        ],
        "ablation": None if ablated is None else ablation_section.table(ablated),
        "ablated": "" if ablated is None else ablation_section.sentence(ablated),
        "report": f"{run}.html" if (folder / f"{run}.html").exists() else None,
        "again": f"forecast inspect {shlex.quote(run)} --at {facts['decided_at'][:10]}",
        "compare": f"forecast inspect {shlex.quote(run)} --ablation {','.join(map(str, lengths))}" if lengths else "",
        "commands": [*_ablating(run, ablated), f"forecast inspect {shlex.quote(run)}", "forecast inspect --benchmark"],
        **_benchmark_context(benchmark, window),
    }  # fmt: skip
    return write_page(
        folder / f"{run}-memory.html", template="memory.html.j2", figures=figures, standalone=standalone, **context
    )


def _ablating(run: str, ablated: Ablation | None) -> list[str]:
    """The command that compared the windows, where they were compared."""
    if ablated is None:
        return []
    lengths = sorted({int(length) for length in ablated.table["window"]} - {ablated.window})
    return [f"forecast inspect {shlex.quote(run)} --ablation {','.join(map(str, lengths))}"] if lengths else []


def pictures(inspection: Inspection, memories: list[Memory]) -> dict[str, Any]:
    """What the main report shows of an inspection: its sentences and its two most telling pictures."""
    window, models = int(inspection.facts["window"]), list(dict.fromkeys(inspection.curves["model"]))
    model = "lstm" if "lstm" in models else models[0]
    return {
        "sentence": memory_section.sentence(memories, window=window),
        "details": memory_section.details(memories, window=window),
        "told": heatmaps.occlusion_sentence(inspection.occlusion, model),
        "network": formatting.label(model),
        "figures": {
            "gradient": diagnostics.gradient(inspection.curves, memories, path="state"),
            "occlusion": _occlusion(inspection)[f"occlusion-{model}"],
        },
    }


def write_benchmark(benchmark: Benchmark, *, window: int | None, folder: Path, standalone: bool = False) -> Path:
    """Writes `<folder>/memory-benchmark.html` and returns its path. window: the newest run's, None without a run."""
    context = {
        "title": "How far each cell can remember",
        "eyebrow": "The textbook case, measured on this machine",
        "commands": ["forecast inspect --benchmark"],
        **_benchmark_context(benchmark, window),
    }
    figures = _textbook(benchmark, window)
    page = folder / "memory-benchmark.html"
    return write_page(page, template="benchmark.html.j2", figures=figures, standalone=standalone, **context)


def benchmark_sentence(benchmark: Benchmark) -> str:
    """What the adding problem has shown, in one sentence."""
    longest = int(benchmark.table["length"].max())
    parts = []
    for cell in memory_benchmark.CELLS:
        reach = benchmark.reach("adding", cell)
        size = (
            "at no length tried"
            if not reach
            else f"up to length {reach}" + (", the longest tried" if reach == longest else "")
        )
        parts.append(f"the {formatting.label(cell)} learns it {size}")
    return f"Adding problem: {', '.join(parts)}."


def _jacobian(inspection: Inspection, memories: list[Memory]) -> dict[str, Figure]:
    if not (inspection.curves["path"] == "jacobian").any():
        return {}
    return {"jacobian": diagnostics.gradient(inspection.curves, memories, path="jacobian")}


def _gates(inspection: Inspection, rng: np.random.Generator) -> dict[str, Figure]:
    """Of each model with gates: the maps of one member, its time constants, and its gates around regimes and trades."""
    figures = {}
    for model, cell in inspection.facts["gated"].items():
        fold, seed = inspection.window.loc[inspection.window["model"] == model, ["fold", "seed"]].iloc[0]
        window, average, units = (
            table[(table["model"] == model) & (table["fold"] == fold) & (table["seed"] == seed)]
            for table in (inspection.window, inspection.averages, inspection.units)
        )
        order = heatmaps.order(units)
        for name in heatmaps.MAPPED[cell]:
            limits = heatmaps.colour_limits(name, window, average)
            figures[f"window-{model}-{name}"] = heatmaps.gate(window, name, units=order, limits=limits)
            figures[f"average-{model}-{name}"] = heatmaps.gate(average, name, units=order, limits=limits)
            if len(inspection.trades) and (inspection.trades["model"] == model).any():
                figures[f"trade-{model}-{name}"] = diagnostics.trades(inspection.trades, name, model)
        longest = int(inspection.facts["window"])
        figures[f"constants-{model}"] = diagnostics.constants(inspection.units, model, window=longest)
        figures[f"regimes-{model}"] = diagnostics.regimes(inspection.regimes, model, rng=rng)
    return figures


def _gated(inspection: Inspection, model: str, figures: Mapping[str, Figure]) -> dict[str, Any]:
    """What the page says of a model's gates."""
    names = heatmaps.MAPPED[inspection.facts["gated"][model]]
    labels = {name: f"Size of the {GATE_NAMES[name].lower()}" if name in STATES else GATE_NAMES[name] for name in names}
    return {
        "model": model,
        "cell": inspection.facts["gated"][model],
        "label": formatting.label(model),
        "colour": colour(model),
        "gates": [(name, GATE_NAMES[name]) for name in names],
        "traded": [(name, labels[name]) for name in names if f"trade-{model}-{name}" in figures],
        "events": _events(inspection, model),
        "constants": _constants(inspection, model, int(inspection.facts["window"])),
    }


def _occlusion(inspection: Inspection) -> dict[str, Figure]:
    table = inspection.occlusion
    figures = {}
    for model in dict.fromkeys(table["model"]):
        highest = max(float(heatmaps.influence(table, model).to_numpy().max()), 1e-9)
        figures[f"occlusion-{model}"] = heatmaps.occlusion(table, model, highest=highest)
    return figures


def _textbook(benchmark: Benchmark, window: int | None) -> dict[str, Figure]:
    return {f"textbook-{task}": diagnostics.textbook(benchmark, task, window=window) for task in _tasks(benchmark)}


def _tasks(benchmark: Benchmark) -> list[str]:
    return [task for task in TASK_NAMES if (benchmark.table["task"] == task).any()]


def _benchmark_context(benchmark: Benchmark | None, window: int | None) -> dict[str, Any]:
    """What both pages say about the textbook case."""
    if benchmark is None:
        return {"tasks": [], "benchmark_sentence": "", "setting": {}, "results": {}}
    table = benchmark.table
    cells = table.drop_duplicates("cell").set_index("cell")
    rows = [
        {
            "name": f"{TASK_NAMES[str(task)]}, length {length}",
            "cells": [_result(part[part["cell"] == cell]) for cell in memory_benchmark.CELLS],
        }
        for (task, length), part in table.groupby(["task", "length"])
    ]
    return {
        "tasks": [(task, TASK_NAMES[task]) for task in _tasks(benchmark)],
        "benchmark_sentence": benchmark_sentence(benchmark),
        "window": window,
        "results": {"columns": [formatting.label(cell) for cell in memory_benchmark.CELLS], "rows": rows, "note": ""},
        "setting": {
            "units": {formatting.label(cell): int(cells.loc[cell, "units"]) for cell in cells.index},
            "parameters": {
                formatting.label(cell): formatting.count(int(cells.loc[cell, "parameters"])) for cell in cells.index
            },
            "steps": formatting.count(int(table["most_steps"].max())),
            "batch": int(table["batch"].max()),
            "rate": f"{table['learning_rate'].max():g}",
            "seeds": table["seed"].nunique(),
        },
    }  # fmt: skip


def _result(rows: Any) -> dict[str, str]:
    if rows.empty:
        return {"value": formatting.DASH, "spread": ""}
    learned = int((rows["error"] < memory_benchmark.SOLVED * rows["guess"]).sum())
    error = rows["error"]
    spread = (
        f"{learned} of {len(rows)} learned; {formatting.number(error.min(), 4)} to {formatting.number(error.max(), 4)}"
    )
    return {"value": formatting.number(float(error.median()), 4), "spread": spread}


def _constants(inspection: Inspection, model: str, window: int) -> str:
    units = inspection.units[inspection.units["model"] == model]
    bars = {stage: rows["bars"].to_numpy() for stage, rows in units.groupby("stage")}
    before, after = (float(np.median(bars[stage])) for stage in ("initial", "trained"))
    longer = float(np.mean(bars["trained"] > window))
    moved = "as before training" if abs(after / before - 1) < 0.1 else f"{formatting.number(before, 1)} before training"
    return (
        f"Half of the {formatting.label(model)}’s units forget within {formatting.number(after, 1)} bars, {moved}; "
        f"{formatting.percent(longer) if longer else 'none'} keep what they hold for longer than your window."
    )


def _events(inspection: Inspection, model: str) -> dict[str, int]:
    if inspection.trades.empty:
        return {}
    turns = inspection.trades[inspection.trades["model"] == model]
    return {str(side): int(rows["events"].iloc[0]) for side, rows in turns.groupby("side")}
