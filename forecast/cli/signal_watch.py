"""`forecast signal --watch`: the live stream into the store, and a signal at the close of each bar that it makes."""

import math
from typing import TYPE_CHECKING

from forecast.cli.context import CliContext

if TYPE_CHECKING:
    from forecast.config.trading import TradingConfig
    from forecast.runs.run import Run
    from forecast.serving.loader import LoadedRun
    from pipelines.market.types import Ticks


def check(run: "Run") -> None:
    """Whether a run can be watched, before anything heavy is loaded.

    Raises:
        ConfigError: a run on bars of the store.
    """
    from forecast.serving.loader import open_experiment
    from forecast.serving.stream import watchable

    watchable(run, open_experiment(run)[1])


def follow(settings: CliContext, loaded: "LoadedRun", *, rules: "TradingConfig", as_json: bool) -> None:
    """Runs until Ctrl-C; recorded quotes are kept. A bar is over when the first quote after it has come."""
    import numpy as np

    from forecast.cli.signal_output import show
    from forecast.serving.loader import source_now
    from forecast.serving.stream import SignalStream
    from pipelines.market.types import Ticks
    from pipelines.sources.yahoo import stream
    from pipelines.store.store import Store

    store = Store(settings.store)
    stored = source_now(loaded.run, loaded.experiment, store).raw
    if not isinstance(stored, Ticks):
        return
    live = SignalStream(loaded, stored, rules=rules)

    def keep(ticks: "Ticks") -> None:
        fresh = live.fresh(ticks)
        if len(fresh):
            store.write_ticks(fresh)
            for signal in live.add(fresh):
                show(signal, settings, now=np.datetime64("now", "ns"), as_json=as_json, line=True)

    settings.note(
        f"Watching {stored.symbol}: a signal at the close of each {loaded.experiment.bars} bar. Ctrl-C ends it."
    )
    stream.record([stored.symbol], seconds=math.inf, keep=keep)
