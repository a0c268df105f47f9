"""Experiments -> what they can detect: the same experiment on simulated markets whose truth is known."""

import shutil
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forecast.api.arguments import check_switch, check_type, jobs_of, workspace_of
from forecast.api.progress import ShowProgress, progress_display
from forecast.compute import backend as backends
from forecast.config.experiment import Experiment
from forecast.config.power_study import PowerStudyConfig
from forecast.config.trading import TradingConfig
from forecast.workspace import Workspace
from pipelines.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

    from forecast.studies.power_results import PowerStudy

_SYMBOL = "CONTROL"
_WITHOUT_AN_EDGE = ("none", "shuffled")


@dataclass(frozen=True, kw_only=True, eq=False)
class PowerResult:
    """How often an experiment claims an edge that is not there, and the smallest one that it finds.

    Attributes
    ----------
    study
        The study as it is saved.
    page
        The HTML page.

    Examples
    --------
    >>> import forecast as fc
    >>> result = fc.power(
    ...     fc.Experiment("AAPL", models=["lstm"], baselines=[], window=3, units=2, folds=1, seeds=1, epochs=1),
    ...     fc.PowerStudyConfig(kinds=["none"], markets=1, n_bars=300),
    ...     jobs=1,
    ...     progress=False,
    ... )
    >>> set(result.rates["kind"]), result.page.suffix
    ({'none'}, '.html')
    """

    study: "PowerStudy"
    page: Path

    @property
    def rates(self) -> "pd.DataFrame":
        """One row a question, market, edge, model and benchmark: in how many markets each answer was given."""
        return self.study.shares

    @cached_property
    def smallest_effects(self) -> "pd.DataFrame":
        """The smallest true difference found with 80 % power, of skill against the base rate and money against cash."""
        import pandas as pd

        from forecast.studies.power_results import smallest_effects

        columns = ["question", "model", "benchmark", "effect", "unit", "observations", "costs", "larger"]
        return pd.DataFrame([asdict(effect) for effect in smallest_effects(self.rates)], columns=columns)

    @cached_property
    def smallest_edges(self) -> "pd.DataFrame":
        """The smallest planted edge found with 80 % power, a row a comparison; NaN where none of those tried was."""
        import pandas as pd

        from forecast.studies.power_results import smallest_edges

        columns = ["question", "kind", "model", "benchmark", "edge"]
        return pd.DataFrame(smallest_edges(self.rates), columns=columns)

    @property
    def sentences(self) -> tuple[str, ...]:
        """The answer in words, as on the page."""
        from forecast.report.pages.power import sentence
        from forecast.report.sections.power import effects

        return (sentence(self.rates), *effects(self.study))

    def __repr__(self) -> str:
        return "\n".join((*self.sentences, f"Page: {self.page}"))

    def _repr_html_(self) -> str:
        return "".join(f"<p>{escape(sentence)}</p>" for sentence in self.sentences)


def power(
    experiment: Experiment,
    study: PowerStudyConfig | None = None,
    trading: TradingConfig | None = None,
    *,
    overwrite: bool = False,
    jobs: int | None = None,
    backend: str = backends.DEFAULT,
    cluster: str | None = None,
    progress: ShowProgress = True,
    workspace: Workspace | None = None,
) -> PowerResult:
    """Run an experiment on simulated markets without an edge, and on markets with a planted one.

    Interrupted, the same call resumes; every market is kept.

    Parameters
    ----------
    experiment
        What is tried: its networks, window, folds, seeds and budget; its symbol and dates do not matter.
    study
        Which markets and how many; None: ``PowerStudyConfig()``.
    trading
        The rules and the costs; None: ``TradingConfig()``.
    overwrite
        Whether to begin anew.
    jobs
        Worker processes; None: as many as cores.
    backend
        "tensorflow", "jax", or "auto" for the fastest one installed.
    cluster
        Address of a Dask scheduler, or "local" to start one; None: processes of this machine.
    progress
        True: a bar on stderr. False: nothing. Or an object of your own, see `Progress`.
    workspace
        Where studies and reports lie; None: `Workspace.default`.

    Returns
    -------
    PowerResult
        The rates of each answer, the smallest effects and edges, and the page.

    Raises
    ------
    ForecastError
        An experiment that cannot be tried on such markets.

    Examples
    --------
    >>> import forecast as fc
    >>> fc.power(fc.Experiment("AAPL", tuning_trials=5))
    Traceback (most recent call last):
    pipelines.errors.ConfigError: Expected tuning_trials 0 for power: it would tune anew on every market, and take days.
    """
    return study_power(
        check_type(experiment, Experiment, name="experiment", example='Experiment("AAPL", folds=6)'),
        PowerStudyConfig() if study is None else check_type(study, PowerStudyConfig, name="study", example=_STUDY),
        TradingConfig() if trading is None else check_type(trading, TradingConfig, name="trading", example=_TRADING),
        overwrite=check_switch(overwrite, name="overwrite"),
        jobs=jobs,
        backend=backend,
        cluster=cluster,
        progress=progress,
        workspace=workspace,
    )


