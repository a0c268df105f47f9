"""Results of the two studies as they would lie on the disk, made without training anything."""

from pathlib import Path

import pandas as pd

from forecast.config.experiment import Experiment
from forecast.studies import power_results
from forecast.studies.memory_benchmark import Benchmark
from forecast.studies.power_results import PowerStudy
from tests.helpers.report_fixtures import POLICY

SHARES = [  # question, kind, edge, model, benchmark, better of 20 markets
    ("skill", "none", 0.0, "lstm", "simple_rnn", 1),
    ("skill", "none", 0.0, "lstm", "base_rate", 0),
    ("money", "none", 0.0, "lstm", "cash", 0),
    ("skill", "lag-1", 0.1, "lstm", "simple_rnn", 0),
    ("skill", "lag-1", 0.1, "lstm", "base_rate", 12),
    ("money", "lag-1", 0.1, "lstm", "cash", 0),
    ("skill", "lag-1", 0.2, "lstm", "simple_rnn", 2),
    ("skill", "lag-1", 0.2, "lstm", "base_rate", 20),
    ("money", "lag-1", 0.2, "lstm", "cash", 1),
]


def power_study(folder: Path) -> PowerStudy:
    """Of 20 markets a kind, with the numbers of correct answers in SHARES."""
    answers = [
        {"question": question, "kind": kind, "edge": edge, "model": model, "benchmark": benchmark, "answer": answer}
        for question, kind, edge, model, benchmark, better in SHARES
        for answer in ["better"] * better + ["inconclusive"] * (20 - better)
    ]
    return PowerStudy(
        folder=folder,
        about={
            "experiment": Experiment(symbol="CONTROL").to_json(), "rules": POLICY, "backend": "jax",
            "versions": {"python": "3.11.7"}, "market_bars": 5000, "command": "forecast power --markets 20",
            "created_at": "2026-03-01T12:00:00+00:00",
        },
        shares=power_results.rates(pd.DataFrame(answers)),
    )  # fmt: skip


def memory_benchmark_with(errors: dict[str, dict[int, list[float]]]) -> Benchmark:
    """errors: cell -> length -> error of each of three seeds, as a share of guessing's."""
    rows = [
        {"task": "adding", "cell": cell, "length": length, "seed": seed, "units": 9, "parameters": 99, "guess": 1 / 6,
         "error": share / 6, "steps": 10, "most_steps": 10, "batch": 4, "learning_rate": 0.01, "clip": 1.0,
         "check": 2, "good": 0.02}
        for cell, lengths in errors.items() for length, shares in lengths.items() for seed, share in enumerate(shares)
    ]  # fmt: skip
    return Benchmark(table=pd.DataFrame(rows))
