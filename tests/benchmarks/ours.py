"""forecast's own side of rows (b), (c) and (f), in a process that loads one backend."""

import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from forecast.compute import backend
from forecast.compute.executor import InlinePool, fit_all
from forecast.compute.shared_data import SharedData
from forecast.compute.task import FitTask
from forecast.networks.results import Architecture, Budget
from tests.benchmarks import material


def speed(name: str, cell: str, steps: int, features: int, units: int, batch: int, bars: int) -> float:
    """Training windows a second, the fastest of five epochs, after one that compiles; no validation rows."""
    fitting = backend.load_fitting(name)
    windows = material.windows(bars=bars, steps=steps, features=features)
    rows = np.arange(len(windows) // batch * batch)
    architecture = Architecture(model=cell, steps=steps, features=features, units=units)
    from forecast.networks.optimizer import flat
    from forecast.networks.training_loop import Program

    network = fitting.layers.build(architecture, seed=0)
    program, start = Program(network), flat(network.get_weights())
    tensors = program.fold_tensors(
        windows.values,
        ends=windows.ends,
        targets=windows.targets,
        weights=np.ones(len(windows)),
        train=rows,
        validation=rows[:0],
        budget=Budget(epochs=1, patience=0, batch=batch, learning_rate=0.001),
    )
    rates = []
    for _ in range(6):
        began = time.process_time()
        program.train(start, tensors, train=rows, batch=batch, shuffle=np.random.default_rng(0), epochs=1, patience=0)
        rates.append(len(rows) / (time.process_time() - began))
    return max(rates[1:])


def members(name: str, shared: SharedData, *, count: int, epochs: int) -> float:
    """Seconds in which so many members are fitted one after another, the program compiled before."""
    versions = tuple(backend.versions(name).items())
    orders = [
        FitTask(
            symbol="X", architecture=Architecture(model="lstm", steps=30, features=8, units=32), fold=0, seed=seed,
            budget=Budget(epochs=epochs, patience=0, batch=128, learning_rate=0.001),
            rows=len(shared.folds[0].train), backend=name, versions=versions,
        )
        for seed in range(count)
    ]  # fmt: skip
    engine = InlinePool(backend=name)
    data = engine.share(shared)
    began = time.process_time()
    for _, result in fit_all(engine, [(data, order) for order in orders], note=print):
        if not hasattr(result, "probability"):
            raise SystemExit(str(result))
    return time.process_time() - began


def growth(name: str, what: str, times: int) -> dict[str, float]:
    """Row (f): seconds and peak memory (MiB) at `times` the bars, the members or the symbols."""
    bars, count = 20_000 * (times if what == "bars" else 1), times if what == "members" else 1
    with tempfile.TemporaryDirectory() as folder:
        pooled = what == "symbols"
        shared = material.panel(Path(folder), symbols=times, bars=bars) if pooled else material.shared(bars=bars)
        members(name, shared, count=1, epochs=1)  # compiles
        seconds = min(members(name, shared, count=count, epochs=2) for _ in range(2))
    return {"seconds": seconds, "MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


if __name__ == "__main__":
    if sys.argv[1] == "speed":
        print(json.dumps(speed(*sys.argv[2:4], *map(int, sys.argv[4:]))))
    else:
        print(json.dumps(growth(sys.argv[2], sys.argv[3], int(sys.argv[4]))))
