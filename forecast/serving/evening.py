"""One evening: every live run is asked, what it says goes into the journal, and what it said before is looked at."""

import math
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from forecast.config.experiment import Experiment
from forecast.runs.run import Run
from forecast.serving.journal import GivenSignal, Journal, JournalEntry, JournalPage
from forecast.serving.live import LiveRun
from forecast.serving.loader import LoadedRun
from forecast.serving.paper_record import PaperRecord, paper_record
from forecast.serving.signal import RunSignal
from pipelines.errors import ForecastError
from pipelines.market.types import Actions, Bars


@dataclass(frozen=True, kw_only=True, eq=False)
class LiveForecast:
    """What a run answers now. prices: the bars that it was asked on, adjusted as the run's; actions: the symbol's."""

    loaded: LoadedRun
    forecast: RunSignal
    prices: Bars
    actions: Actions | None = None

    @property
    def run(self) -> Run:
        return self.loaded.run

    @property
    def experiment(self) -> Experiment:
        return self.loaded.experiment


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer:
    """The signal of one live run.

    entry: as it stands in the journal, which keeps the first one that was given for a bar. earlier: the run's entries
    at earlier bars. followed: those that the account has followed, of runs that were live before this one too.
    passed_on: whether a program was told of the change. verdict: the answers of the backtest that the rules came from.
    """

    live: LiveRun
    live_forecast: LiveForecast
    entry: JournalEntry
    earlier: tuple[JournalEntry, ...]
    followed: tuple[JournalEntry, ...]
    passed_on: bool
    verdict: Mapping[str, Any]
    notes: tuple[str, ...] = ()

    @property
    def forecast(self) -> RunSignal:
        return self.live_forecast.forecast

    @cached_property
    def record(self) -> PaperRecord | None:
        """What came of the signals up to now, None where this is the first one."""
        if not self.earlier:
            return None
        entries, live_forecast = [*self.earlier, self.entry], self.live_forecast
        return paper_record(
            live_forecast.run, live_forecast.experiment, entries, live_forecast.prices, rules=self.live.trading
        )

    @property
    def previous(self) -> float:
        """The position of the signal before this bar, 0 where there was none."""
        return self.followed[-1].traded.position if self.followed else 0.0

    def shares(self, money: float) -> tuple[int, int]:
        """Whole shares before this bar's order and after it.

        They are counted at each close whose signal has another position than the one before, from money, and kept in
        between, so that orders add up to the shares; a split multiplies them.
        """
        before = shares = 0
        position, at = 0.0, ""
        for entry in (*self.followed, self.entry):
            before = int(shares * self._split(at, entry.decided_at))
            changed = entry.traded.position != position
            shares = int(money * entry.traded.position / entry.price) if changed else before
            position, at = entry.traded.position, entry.decided_at
        return before, shares

    def _split(self, after: str, until: str) -> Fraction:
        """New shares for one old, of the splits between two closes: 1/3 where a source says 0.333333."""
        actions = self.live_forecast.actions
        if actions is None or not len(actions) or not after:
            return Fraction(1)
        first, last = (np.datetime64(moment.removesuffix("Z"), "ns") for moment in (after, until))
        splits = actions.split[(actions.ex_at > first) & (actions.ex_at <= last)].tolist()
        return math.prod((Fraction(split).limit_denominator(1_000) for split in splits), start=Fraction(1))

    @property
    def changed(self) -> bool:
        """Whether the position is another one than before."""
        return self.entry.traded.position != self.previous

    @property
    def agreement(self) -> tuple[int, int]:
        """How many networks hold a position of the same sign as the one that is traded, of how many."""
        sign = np.sign(self.entry.traded.position)
        return sum(bool(np.sign(network.position) == sign) for network in self.entry.signals), len(self.entry.signals)


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A live run that could not be asked, and why."""

    run: str
    symbol: str
    reason: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Evening:
    """What came of asking all. notes: of the journal, not of one run."""

    answers: tuple[Answer, ...]
    failures: tuple[Failure, ...]
    notes: tuple[str, ...] = ()


def ask_all(
    live: Sequence[LiveRun],
    *,
    ask: Callable[[LiveRun], LiveForecast],
    journal: Journal,
    now: np.datetime64,
    refit: bool = False,
    journalled: bool = True,
) -> Evening:
    """Asks each run; one that fails is passed over with its reason.

    journalled: whether the journal is written to; not for what-if rules.
    """
    forecasts: list[tuple[LiveRun, LiveForecast]] = []
    failures: list[Failure] = []
    for live_run in live:
        try:
            forecasts.append((live_run, ask(live_run)))
        except ForecastError as error:
            failures.append(Failure(run=live_run.run, symbol=live_run.symbol, reason=str(error)))
        except MemoryError as error:
            reason = f"Expected more memory than there is ({error}). Free some, or raise `ulimit -v`, and ask again."
            failures.append(Failure(run=live_run.run, symbol=live_run.symbol, reason=reason))
        except Exception as error:  # a defect in one run's files must not cost the others their signals
            reason = f"{type(error).__name__}: {error}. This is a defect of forecast; ask the run alone with --debug."
            failures.append(Failure(run=live_run.run, symbol=live_run.symbol, reason=reason))
    page, names = journal.read(), {live_run.run for live_run in live}
    entries = [_entry(live_run, live_forecast.forecast, now=now, refit=refit) for live_run, live_forecast in forecasts]
    standing = journal.record(entries) if journalled else entries
    answers = [
        _answer(live_run, live_forecast, entry, page=page, fresh_entry=fresh, journalled=journalled, live_names=names)
        for (live_run, live_forecast), entry, fresh in zip(forecasts, standing, entries, strict=True)
    ]
    return Evening(answers=tuple(answers), failures=tuple(failures), notes=tuple(_notes(page, now=now)))


def iso(moment: np.datetime64) -> str:
    """UTC, ISO 8601, as the journal has it."""
    seconds = moment.astype("datetime64[s]")
    return f"{np.datetime_as_string(seconds if moment == seconds else moment)}Z"


def _entry(live: LiveRun, forecast: RunSignal, *, now: np.datetime64, refit: bool) -> JournalEntry:
    return JournalEntry(
        recorded_at=iso(now.astype("datetime64[s]")),
        run=live.run,
        symbol=live.symbol,
        model=live.model,
        backtest=live.backtest,
        rules=dict(live.rules),
        decided_at=iso(forecast.decided_at),
        price=forecast.price,
        currency=forecast.currency,
        stale=forecast.stale(now),
        refit=refit,
        signals=tuple(
            GivenSignal(
                model=network.model, signal=network.signal, probability=network.probability, position=network.position,
                members=network.members,
            )
            for network in forecast.networks
        ),
    )  # fmt: skip


def _answer(
    live: LiveRun,
    live_forecast: LiveForecast,
    entry: JournalEntry,
    *,
    page: JournalPage,
    fresh_entry: JournalEntry,
    journalled: bool,
    live_names: Set[str],
) -> Answer:
    """fresh_entry: what the run says this time; entry: what the journal has of this bar."""
    notes = list(live_forecast.forecast.notes)
    if fresh_entry.traded.position != entry.traded.position:
        notes.append(
            f"Asked again, the signal of this bar is {fresh_entry.traded.signal} now; the journal keeps "
            f"{entry.traded.signal}, given at {entry.recorded_at}. Prices or networks have changed since."
        )
    saved = live.backtest in live_forecast.run.backtests()
    verdict = live_forecast.run.metrics(live.backtest)["verdict"] if saved else {}
    return Answer(
        live=live,
        live_forecast=live_forecast,
        entry=entry,
        earlier=tuple(
            earlier_entry for earlier_entry in page.of(live.run) if earlier_entry.decided_at < entry.decided_at
        )
        if journalled
        else (),
        followed=page.followed(live.symbol, entry.decided_at, run=live.run, others=live_names - {live.run}),
        passed_on=entry.key in page.passed_on,
        verdict={name: verdict.get(name) for name in ("skill", "money")},
        notes=tuple(notes),
    )


def _notes(page: JournalPage, *, now: np.datetime64) -> list[str]:
    notes = []
    if page.damaged:
        lines = ", ".join(map(str, page.damaged[:5]))
        notes.append(
            f"{len(page.damaged)} {'line' if len(page.damaged) == 1 else 'lines'} of the journal cannot be read "
            f"(line {lines}): cut short or changed. The others stand."
        )
    newest = max((entry.recorded_at for entry in page.entries), default=None)
    if newest is not None and newest > iso(now.astype("datetime64[s]")):
        notes.append(
            f"The clock says {iso(now.astype('datetime64[s]'))}, earlier than the newest signal of the journal "
            f"({newest}). Check the clock: how old prices are follows from it."
        )
    return notes
