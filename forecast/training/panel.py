"""A panel of symbols -> one finished run: one set of networks and baselines, trained and tested on the rows of all."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from forecast.compute import backend
from forecast.compute.executor import FitJob, WorkerPool, fit_members
from forecast.compute.progress import Progress
from forecast.compute.shared_data import SharedData
from forecast.compute.task import FitTask, MemberResult, Task, order_for
from forecast.config.experiment import Experiment, Hyperparameters
from forecast.datasets import lookahead_audit
from forecast.datasets.dataset import (
    Dataset,
    Source,
    bars_alone,
    common_features,
    cross_sections,
    fingerprint,
    load,
    load_covariates,
    make_bars,
    make_windows,
    price_scale,
    with_cross_sections,
)
from forecast.datasets.panel import PanelDataset, idle_symbols, lay_out, pool, scaled_fold, write_panel
from forecast.datasets.panel_audit import certify_panel, histories_until
from forecast.runs import catalog, integrity, tables, trial_log
from forecast.runs import run as runs
from forecast.runs.run import Run
from forecast.training.session import (
    TrainingSession,
    announce_code,
    baseline_jobs,
    check_code,
    finish_if_complete,
    own_code,
    refuse_lookahead,
    resume,
    run_name,
    save,
    tune_members,
)
from pipelines.errors import ConfigError, ForecastError, TooFewBarsError
from pipelines.files import temporary_folder
from pipelines.market.types import Bars
from pipelines.preprocessing import walk_forward
from pipelines.preprocessing.windows import Rows, Windows
from pipelines.store.store import Store

MOST_OF_BASELINES = 24_000_000
"""Numbers that a baseline of a panel learns from: 800,000 windows of 30 bars; of more it takes an even part."""

_LISTED = 20


@dataclass(frozen=True, kw_only=True, eq=False)
class PanelPrices:
    """What a panel is made of: the sources and bars of the symbols that can take part, and why others cannot."""

    experiment: Experiment
    sources: Mapping[str, Source]
    bars: Mapping[str, Bars]
    unsuitable: Mapping[str, str]


def train_panel(
    experiment: Experiment,
    *,
    store: Store,
    folder: Path,
    command: str,
    fresh: bool,
    progress: Progress,
    workers: WorkerPool,
    skip_unsuitable: bool = False,
) -> Run:
    """Trains the members of a panel and returns its one finished run, which becomes the latest.

    experiment: with a panel. Interrupted, the same call resumes. skip_unsuitable: leaves out the symbols that cannot
    take part instead of raising.

    Raises:
        ConfigError: symbols that cannot take part, each with its reason.
        ForecastError: too little history for the folds, members that keep failing.
    """
    versions = backend.versions(workers.backend)
    with ExitStack() as open_until_done:
        scratch = open_until_done.enter_context(temporary_folder("panel"))
        workers.start()  # they load the network library while the data are prepared
        prices, dataset = read_panel(experiment, store=store, folder=scratch, skip_unsuitable=skip_unsuitable)
        experiment = prices.experiment
        for note in panel_notes(prices, dataset):
            progress.note(note)
        code = own_code(experiment)
        user_features = code.get("user_features", {})
        more: dict[str, Any] = {"panel_data": {symbol: fingerprint(bars) for symbol, bars in prices.bars.items()}}
        more |= code
        run = Run(folder / run_name(experiment, versions=versions, backend=workers.backend, **more))
        open_until_done.enter_context(run.locked())
        if fresh:
            runs.discard(run)
        if run.finished:
            integrity.check(run)
        else:
            announce_code(experiment, progress=progress)
            counts = check_code(experiment, dataset=dataset, versions=versions, workers=workers)
            certificate = certify_panel(dataset, experiment, sources=prices.sources, bars=prices.bars)
            refuse_lookahead(certificate, user_features, progress=progress)
            description = tables.describe_panel_run(
                experiment,
                dataset,
                prices=prices.bars,
                price_scales={
                    symbol: price_scale(prices.sources[symbol], bars) for symbol, bars in prices.bars.items()
                },
                unsuitable=prices.unsuitable,
                name=run.name,
                command=command,
                versions=versions,
                backend=workers.backend,
                covariates={
                    symbol: bars_alone(covariate, experiment)
                    for symbol, covariate in next(iter(prices.sources.values())).covariates.items()
                },
                **{"user_features": {}, **code},
            )
            description["parameters"] |= counts
            trial_log.record_training(folder, experiment, run=run.name, **code)
            runs.create_run(folder, run.name, description=description, bars=tables.panel_bars(prices.bars))
            session = resume(run, experiment, dataset, certificate, retrained_models=tuple(experiment.models))
            _fit(session, dataset, prices, tuple(versions.items()), scratch, workers=workers, progress=progress)
    catalog.set_latest(folder, run)
    return run


def read_panel(
    experiment: Experiment, *, store: Store, folder: Path, skip_unsuitable: bool
) -> tuple[PanelPrices, PanelDataset]:
    """Prices, windows and folds of a panel; each symbol is read once.

    folder: where the matrix of features is written.

    Raises:
        ConfigError: symbols that cannot take part, all of them named, unless they are to be left out.
        TooFewBarsError: too little history for the folds.
    """
    sources: dict[str, Source] = {}
    bars: dict[str, Bars] = {}
    unsuitable: dict[str, str] = {}
    covariates = load_covariates(store, experiment)
    for symbol in experiment.panel:
        try:
            sources[symbol] = load(store, experiment.of_symbol(symbol), covariates=covariates)
            bars[symbol] = make_bars(sources[symbol], experiment.of_symbol(symbol))
        except ForecastError as error:
            unsuitable[symbol] = str(error)
    if not experiment.features and bars:
        experiment = replace(experiment, features=common_features(list(bars.values())))

    def parts(suitable: Sequence[str]) -> Iterator[tuple[str, Windows]]:
        for symbol in suitable:
            try:
                windows = make_windows(bars[symbol], experiment.of_symbol(symbol))
            except TooFewBarsError as error:
                unsuitable[symbol] = str(error)
            else:
                yield symbol, windows

    dataset = None
    while dataset is None:
        _refuse(unsuitable, experiment, skip=skip_unsuitable)
        before = len(unsuitable)
        suitable = sorted(set(bars) - set(unsuitable))
        sections = cross_sections({symbol: bars[symbol] for symbol in suitable}, experiment)
        for symbol in suitable if sections else ():
            bars[symbol] = with_cross_sections(bars[symbol], experiment, sections)
        panel = write_panel(folder, parts(suitable))
        folds, _ = lay_out(panel, experiment)
        for symbol in idle_symbols(panel, folds):
            unsuitable[symbol] = _why_idle(
                bars[symbol], first=min(panel.windows.decided_at[fold.test[0]] for fold in folds)
            )
        if len(unsuitable) > before:
            _refuse(unsuitable, experiment, skip=skip_unsuitable)
        else:
            dataset = pool(panel, experiment)
    symbols = dataset.panel.symbols
    lines = tuple(line for line in experiment.membership if line.partition(",")[0] in symbols)
    prices = PanelPrices(
        experiment=replace(experiment, panel=symbols, membership=lines),
        sources={symbol: replace(sources[symbol], cross_sections=sections) for symbol in symbols},
        bars={symbol: bars[symbol] for symbol in symbols},
        unsuitable=unsuitable,
    )
    return prices, dataset


def _refuse(unsuitable: Mapping[str, str], experiment: Experiment, *, skip: bool) -> None:
    """Stops where symbols cannot take part and are not to be left out, or fewer than two are left."""
    remaining = len(set(experiment.panel) - set(unsuitable))
    if not unsuitable or (skip and remaining >= 2):
        return
    reasons = [f"{symbol} ({_short(reason, symbol)})" for symbol, reason in sorted(unsuitable.items())]
    more = f" and {len(reasons) - _LISTED} more" if len(reasons) > _LISTED else ""
    hint = "Leave them out: --skip-unsuitable." if remaining >= 2 else f"Only {remaining} would be left: name others."
    raise ConfigError(
        f"Expected symbols that can take part in the panel, got {len(reasons)} of {len(experiment.panel)} that cannot: "
        f"{'; '.join(reasons[:_LISTED])}{more}. {hint}"
    )


def _short(reason: str, symbol: str) -> str:
    """The first sentence of an error, without the symbol that stands before it already."""
    sentence = reason.removeprefix(f"{symbol}: ").split(". ")[0]
    return " ".join(sentence.rstrip(".").split())[:160]


def _why_idle(prices: Bars, *, first: np.datetime64) -> str:
    began, ended, tests = (np.datetime_as_string(at, unit="D") for at in (*prices.closed_at[[0, -1]], first))
    return (
        f"{len(prices)} bars of {began} to {ended} give no fold {walk_forward.FEWEST_ROWS['train']} training rows; the "
        f"first fold tests from {tests} on"
    )


def panel_notes(prices: PanelPrices, dataset: PanelDataset) -> Iterator[str]:
    """What a person should know about the panel before it is trained."""
    if prices.unsuitable:
        left_out = [f"{symbol} ({_short(why, symbol)})" for symbol, why in sorted(prices.unsuitable.items())]
        yield f"Left out: {'; '.join(left_out)}."
    for name in ("currency", "calendar"):
        kinds = Counter(str(getattr(bars, name)) for bars in prices.bars.values())
        if len(kinds) > 1:
            counted = ", ".join(f"{kind} ({count})" for kind, count in kinds.most_common())
            yield f"The panel has more than one {name}: {counted}. Returns are each in their own currency."
    tested = set(dataset.tested())
    if silent := [symbol for symbol in dataset.panel.symbols if symbol not in tested]:
        yield f"Only learned from, because no test block has enough of their rows: {', '.join(silent)}."
    if not prices.experiment.membership:
        yield (
            "No days of membership are given: symbols chosen today have survived until today, which flatters every "
            "result (survivorship bias). A file with symbol,from,to avoids it: forecast train @universe.csv."
        )


def truncated_in_first_test(dataset: PanelDataset, prices: PanelPrices, *, folder: Path) -> PanelDataset | None:
    """The panel as it stood in the middle of the first test block: members trained on it must be the same ones.

    None where that block is too short for every label before it to be there by then.
    """
    panel, first, experiment = dataset.panel, dataset.folds[0].test, prices.experiment
    until = first[: len(first) // 2]
    moments = len(np.unique(panel.windows.decided_at[until]))
    if moments <= experiment.horizon + walk_forward.FEWEST_ROWS["test"]:
        return None
    cutoff = panel.windows.decided_at[until[-1]]

    def parts() -> Iterator[tuple[str, Windows]]:
        for symbol, bars in histories_until(cutoff, prices.sources, experiment):
            with suppress(TooFewBarsError):  # it had hardly begun: no row of it was learned from
                symbol_experiment = experiment.of_symbol(symbol)
                yield symbol, _as_in(dataset, bars, make_windows(bars, symbol_experiment), symbol_experiment)

    return pool(write_panel(folder, parts()), experiment, planned=len(panel.windows))


def _as_in(dataset: PanelDataset, prices: Bars, windows: Windows, experiment: Experiment) -> Windows:
    """A symbol's windows made again, with the panel's values where a person's features differ by rounding alone."""
    symbol = experiment.symbol
    scalers = tuple(fold[symbol] for fold in dataset.scalers if symbol in fold)
    original = Dataset(bars=prices, windows=dataset.panel.part(symbol), folds=(), scalers=scalers)
    recomputed = Dataset(bars=prices, windows=windows, folds=(), scalers=())
    return lookahead_audit.without_rounding(recomputed, original, experiment, bar=len(prices) - 1).windows


