"""Panels -> today's ranking."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from forecast.api.arguments import jobs_of
from forecast.api.newest_signal import refresh_all
from forecast.api.training import make_workers
from forecast.compute.progress import Progress
from forecast.runs.run import Run
from forecast.workspace import Workspace

if TYPE_CHECKING:
    import numpy as np

    from forecast.config.trading import TradingConfig
    from forecast.serving.panel_signal import PanelSignal


def ask_panel(
    run: Run,
    *,
    workspace: Workspace,
    now: "np.datetime64",
    offline: bool,
    refit: bool,
    jobs: int | None,
    rules: dict[str, Any],
    note: Callable[[str], None],
    trading: "TradingConfig | None" = None,
    progress: Progress | None = None,
) -> "PanelSignal":
    """Fetches every symbol and ranks all of them. Parameters as forecast.api.newest_signal.ask has them."""
    from forecast.serving.panel_signal import open_panel, panel_signal
    from forecast.serving.signal import rules_of
    from pipelines.store.store import Store

    store = Store(workspace.store)
    described, experiment = open_panel(run)
    if not offline:
        for message in refresh_all(workspace, store, experiment, symbols=experiment.panel, now=now):
            note(message)
    trading = replace(trading or rules_of(run), **{name: value for name, value in rules.items() if value is not None})
    if not refit:
        return panel_signal(run, store, rules=trading)
    from forecast.serving.refit import refit_panel

    with make_workers(jobs=jobs_of(jobs), backend=described.get("backend", "tensorflow"), cluster=None) as workers:
        again = partial(refit_panel, run, workers=workers, note=note, progress=progress)
        return panel_signal(run, store, rules=trading, refit=again)
