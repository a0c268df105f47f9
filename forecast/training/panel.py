"""One set of members for a panel of symbols: trained on the rows of all, tested on each, a run for every symbol.

Features have no unit, so symbols can teach one network. Each symbol keeps a scaler of its own, fitted on its training
rows of the fold. A fold's boundaries are the same moments for all symbols, and no row of any symbol is learned from
whose label was not known before the first decision of the fold's test, whichever symbol makes it.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecast.compute import backend
from forecast.compute.executor import FitJob, WorkerPool, fit_members
from forecast.compute.progress import Progress
from forecast.compute.shared_data import SharedData
from forecast.compute.task import FitTask, MemberResult, Task, order_for
from forecast.config.experiment import Experiment, Hyperparameters
from forecast.datasets import lookahead_audit
from forecast.datasets.dataset import (
    Dataset,
    fingerprint,
    load,
    make_bars,
    make_windows,
    price_scale,
    with_common_features,
)
from forecast.datasets.panel import Panel, taking_part, write_panel, write_scaled
from forecast.datasets.tick_history import TickHistory
from forecast.networks.results import FitResult
from forecast.runs import catalog, integrity, tables, trial_log
from forecast.runs import run as runs
from forecast.runs.run import Run
from forecast.training.session import (
    TrainingSession,
    announce_code,
    baseline_jobs,
    finish_if_whole,
    refuse_lookahead,
    resume,
    run_name,
    save,
    tune_members,
)
from pipelines.errors import TooFewBarsError
from pipelines.market.types import Bars
from pipelines.preprocessing import custom_features, sample_weights, scaling, walk_forward
from pipelines.preprocessing.scaling import Scaler
from pipelines.preprocessing.walk_forward import Fold
from pipelines.preprocessing.windows import Windows
from pipelines.store.store import Store


@dataclass(frozen=True, kw_only=True, eq=False)
class PooledPanel:
    """A panel with its folds. scalers: of each fold, by symbol; a symbol that takes no part in a fold has none."""

    panel: Panel
    folds: tuple[Fold, ...]
    scalers: tuple[dict[str, Scaler], ...]

    def test_of(self, symbol: str, number: int, part: str = "test") -> NDArray[np.bool_]:
        """Which of a fold's test (or validation) rows are a symbol's; none of them where it is not in the panel."""
        place = self.panel.symbols.index(symbol) if symbol in self.panel.symbols else -1
        return np.asarray(self.panel.of[getattr(self.folds[number], part)] == place)


def pool(panel: Panel, experiment: Experiment, *, planned: int | None = None) -> PooledPanel:
    """Folds common to all symbols, and each symbol's scalers. planned: as walk_forward takes it.

    Raises:
        TooFewBarsError: too little history for the folds.
    """
    made = walk_forward.walk_forward(
        panel.windows, folds=experiment.folds, split=experiment.split, embargo=experiment.embargo, planned=planned
    )
    folds = tuple(
        sample_weights.weigh(panel.windows, taking_part(panel, fold), kind=experiment.weights) for fold in made
    )
    scalers: tuple[dict[str, Scaler], ...] = tuple({} for _ in folds)
    for symbol in panel.symbols:
        part = panel.part(symbol)
        for fold, found in zip(folds, scalers, strict=True):
            if len(rows := panel.fold_of(symbol, fold).train):
                found[symbol] = scaling.fit_scaler(part, rows=rows)
    return PooledPanel(panel=panel, folds=folds, scalers=scalers)


def train_pooled(
    experiments: Sequence[Experiment],
    *,
    store: Store,
    folder: Path,
    command: str,
    fresh: bool,
    progress: Progress,
    workers: WorkerPool,
) -> list[Run]:
    """Trains the members of a panel and returns a finished run a symbol; the first becomes the latest.

    experiments: the same one for each symbol of its panel. Interrupted, the same call goes on.

    Raises:
        ForecastError: no such prices, a symbol that no fold can test, members that keep failing.
    """
    versions = backend.versions(workers.backend)
    experiments = sorted(experiments, key=lambda each: each.symbol)  # so that their order decides nothing
    experiments = with_common_features(store, experiments)
    with ExitStack() as open_until_done:
        scratch = Path(open_until_done.enter_context(TemporaryDirectory(prefix="forecast-panel-")))
        data: dict[str, str] = {}

        def parts() -> Iterator[tuple[str, Windows]]:
            for experiment in experiments:
                prices = make_bars(load(store, experiment), experiment)
                data[experiment.symbol] = fingerprint(prices)
                yield experiment.symbol, make_windows(prices, experiment)

        announce_code(experiments[0].features, progress=progress)
        pooled = pool(write_panel(scratch, parts()), experiments[0])
        own = custom_features.sources(experiments[0].features)
        more = {"panel_data": data, **({"user_features": own} if own else {})}
        found: list[Run] = []
        ongoing: list[TrainingSession] = []
        for experiment in experiments:
            name = run_name(experiment, versions=versions, backend=workers.backend, **more)
            run = Run(folder / name)
            found.append(run)
            open_until_done.enter_context(run.locked())
            if fresh:
                runs.discard(run)
            if run.finished:
                integrity.check(run)
                continue
            workers.start()
            source = load(store, experiment)
            dataset = of_symbol(pooled, experiment.symbol, prices := make_bars(source, experiment))
            shown = lookahead_audit.certify(source, experiment, dataset)
            late = lookahead_audit.late_rows(pooled.panel.windows, pooled.folds)
            shown = replace(shown, failures=(*shown.failures, *late))
            refuse_lookahead(shown, own, progress=progress)
            description = tables.describe_run(
                experiment,
                dataset,
                name=run.name,
                command=command,
                fingerprint=data[experiment.symbol],
                price_scale=price_scale(source, prices),
                versions=versions,
                backend=workers.backend,
                user_features=own,
                panel={"symbols": list(pooled.panel.symbols), "fingerprints": data},
            )
            trial_log.record_training(folder, experiment, run=run.name, **more)
            runs.create_run(folder, run.name, description=description, bars=tables.bars(prices))
            ongoing.append(resume(run, experiment, dataset, shown))
        if ongoing:
            past = truncated_in_first_test(pooled, experiments, store=store, folder=scratch / "past")
            for each in ongoing:
                if past is not None and past.test_of(each.experiment.symbol, 0).any():
                    each.twice = tuple(each.experiment.models)
            _fit_members(ongoing, pooled, past, tuple(versions.items()), scratch, workers=workers, progress=progress)
    catalog.set_latest(folder, found[0])
    return found


def truncated_in_first_test(
    pooled: PooledPanel, experiments: Sequence[Experiment], *, store: Store, folder: Path
) -> PooledPanel | None:
    """The panel as it stood in the middle of the first test block: members trained on it must be the same ones.

    None where that block is too short for every label before it to be there by then.
    """
    panel, first = pooled.panel, pooled.folds[0].test
    until = first[: len(first) // 2]
    counts = np.bincount(panel.of[until], minlength=len(panel.symbols))[np.unique(panel.of[first])]
    if counts.min() <= experiments[0].horizon + walk_forward.FEWEST_ROWS["test"]:
        return None
    cut = panel.windows.decided_at[until[-1]]

    def parts() -> Iterator[tuple[str, Windows]]:
        for experiment in experiments:
            source = lookahead_audit.truncated(load(store, experiment), cut)
            if isinstance(source.raw, TickHistory) or len(source.raw):
                with suppress(TooFewBarsError):  # it had hardly begun: no row of it was learned from
                    prices = make_bars(source, experiment)
                    yield experiment.symbol, _as_in(pooled, prices, make_windows(prices, experiment), experiment)

    return pool(write_panel(folder, parts()), experiments[0], planned=len(panel.windows))


def _as_in(pooled: PooledPanel, prices: Bars, made: Windows, experiment: Experiment) -> Windows:
    """A symbol's windows made again, with the panel's values where a person's features differ by rounding alone."""
    symbol = experiment.symbol
    scalers = tuple(fold[symbol] for fold in pooled.scalers if symbol in fold)
    mine = Dataset(bars=prices, windows=pooled.panel.part(symbol), folds=(), scalers=scalers)
    again = Dataset(bars=prices, windows=made, folds=(), scalers=())
    return lookahead_audit.without_rounding(again, mine, experiment, bar=len(prices) - 1).windows


