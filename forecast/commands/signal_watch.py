"""`forecast signal --watch`: the live stream into the store, and a signal at the close of each bar that it makes."""

import math
from typing import TYPE_CHECKING

from forecast.commands.settings import Settings

if TYPE_CHECKING:
    from forecast.loaded import Loaded
    from forecast.rules import Rules
    from forecast.runs import Run
    from pipelines.market import Ticks


def check(run: "Run") -> None:
    """Whether a run can be watched, before anything heavy is loaded.

    Raises:
        ConfigError: a run on bars of the store.
    """
    from forecast.live import watchable
    from forecast.loaded import open_experiment

    watchable(run, open_experiment(run)[1])


def follow(settings: Settings, loaded: "Loaded", *, rules: "Rules", as_json: bool) -> None:
    """Goes on until Ctrl-C; what came is kept. A bar is over when the first quote after it has come."""
    import numpy as np

    from forecast.commands.signal_view import show
    from forecast.live import Live
    from forecast.loaded import source_now
    from pipelines.market import Ticks
    from pipelines.sources import yahoo_live
    from pipelines.store import Store

    store = Store(settings.store)
    stored = source_now(loaded.run, loaded.experiment, store).raw
    if not isinstance(stored, Ticks):
        return
    live = Live(loaded, stored, rules=rules)

    def keep(ticks: "Ticks") -> None:
        fresh = live.fresh(ticks)
        if len(fresh):
            store.write_ticks(fresh)
            for found in live.add(fresh):
                show(found, settings, now=np.datetime64("now", "ns"), as_json=as_json, line=True)

    settings.note(
        f"Watching {stored.symbol}: a signal at the close of each {loaded.experiment.bars} bar. Ctrl-C ends it."
    )
    yahoo_live.record([stored.symbol], seconds=math.inf, keep=keep)
