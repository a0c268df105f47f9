"""One evening: every live run is asked, what it says goes into the journal, and what it said before is looked at."""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from forecast.config.experiment import Experiment
from forecast.runs.run import Run
from forecast.serving.journal import GivenName, GivenSignal, Journal, JournalEntry, JournalPage
from forecast.serving.live import LiveRun
from forecast.serving.loader import LoadedRun
from forecast.serving.panel_record import panel_record
from forecast.serving.panel_signal import LivePanel, PanelSignal, action
from forecast.serving.paper_record import PaperRecord, paper_record
from forecast.serving.signal import RunSignal
from pipelines.errors import ForecastError, listed, listed_by_reason
from pipelines.market.types import Bars


@dataclass(frozen=True, kw_only=True, eq=False)
class LiveForecast:
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
class LiveAnswer:
    """What a live run says, of one symbol or of a panel.

    entry: as it stands in the journal, which keeps the first one that was given for a bar. earlier: the run's entries
    at earlier bars. followed: those that the account has followed, of runs that were live before this one too.
    verdict: the answers of the backtest that the rules came from.
    """

    live: LiveRun
    entry: JournalEntry
    earlier: tuple[JournalEntry, ...]
    followed: tuple[JournalEntry, ...]
    verdict: Mapping[str, Any]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer(LiveAnswer):
    """The signal of a live run of one symbol."""

    live_forecast: LiveForecast

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

    @property
    def changed(self) -> bool:
        """Whether the position is another one than before."""
        return self.entry.traded.position != self.previous

    @property
    def agreement(self) -> tuple[int, int]:
        """How many networks hold a position of the same sign as the one that is traded, of how many."""
        return _agreement(self.entry.traded.position, self.entry.signals)


@dataclass(frozen=True, kw_only=True)
class NameLine:
    """What a panel says of one symbol. rank: 1 is the highest probability; None, as its probability, of one that left.

    previous, position: shares of the panel's account in the ranking before and in this one. signal: buy where the side
    changes upwards, sell where downwards, keep where it stays, else none. agreement: as of one symbol. price: as
    traded.
    """

    rank: int | None
    symbol: str
    decided_at: str
    probability: float | None
    previous: float
    position: float
    signal: str
    agreement: tuple[int, int]
    price: float
    currency: str

    @property
    def changed(self) -> bool:
        """Whether the share is another one than before."""
        return self.position != self.previous


@dataclass(frozen=True, kw_only=True, eq=False)
class PanelAnswer(LiveAnswer):
    """The ranking of a live panel."""

    live_panel: LivePanel

    @property
    def forecast(self) -> PanelSignal:
        return self.live_panel.forecast

    @cached_property
    def record(self) -> PaperRecord | None:
        """What came of the rankings up to now, None where this is the first one."""
        if not self.earlier:
            return None
        entries, panel = [*self.earlier, self.entry], self.live_panel
        return panel_record(panel.run, panel.experiment, entries, panel.prices, rules=self.live.trading)

    @cached_property
    def lines(self) -> tuple[NameLine, ...]:
        """The names that were ranked, highest probability first, then those that are sold since they left."""
        holdings, model = held_shares(self.followed), self.entry.model
        lines = []
        for rank, name in enumerate(self.entry.names, start=1):
            traded, previous = name.traded(model), holdings.get(name.symbol, 0.0)
            lines.append(
                NameLine(
                    rank=rank, symbol=name.symbol, decided_at=name.decided_at, probability=traded.probability,
                    previous=previous, position=traded.position, signal=action(previous, traded.position),
                    agreement=_agreement(traded.position, name.signals), price=name.price, currency=name.currency,
                )
            )  # fmt: skip
        for symbol in self.entry.left:
            quote = self.forecast.quotes[symbol]
            lines.append(
                NameLine(
                    rank=None, symbol=symbol, decided_at=iso(quote.closed_at), probability=None,
                    previous=holdings[symbol], position=0.0, signal=action(holdings[symbol], 0.0), agreement=(0, 0),
                    price=quote.price, currency=quote.currency,
                )
            )  # fmt: skip
        return tuple(lines)

    @property
    def changed(self) -> bool:
        """Whether any share is another one than before."""
        return any(line.changed for line in self.lines)


def held_shares(entries: Sequence[JournalEntry]) -> dict[str, float]:
    """Each symbol's share of a panel's account after these rankings, in order of their bars."""
    holdings: dict[str, float] = {}
    for entry in entries:
        holdings |= {name.symbol: name.traded(entry.model).position for name in entry.names}
        holdings |= dict.fromkeys(entry.left, 0.0)
    return holdings


