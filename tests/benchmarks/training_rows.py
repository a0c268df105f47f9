"""Rows (a) the whole comparison, (b) training speed a core, (c) as a share of the matrix product, (i) two workers."""

import importlib.util
import math
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from tests.benchmarks import material
from tests.benchmarks.measure import ONE_THREAD, Cost, by_turns, fastest_of, middle, process, python, row

OURS = [name for name in ("tensorflow", "jax") if importlib.util.find_spec(name)]
TORCH = os.environ.get("FORECAST_BENCH_TORCH")  # an interpreter that has torch and numpy
PEERS = {
    name: interpreter
    for name in ("darts", "neuralforecast")
    if (interpreter := os.environ.get(f"FORECAST_BENCH_{name.upper()}"))
}
"""Interpreters that have a peer."""


def comparison(*, rounds: int, epochs: int = 15) -> list[str]:
    """(a) 3,270 daily bars x 6 folds x 3 seeds x 2 networks, all epochs: from the command to the last prediction.

    The work that a plain loop does: no fitted baselines; the members of the certificate are in it all the same.
    """
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        material.store(data / "store")
        plain = [sys.executable, "-m", "tests.benchmarks.plain_keras", "comparison", str(data / "store"), str(epochs)]
        contenders = {"plain Keras loop": lambda: process(plain)}
        contenders |= {f"forecast, {name}, 2 workers": _train(folder, name, 2, epochs=epochs) for name in OURS}
        for name in OURS:
            _train(folder, name, 2, epochs=epochs, cache=f"{folder}/compiled")()  # the first run of a day
            again = _train(folder, name, 2, epochs=epochs, cache=f"{folder}/compiled")
            contenders[f"forecast, {name}, 2 workers, compiled before"] = again
        contenders |= {f"forecast, {name}, 1 worker": _train(folder, name, 1, epochs=epochs) for name in OURS}
        if PEERS:
            series = material.series_of_peers(data / "store", data / "peers.npz", epochs=epochs)
        for name, interpreter in PEERS.items():
            command = [interpreter, "-m", "tests.benchmarks.peers", name, str(series), str(epochs)]
            contenders[name] = lambda command=command: process(command)
        seconds = by_turns(contenders, rounds=rounds)
    lines = [row("(a) whole comparison", "wall s", "processor s", "times plain: wall", "processor")]
    base = seconds["plain Keras loop"]
    for name, costs in seconds.items():
        wall = middle([b.wall / c.wall for b, c in zip(base, costs, strict=True)])
        used = middle([b.processor / c.processor for b, c in zip(base, costs, strict=True)])
        lines.append(
            row(name, f"{middle([c.wall for c in costs]):.1f}", f"{middle([c.processor for c in costs]):.1f}",
                f"{wall:.1f}", f"{used:.1f}")
        )  # fmt: skip
    return lines


def workers(*, rounds: int) -> list[str]:
    """(i) Two workers against one in row (a), and with four times the epochs: starting and compiling weigh less."""
    lines = [row("(i) two workers against one", "epochs", "1 worker, s", "2 workers, s", "times")]
    with tempfile.TemporaryDirectory() as folder:
        material.store(Path(folder) / "store")
        for name in OURS:
            for epochs in (15, 60):
                contenders = {str(jobs): _train(folder, name, jobs, epochs=epochs) for jobs in (1, 2)}
                seconds = by_turns(contenders, rounds=rounds)
                one, two = ([cost.wall for cost in seconds[jobs]] for jobs in "12")
                gain = middle([a / b for a, b in zip(one, two, strict=True)])
                lines.append(row(name, epochs, f"{middle(one):.1f}", f"{middle(two):.1f}", f"{gain:.2f}"))
    return lines


def _train(folder: str, name: str, jobs: int, *, epochs: int, cache: str = "off") -> Callable[[], Cost]:
    """cache: the folder of what earlier runs compiled."""
    command = [
        sys.executable, "-m", "forecast", "--data-dir", folder, "--quiet", "train", "AAPL", "--overwrite",
        "--model", "simple_rnn", "--model", "lstm", "--baseline", "previous_sign",
        "--epochs", str(epochs), "--patience", "0", "--backend", name, "--jobs", str(jobs),
    ]  # fmt: skip
    return lambda: process(command, FORECAST_CACHE=cache)


def cells(*, rounds: int) -> Iterator[str]:
    """(b) and (c): windows a second on one core for both cells at two shapes."""
    yield row("(b) one core", "plain Keras", "PyTorch", *OURS, "(c) sgemm GFLOP/s", *(f"{n} share" for n in OURS))
    gains: dict[str, list[float]] = {}
    for shape in material.SHAPES:
        for cell in material.CELLS:
            arguments = [cell, *shape, 64 * shape[3]]
            contenders = {
                "plain": lambda arguments=arguments: python("tests.benchmarks.plain_keras", *arguments, **ONE_THREAD),
                **{
                    name: lambda name=name, arguments=arguments: python(
                        "tests.benchmarks.ours", "speed", name, *arguments
                    )
                    for name in OURS
                },
                "sgemm": lambda: python("tests.benchmarks.training_rows", **ONE_THREAD),
            }
            if TORCH:
                contenders["torch"] = lambda arguments=arguments: python(
                    "tests.benchmarks.pytorch", *arguments, interpreter=TORCH, **ONE_THREAD
                )
            seconds = {name: middle(values) for name, values in by_turns(contenders, rounds=rounds).items()}
            for name in OURS:
                gains.setdefault(f"{name} / plain Keras", []).append(seconds[name] / seconds["plain"])
                if TORCH:
                    gains.setdefault(f"{name} / PyTorch", []).append(seconds[name] / seconds["torch"])
            shares = [f"{seconds[name] * flops(cell, shape) / seconds['sgemm']:.0%}" for name in OURS]
            speeds = [f"{seconds[name]:,.0f}" for name in OURS]
            torch = f"{seconds['torch']:,.0f}" if TORCH else "not installed"
            yield row(
                f"{cell} {shape}", f"{seconds['plain']:,.0f}", torch, *speeds, f"{seconds['sgemm'] / 1e9:.0f}", *shares
            )
    for name, gain in gains.items():
        yield row(f"geometric mean of {name}", f"{math.prod(gain) ** (1 / len(gain)):.2f}")


def flops(cell: str, shape: tuple[int, int, int, int]) -> int:
    """Multiplications and additions of the matrix products for one window: forward once, backward twice."""
    steps, features, units, _ = shape
    return 3 * 2 * steps * (features + units) * units * {"lstm": 4, "simple_rnn": 1}[cell]


def sgemm() -> float:
    """FLOP/s of numpy's float32 matrix product."""
    size = 1500
    matrix = np.random.default_rng(0).random((size, size), dtype=np.float32)
    return 2 * size**3 / fastest_of(lambda: matrix @ matrix, times=7)


if __name__ == "__main__":
    print(sgemm())