_STUDY, _TRADING = "PowerStudyConfig(markets=50)", 'TradingConfig(policy="long-short")'


def study_power(
    experiment: Experiment,
    study: PowerStudyConfig,
    trading: TradingConfig,
    *,
    overwrite: bool,
    jobs: int | None,
    backend: str,
    cluster: str | None,
    progress: ShowProgress,
    workspace: Workspace | None,
    command: str = "",
    standalone: bool = False,
) -> PowerResult:
    """As `power`. command: what gives this study again, as a person would type it; "" to work it out. standalone: with
    the chart library inside the page."""
    from forecast.api.reports import write_index_of
    from forecast.api.training import command_line, make_workers
    from forecast.report import write_controls
    from forecast.studies import power_results, power_study
    from forecast.training.preparation import own_code

    experiment = replace(experiment, symbol=_SYMBOL)
    _check(experiment, trading)
    place = workspace_of(workspace)
    markets = [
        power_study.Market(kind=kind, edge=edge, seed=seed, bars=study.n_bars)
        for kind in study.kinds
        for edge in ((0.0,) if kind in _WITHOUT_AN_EDGE else study.edges)
        for seed in range(study.markets)
    ]
    for kind in study.kinds:
        power_study.make(power_study.Market(kind=kind, edge=0.1, seed=0, bars=study.n_bars), experiment)
    chosen = backends.choose(backend)
    decisive = {
        "rules": trading.to_json(), "versions": backends.versions(chosen), "backend": chosen, **own_code(experiment)
    }  # fmt: skip
    folder = place.calibrations / experiment.fingerprint(**decisive)[:10]
    if overwrite:
        shutil.rmtree(folder, ignore_errors=True)
    with (
        progress_display(progress) as display,
        make_workers(jobs=jobs_of(jobs), backend=chosen, cluster=cluster) as workers,
    ):
        results = power_study.calibrate(
            experiment, markets, rules=trading, folder=folder, workers=workers, progress=display
        )
    words = command_line(experiment).split()
    about: dict[str, Any] = {
        "experiment": experiment.to_json(),
        **decisive,
        "market_bars": study.n_bars,
        "command": command or " ".join(["forecast power", *words[3:]]),
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    saved = power_results.PowerStudy(folder=folder, about=about, shares=power_results.rates(results))
    power_results.save(saved)
    page = write_controls(saved, folder=place.reports_dir, standalone=standalone)
    write_index_of(place)
    return PowerResult(study=saved, page=page)


def _check(experiment: Experiment, trading: TradingConfig) -> None:
    """Whether there is a market on which such an experiment and such rules can be tried."""
    from pipelines.user_code import is_user_code

    if trading.spread != "given":
        raise ConfigError("Expected half_spread_bps as a number for power: the markets have no trades and no quotes.")
    if experiment.panel:
        raise ConfigError("Expected an experiment of one symbol for power, got a panel. Leave panel out.")
    if experiment.tuning_trials:
        raise ConfigError("Expected tuning_trials 0 for power: it would tune anew on every market, and take days.")
    if is_user_code(experiment.label):
        raise ConfigError(
            f"Expected label direction, cost-aware or triple-barrier for power, got {experiment.label}: a label of "
            "your own is audited where a run is trained."
        )
    if experiment.combinatorial:
        raise ConfigError("Expected split expanding or rolling: paths of a combinatorial run give no verdict.")
