"""Controls of the verdict: how often it claims something where nothing can be forecast, and where something can.

    python -m tests.benchmarks.controls none --first 0 --markets 1000 --folder controls
    python -m tests.benchmarks.controls real --first 0 --markets 300 --prices huge_dev120_to_2017.parquet --folder ...
    python -m tests.benchmarks.controls lag-1 --edge 0.1 --bars 5000 --markets 100 --folder ...
    python -m tests.benchmarks.controls lag-10 --edge 0.3 --bars 5000 --markets 20 --folder ...   # SimpleRNN better
    python -m tests.benchmarks.controls switching --edge 0.4 --bars 8000 --markets 20 --folder ...   # LSTM better
    python -m tests.benchmarks.controls table --folder controls

Each market is trained once and judged at 3, 10 and 20 basis points a side. Probabilities (.npz) and answers (.json) of
a market are files of their own, so the same command resumes, and without the .json files it judges again without
training. Seeds 0 to 9,999 are for reporting only; the statistic was chosen on others (docs/choices.md).
"""

import argparse
import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from forecast.compute.backend import versions as versions_of
from forecast.compute.executor import FitJob, InlinePool, fit_members
from forecast.compute.shared_data import SharedData
from forecast.compute.task import order_for
from forecast.config.experiment import Experiment
from forecast.config.trading import Costs, TradingConfig
from forecast.datasets.dataset import Dataset, prepare
from forecast.studies import power_study
from forecast.studies.power_results import wilson
from forecast.studies.power_study import Market
from forecast.training.member_jobs import baseline_task
from pipelines.market.types import Bars
from pipelines.sources.synthetic import random_walk

COSTS = (3, 10, 20)
EXPERIMENT: dict[str, Any] = {
    "symbol": "CONTROL", "window": 10, "units": 16, "folds": 3, "seeds": 3, "epochs": 30,
    "models": ("simple_rnn", "lstm"), "baselines": ("previous_sign", "logistic"), "features": ("return",),
    "learning_rate": 0.003,
}  # fmt: skip
OF_KIND: dict[str, dict[str, Any]] = {  # what an experiment must read to see what is planted
    "lag-10": {"window": 12},
    "memory": {"window": 60, "features": ("return", "relative_volume")},
    "switching": {"window": 30, "features": ("return", "relative_volume")},
}


class Quiet:
    """A progress that says nothing."""

    def begin(self, *, total: int, done: int) -> None: ...

    def advance(self, name: str, *, epochs: int) -> None: ...

    def note(self, message: str) -> None: ...


