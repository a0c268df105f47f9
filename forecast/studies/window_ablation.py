"""Do longer windows pay? The run at other windows, trained on the same rows and traded on the same days."""

from collections.abc import Sequence
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
from forecast.diagnostics.loader import RunUnderStudy
from forecast.evaluation.backtest import closing_calendar
from forecast.runs import tables, trial_log
from forecast.runs.io import damaged, read_arrays, read_parquet, write_arrays, write_parquet
from forecast.runs.run import Run, tuned_hyperparameters
from forecast.statistics.comparisons import Sessions, compare_accounts
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
    own = subject.experiment.window
    if subject.experiment.panel:
        raise ConfigError("Expected a run of one symbol to compare windows, got one of a panel. Train it alone.")
    wanted = sorted({own, *lengths})
    made = {length: shortened(subject.data, length, longest=wanted[-1]) for length in wanted}
    for length in (length for length in wanted if length != own):
        other = replace(subject.experiment, window=length)
        trial_log.record_training(subject.run.folder.parent, other, run=subject.run.name, longest=wanted[-1])
    found = _train(subject, made, workers=workers, progress=progress)
    accounted = {length: _traded(subject, made[length], found[length], rules=rules) for length in wanted}
    sessions = accounted[own][1]
    compared = len(subject.models) * (len(wanted) - 1)
    rows = []
    for model in subject.models:
        for length in wanted:
            loss = _loss(subject.data, found[length], model, seeds=subject.experiment.seeds)
            row: dict[str, Any] = {"model": model, "window": length, "benchmark": own, "log_loss": loss}
            if length != own:
                comparison = compare_accounts(
                    accounted[length][0][model],
                    accounted[own][0][model],
                    sessions=sessions,
                    level=1 - (1 - SIGNIFICANCE.level) / compared,
                )
                row |= {name: getattr(comparison, name) for name in _COLUMNS[3:9]}
            rows.append(row)
    table = pd.DataFrame(rows, columns=_COLUMNS)
    write_parquet(subject.run.place("inspection", "ablation.parquet"), table)
    return Ablation(table=table, window=own)


def kept(run: Run) -> Ablation | None:
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


def shortened(data: Dataset, steps: int, *, longest: int) -> Dataset:
    """The same decisions seen through windows of `steps` bars, learned from rows that have `longest` bars before them.

    Raises:
        ConfigError: a window for which a fold has too few rows.
    """
    ready = data.windows
    first = windows.first_end(ready.values, steps=longest)
    folds = []
    for fold in data.folds:
        kept = fold.train[ready.ends[fold.train] >= first]
        if len(kept) < _FEWEST or ready.ends[fold.validation[0]] < first:
            raise ConfigError(
                f"Expected {_FEWEST} training rows in every fold, got {len(kept)} in fold {fold.number} with a window "
                f"of {longest} bars. Leave out the longest windows."
            )
        folds.append(replace(fold, train=kept))
    viewed = replace(ready, steps=steps)
    scalers = tuple(scaling.fit_scaler(viewed, rows=fold.train) for fold in folds)
    return Dataset(bars=data.bars, windows=viewed, folds=tuple(folds), scalers=scalers)


def _train(
    subject: RunUnderStudy, made: dict[int, Dataset], *, workers: WorkerPool, progress: Progress
) -> dict[int, dict[Task, Floats]]:
    """Each window's probabilities of the test rows, member by member."""
    experiment, versions = subject.experiment, backend.versions(workers.backend)
    tasks = [
        (model, fold, seed)
        for model in subject.models
        for fold in range(len(subject.data.folds))
        for seed in range(experiment.seeds)
    ]
    name = experiment.fingerprint(longest=max(made), versions=versions, backend=workers.backend)[:10]
    folder = subject.run.place("ablation", name)

    def path(length: int, task: Task) -> Any:
        model, fold, seed = task
        return folder / f"window-{length}" / f"{model}-fold-{fold}-seed-{seed}.npz"

    keys = [(length, task) for length in made for task in tasks]
    found: dict[int, dict[Task, Floats]] = {length: {} for length in made}
    for length, task in keys:
        if (kept := read_arrays(path(length, task))) is not None:
            found[length][task] = kept["probability"]
    left = [(length, task) for length, task in keys if task not in found[length]]
    progress.begin(total=len(keys), done=len(keys) - len(left))
    if not left:
        return found
    workers.start()
    shared = {length: workers.share(SharedData.of(dataset)) for length, dataset in made.items()}
    order = partial(order_for, backend=workers.backend, versions=tuple(versions.items()))
    tuned = tuned_hyperparameters(subject.about.get("tuning"))

    def job(length: int, task: Task) -> FitJob:
        fit_task = order(
            replace(experiment, window=length),
            task,
            dataset=made[length],
            room=len(made[length].bars),
            settings=tuned.get(task[:2]),
        )

        def keep(result: MemberResult) -> None:
            write_arrays(path(length, task), {"probability": result.probability})
            found[length][task] = result.probability

        return FitJob(data=shared[length], task=fit_task, done=keep, label=f"{fit_task.name}, window {length}")

    fit_members([job(length, task) for length, task in left], workers=workers, progress=progress)
    return found


def _traded(
    subject: RunUnderStudy, data: Dataset, found: dict[Task, Floats], *, rules: TradingConfig
) -> tuple[dict[str, Ledger], Sessions]:
    """The ensemble's ledger of each network, and the session of each of its rows."""
    frames = [tables.predictions(data, task, probability) for task, probability in sorted(found.items())]
    plain = replace(  # what rules learn on validation rows is left out
        rules,
        threshold=0.0 if rules.threshold == AUTO else rules.threshold,
        calibration="none",
        sizing="full" if rules.sizing == "kelly" else rules.sizing,
    )
    predictions, per_year = pd.concat(frames, ignore_index=True), subject.about["data"]["bars_per_year"]
    closes_with = closing_calendar(subject.about)
    made = accounts(
        predictions, tables.bars(data.bars), rules=plain, bars_per_year=per_year, closes_with=closes_with,
        horizon=subject.experiment.horizon,
    )  # fmt: skip
    mine = {each.model: each for each in made.ledgers if each.member == ENSEMBLE and each.model in subject.models}
    return mine, session_of(data.bars.closed_at[made.traded], data.bars.calendar)


def _loss(data: Dataset, found: dict[Task, Floats], model: str, *, seeds: int) -> float:
    """Mean log loss of the ensemble over all test rows."""
    mean = [np.mean([found[model, fold.number, seed] for seed in range(seeds)], axis=0) for fold in data.folds]
    rows = np.concatenate([fold.test for fold in data.folds])
    chance, rose = np.concatenate(mean), data.windows.targets[rows] > 0
    return float(-np.mean(np.log(np.where(rose, chance, 1 - chance))))
