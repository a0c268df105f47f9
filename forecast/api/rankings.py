"""Panels -> today's ranking."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from forecast.api.signals import refresh
from forecast.runs.run import Run
from forecast.workspace import Workspace
from pipelines.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np

    from forecast.serving.panel_signal import PanelSignal


def ask_panel(
    run: Run,
    *,
    workspace: Workspace,
    now: "np.datetime64",
    offline: bool,
    refit: bool,
    rules: dict[str, Any],
    note: Callable[[str], None],
) -> "PanelSignal":
    """Fetches every symbol and ranks all of them. rules: what differs from those of the run's newest backtest.

    Raises:
        ConfigError: a panel is to be fitted again.
    """
    from forecast.serving.panel_signal import open_panel, panel_signal
    from forecast.serving.signal import rules_of
    from pipelines.store.store import Store

    if refit:
        raise ConfigError(
            f"Expected no --refit for the panel {run.name}, got it. Train it again to learn from new bars."
        )
    store = Store(workspace.store)
    _, experiment = open_panel(run)
    if not offline:
        messages = [refresh(workspace, store, experiment.of_symbol(name), now=now) for name in experiment.panel]
        for message in dict.fromkeys(filter(None, messages)):
            note(message)
    trading = replace(rules_of(run), **{name: value for name, value in rules.items() if value is not None})
    return panel_signal(run, store, rules=trading)
