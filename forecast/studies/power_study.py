"""Controls: the person's own experiment on simulated markets whose truth is known, many times over.

On markets without an edge it must not find one (false positives); on markets with a planted edge of growing size one
sees from which size on it does (power). Everything but the prices is the experiment's own: windows, folds, seeds,
networks, budget, rules, costs, comparisons.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from forecast.compute.backend import versions as versions_of
from forecast.compute.executor import FitJob, WorkerPool, fit_members
from forecast.compute.progress import Progress
from forecast.compute.shared_data import SharedData
from forecast.compute.task import MemberResult, MemberTask, Task, order_for
from forecast.config.experiment import Experiment
from forecast.config.trading import TradingConfig
from forecast.datasets.dataset import Dataset, bars_per_year, prepare
from forecast.runs import tables
from forecast.runs.io import read_json, write_json
from forecast.statistics.summary import compare
from forecast.trading.strategy import accounts
from forecast.training.member_jobs import baseline_task
from pipelines.errors import ConfigError
from pipelines.market.calendars import session_of
from pipelines.market.types import Floats
from pipelines.sources.synthetic import lagged, latched, random_walk, switching

Probabilities = dict[Task, tuple[Floats, Floats]]  # probabilities of the test rows, and of the validation rows

_WITH_MEMORY = {"memory": latched, "switching": switching}

_AHEAD = 8  # markets whose windows are handed out at a time


@dataclass(frozen=True, kw_only=True)
class Market:
    """One made-up history. kind: none, shuffled, lag-K, memory or switching; edge: its correlation, 0 for none."""

    kind: str
    edge: float
    seed: int
    bars: int
    volatility: float = 0.01

    @property
    def name(self) -> str:
        return f"{self.kind}_{self.edge:g}_{self.bars}_{self.volatility:g}_{self.seed}"


def make(market: Market, experiment: Experiment) -> Dataset:
    """The market's windows and folds, as the experiment would make them.

    "shuffled": a market without an edge, whose training and validation labels are dealt out anew besides.

    Raises:
        ConfigError: another kind.
        TooFewBarsError: too few bars for the experiment.
    """
    common: dict[str, Any] = {"bars": market.bars, "seed": market.seed, "volatility": market.volatility}
    if market.kind in ("none", "shuffled"):
        dataset = prepare(random_walk(**common), experiment)
        return dataset if market.kind == "none" else _shuffled(dataset, seed=market.seed)
    if market.kind in _WITH_MEMORY:
        return prepare(_WITH_MEMORY[market.kind](**common, correlation=market.edge), experiment)
    kind, _, lag = market.kind.partition("-")
    if kind != "lag" or not lag.isdigit() or not 1 <= int(lag) < market.bars:
        raise ConfigError(
            f"Expected a market out of none, shuffled, memory, lag-1, lag-2, ..., switching, got {market.kind!r}."
        )
    return prepare(lagged(**common, correlation=market.edge, lag=int(lag)), experiment)


def calibrate(
    experiment: Experiment,
    markets: Sequence[Market],
    *,
    rules: TradingConfig,
    folder: Path,
    workers: WorkerPool,
    progress: Progress,
) -> pd.DataFrame:
    """One row a market and comparison: kind, edge, seed, question, model, benchmark, answer, difference, low, high.

    Each market is saved below `folder` when it is done, so the same call resumes where it was interrupted; the
    folder's name has to follow from the experiment and the rules.

    Raises:
        RunError: a member that keeps failing.
    """
    finished = {market: path for market in markets if (path := folder / f"{market.name}.json").exists()}
    remaining = [market for market in markets if market not in finished]
    progress.begin(total=len(markets), done=len(finished))
    for batch in (remaining[first : first + _AHEAD] for first in range(0, len(remaining), _AHEAD)):
        workers.start()
        jobs = [
            job
            for market in batch
            for job in _jobs(market, experiment, rules=rules, folder=folder, workers=workers, progress=progress)
        ]
        fit_members(jobs, workers=workers, progress=progress)
    return pd.DataFrame([row for market in markets for row in _rows(folder / f"{market.name}.json")])


def _jobs(
    market: Market,
    experiment: Experiment,
    *,
    rules: TradingConfig,
    folder: Path,
    workers: WorkerPool,
    progress: Progress,
) -> list[FitJob]:
    """The members of one market, of which the last to be fitted compares and saves it."""
    dataset, backend = make(market, experiment), workers.backend
    data, versions = workers.share(SharedData.of(dataset)), tuple(versions_of(backend).items())
    network = partial(order_for, dataset=dataset, room=len(dataset.bars), backend=backend, versions=versions)
    baseline = partial(baseline_task, dataset=dataset, backend=backend, versions=versions)
    folds = range(experiment.folds)
    tasks: list[MemberTask] = [
        network(experiment, (model, fold, seed))
        for fold in folds
        for seed in range(experiment.seeds)
        for model in experiment.models
    ]
    tasks += [baseline(experiment, name, fold) for name in experiment.baselines for fold in folds]
    predictions: Probabilities = {}

    def job(task: MemberTask) -> FitJob:
        def keep(result: MemberResult) -> None:
            predictions[task.task] = result.probability, result.validation
            if len(predictions) == len(tasks):
                rows = _compare(dataset, predictions, rules=rules, horizon=experiment.horizon)
                write_json(folder / f"{market.name}.json", {"market": asdict(market), "comparisons": rows})
                progress.advance(f"{market.kind} {market.edge:g} seed {market.seed}", epochs=0)

        return FitJob(data=data, task=task, done=keep)

    return [job(task) for task in tasks]


def _shuffled(dataset: Dataset, *, seed: int) -> Dataset:
    targets = dataset.windows.targets.copy()
    rows = np.arange(dataset.folds[-1].test[0])
    targets[rows] = targets[np.random.default_rng(seed).permutation(rows)]
    return replace(dataset, windows=replace(dataset.windows, targets=targets))


def _compare(
    dataset: Dataset, probabilities: Probabilities, *, rules: TradingConfig, horizon: int
) -> list[dict[str, Any]]:
    rows = {
        part: pd.concat(
            [
                tables.predictions(dataset, task, probabilities[task][number], part=part)
                for task in sorted(probabilities)
            ],
            ignore_index=True,
        )
        for number, part in enumerate(("test", "validation"))
    }
    result = accounts(
        rows["test"],
        tables.bars(dataset.bars),
        rules=rules,
        validation=rows["validation"],
        bars_per_year=bars_per_year(dataset.bars),
        horizon=horizon,
    )
    sessions = session_of(dataset.bars.closed_at[result.traded], dataset.bars.calendar)
    return [asdict(comparison) for comparison in compare(result.ledgers, rows["test"], sessions=sessions)]


def _rows(path: Path) -> list[dict[str, Any]]:
    content = read_json(path)
    market = {name: content["market"][name] for name in ("kind", "edge", "seed")}
    columns = (
        "question", "model", "benchmark", "answer", "difference", "low", "high", "minimum_detectable_effect", "unit",
        "observations",
    )  # fmt: skip
    return [
        {
            **market,
            **{name: comparison[name] for name in columns},
            "costs": (comparison["attribution"] or {}).get("costs"),
            **{f"larger_{name}": value for name, value in (comparison.get("larger") or {}).items()},
        }
        for comparison in content["comparisons"]
    ]
