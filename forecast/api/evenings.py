"""The live set -> its signals of this evening, in the journal."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from forecast.api.newest_signal import ask
from forecast.compute.progress import Progress
from forecast.runs.run import Run
from forecast.workspace import Workspace
from pipelines.errors import RunError

if TYPE_CHECKING:
    import numpy as np

    from forecast.serving.evening import Evening, LiveForecast
    from forecast.serving.live import LiveRun
    from pipelines.sources.yahoo.client import Client
    from pipelines.store.store import Store


@dataclass(frozen=True, kw_only=True)
class Asking:
    """How runs are asked. now, offline, refit, jobs, note: as forecast.api.newest_signal.ask takes them.

    rules: what differs from the rules of a run, None where nothing does. With any, nothing is kept in the journal.
    begun: is told of each symbol when it is asked, its number from 0, and how many there are. progress: of refitting.
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
            It is empty, or its file is damaged.
        """
        from forecast.serving.live import read_live

        live = read_live(self.workspace.live)
        if not live:
            raise RunError(
                "Expected a run in the live set, got none. Say whose signals you trade: forecast live add RUN (or a "
                "symbol, for its newest run)."
            )
        if self._what_if:
            self.note("Other rules than the live ones: nothing is written into the journal.")
        numbers = {live_run.run: number for number, live_run in enumerate(live)}

        def ask(live_run: "LiveRun") -> "LiveForecast":
            self.begun(live_run.symbol, numbers[live_run.run], len(live))
            return self._live(live_run)

        return self._ask_all(live, ask)

    def one(self, run: Run) -> "LiveForecast":
        """Asks one run; a live one with its live rules and into the journal."""
        from forecast.serving.live import read_live

        live = next((live_run for live_run in read_live(self.workspace.live) if live_run.run == run.name), None)
        if live is None:
            return self._ask(run)
        answer = self._ask(run, live)
        if not self._what_if:
            evening = self._ask_all([live], lambda _: answer)
            for note in (*evening.notes, *(note for answer in evening.answers for note in answer.notes)):
                if note not in answer.forecast.notes:
                    self.note(note)
        return answer

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

    def _ask_all(self, live: "list[LiveRun]", how: "Callable[[LiveRun], LiveForecast]") -> "Evening":
        from forecast.serving.evening import ask_all
        from forecast.serving.journal import Journal

        journal = Journal(self.workspace.live)
        return ask_all(live, ask=how, journal=journal, now=self.now, refit=self.refit, journalled=not self._what_if)

    def _live(self, live: "LiveRun") -> "LiveForecast":
        from forecast.serving.live import open_live_run

        return self._ask(open_live_run(self.workspace.runs, live), live)

    def _ask(self, run: Run, live: "LiveRun | None" = None) -> "LiveForecast":
        return ask(
            run, workspace=self.workspace, now=self.now, offline=self.offline, refit=self.refit, jobs=self.jobs,
            rules=self.rules, note=self.note, progress=self.progress, store=self._store, client=self._client,
            trading=None if live is None else live.trading,
        )  # fmt: skip
