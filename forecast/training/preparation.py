"""Before a run is trained: its name, a person's own code tried out, look-ahead refused, its folder made."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from forecast.compute.executor import WorkerPool
from forecast.compute.progress import Progress
from forecast.compute.task import check_own, order_for
from forecast.config.experiment import Experiment
from forecast.config.model_registry import is_own_network
from forecast.datasets.dataset import Dataset
from forecast.datasets.lookahead_audit import Certificate
from forecast.datasets.panel import PanelDataset
from forecast.runs import integrity, trial_log
from forecast.runs import run as runs
from forecast.runs.run import Run
from forecast.training import user_baselines
from pipelines import user_code
from pipelines.errors import ConfigError
from pipelines.market.times import day
from pipelines.market.types import Bars
from pipelines.preprocessing import custom_features
from pipelines.user_code.worker import WorkerDiedError

_WEEK, _MONTH = np.timedelta64(7, "D"), np.timedelta64(31, "D")
_OWN = (("Model", "models"), ("Baseline", "baselines"), ("Label", "label"))
"""What it is called, and the field of an experiment that may name a person's own code, beside features."""


def run_name(experiment: Experiment, **more: Any) -> str:
    """Follows from the experiment and whatever else decides its result: data, versions, backend."""
    kind = (experiment.bars or experiment.interval).replace(":", "-")
    return f"{experiment.symbol}-{kind}-{experiment.fingerprint(**more)[:10]}"


def own_code(experiment: Experiment) -> dict[str, dict[str, str]]:
    """The sha256 of the files of a person's own features, and of what else an experiment has of a person's own.

    As run.json and a run's name have them; what there is none of is left out.

    Raises:
        ConfigError: one that cannot be found.
    """
    features = custom_features.sources(experiment.features)
    digests = {
        name: digest
        for subject, field_name in _OWN
        for name, digest in user_code.sources(_named(experiment, field_name), what=subject).items()
    }
    return {**({"user_features": features} if features else {}), **({"user_code": digests} if digests else {})}


def _named(experiment: Experiment, field_name: str) -> Sequence[str]:
    """What a field of an experiment names: one or several."""
    value = getattr(experiment, field_name)
    return (value,) if isinstance(value, str) else value


def announce_code(experiment: Experiment, *, progress: Progress) -> None:
    """Says what of an experiment is a person's own code, before any of it runs."""
    for subject, field_name in (("Feature", "features"), *_OWN):
        for name, file in user_code.files(_named(experiment, field_name), what=subject).items():
            progress.note(f"{subject} {name} is code: {file} runs with your rights. Use files that you trust.")


def check_code(
    experiment: Experiment, *, dataset: Any, versions: Mapping[str, str], workers: WorkerPool
) -> tuple[dict[str, int], tuple[str, ...]]:
    """The parameters of a person's own networks, and what they and own baselines open; both are tried out first.

    Raises:
        ConfigError: one that cannot be trained or asked.
    """
    entries: list[str] = []
    for name in filter(user_code.is_user_code, experiment.baselines):
        entries += user_baselines.check_own(name)
    placed: dict[str, Any] = {"backend": workers.backend, "versions": tuple(versions.items())}
    number = next(fold.number for fold in dataset.folds if len(fold.test))
    counted = {
        model: workers.start().submit(
            check_own, None, order_for(experiment, (model, number, 0), dataset=dataset, **placed)
        )
        for model in filter(is_own_network, experiment.models)
    }
    try:
        results = {model: count.result() for model, count in counted.items()}
    except WorkerDiedError as error:
        raise ConfigError(
            f"Model {', '.join(counted)}: expected a network, got the end of its process. Let it end none."
        ) from error
    entries += [entry for _, opened in results.values() for entry in opened]
    return {model: count for model, (count, _) in results.items()}, tuple(entries)