def same_rows(dataset: PanelDataset, past: PanelDataset) -> Rows:
    """The places among the first fold's test rows of those that the truncated panel tests there, in its order."""
    places = {key: place for place, key in enumerate(_keys(dataset))}
    return np.array([places.get(key, -1) for key in _keys(past)], dtype=np.int64)


def _keys(dataset: PanelDataset) -> list[tuple[str, int]]:
    """Symbol and bar of each test row of the first fold."""
    rows, panel = dataset.folds[0].test, dataset.panel
    bars = dataset.windows.ends[rows] - panel.begins[panel.of[rows]]
    return list(zip(dataset.symbols_of(rows).tolist(), bars.tolist(), strict=True))


def _fit(
    session: TrainingSession,
    dataset: PanelDataset,
    prices: PanelPrices,
    versions: tuple[tuple[str, str], ...],
    scratch: Path,
    *,
    workers: WorkerPool,
    progress: Progress,
) -> None:
    """Fits what is missing; the truncated panel is made while the workers are busy, and members on it come last."""
    experiment, size = session.experiment, len(dataset.panel.symbols)
    shared: dict[int, Any] = {}

    def data(fold: int) -> Any:
        if fold not in shared:
            shared[fold] = workers.share(shared_fold(dataset, fold, scratch, prices=prices.bars))
        return shared[fold]

    def order_on(of: PanelDataset, task: Task, settings: Hyperparameters | None) -> FitTask:
        fit_task = order_for(
            experiment,
            task,
            dataset=of,
            room=len(dataset.windows.values),
            settings=settings,
            backend=workers.backend,
            versions=versions,
        )
        return replace(fit_task, symbol=f"{size} symbols")

    def order(task: Task, settings: Hyperparameters | None) -> tuple[Any, FitTask]:
        return data(task[1]), order_on(dataset, task, settings)

    tune_members([session], order=order, workers=workers, progress=progress)
    progress.begin(total=len(session.members), done=len(session.results))

    def network(task: Task) -> FitJob:
        fold_data, fit_task = order(task, session.settings.get(task[:2]))
        return FitJob(
            data=fold_data, task=fit_task, done=lambda result: save(session, task, result), label=fit_task.name
        )

    def retraining(model: str, before: PanelDataset, before_data: Any) -> FitJob:
        def keep(result: MemberResult) -> None:
            session.retrained_predictions[model] = result.probability

        task = order_on(before, (model, 0, 0), session.settings.get((model, 0)))
        return FitJob(data=before_data, task=task, done=keep)

    jobs = [network(task) for task in session.missing(session.networks)]
    jobs += baseline_jobs(
        session, data=data, backend=workers.backend, versions=versions, done=lambda: None, most=MOST_OF_BASELINES
    )
    with ThreadPoolExecutor(1) as aside:
        making = aside.submit(truncated_in_first_test, dataset, prices, folder=scratch / "past")
        fit_members(jobs, workers=workers, progress=progress)
        past = making.result()
    if past is None or not session.retrained_models:
        session.retrained_models = ()
    else:
        session.common_rows = same_rows(dataset, past)
        before_data = workers.share(shared_fold(past, 0, scratch / "past", prices=None))
        fit_members(
            [retraining(model, past, before_data) for model in session.retrained_models],
            workers=workers,
            progress=progress,
        )
    finish_if_complete(session)


def shared_fold(dataset: PanelDataset, number: int, scratch: Path, *, prices: Mapping[str, Bars] | None) -> SharedData:
    """One fold of the panel, scaled symbol by symbol; its values need no scaler any more."""
    windows, folds, scalers = scaled_fold(scratch / f"fold-{number}.raw", dataset, number)
    closes = None if prices is None else np.concatenate([prices[symbol].close for symbol in dataset.panel.symbols])
    return SharedData(windows=windows, folds=folds, scalers=scalers, closes=closes)
