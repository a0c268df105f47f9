"""Signals from a stream: trades come in, and each bar that they close is decided on."""

from dataclasses import replace

from forecast.config.experiment import Experiment
from forecast.config.trading import TradingConfig
from forecast.datasets.dataset import Source
from forecast.runs.run import Run
from forecast.serving.loader import LoadedRun
from forecast.serving.signal import RunSignal, outlook
from pipelines.bars import aggregation
from pipelines.errors import ConfigError
from pipelines.market.types import Actions, Ticks


class SignalStream:
    """A run on bars made of trades, followed from what the store holds on.

    Raises:
        ConfigError: see watchable.
    """

    def __init__(self, loaded: LoadedRun, stored: Ticks, *, rules: TradingConfig) -> None:
        self._kind = watchable(loaded.run, loaded.experiment)
        self._loaded, self._rules, self._ticks = loaded, rules, stored
        self._bars = len(aggregation.from_ticks(stored, self._kind))

    def fresh(self, ticks: Ticks) -> Ticks:
        """Those that are newer than all before, on the market that the store has them on."""
        before = self._ticks
        newer = ticks.rows(ticks.time > before.time[-1])
        return replace(newer, calendar=before.calendar, currency=before.currency or ticks.currency)

    def add(self, ticks: Ticks) -> list[RunSignal]:
        """Takes fresh trades; the signal at each bar that they close."""
        self._ticks = aggregation.joined(self._ticks, ticks)
        source = Source(raw=self._ticks, actions=Actions.none(self._ticks.symbol))
        before, self._bars = self._bars, len(aggregation.from_ticks(self._ticks, self._kind))
        return [outlook(self._loaded, source, rules=self._rules, bars=bar + 1) for bar in range(before, self._bars)]


def watchable(run: Run, experiment: Experiment) -> str:
    """The kind of bars that trades close.

    Raises:
        ConfigError: a run on bars of the store.
    """
    if (kind := experiment.bars) is not None:
        return kind
    raise ConfigError(
        f"Expected a run on bars made of trades to watch, got {run.name} on {experiment.interval} bars. Record trades "
        " (forecast fetch SYMBOL --live --for 2h), then: forecast train SYMBOL --bars time:1m."
    )
