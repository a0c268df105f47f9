"""Runs are asked for their newest signals: what the store lacks is fetched, networks loaded, and it is decided."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from forecast.api.arguments import jobs_of
from forecast.api.newest_prices import refresh_all
from forecast.api.training import make_workers
from forecast.compute.progress import Progress
from forecast.runs.run import Run
from forecast.workspace import Workspace
from pipelines.errors import RunError

if TYPE_CHECKING:
    import numpy as np

    from forecast.compute.executor import WorkerPool
    from forecast.config.experiment import Experiment
    from forecast.config.trading import TradingConfig
    from forecast.serving.evening import Evening, LiveForecast
    from forecast.serving.live import LiveRun
    from forecast.serving.panel_signal import LivePanel, PanelSignal
    from pipelines.sources.yahoo.client import Client
    from pipelines.store.store import Store


@dataclass(frozen=True, kw_only=True)
class Asking:
    """How runs are asked.

    offline: whether nothing is fetched. refit: whether members that know every label are trained first, by so many
    jobs. note: is told what a person should know. rules: what differs from the rules of a run, None where nothing does.
    With any, nothing is kept in the journal. begun: is told of each symbol when it is asked, its number from 0, and how
    many there are. progress: of refitting.
    """

    workspace: Workspace
    now: "np.datetime64"
    offline: bool = False
    refit: bool = False
    jobs: int | None = None
    rules: dict[str, Any] = field(default_factory=dict)
    note: Callable[[str], None] = lambda message: None
    begun: Callable[[str, int, int], None] = lambda symbol, number, total: None
    progress: Progress | None = None

    def evening(self) -> "Evening":
        """Asks the live set, run by run.

        Raises
        ------
        RunError
            It is empty, and no shares are held of runs that were in it; or its file is damaged.
        """
        from forecast.serving.account import shares_held
        from forecast.serving.journal import Journal
        from forecast.serving.live import read_live

        live = read_live(self.workspace.live)
        filled = () if live else shares_held(Journal(self.workspace.live).read().orders, now=self.now).values()
        if not live and not any(order.shares for order in filled):
            raise RunError(
                "Expected a run in the live set, got none. Say whose signals you trade: forecast live add RUN (or a "
                "symbol, for its newest run)."
            )
        if self._what_if:
            self.note("Other rules than the live ones: nothing is written into the journal.")
        numbers = {live_run.run: number for number, live_run in enumerate(live)}

        def ask(live_run: "LiveRun") -> "LiveForecast | LivePanel":
            self.begun(live_run.symbol, numbers[live_run.run], len(live))
            return self._live(live_run)

        return self._ask_all(live, ask)

    def one(self, run: Run) -> "LiveForecast":
        """Asks one run; a live one with its live rules and into the journal."""
        live = self._live_run(run)
        answer = self._ask(run, live)
        self._record(live, answer)
        return answer

    def panel(self, run: Run) -> "PanelSignal":
        """Asks a panel for the ranking of its symbols; a live one with its live rules and into the journal."""
        live = self._live_run(run)
        answer = self._ask_panel(run, live)
        self._record(live, answer)
        return answer.forecast

    def _live_run(self, run: Run) -> "LiveRun | None":
        from forecast.serving.live import read_live

        return next((live_run for live_run in read_live(self.workspace.live) if live_run.run == run.name), None)

    def _record(self, live: "LiveRun | None", answer: "LiveForecast | LivePanel") -> None:
        """Puts what a live run said into the journal, and says what the journal says to that."""
        if live is None or self._what_if:
            return
        evening = self._ask_all([live], lambda _: answer)
        for note in (*evening.notes, *(note for answer in evening.answers for note in answer.notes)):
            if note not in answer.forecast.notes and not note.startswith("Not ranked:"):
                self.note(note)

    @cached_property
    def _store(self) -> "Store":
        from pipelines.store.store import Store

        return Store(self.workspace.store)

    @cached_property
    def _client(self) -> "Client":
        """One pace for all runs; where Yahoo cannot be reached, or limits requests, the others need not wait for it."""
        from forecast.api import prices

        client: Client = prices.new_client()
        return client

    @property
    def _what_if(self) -> bool:
        return any(value is not None for value in self.rules.values())

    def _ask_all(self, live: "list[LiveRun]", how: "Callable[[LiveRun], LiveForecast | LivePanel]") -> "Evening":
        from forecast.serving.evening import ask_all
        from forecast.serving.journal import Journal

        journal = Journal(self.workspace.live)
        return ask_all(live, ask=how, journal=journal, now=self.now, refit=self.refit, journalled=not self._what_if)

    def _live(self, live: "LiveRun") -> "LiveForecast | LivePanel":
        from forecast.serving.live import open_live_run

        run = open_live_run(self.workspace.runs, live)
        return self._ask_panel(run, live) if run.is_panel else self._ask(run, live)

    def _ask_panel(self, run: Run, live: "LiveRun | None" = None) -> "LivePanel":
        from forecast.runs.integrity import open_trained
        from forecast.serving.panel_signal import panel_signal

        opened = open_trained(run)
        rules = self._rules(run, live)
        self._refresh(opened.ongoing, symbols=opened.experiment.panel)
        if not self.refit:
            return panel_signal(run, self._store, rules=rules)
        from forecast.serving.refit import refit_panel

        with self._workers(opened.described) as workers:
            refit = partial(refit_panel, run, workers=workers, note=self.note, progress=self.progress)
            return panel_signal(run, self._store, rules=rules, refit=refit)

    def _ask(self, run: Run, live: "LiveRun | None" = None) -> "LiveForecast":
        from forecast.datasets.dataset import make_bars
        from forecast.serving.evening import LiveForecast
        from forecast.serving.loader import load_members, open_experiment, source_now
        from forecast.serving.signal import outlook

        described, experiment = open_experiment(run)
        rules = self._rules(run, live)
        self._refresh(experiment, symbols=[experiment.symbol])
        source = source_now(run, experiment, self._store)
        newest = None
        if self.refit:
            from forecast.serving.refit import refit

            with self._workers(described) as workers:
                newest = refit(run, source, workers=workers, note=self.note, progress=self.progress)
        loaded = load_members(run)
        return LiveForecast(
            loaded=loaded,
            forecast=outlook(loaded, source, rules=rules, newest=newest),
            prices=make_bars(source, experiment),
        )

    def _rules(self, run: Run, live: "LiveRun | None" = None) -> "TradingConfig":
        """Those of the live run, or of the run's newest backtest, with what differs from them."""
        from forecast.serving.signal import rules_of

        rules = rules_of(run) if live is None else live.trading
        return replace(rules, **{name: value for name, value in self.rules.items() if value is not None})

    def _refresh(self, experiment: "Experiment", *, symbols: Iterable[str]) -> None:
        if not self.offline:
            options: dict[str, Any] = {"symbols": symbols, "now": self.now, "client": self._client}
            for message in refresh_all(self.workspace, self._store, experiment, **options):
                self.note(message)

    def _workers(self, described: "Mapping[str, Any]") -> "AbstractContextManager[WorkerPool]":
        backend = described.get("backend", "tensorflow")
        return make_workers(jobs=jobs_of(self.jobs), backend=backend, cluster=None)
