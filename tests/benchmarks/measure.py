"""Measuring: contenders run one after another in processes of their own, again and again, and the median counts.

Speeds are per second of processor time, all threads of a process counted: the others on a busy machine do not enter.
Only what a person waits for (rows a and g) is wall time, with the processor time beside it.
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parents[2]
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"),
    "1",
) | {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false"}


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a process cost: wall and processor seconds (its children's included), and what it printed."""

    wall: float
    processor: float
    printed: str


def process(command: Sequence[str], **variables: str) -> Cost:
    """Runs a command to its end."""
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(ROOT), **variables}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(wall=time.perf_counter() - began, processor=used, printed=done.stdout)


def python(module: str, *arguments: object, interpreter: str = sys.executable, **variables: str) -> Any:
    """What `python -m module ARGUMENTS` prints as JSON in its last line."""
    done = process([interpreter, "-m", module, *map(str, arguments)], **variables)
    return json.loads(done.printed.strip().splitlines()[-1])


def by_turns(contenders: Mapping[str, Callable[[], Any]], *, rounds: int) -> dict[str, list[Any]]:
    """Each contender's results; in every round all of them run, so that a busy minute hits all alike."""
    results: dict[str, list[Any]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            results[name].append(run())
    return results


def middle(values: Sequence[float]) -> float:
    return float(median(values))


def fastest_of(function: Callable[[], Any], *, times: int) -> float:
    """Processor seconds of the fastest call: what a core can do when nobody else disturbs it."""
    seconds = []
    for _ in range(times):
        began = time.process_time()
        function()
        seconds.append(time.process_time() - began)
    return min(seconds)


def row(*cells: object) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"