def _agreement(position: float, signals: Sequence[GivenSignal]) -> tuple[int, int]:
    sign = np.sign(position)
    return sum(bool(np.sign(network.position) == sign) for network in signals), len(signals)


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A live run that could not be asked, and why."""

    run: str
    symbol: str
    reason: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Evening:
    """What came of asking all. notes: of the journal, not of one run. journalled: as ask_all was told."""

    answers: tuple[Answer | PanelAnswer, ...]
    failures: tuple[Failure, ...]
    notes: tuple[str, ...] = ()
    journalled: bool = True


def ask_all(
    live: Sequence[LiveRun],
    *,
    ask: Callable[[LiveRun], LiveForecast | LivePanel],
    journal: Journal,
    now: np.datetime64,
    refit: bool = False,
    journalled: bool = True,
) -> Evening:
    """Asks each run; one that fails is passed over with its reason.

    journalled: whether the journal is written to; not for what-if rules.
    """
    forecasts: list[tuple[LiveRun, LiveForecast | LivePanel]] = []
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
    entries = [
        _entry(live_run, live_forecast.forecast, now=now, refit=refit)
        if isinstance(live_forecast, LiveForecast)
        else _ranking(live_run, live_forecast.forecast, page=page, live_names=names, now=now, refit=refit)
        for live_run, live_forecast in forecasts
    ]
    standing = journal.record(entries) if journalled else entries
    answers = [
        _answer(live_run, live_forecast, entry, page=page, fresh_entry=fresh, journalled=journalled, live_names=names)
        for (live_run, live_forecast), entry, fresh in zip(forecasts, standing, entries, strict=True)
    ]
    return Evening(
        answers=tuple(answers),
        failures=tuple(failures),
        notes=tuple(_notes(page, now=now)),
        journalled=journalled,
    )


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


def _ranking(
    live: LiveRun, forecast: PanelSignal, *, page: JournalPage, live_names: Set[str], now: np.datetime64, refit: bool
) -> JournalEntry:
    """One row a name, in the order of the network that is traded; what was held and decides no more has left."""
    model = live.model if live.model in forecast.networks else next(iter(forecast.networks))
    decided_at = iso(forecast.decided_at)
    holdings = held_shares(page.followed(live.symbol, decided_at, run=live.run, others=live_names - {live.run}))
    by_network = {network: {name.symbol: name for name in names} for network, names in forecast.networks.items()}
    names = tuple(
        GivenName(
            symbol=ranked.symbol, decided_at=iso(forecast.quotes[ranked.symbol].closed_at),
            price=forecast.quotes[ranked.symbol].price, currency=forecast.quotes[ranked.symbol].currency,
            signals=tuple(
                GivenSignal(model=network, signal=name.action, probability=name.probability, position=name.share)
                for network, of_network in by_network.items()
                if (name := of_network.get(ranked.symbol)) is not None
            ),
        )
        for ranked in forecast.networks[model]
    )  # fmt: skip
    ranked_names = {name.symbol for name in names}
    return JournalEntry(
        recorded_at=iso(now.astype("datetime64[s]")), run=live.run, symbol=live.symbol, model=model,
        backtest=live.backtest, rules=dict(live.rules), decided_at=decided_at, price=0.0,
        stale=forecast.stale(now), refit=refit, names=names,
        left=tuple(
            symbol for symbol, share in holdings.items()
            if share and symbol not in ranked_names and symbol in forecast.quotes
        ),
    )  # fmt: skip


def _answer(
    live: LiveRun,
    live_forecast: LiveForecast | LivePanel,
    entry: JournalEntry,
    *,
    page: JournalPage,
    fresh_entry: JournalEntry,
    journalled: bool,
    live_names: Set[str],
) -> Answer | PanelAnswer:
    """fresh_entry: what the run says this time; entry: what the journal has of this bar."""
    notes = [*live_forecast.forecast.notes, *_changed_since(entry, fresh_entry)]
    if isinstance(live_forecast, LivePanel) and live_forecast.forecast.absent:
        notes.append(f"Not ranked: {listed_by_reason(live_forecast.forecast.absent)}.")
    saved = live.backtest in live_forecast.run.backtests()
    verdict = live_forecast.run.metrics(live.backtest)["verdict"] if saved else {}
    earlier = [earlier_entry for earlier_entry in page.of(live.run) if earlier_entry.decided_at < entry.decided_at]
    common: dict[str, Any] = {
        "live": live,
        "entry": entry,
        "earlier": tuple(earlier) if journalled else (),
        "followed": page.followed(live.symbol, entry.decided_at, run=live.run, others=live_names - {live.run}),
        "verdict": {name: verdict.get(name) for name in ("skill", "money")},
        "notes": tuple(notes),
    }
    if isinstance(live_forecast, LivePanel):
        return PanelAnswer(live_panel=live_forecast, **common)
    return Answer(live_forecast=live_forecast, **common)


def _changed_since(entry: JournalEntry, fresh: JournalEntry) -> list[str]:
    """What to say where a bar is decided in another way now than the journal has it."""
    since = "Prices or networks have changed since."
    if entry.names or fresh.names:
        before, now = held_shares([entry]), held_shares([fresh])
        names = sorted(symbol for symbol in before.keys() | now.keys() if before.get(symbol) != now.get(symbol))
        if not names:
            return []
        return [
            f"Asked again, the shares of {listed(names, at_most=5)} are other ones now; the journal keeps those of "
            f"{entry.recorded_at}. {since}"
        ]
    if fresh.traded.position == entry.traded.position:
        return []
    return [
        f"Asked again, the signal of this bar is {fresh.traded.signal} now; the journal keeps {entry.traded.signal}, "
        f"given at {entry.recorded_at}. {since}"
    ]


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
