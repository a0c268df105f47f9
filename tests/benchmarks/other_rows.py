"""Rows (d) windowing, (e) many backtests, (f) growth, (g) start-up."""

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pipelines.market.types import Floats
from tests.benchmarks import material
from tests.benchmarks.ledger_material import opens_and_probabilities
from tests.benchmarks.measure import by_turns, middle, process, python, row
from tests.benchmarks.training_rows import OURS

BARS, STEPS, BATCH = 200_000, 60, 256


def windowing(*, rounds: int) -> list[str]:
    """(d) Every window of a long history once, in shuffled batches."""
    contenders = {
        task: lambda task=task: python("tests.benchmarks.other_rows", task) for task in ("idle", "gathered", "keras")
    }
    seconds = by_turns(contenders, rounds=rounds)
    idle = middle([measurement["MiB"] for measurement in seconds["idle"]])
    lines = [row(f"(d) {BARS:,} windows of {STEPS} x 8", "seconds", "MiB above the data")]
    for name, label in (("gathered", "forecast, by index"), ("keras", "timeseries_dataset_from_array")):
        base = idle if name == "gathered" else middle([measurement["before"] for measurement in seconds["keras"]])
        peak = middle([measurement["MiB"] for measurement in seconds[name]]) - base
        lines.append(
            row(label, f"{middle([measurement['seconds'] for measurement in seconds[name]]):.2f}", f"{peak:.1f}")
        )
    return lines


def windowing_side(how: str) -> dict[str, float]:
    """One contender of row (d), in its own process."""
    from pipelines.preprocessing.windows import gather

    windows = material.windows(bars=BARS, steps=STEPS, features=8)
    dataset = None
    if how == "keras":
        import keras

        keras.utils.timeseries_dataset_from_array(np.zeros((100, 8)), np.zeros(100), 4)
    before = _peak()
    began, total = time.process_time(), 0
    if how == "gathered":
        order = np.random.default_rng(0).permutation(len(windows))
        for first in range(0, len(order), BATCH):
            total += len(gather(windows.values, windows.ends[order[first : first + BATCH]], steps=STEPS))
    if how == "keras":
        dataset = keras.utils.timeseries_dataset_from_array(
            windows.values, windows.targets, STEPS, batch_size=BATCH, shuffle=True, seed=0
        )
        for batch, _ in dataset:
            total += len(batch)
    return {"seconds": time.process_time() - began, "MiB": _peak(), "before": before, "windows": total}


def backtests(*, rounds: int) -> list[str]:
    """(e) 1,000 bands and costs over 5,000 bars: probabilities to signals, positions and a ledger each."""
    from forecast.config.trading import Costs
    from forecast.trading.signals import decide, positions
    from forecast.trading.simulator import equity, trade

    opened_at, opens, probability = opens_and_probabilities(bars=5_000)

    def ours() -> float:
        began = time.process_time()
        for number in range(1_000):
            position = positions(decide(probability, band=number / 2_500), policy="long-short")
            costs = Costs(fee_bps=float(number % 10), slippage_bps=2.0)
            ledger = trade(
                position, symbol="X", model="lstm", member="0", opened_at=opened_at, opens=opens, costs=costs
            )
            equity(ledger.net_return)
        return time.process_time() - began

    lines = [row("(e) 1,000 backtests x 5,000 bars", "seconds")]
    lines.append(row("forecast", f"{middle([ours() for _ in range(rounds)]):.2f}"))
    return [*lines, row("vectorbt", _vectorbt(opens, probability) or "not installed")]


def _vectorbt(opens: Floats, probability: Floats) -> str:
    """The same in vectorbt, in an interpreter that has it; empty where none is named."""
    interpreter = os.environ.get("FORECAST_BENCH_VECTORBT")
    if not interpreter:
        return ""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.npz"
        np.savez(file, opens=opens, probability=probability)
        return f"{python('tests.benchmarks.peers', 'vectorbt', file, interpreter=interpreter):.2f}"


def growth(*, rounds: int) -> Iterator[str]:
    """(f) One LSTM at 20,000 bars and its multiples; members one after another."""
    yield row("(f) growth", "1", "2", "4", "8", "8 / 1, linear is 8", "MiB at 1", "MiB at 8")
    for name in OURS:
        for what in ("bars", "members", "symbols"):
            by_size = by_turns(
                {
                    str(times): lambda name=name, what=what, times=times: python(
                        "tests.benchmarks.ours", "growth", name, what, times
                    )
                    for times in (1, 2, 4, 8)
                },
                rounds=rounds,
            )
            seconds = [
                middle([measurement["seconds"] for measurement in by_size[str(times)]]) for times in (1, 2, 4, 8)
            ]
            memory = [middle([measurement["MiB"] for measurement in by_size[str(times)]]) for times in (1, 8)]
            yield row(
                f"{name}, {what}", *(f"{second:.2f} s" for second in seconds), f"{seconds[3] / seconds[0]:.2f}",
                *(f"{mebibytes:.0f}" for mebibytes in memory),
            )  # fmt: skip


def startup(*, rounds: int) -> list[str]:
    """(g) Until a command answers."""
    from forecast.cli.main import _COMMANDS

    lines = [row("(g) start-up", "seconds")]
    for name in ("--version", *(f"{command} --help" for command in _COMMANDS), "doctor"):
        walls = [process([sys.executable, "-m", "forecast", *name.split()]).wall for _ in range(rounds)]
        lines.append(row(f"forecast {name}", f"{middle(walls):.2f}"))
    return lines


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    print(json.dumps(windowing_side(sys.argv[1])))
