"""Do longer windows pay? The run at other windows, trained on the same rows and traded on the same days."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from forecast.compute import backend
from forecast.compute.executor import FitJob, WorkerPool, fit_members
from forecast.compute.progress import Progress
from forecast.compute.shared_data import SharedData
from forecast.compute.task import MemberResult, Task, order_for
from forecast.config.significance import SIGNIFICANCE
from forecast.config.trading import AUTO, TradingConfig
from forecast.datasets.dataset import Dataset
from forecast.datasets.panel import PanelDataset
from forecast.diagnostics.loader import RunUnderStudy
from forecast.runs import tables, trial_log
from forecast.runs.checkpoints import tuned_hyperparameters
from forecast.runs.io import damaged, read_arrays, read_parquet, write_arrays, write_parquet
from forecast.runs.run import Run
from forecast.statistics.comparisons import Sessions, compare_accounts
from forecast.trading.market_state import closing_calendar
from forecast.trading.signals import ENSEMBLE
from forecast.trading.simulator import Ledger
from forecast.trading.strategy import accounts
from pipelines.errors import ConfigError
from pipelines.market.calendars import session_of
from pipelines.market.types import Floats
from pipelines.preprocessing import scaling, windows

_FEWEST = 50  # training rows of a fold
_COLUMNS = ["model", "window", "benchmark", "difference", "low", "high", "level", "unit", "answer", "log_loss"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Ablation:
    """table: a row a network and window, its ensemble's net return less that at the run's own window (benchmark).

    log_loss: of the ensemble on the test rows. low, high: the interval at that level, NaN where none can be had.
    """

    table: pd.DataFrame
    window: int


def run(
    subject: RunUnderStudy, lengths: Sequence[int], *, rules: TradingConfig, workers: WorkerPool, progress: Progress
) -> Ablation:
    """Trains what is not there yet, the run's own window among it, and compares; each training is kept when it is done.

    Every window learns from the same rows of the same folds: those that the longest one can be built for.

    Raises:
        ConfigError: windows that make no comparison.
        RunError: members that keep failing.
    """
    own_length = subject.experiment.window
    if isinstance(subject.data, PanelDataset):
        raise ConfigError("Expected a run of one symbol to compare windows, got one of a panel. Train it alone.")
    all_lengths = sorted({own_length, *lengths})
    datasets = {length: shortened(subject.data, length, longest=all_lengths[-1]) for length in all_lengths}
    for length in (length for length in all_lengths if length != own_length):
        ablated = replace(subject.experiment, window=length)
        trial_log.record_training(subject.run.folder.parent, ablated, run=subject.run.name, longest=all_lengths[-1])
    probabilities = _train(subject, datasets, workers=workers, progress=progress)
    accounted = {
        length: _traded(subject, datasets[length], probabilities[length], rules=rules) for length in all_lengths
    }
    sessions = accounted[own_length][1]
    compared = len(subject.models) * (len(all_lengths) - 1)
    rows = []
    for model in subject.models:
        for length in all_lengths:
            loss = _loss(subject.data, probabilities[length], model, seeds=subject.experiment.seeds)
            row: dict[str, Any] = {"model": model, "window": length, "benchmark": own_length, "log_loss": loss}
            if length != own_length:
                comparison = compare_accounts(
                    accounted[length][0][model],
                    accounted[own_length][0][model],
                    sessions=sessions,
                    level=1 - (1 - SIGNIFICANCE.level) / compared,
                )
                row |= {name: getattr(comparison, name) for name in _COLUMNS[3:9]}
            rows.append(row)
    table = pd.DataFrame(rows, columns=_COLUMNS)
    write_parquet(subject.run.place("inspection", "ablation.parquet"), table)
    return Ablation(table=table, window=own_length)


def cached(run: Run) -> Ablation | None:
    """The last comparison of a run's windows, None where there was none.

    Raises:
        RunError: its table is damaged.
    """
    path = run.place("inspection", "ablation.parquet")
    if not path.exists():
        return None
    table = read_parquet(path, _COLUMNS)
    if table.empty or table["benchmark"].nunique() != 1:
        raise damaged(path, "not one window that the others are compared with")
    return Ablation(table=table, window=int(table["benchmark"].iloc[0]))


def lengths_to_compare(subject: RunUnderStudy) -> list[int]:
    """Half and twice the run's window, as far as its folds have the rows for them; none for a panel."""
    if isinstance(subject.data, PanelDataset):
        return []
    own_length, possible = subject.experiment.window, []
    for length in filter(None, (own_length // 2, 2 * own_length)):
        with suppress(ConfigError):
            shortened(subject.data, length, longest=max(own_length, length))
            possible.append(length)
    return possible


def shortened(data: Dataset, steps: int, *, longest: int) -> Dataset:
    """The same decisions seen through windows of `steps` bars, learned from rows that have `longest` bars before them.

    Raises:
        ConfigError: a window for which a fold has too few rows.
    """
    built = data.windows
    first = windows.first_end(built.values, steps=longest)
    folds = []
    for fold in data.folds:
        train = fold.train[built.ends[fold.train] >= first]
        if len(train) < _FEWEST or built.ends[fold.validation[0]] < first:
            raise ConfigError(
                f"Expected {_FEWEST} training rows in every fold, got {len(train)} in fold {fold.number} with a window "
                f"of {longest} bars. Leave out the longest windows."
            )
        folds.append(replace(fold, train=train))
    # what no fold learns from fills batches up with weight 0, and a bar without features would make 0 x NaN of it
    viewed = replace(built, steps=steps, ends=np.maximum(built.ends, first))
    scalers = tuple(scaling.fit_scaler(viewed, rows=fold.train) for fold in folds)
    return Dataset(bars=data.bars, windows=viewed, folds=tuple(folds), scalers=scalers)


def _train(
    subject: RunUnderStudy, datasets: dict[int, Dataset], *, workers: WorkerPool, progress: Progress
) -> dict[int, dict[Task, Floats]]:
    """Each window's probabilities of the test rows, member by member."""
    experiment, versions = subject.experiment, backend.versions(workers.backend)
    tasks = [
        (model, fold, seed)
        for model in subject.models
        for fold in range(len(subject.data.folds))
        for seed in range(experiment.seeds)
    ]
    about = {"longest": max(datasets), "versions": versions, "backend": workers.backend, "windows": "complete"}
    name = experiment.fingerprint(**about)[:10]
    folder = subject.run.place("ablation", name)

    def path(length: int, task: Task) -> Any:
        model, fold, seed = task
        return folder / f"window-{length}" / f"{model}-fold-{fold}-seed-{seed}.npz"

    keys = [(length, task) for length in datasets for task in tasks]
    probabilities: dict[int, dict[Task, Floats]] = {length: {} for length in datasets}
    for length, task in keys:
        if (stored := read_arrays(path(length, task))) is not None:
            probabilities[length][task] = stored["probability"]
    remaining = [(length, task) for length, task in keys if task not in probabilities[length]]
    progress.begin(total=len(keys), done=len(keys) - len(remaining))
    if not remaining:
        return probabilities
    workers.start()
    shared = {length: workers.share(SharedData.of(dataset)) for length, dataset in datasets.items()}
    order = partial(order_for, backend=workers.backend, versions=tuple(versions.items()))
    tuned = tuned_hyperparameters(subject.about.get("tuning"))

    def job(length: int, task: Task) -> FitJob:
        fit_task = order(
            replace(experiment, window=length),
            task,
            dataset=datasets[length],
            room=len(datasets[length].bars),
            settings=tuned.get(task[:2]),
        )

        def keep(result: MemberResult) -> None:
            write_arrays(path(length, task), {"probability": result.probability})
            probabilities[length][task] = result.probability

        return FitJob(data=shared[length], task=fit_task, done=keep, label=f"{fit_task.name}, window {length}")

    fit_members([job(length, task) for length, task in remaining], workers=workers, progress=progress)
    return probabilities


def _traded(
    subject: RunUnderStudy, data: Dataset, probabilities: dict[Task, Floats], *, rules: TradingConfig
) -> tuple[dict[str, Ledger], Sessions]:
    """The ensemble's ledger of each network, and the session of each of its rows."""
    frames = [tables.predictions(data, task, probability) for task, probability in sorted(probabilities.items())]
    plain = replace(  # what rules learn on validation rows is left out
        rules,
        threshold=0.0 if rules.threshold == AUTO else rules.threshold,
        calibration="none",
        sizing="full" if rules.sizing == "kelly" else rules.sizing,
    )
    predictions, per_year = pd.concat(frames, ignore_index=True), subject.about["data"]["bars_per_year"]
    closes_with = closing_calendar(subject.about)
    result = accounts(
        predictions, tables.bars(data.bars), rules=plain, bars_per_year=per_year, closes_with=closes_with,
        horizon=subject.experiment.horizon,
    )  # fmt: skip
    ledgers = {
        ledger.model: ledger
        for ledger in result.ledgers
        if ledger.member == ENSEMBLE and ledger.model in subject.models
    }
    return ledgers, session_of(data.bars.closed_at[result.traded], data.bars.calendar)


def _loss(data: Dataset, probabilities: dict[Task, Floats], model: str, *, seeds: int) -> float:
    """Mean log loss of the ensemble over all test rows."""
    mean = [np.mean([probabilities[model, fold.number, seed] for seed in range(seeds)], axis=0) for fold in data.folds]
    rows = np.concatenate([fold.test for fold in data.folds])
    chance, rising = np.concatenate(mean), data.windows.targets[rows] > 0
    return float(-np.mean(np.log(np.where(rising, chance, 1 - chance))))