def of_symbol(pooled: PooledPanel, symbol: str, prices: Any) -> Dataset:
    """What a symbol's run shows of the panel.

    Raises:
        TooFewBarsError: no fold can test the symbol, or one in the middle cannot.
    """
    folds = [pooled.panel.fold_of(symbol, fold) for fold in pooled.folds]
    tested = [fold.number for fold in folds if len(fold.test)]
    if not tested or tested != list(range(tested[0], tested[-1] + 1)):
        raise TooFewBarsError(
            f"{symbol}: need training, validation and test rows in neighbouring folds of the panel, got them in "
            f"{', '.join(map(str, tested)) or 'none'} of {len(folds)} folds. Leave it out or fetch more history."
        )
    nothing = Scaler(mean=np.zeros(0), scale=np.zeros(0))
    return Dataset(
        bars=prices,
        windows=pooled.panel.part(symbol),
        folds=tuple(folds),
        scalers=tuple(found.get(symbol, nothing) for found in pooled.scalers),
    )


def _fit_members(
    ongoing: list[TrainingSession],
    pooled: PooledPanel,
    past: PooledPanel | None,
    versions: tuple[tuple[str, str], ...],
    scratch: Path,
    *,
    workers: WorkerPool,
    progress: Progress,
) -> None:
    experiment, panel = ongoing[0].experiment, pooled.panel
    members = [
        (model, fold.number, seed)
        for fold in pooled.folds
        for seed in range(experiment.seeds)
        for model in experiment.models
    ]
    missing = [task for task in members if any(task in each.missing(each.networks) for each in ongoing)]
    data = {number: _share(pooled, number, scratch, workers) for number in sorted({task[1] for task in missing})}

    def order_on(of: PooledPanel, task: Task, settings: Hyperparameters | None) -> FitTask:
        made = order_for(
            experiment,
            task,
            dataset=Dataset(bars=ongoing[0].dataset.bars, windows=of.panel.windows, folds=of.folds, scalers=()),
            room=len(panel.windows.values),
            settings=settings,
            backend=workers.backend,
            versions=versions,
        )
        return replace(made, symbol=f"{len(panel.symbols)} symbols")

    def order(task: Task, settings: Hyperparameters | None) -> tuple[Any, FitTask]:
        return data[task[1]], order_on(pooled, task, settings)

    tune_members(ongoing, order=order, workers=workers, progress=progress)
    baselines = [task for session in ongoing for task in session.baselines]
    left = [task for session in ongoing for task in session.missing(session.baselines)]
    total, open_members = len(members) + len(baselines), len(missing) + len(left)
    progress.begin(total=total, done=total - open_members)
    settings = ongoing[0].settings

    def network(task: Task) -> FitJob:
        shared, fit_task = order(task, settings.get(task[:2]))

        def keep(result: MemberResult) -> None:
            for session in ongoing:
                if isinstance(result, FitResult) and task in session.missing(session.networks):
                    save(session, task, _of_member(result, task, pooled, session.experiment.symbol))
                finish_if_whole(session)

        return FitJob(data=shared, task=fit_task, done=keep, label=fit_task.name)

    def again(model: str, before: PooledPanel, shared: Any) -> FitJob:
        def keep(result: MemberResult) -> None:
            for session in ongoing:
                if session.twice:
                    session.again[model] = result.probability[before.test_of(session.experiment.symbol, 0)]
                finish_if_whole(session)

        task = order_on(before, (model, 0, 0), settings.get((model, 0)))
        return FitJob(data=shared, task=task, done=keep)

    jobs = [network(task) for task in missing]
    if past is not None:
        shared = _share(past, 0, scratch / "past", workers)
        jobs += [again(model, past, shared) for model in experiment.models]
    for session in ongoing:
        jobs += _baselines(session, versions, workers=workers)
    fit_members(jobs, workers=workers, progress=progress)
    for session in ongoing:
        finish_if_whole(session)


