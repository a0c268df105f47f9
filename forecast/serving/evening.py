"""One evening: every live run is asked, what it says goes into the journal, and what it said before is looked at."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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
from pipelines.market.types import Bars


@dataclass(frozen=True, kw_only=True, eq=False)
class Asked:
    """What a run answers now. prices: the bars that it was asked on, adjusted as the run's."""

    loaded: LoadedRun
    forecast: RunSignal
    prices: Bars

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
    at earlier bars. previous: the position of the symbol's signal before this bar, 0 where there was none. passed_on:
    whether a program was told of the change. verdict: the answers of the backtest that the rules came from.
    """

    live: LiveRun
    asked: Asked
    entry: JournalEntry
    earlier: tuple[JournalEntry, ...]
    previous: float
    passed_on: bool
    verdict: Mapping[str, Any]
    notes: tuple[str, ...] = ()

    @property
    def forecast(self) -> RunSignal:
        return self.asked.forecast

    @cached_property
    def record(self) -> PaperRecord | None:
        """What came of the signals up to now, None where this is the first one."""
        if not self.earlier:
            return None
        entries, asked = [*self.earlier, self.entry], self.asked
        return paper_record(asked.run, asked.experiment, entries, asked.prices, rules=self.live.trading)

    @property
    def changed(self) -> bool:
        """Whether the position is another one than before."""
        return self.entry.traded.position != self.previous

    @property
    def agreement(self) -> tuple[int, int]:
        """How many networks hold a position of the same sign as the one that is traded, of how many."""
        sign = np.sign(self.entry.traded.position)
        return sum(bool(np.sign(each.position) == sign) for each in self.entry.signals), len(self.entry.signals)


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
    ask: Callable[[LiveRun], Asked],
    journal: Journal,
    now: np.datetime64,
    refit: bool = False,
    kept: bool = True,
) -> Evening:
    """Asks each run; one that fails is passed over with its reason.

    kept: whether the journal is written to; not for what-if rules.
    """
    asked: list[tuple[LiveRun, Asked]] = []
    failures: list[Failure] = []
    for each in live:
        try:
            asked.append((each, ask(each)))
        except ForecastError as error:
            failures.append(Failure(run=each.run, symbol=each.symbol, reason=str(error)))
        except Exception as error:  # a defect in one run's files must not cost the others their signals
            reason = f"{type(error).__name__}: {error}. This is a defect of forecast; ask the run alone with --debug."
            failures.append(Failure(run=each.run, symbol=each.symbol, reason=reason))
    page = journal.read()
    entries = [_entry(each, found.forecast, now=now, refit=refit) for each, found in asked]
    standing = journal.record(entries) if kept else entries
    answers = [
        _answer(each, found, entry, page=page, now=fresh, kept=kept)
        for (each, found), entry, fresh in zip(asked, standing, entries, strict=True)
    ]
    return Evening(answers=tuple(answers), failures=tuple(failures), notes=tuple(_notes(page, now=now)))


def iso(moment: np.datetime64) -> str:
    """UTC, ISO 8601, as the journal has it."""
    whole = moment.astype("datetime64[s]")
    return f"{np.datetime_as_string(whole if moment == whole else moment)}Z"


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
                model=each.model, signal=each.signal, probability=each.probability, position=each.position,
                members=each.members,
            )
            for each in forecast.networks
        ),
    )  # fmt: skip


def _answer(
    live: LiveRun, asked: Asked, entry: JournalEntry, *, page: JournalPage, now: JournalEntry, kept: bool
) -> Answer:
    """now: what the run says this time; entry: what the journal has of this bar."""
    before = page.before(live.symbol, entry.decided_at)
    notes = list(asked.forecast.notes)
    if now.traded.position != entry.traded.position:
        notes.append(
            f"Asked again, the signal of this bar is {now.traded.signal} now; the journal keeps {entry.traded.signal}, "
            f"given at {entry.recorded_at}. Prices or networks have changed since."
        )
    saved = live.backtest in asked.run.backtests()
    verdict = asked.run.metrics(live.backtest)["verdict"] if saved else {}
    return Answer(
        live=live,
        asked=asked,
        entry=entry,
        earlier=tuple(each for each in page.of(live.run) if each.decided_at < entry.decided_at) if kept else (),
        previous=0.0 if before is None else before.traded.position,
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
    newest = max((each.recorded_at for each in page.entries), default=None)
    if newest is not None and newest > iso(now.astype("datetime64[s]")):
        notes.append(
            f"The clock says {iso(now.astype('datetime64[s]'))}, earlier than the newest signal of the journal "
            f"({newest}). Check the clock: how old prices are follows from it."
        )
    return notes