def real(prices: Path, *, seed: int, bars: int) -> Bars:
    """A real stock without an edge: its days in random order (even seeds) or with random signs (odd seeds)."""
    table = _prices(prices)
    rng = np.random.default_rng([seed, 77])
    counts = table["symbol"].value_counts()
    symbols = sorted(counts.index[counts > bars])
    rows = table[table["symbol"] == symbols[(seed // 2) % len(symbols)]].sort_values("date").iloc[-(bars + 1) :]
    close, opens = rows["close"].to_numpy(np.float64), rows["open"].to_numpy(np.float64)
    overnight, day = np.log(opens[1:] / close[:-1]), np.log(close[1:] / opens[1:])
    if seed % 2:
        signs = rng.choice([-1.0, 1.0], (2, len(day)))
        overnight, day = overnight * signs[0], day * signs[1]
    else:
        order = rng.permutation(len(day))
        overnight, day = overnight[order], day[order]
    frame = random_walk(bars=len(day), seed=seed)
    level = np.cumsum(overnight + day)
    opened = 100 * np.exp(level - day)
    closed = 100 * np.exp(level)
    return replace(frame, open=opened, close=closed, high=np.maximum(opened, closed), low=np.minimum(opened, closed))


@cache
def _prices(path: Path) -> pd.DataFrame:
    return pd.read_parquet(path, columns=["symbol", "date", "open", "close"])


def dataset_of(arguments: argparse.Namespace, seed: int, experiment: Experiment) -> Dataset:
    if arguments.kind == "real":
        return prepare(real(arguments.prices, seed=seed, bars=arguments.bars), experiment)
    return power_study.make(
        Market(kind=arguments.kind, edge=arguments.edge, seed=seed, bars=arguments.bars), experiment
    )


def trained(dataset: Dataset, experiment: Experiment, workers: InlinePool) -> dict[Any, Any]:
    """Test and validation probabilities of each network and baseline of one market, by model, fold and seed."""
    versions = tuple(versions_of(workers.backend).items())
    shared = {"dataset": dataset, "backend": workers.backend, "versions": versions}
    folds = range(experiment.folds)
    tasks: list[Any] = [
        order_for(experiment, (model, fold, seed), room=len(dataset.bars), **shared)
        for fold in folds
        for seed in range(experiment.seeds)
        for model in experiment.models
    ]
    tasks += [baseline_task(experiment, name, fold, **shared) for name in experiment.baselines for fold in folds]
    data = workers.share(SharedData.of(dataset))
    predictions: dict[Any, Any] = {}

    def job(task: Any) -> FitJob:
        def keep(result: Any) -> None:
            predictions[task.task] = result.probability, result.validation

        return FitJob(data=data, task=task, done=keep)

    fit_members([job(task) for task in tasks], workers=workers, progress=Quiet())
    return predictions


def stored(path: Path, dataset: Dataset, experiment: Experiment, workers: InlinePool) -> dict[Any, Any]:
    """Probabilities from the file at *path*; trained and written there first where it does not exist."""
    if not path.exists():
        arrays = {}
        for (model, fold, seed), both in trained(dataset, experiment, workers).items():
            for kind, values in zip(("test", "validation"), both, strict=True):
                arrays[f"{model}|{fold}|{seed}|{kind}"] = values
        partial = path.with_suffix(".part")
        with partial.open("wb") as file:
            np.savez(file, **arrays)
        partial.replace(path)
    with np.load(path, allow_pickle=False) as file:
        arrays = dict(file)
    names = {name.rsplit("|", 1)[0] for name in arrays}
    return {
        (model, int(fold), int(seed)): (arrays[f"{name}|test"], arrays[f"{name}|validation"])
        for name in names
        for model, fold, seed in [name.split("|")]
    }


def judge(dataset: Dataset, experiment: Experiment, predictions: dict[Any, Any]) -> dict[str, Any]:
    """Comparisons of one market at each cost, from one training."""
    return {
        str(cost): power_study._compare(
            dataset,
            predictions,
            rules=TradingConfig(policy="long-flat", threshold=0.0, costs=Costs(fee_bps=0, slippage_bps=cost)),
            horizon=experiment.horizon,
        )
        for cost in COSTS
    }


def run(arguments: argparse.Namespace) -> None:
    experiment = Experiment(**{**EXPERIMENT, **OF_KIND.get(arguments.kind, {})})
    workers = InlinePool(backend=arguments.backend)
    folder = arguments.folder / f"{arguments.kind}_{arguments.edge:g}_{arguments.bars}"
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(arguments.first, arguments.first + arguments.markets):
        path = folder / f"{seed}.json"
        if not path.exists():
            dataset = dataset_of(arguments, seed, experiment)
            results = judge(dataset, experiment, stored(path.with_suffix(".npz"), dataset, experiment, workers))
            path.write_text(json.dumps(results))


def table(folder: Path) -> pd.DataFrame:
    """Counts of each answer by market, cost, question, model and benchmark, with the Wilson interval of all claims."""
    rows = []
    for kind in sorted(path for path in folder.iterdir() if path.is_dir()):
        for path in kind.glob("*.json"):
            for cost, comparisons in json.loads(path.read_text()).items():
                rows += [
                    {
                        "market": kind.name,
                        "cost": int(cost),
                        **{key: comparison[key] for key in ("question", "model", "benchmark", "answer")},
                    }
                    for comparison in comparisons
                ]
    counts = pd.DataFrame(rows).groupby(["market", "cost", "question", "model", "benchmark"])["answer"].value_counts()
    wide = counts.unstack(fill_value=0).reindex(columns=["better", "worse", "inconclusive"], fill_value=0)
    wide.insert(0, "markets", wide.sum(axis=1))
    claims = wide["better"] + wide["worse"]
    wide["claims"] = claims / wide["markets"]
    ends = [wilson(int(hits), int(count)) for hits, count in zip(claims, wide["markets"], strict=True)]
    wide["low"], wide["high"] = zip(*ends, strict=True)
    return wide.reset_index()


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.benchmarks.controls", description=__doc__)
    parser.add_argument("kind", help="none, real, lag-K, memory, switching, or table")
    parser.add_argument("--edge", type=float, default=0.0)
    parser.add_argument("--bars", type=int, default=2_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--markets", type=int, default=20)
    parser.add_argument("--prices", type=Path)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--backend", default="jax")
    arguments = parser.parse_args()
    if arguments.kind == "table":
        with pd.option_context("display.max_rows", None, "display.width", 160):
            print(table(arguments.folder).round(3).to_string(index=False))
    else:
        run(arguments)


if __name__ == "__main__":
    main()
