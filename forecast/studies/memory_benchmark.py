"""The textbook case at many lengths: trained in processes of their own, kept training by training, read back."""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from forecast.compute.processes import Processes
from forecast.config.run_outputs import MemoryBenchmarkConfig
from forecast.runs.io import write_parquet
from forecast.studies import memory_tasks
from forecast.studies.memory_tasks import TASKS, StepBudget, TaskResult
from pipelines.errors import RunError

CELLS = ("simple_rnn", "lstm")
SOLVED = 0.12
"""Learnt is an error below 12 % of guessing's: 0.02 on the adding problem, whose guess errs by 0.167."""

_KEY = ["task", "cell", "length"]
_COLUMNS = [*_KEY, "seed", "units", "parameters", "guess", "error", "steps", "most_steps",
            "batch", "learning_rate", "clip", "check", "good"]  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class Benchmark:
    """table: a row a task, cell, length and seed, with its mean squared error on new sequences and steps taken."""

    table: pd.DataFrame

    def reach(self, task: str, cell: str) -> int:
        """The greatest length up to which most seeds learned at every length tried; 0 where none did."""
        rows = self.table[(self.table["task"] == task) & (self.table["cell"] == cell)]
        learned = (rows["error"] < SOLVED * rows["guess"]).groupby(rows["length"]).mean() > 0.5
        solved = learned.sort_index().cummin()
        return int(solved[solved].index.max()) if solved.any() else 0


def cached(folder: Path) -> Benchmark | None:
    """What was trained before, None where nothing was.

    Raises:
        RunError: a file that does not hold that.
    """
    path = folder / "benchmark.parquet"
    if not path.exists():
        return None
    try:
        return Benchmark(table=pd.read_parquet(path, columns=_COLUMNS))
    except (ValueError, OSError, KeyError) as error:
        raise RunError(f"{path} cannot be read. Train it again: forecast inspect --benchmark --overwrite.") from error


def run(
    folder: Path,
    *,
    config: MemoryBenchmarkConfig,
    jobs: int,
    budget: StepBudget,
    fresh: bool,
    tell: Callable[[str], None],
    tasks: Sequence[str] = tuple(TASKS),
) -> Benchmark:
    """Trains what is not there yet, the short lengths first, and keeps each training as soon as it is done.

    A cell of which no seed learned at two lengths is not trained at longer ones: they are only harder.

    fresh: train all of it again.
    """
    before = None if fresh else cached(folder)
    table = before.table if before else pd.DataFrame(columns=_COLUMNS)
    if not _trained_alike(table, seeds=config.seeds, budget=budget):
        table = table.iloc[:0]
    chains = [(task, cell) for task in tasks for cell in CELLS]
    tested_lengths = sorted(set(config.lengths))
    if remaining := [chain for chain in chains if _next(table, *chain, tested_lengths) is not None]:
        tell(
            f"{config.seeds} seeds each at lengths {', '.join(map(str, tested_lengths))}: minutes. What is done is "
            "kept."
        )
        with Processes(jobs, prepare=_one_thread) as pool:

            def begin(task: str, cell: str) -> tuple[Future[TaskResult], tuple[str, str, int]] | None:
                if (length := _next(table, task, cell, tested_lengths)) is None:
                    return None
                future = pool.submit(memory_tasks.train, task, cell, length=length, seeds=config.seeds, budget=budget)
                return future, (task, cell, length)

            try:
                running = dict(filter(None, (begin(*chain) for chain in remaining)))
                while running:
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        key = running.pop(future)
                        rows = _rows(key, future.result(), budget)
                        table = rows if table.empty else pd.concat([table, rows], ignore_index=True)
                        write_parquet(folder / "benchmark.parquet", table)
                        tell(_progress_text(rows))
                        running.update(filter(None, [begin(*key[:2])]))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    return Benchmark(table=table.sort_values([*_KEY, "seed"], ignore_index=True))


def _next(table: pd.DataFrame, task: str, cell: str, lengths: Sequence[int]) -> int | None:
    """The shortest length that is not trained yet, None where all are or where longer ones are hopeless: no seed has
    learned at the two longest so far."""
    chain_rows = table[(table["task"] == task) & (table["cell"] == cell)]
    learned = (chain_rows["error"] < SOLVED * chain_rows["guess"]).groupby(chain_rows["length"]).sum().sort_index()
    remaining = [length for length in lengths if length not in learned.index]
    if not remaining or (len(below := learned[learned.index < remaining[0]]) >= 2 and not below.iloc[-2:].any()):
        return None
    return remaining[0]


def _progress_text(rows: pd.DataFrame) -> str:
    task, cell, length, guess = (rows[name].iloc[0] for name in (*_KEY, "guess"))
    return f"{task}, length {length}, {cell}: median error {rows['error'].median():.4f}, guessing {guess:.4f}"


def _rows(key: tuple[str, str, int], learned: memory_tasks.TaskResult, budget: StepBudget) -> pd.DataFrame:
    task, cell, length = key
    return pd.DataFrame(
        {
            "task": task,
            "cell": cell,
            "length": length,
            "seed": np.arange(len(learned.error)),
            "units": learned.units,
            "parameters": learned.parameters,
            "guess": TASKS[task][1],
            "error": learned.error,
            **{name: value for name, value in asdict(budget).items() if name not in ("steps", "parameters")},
            "steps": learned.steps,
            "most_steps": budget.steps,
        }
    )[_COLUMNS]


def _trained_alike(table: pd.DataFrame, *, seeds: int, budget: StepBudget) -> bool:
    """Whether a table was trained with this budget and as many seeds."""
    if table.empty:
        return True
    settings = {**asdict(budget), "most_steps": budget.steps, "seeds": seeds}
    del settings["steps"], settings["parameters"]
    settings_table = table.assign(seeds=table["seed"].max() + 1)
    return all(bool((settings_table[name] == value).all()) for name, value in settings.items())


def _one_thread() -> None:
    """A process a training: more threads in each would only wait for one another."""
    from threadpoolctl import threadpool_limits  # comes with scikit-learn

    threadpool_limits(1)
