"""Experiments -> trained runs."""

import shlex
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from forecast.api.arguments import check_switch, check_type, jobs_of, workspace_of
from forecast.api.progress import ShowProgress, progress_display
from forecast.compute import backend as backends
from forecast.config.experiment import Experiment
from forecast.config.fields import settings_of
from forecast.runs.run import Run
from forecast.workspace import Workspace
from pipelines.errors import ConfigError, in_one_line

_EXAMPLE = 'Experiment("AAPL", folds=6)'


def train(
    experiment: Experiment,
    *,
    overwrite: bool = False,
    jobs: int | None = None,
    backend: str = backends.DEFAULT,
    cluster: str | None = None,
    progress: ShowProgress = True,
    workspace: Workspace | None = None,
    skip_unsuitable: bool = False,
) -> Run:
    """Train an experiment's networks walk-forward, several seeds each, and return the finished run.

    The same experiment on the same bars gives the same run: finished, it is returned at once; interrupted, it resumes
    from the last finished member. Works in a script without a ``__main__`` guard, in a notebook and in a thread.

    Parameters
    ----------
    experiment
        What to train on what. Its bars must be in the store: `fetch`, `add_bars` or `add_ticks` bring them there.
    overwrite
        Whether to train anew what is finished already.
    jobs
        Worker processes; None: as many as cores.
    backend
        "tensorflow", "jax", or "auto" for the fastest one installed.
    cluster
        Address of a Dask scheduler, or "local" to start one; None: processes of this machine.
    progress
        True: a bar on stderr. False: nothing. Or an object of your own, see `Progress`.
    workspace
        Where prices, runs and reports lie; None: `Workspace.default`.
    skip_unsuitable
        Of a panel, ``Experiment("TECH", panel=["AAPL", "MSFT"])``: whether symbols that cannot take part are left out.

    Returns
    -------
    Run
        The finished run; `backtest` trades its predictions. A panel is one run.

    Raises
    ------
    ForecastError
        No such prices, too little history, an impossible experiment, members that keep failing.

    Examples
    --------
    >>> import forecast as fc
    >>> _ = fc.fetch("AAPL", source="sample", progress=False)
    >>> experiment = fc.Experiment(
    ...     "AAPL", models=["lstm"], baselines=[], window=5, units=2, folds=2, seeds=1, epochs=1, end="2002-12-31"
    ... )
    >>> run = fc.train(experiment, jobs=1, progress=False)
    >>> run.finished
    True
    """
    experiment = check_type(experiment, Experiment, name="experiment", example=_EXAMPLE)
    (run,) = train_all(
        [experiment],
        overwrite=overwrite,
        jobs=jobs,
        backend=backend,
        cluster=cluster,
        progress=progress,
        workspace=workspace,
        skip_unsuitable=skip_unsuitable,
    )
    return run


def train_all(
    experiments: Sequence[Experiment],
    *,
    overwrite: bool = False,
    jobs: int | None = None,
    backend: str = backends.DEFAULT,
    cluster: str | None = None,
    progress: ShowProgress = True,
    workspace: Workspace | None = None,
    skip_unsuitable: bool = False,
    command: str = "",
) -> list[Run]:
    """Train several experiments by the same workers and return their finished runs. Parameters as `train` has them.

    command: what gives these runs again, as a person would type it; "" to work it out of the experiment.
    """
    if not isinstance(experiments, list | tuple) or not experiments:
        raise ConfigError(
            f"Expected experiments as a list, got {in_one_line(experiments)}. Give them like [{_EXAMPLE}]."
        )
    for experiment in experiments:
        check_type(experiment, Experiment, name="experiment", example=_EXAMPLE)
    place = workspace_of(workspace)
    check_switch(overwrite, name="overwrite")
    check_switch(skip_unsuitable, name="skip_unsuitable")
    with (
        progress_display(progress) as display,
        make_workers(jobs=jobs_of(jobs), backend=backends.choose(backend), cluster=cluster) as workers,
    ):
        from forecast.training.panel import train_panel
        from forecast.training.train import train_all
        from pipelines.store.store import Store

        shared: dict[str, Any] = {
            "store": Store(place.store),
            "folder": place.runs,
            "command": command or command_line(experiments[0]),
            "fresh": overwrite,
            "progress": display,
            "workers": workers,
        }
        panels = [experiment for experiment in experiments if experiment.panel]
        runs = [train_panel(experiment, skip_unsuitable=skip_unsuitable, **shared) for experiment in panels]
        single = [experiment for experiment in experiments if not experiment.panel]
        return runs + (train_all(single, **shared) if single else [])


def make_workers(*, jobs: int, backend: str, cluster: str | None) -> AbstractContextManager[Any]:
    """Where members are fitted: processes of this machine, or those of a Dask cluster."""
    if cluster is None:
        from forecast.compute.executor import ProcessPool

        return ProcessPool(backend=backend, jobs=jobs)
    from forecast.compute.dask import DaskPool

    return DaskPool(cluster, backend=backend, jobs=jobs)


def command_line(experiment: Experiment) -> str:
    """The command that trains an experiment: its options are those fields that differ from their defaults.

    Examples
    --------
    >>> command_line(Experiment("AAPL", folds=4, models=["gru", "lstm"]))
    'forecast train AAPL --model gru --model lstm --folds 4'
    """
    listed = [f"@{experiment.symbol}.csv"] if experiment.membership else experiment.panel
    words = ["forecast", "train", *(listed or (experiment.symbol,))]
    if experiment.panel:
        words += ["--local-models" if experiment.local_models else "--global-model"]
    standard = Experiment(experiment.symbol)
    for name, (setting, _) in settings_of(Experiment).items():
        if (value := getattr(experiment, name)) == getattr(standard, name):
            continue
        option = f"--{setting.option or name.replace('_', '-')}"
        if setting.kind == "switch":
            words += [option]
        else:
            for entry in value if setting.kind == "texts" else (value,):
                words += [option, str(entry)]
    return shlex.join(words)
