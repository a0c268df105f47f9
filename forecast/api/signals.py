"""Runs -> today's signal."""

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from forecast.api.arguments import RunName, check_switch, run_of, workspace_of
from forecast.api.progress import ShowProgress, progress_display
from forecast.runs.run import Run
from forecast.workspace import Workspace

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from forecast.serving.panel_signal import PanelSignal
    from forecast.serving.signal import RunSignal


@dataclass(frozen=True, kw_only=True, eq=False)
class SignalResult:
    """What a run's networks say at the newest close.

    Attributes
    ----------
    run
        The run.
    decided_at
        The close that was decided at, UTC.
    stale
        Whether a session has closed since: then it is no signal for the next open.
    signals
        One row a network, of a panel one a network and symbol with the highest rank first: model, symbol, signal
        ("buy", "hold" or "sell"; of a panel "keep" and "none" too), probability, and the position, a share of the
        account, that the rules hold from the next open on.
    price
        The close as traded; NaN of a panel.
    notes
        What a person should know about them.

    Examples
    --------
    >>> import forecast as fc
    >>> today = fc.signal("AAPL", offline=True, progress=False)
    >>> today.signals[["model", "symbol"]].to_dict("records"), today.price
    ([{'model': 'lstm', 'symbol': 'AAPL'}], 430.47)
    """

    run: Run
    decided_at: "pd.Timestamp"
    stale: bool
    signals: "pd.DataFrame"
    price: float
    notes: tuple[str, ...]

    @classmethod
    def of_run(cls, run: Run, outlook: "RunSignal", *, now: "np.datetime64") -> "SignalResult":
        """The answer of a run of one symbol (outlook) that was asked now."""
        rows = [
            (network.model, outlook.symbol, network.signal, network.probability, network.position)
            for network in outlook.networks
        ]
        return cls._of(run, outlook, rows, price=outlook.price, notes=outlook.notes, now=now)

    @classmethod
    def of_panel(cls, run: Run, ranking: "PanelSignal", *, now: "np.datetime64") -> "SignalResult":
        """The ranking of the run of a panel that was asked now."""
        rows = [
            (model, name.symbol, name.action or "none", name.probability, name.share)
            for model, names in ranking.networks.items()
            for name in names
        ]
        absent = tuple(f"{symbol} is not ranked: {reason}" for symbol, reason in ranking.absent.items())
        return cls._of(run, ranking, rows, price=float("nan"), notes=(*ranking.notes, *absent), now=now)

    @classmethod
    def _of(
        cls,
        run: Run,
        outlook: "RunSignal | PanelSignal",
        rows: list[tuple[str, str, str, float, float]],
        *,
        price: float,
        notes: tuple[str, ...],
        now: "np.datetime64",
    ) -> "SignalResult":
        import pandas as pd

        return cls(
            run=run,
            decided_at=pd.Timestamp(outlook.decided_at, tz="UTC"),
            stale=outlook.stale(now),
            signals=pd.DataFrame(rows, columns=["model", "symbol", "signal", "probability", "position"]),
            price=price,
            notes=notes,
        )

    def __repr__(self) -> str:
        stale = " Stale: a session has closed since, fetch newer prices." if self.stale else ""
        table = self.signals.to_string(index=False, float_format=lambda value: f"{value:.3f}")
        return f"{self.run.symbol} at the close of {self.decided_at:%Y-%m-%d %H:%M} UTC.{stale}\n{table}"

    def _repr_html_(self) -> str:
        first, _, _ = repr(self).partition("\n")
        table = self.signals.to_html(index=False, float_format=lambda value: f"{value:.3f}", escape=True)
        return f"<div><p>{escape(first)}</p>{table}</div>"


def signal(
    run: RunName = "latest",
    *,
    offline: bool = False,
    refit: bool = False,
    policy: str | None = None,
    threshold: float | str | None = None,
    jobs: int | None = None,
    progress: ShowProgress = True,
    workspace: Workspace | None = None,
) -> "SignalResult":
    """Ask a run's networks for the signal at the newest close, after fetching it.

    Parameters
    ----------
    run
        What `train` returned, a run's name, a symbol (its newest finished run), or "latest".
    offline
        Whether to fetch nothing and take the newest close in the store.
    refit
        Whether to train networks on all rows up to now, and ask these.
    policy, threshold
        Rules other than those of the run's newest backtest (of a live run: those it was added with).
    jobs
        Worker processes of `refit`; None: as many as cores.
    progress
        True: notes on stderr. False: nothing. Or an object of your own, see `Progress`.
    workspace
        Where prices and runs lie; None: `Workspace.default`.

    Returns
    -------
    SignalResult
        What each network says, and whether its close is the newest one; of a panel the ranking of its symbols.

    Raises
    ------
    ForecastError
        No such run, too few bars, or networks that no longer give what they gave.

    Examples
    --------
    >>> import forecast as fc
    >>> today = fc.signal("AAPL", offline=True, progress=False)
    >>> today.signals.loc[0, "signal"] in ("buy", "hold", "sell"), today.stale
    (True, True)
    """
    import numpy as np

    from forecast.api.evenings import Asking

    place, now = workspace_of(workspace), np.datetime64("now", "ns")
    chosen = run_of(run, place)
    with progress_display(progress) as display:
        asking = Asking(
            workspace=place,
            now=now,
            offline=check_switch(offline, name="offline"),
            refit=check_switch(refit, name="refit"),
            jobs=jobs,
            rules={"policy": policy, "threshold": threshold},
            note=display.note,
            progress=display,
        )
        if chosen.is_panel:
            ranking = asking.panel(chosen)
            for note in ranking.notes:
                display.note(note)
            return SignalResult.of_panel(chosen, ranking, now=now)
        answer = asking.one(chosen)
        for note in answer.forecast.notes:
            display.note(note)
    return SignalResult.of_run(chosen, answer.forecast, now=now)
