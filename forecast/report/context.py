"""What a report is made of: one run and one of its backtests, read and put in order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from forecast.config.significance import SIGNIFICANCE
from forecast.report import formatting
from forecast.runs import integrity
from forecast.runs.integrity import Integrity
from forecast.runs.run import Run
from forecast.statistics.comparisons import BENCHMARKS, BUY_AND_HOLD, is_network
from forecast.statistics.performance import bar_returns
from forecast.statistics.periods import compounded
from forecast.trading.ledgers import read_ledgers
from forecast.trading.simulator import Ledger
from pipelines.errors import RunError
from pipelines.market.calendars import Dates, session_of
from pipelines.market.times import utc
from pipelines.market.types import Floats, Times

ENSEMBLE = "ensemble"


@dataclass(frozen=True, kw_only=True)
class PageContext:
    """Everything that the charts and tables show.

    about: run.json. policy: the backtest's config.json. metrics: its metrics.json. bars, history, predictions: the
    run's tables. signals: the backtest's. paths: the run's paths.parquet, None where no network forecasts one. ledgers:
    every model and member, in the order in which they were saved. memory: what `forecast inspect` has left, None where
    it has not looked. integrity: whether the run's files are as they were written.
    """

    name: str
    backtest: str
    about: Mapping[str, Any]
    policy: Mapping[str, Any]
    metrics: Mapping[str, Any]
    bars: pd.DataFrame
    history: pd.DataFrame
    predictions: pd.DataFrame
    signals: pd.DataFrame
    ledgers: Sequence[Ledger]
    memory: Mapping[str, Any] | None = None
    paths: pd.DataFrame | None = None
    integrity: Integrity = Integrity(verified=True)

    @property
    def models(self) -> list[str]:
        """Networks first, the LSTM before the others, then holding, nothing, and the other baselines."""
        models = list(dict.fromkeys(ledger.model for ledger in self.ledgers))
        networks = sorted((model for model in models if is_network(model)), key=lambda model: model != "lstm")
        simple = [model for model in models if model.partition(":")[0] in BENCHMARKS]
        return networks + simple + [model for model in models if model not in networks and model not in simple]

    @property
    def networks(self) -> list[str]:
        return [model for model in self.models if is_network(model)]

    @property
    def daily(self) -> bool:
        """Whether a bar is a whole day, so that a date says when it was."""
        return self.about["data"]["interval"] in ("1d", "1wk", "1mo")

    @property
    def parameters(self) -> dict[str, str]:
        """Parameters of each network, a range where tuning chose other units in other folds."""
        counts = {model: {count} for model, count in (self.about.get("parameters") or {}).items()}
        chosen = (self.about.get("tuning") or {}).get("chosen", ())
        for model in {choice["model"] for choice in chosen}:
            counts[model] = {
                choice["parameters"] for choice in chosen if choice["model"] == model and "parameters" in choice
            }
        return {model: _range(sorted(sizes)) for model, sizes in counts.items() if sizes}

    @property
    def symbol(self) -> str:
        return str(self.about["config"]["symbol"])

    @cached_property
    def traded(self) -> slice:
        """The bars that were traded; several bars may open at one time, then the place that fits all."""
        opened, times = utc(self.bars["opened_at"]), self.ensemble(self.models[0]).time
        first, last = (int(np.searchsorted(opened, times[0], side=side)) for side in ("left", "right"))
        for start in range(first, last):
            if np.array_equal(opened[start : start + len(times)], times):
                return slice(start, start + len(times))
        raise RunError("Bars and ledger of the run do not belong together. Train it again: forecast train --overwrite.")

    @cached_property
    def sessions(self) -> Dates:
        """The session of each return, shape (bars - 1,); the UTC date where no calendar is known."""
        calendar = self.about["data"].get("calendar")
        if calendar is None or self.bars.empty:
            return np.asarray(self.ledgers[0].time[:-1], dtype="datetime64[D]")
        return session_of(utc(self.bars["closed_at"])[self.traded][:-1], calendar)

    @cached_property
    def by_session(self) -> bool:
        """Whether there are sessions enough to look at returns of whole sessions, not of bars."""
        return len(np.unique(self.sessions)) >= SIGNIFICANCE.fewest

    @property
    def unit(self) -> str:
        """What `returns` are of."""
        return "day" if self.by_session else "bar"

    @property
    def per_year(self) -> float:
        """Returns (of `returns`) per year."""
        bars_per_year = float(self.metrics["period"]["bars_per_year"])
        return bars_per_year * len(self.returns(self.models[0])) / max(1, len(self.sessions))

    @cached_property
    def times(self) -> Times:
        """The time of each of `returns`: its session, or the open of its bar where there are few sessions."""
        return np.unique(self.sessions) if self.by_session else self.ledgers[0].time[:-1]

    def returns(self, model: str) -> Floats:
        """What an ensemble earned, costs paid, in each session; in each bar where there are few sessions."""
        net = bar_returns(self.ensemble(model))
        return compounded(net, self.sessions)[1] if self.by_session else net

    @property
    def compared(self) -> list[str]:
        """What the tables set side by side: the networks, and buy-and-hold."""
        return [*self.networks, *(model for model in self.models if model == BUY_AND_HOLD)]

    def ensemble(self, model: str) -> Ledger:
        return next(ledger for ledger in self.ledgers if (ledger.model, ledger.member) == (model, ENSEMBLE))

    def seeds(self, model: str) -> list[Ledger]:
        return [ledger for ledger in self.ledgers if ledger.model == model and ledger.member != ENSEMBLE]


def gather(run: Run, *, backtest: str) -> PageContext:
    """Reads what a report needs.

    Raises:
        RunError: a file is missing or does not hold what it should.
    """
    checked = integrity.check(run)
    about, saved = run.describe(), run.backtest(backtest)
    for part, keys in (("config", ("symbol",)), ("data", ("interval", "fingerprint")), ("folds", ())):
        if part not in about or any(key not in about[part] for key in keys):
            raise RunError(f"run.json of run {run.name} lacks {part} {', '.join(keys)}. Train it again.")
    for part in ("period", "performance", "verdict"):
        if part not in saved.metrics:
            raise RunError(f"metrics.json of backtest {backtest} lacks {part}. Run 'forecast backtest' again.")
    ledgers = read_ledgers(saved.ledger)
    if not any(ledger.member == ENSEMBLE for ledger in ledgers):
        raise RunError(f"The ledger of backtest {backtest} has no ensemble. Run 'forecast backtest' again.")
    return PageContext(
        name=run.name,
        backtest=backtest,
        about=about,
        policy=saved.config,
        metrics=saved.metrics,
        bars=run.bars(),
        history=run.history(),
        predictions=run.predictions(),
        signals=saved.signals,
        ledgers=ledgers,
        memory=run.pictures(),
        paths=run.paths(),
        integrity=checked,
    )


def _range(counts: Sequence[int]) -> str:
    """ "89", "89 to 305"; counts: in order."""
    return " to ".join(formatting.count(count) for count in dict.fromkeys((counts[0], counts[-1])))