def refuse_lookahead(certificate: Certificate, names: Iterable[str], *, progress: Progress) -> None:
    """Stops before anything is trained on a feature or label of a person's own that looks ahead.

    What cannot be checked is said.

    Raises:
        ConfigError: the certificate says so of one of these names.
    """
    for failure in certificate.failures:
        name = next((name for name in names if name in failure.split()), None)
        if name is not None and failure.startswith("label"):
            raise ConfigError(
                f"Expected a label that is known at the exit that it names, but {name} is not: {failure}. Nothing was "
                "trained. Return as bars held how far row t looks behind the open of bar t + 1."
            )
        if name is not None:
            raise ConfigError(
                f"Expected features that are known at the close of their bar, but {name} looks ahead: {failure}. "
                "Nothing was trained. Let row t of it depend on bars up to t only."
            )
    for entry in certificate.unverifiable:
        progress.note(f"Cannot be checked for look-ahead bias: {entry}.")


def covariate_notes(prices: Iterable[Bars], covariates: Mapping[str, Bars], *, title: str) -> Iterator[str]:
    """Where a covariate begins later, pauses, ends earlier or has other sessions than the prices that it stands beside.

    prices: of all symbols that are learned from. title: what they are called together.

    Raises:
        ConfigError: a covariate that ended so long ago that its last values say nothing.
    """
    of_symbols = list(prices)
    first, last = (min(bars.closed_at[0] for bars in of_symbols), max(bars.closed_at[-1] for bars in of_symbols))
    calendars = sorted({bars.calendar for bars in of_symbols})
    for symbol, covariate in covariates.items():
        begins, ends = covariate.closed_at[[0, -1]]
        age = int((last - ends) / np.timedelta64(1, "D"))
        if last > ends + _MONTH:
            raise ConfigError(
                f"Expected prices of {symbol} up to {day(last)}, where {title} ends, got none after {day(ends)}: for "
                f"{age:,} days its last values would be taken. Fetch it, leave it out, or: --end {day(ends)}."
            )
        if begins > first + _WEEK:
            yield f"{title} is learned from {day(begins)} on, where {symbol} begins."
        if last > ends + _WEEK:
            yield f"{symbol} ends on {day(ends)}: for {age} days its last values are taken."
        within = covariate.closed_at[covariate.closed_at >= first]
        pauses = np.diff(within)
        if len(pauses) and pauses.max() > _MONTH:
            place, days = int(pauses.argmax()), int(pauses.max() / np.timedelta64(1, "D"))
            yield (
                f"{symbol} has no bar between {day(within[place])} and {day(within[place + 1])}: for {days} days its "
                "values before are taken."
            )
        if [covariate.calendar] != calendars:
            yield (
                f"{symbol} has the sessions of {covariate.calendar}, {title} those of {', '.join(calendars)}: each "
                f"close has the values of {symbol} that were known by then."
            )


def is_finished(run: Run, *, fresh: bool) -> bool:
    """Whether a run is there and whole. fresh: whether it is removed first.

    Raises:
        RunError: a finished one whose files were changed.
    """
    if fresh:
        runs.discard(run)
    if run.finished:
        integrity.check(run)
    return run.finished


def begin(
    run: Run,
    experiment: Experiment,
    dataset: "Dataset | PanelDataset",
    *,
    certify: Callable[[], Certificate],
    describe: Callable[..., dict[str, Any]],
    bars: pd.DataFrame,
    code: Mapping[str, Mapping[str, str]],
    command: str,
    versions: Mapping[str, str],
    workers: WorkerPool,
    progress: Progress,
) -> Certificate:
    """Makes a run's folder, once its data and a person's own code are found to be in order.

    certify: gives the certificate of its data. describe: run.json's content, as of forecast.runs.tables. code: as
    own_code has it.

    Raises:
        ConfigError: code that cannot be trained or asked, or that looks ahead.
    """
    counts, entries = check_code(experiment, dataset=dataset, versions=versions, workers=workers)
    certificate = certify()
    certificate = replace(certificate, unverifiable=(*certificate.unverifiable, *entries))
    refuse_lookahead(certificate, [*code.get("user_features", {}), experiment.label], progress=progress)
    description = describe(
        experiment, dataset, name=run.name, command=command, versions=versions, backend=workers.backend,
        **{"user_features": {}, **code},
    )  # fmt: skip
    description["parameters"] |= counts
    trial_log.record_training(run.folder.parent, experiment, run=run.name, **code)
    runs.create_run(run.folder.parent, run.name, description=description, bars=bars)
    return certificate