def _baselines(session: TrainingSession, versions: tuple[tuple[str, str], ...], *, workers: WorkerPool) -> list[FitJob]:
    """The baselines of one symbol that are missing, each fitted on the symbol's own rows."""
    if not session.missing(session.baselines):
        return []
    features = session.dataset.windows.values.shape[1]
    unused = Scaler(mean=np.zeros(features), scale=np.ones(features))  # of folds without the symbol
    scalers = tuple(scaler if len(scaler.mean) else unused for scaler in session.dataset.scalers)
    return baseline_jobs(
        session,
        data=workers.share(replace(SharedData.of(session.dataset), scalers=scalers)),
        backend=workers.backend,
        versions=versions,
        done=lambda: finish_if_whole(session),
    )


def _share(pooled: PooledPanel, number: int, scratch: Path, workers: WorkerPool) -> Any:
    """One fold of the panel, scaled symbol by symbol; its values need no scaler any more."""
    values = write_scaled(scratch / f"fold-{number}.raw", pooled.panel, pooled.scalers[number])
    features = values.values.shape[1]
    none = np.zeros(0, dtype=np.int64)
    empty = replace(pooled.folds[number], train=none, validation=none, test=none)
    folds = tuple(fold if fold.number == number else replace(empty, number=fold.number) for fold in pooled.folds)
    scaled = Scaler(mean=np.zeros(features), scale=np.ones(features))
    return workers.share(SharedData(windows=values, folds=folds, scalers=tuple(scaled for _ in folds)))


def _of_member(fitted: FitResult, task: Task, pooled: PooledPanel, symbol: str) -> FitResult:
    """What a member found for one symbol's rows."""
    return replace(
        fitted,
        probability=fitted.probability[pooled.test_of(symbol, task[1])],
        validation=fitted.validation[pooled.test_of(symbol, task[1], "validation")],
    )
